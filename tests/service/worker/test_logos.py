"""Logos as pixels: an SVG is drawn in a process of its own, and what can't be drawn fails the job, not the worker."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.errors import LayerUnusable, PipelineError, Rejected
from pipeline.lettering.fonts import Fonts
from service.supervisor import processes
from service.worker import logos
from service.worker.logos import Logos
from testkit.still_life import cut_out_png, still_life
from tests.pipeline.photo.test_vector import ATTACKS, LOGO, svg

TALL = svg('<rect width="10" height="40" fill="#102030"/>', 'viewBox="0 0 20 40"')


def opened(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of one logo."""
    (pixels,) = Logos().open([data])
    return pixels


def test_an_svg_becomes_pixels_with_alpha_at_its_own_aspect() -> None:
    pixels = opened(TALL)

    assert pixels.shape == (2048, 1024, 4)
    assert pixels[1000, 100].tolist() == [16, 32, 48, 255]
    assert pixels[1000, 900, 3] == 0


def test_a_png_keeps_its_own_alpha() -> None:
    rgb, alpha = still_life(cut=True)
    pixels = opened(cut_out_png(rgb, alpha))

    assert np.array_equal(pixels[..., 3], np.rint(alpha * 255).astype(np.uint8))


@pytest.mark.parametrize("data", [ATTACKS["file"][0], svg("", 'width="0" height="0"'), LOGO[:-9], b"GIF89a", b""])
def test_what_is_no_logo_is_refused_with_the_remedy(data: bytes) -> None:
    with pytest.raises(LayerUnusable, match=r"(?i)send"):
        opened(data)


def test_a_logo_that_takes_too_much_processor_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logos, "_SECONDS", 1)
    groups = '<g opacity="0.5"><rect width="100" height="100"/></g>' * 300

    with pytest.raises(LayerUnusable, match="take too long"):
        opened(svg(groups, 'viewBox="0 0 100 100"'))


def test_all_logos_of_a_job_have_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logos, "_SECONDS", 2)
    groups = '<g opacity="0.5"><rect width="100" height="100"/></g>' * 3
    slow = [svg(groups + f"<desc>{number}</desc>", 'viewBox="0 0 100 100"') for number in range(60)]

    assert len(Logos().open(slow[:1])) == 1
    with pytest.raises(LayerUnusable, match="take too long"):
        Logos().open(slow)


def test_a_logo_that_was_drawn_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, wide = Logos(), svg('<rect width="40" height="10"/>', 'viewBox="0 0 40 20"')
    first = kept.open([TALL, TALL, wide])

    monkeypatch.setattr(logos, "_SECONDS", 0)  # no process can draw now
    again = kept.open([wide, TALL])

    assert np.array_equal(again[0], first[2])
    assert np.array_equal(again[1], first[0])


def test_drawn_logos_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Logos()
    kept.open([TALL])
    monkeypatch.setattr(logos, "_KEPT", 10)
    kept.open([TALL])

    monkeypatch.setattr(logos, "_SECONDS", 0)
    with pytest.raises(LayerUnusable):
        kept.open([TALL])


def test_a_host_that_is_too_busy_for_a_logo_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_WAIT", 0.01)

    with pytest.raises(PipelineError, match="Submit the job again") as caught:
        opened(TALL)

    assert not isinstance(caught.value, Rejected), "the worker would end the job"
    assert caught.value.code == "time_limit"


def test_the_logos_of_layers_are_opened_by_their_names() -> None:
    layers = '[{"text": "New"}, {"logo": "uploads/a/b.svg"}]'

    assert set(Logos().artwork(layers, Fonts(), {"uploads/a/b.svg": TALL}).logos) == {"uploads/a/b.svg"}
    assert Logos().artwork("", Fonts(), {}).logos == {}
