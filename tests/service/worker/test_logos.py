"""Logos as pixels: an SVG is drawn in a process of its own, and what can't be drawn fails the job, not the worker."""

import numpy as np
import pytest

from pipeline.core.errors import LayerUnusable, PipelineError, Rejected
from pipeline.lettering.fonts import Fonts
from service.supervisor import processes
from service.worker import picture
from service.worker.picture import artwork_for, open_logo
from testkit.still_life import cut_out_png, still_life
from tests.pipeline.photo.test_vector import ATTACKS, LOGO, svg

TALL = svg('<rect width="10" height="40" fill="#102030"/>', 'viewBox="0 0 20 40"')


def test_an_svg_becomes_pixels_with_alpha_at_its_own_aspect() -> None:
    pixels = open_logo(TALL)

    assert pixels.shape == (2048, 1024, 4)
    assert pixels[1000, 100].tolist() == [16, 32, 48, 255]
    assert pixels[1000, 900, 3] == 0


def test_a_png_keeps_its_own_alpha() -> None:
    rgb, alpha = still_life(cut=True)
    pixels = open_logo(cut_out_png(rgb, alpha))

    assert np.array_equal(pixels[..., 3], np.rint(alpha * 255).astype(np.uint8))


@pytest.mark.parametrize("data", [ATTACKS["file"][0], svg("", 'width="0" height="0"'), LOGO[:-9], b"GIF89a", b""])
def test_what_is_no_logo_is_refused_with_the_remedy(data: bytes) -> None:
    with pytest.raises(LayerUnusable, match=r"(?i)send"):
        open_logo(data)


def test_a_logo_that_takes_too_much_processor_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_SECONDS", 1)
    groups = '<g opacity="0.5"><rect width="100" height="100"/></g>' * 300

    with pytest.raises(LayerUnusable, match="takes too long"):
        open_logo(svg(groups, 'viewBox="0 0 100 100"'))


def test_a_host_that_is_too_busy_for_a_logo_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_WAIT", 0.01)

    with pytest.raises(PipelineError, match="Submit the job again") as caught:
        open_logo(TALL)

    assert not isinstance(caught.value, Rejected), "the worker would end the job"
    assert caught.value.code == "time_limit"


def test_the_logos_of_layers_are_opened_by_their_names() -> None:
    layers = '[{"text": "New"}, {"logo": "uploads/a/b.svg"}]'

    assert set(artwork_for(layers, Fonts(), {"uploads/a/b.svg": TALL}).logos) == {"uploads/a/b.svg"}
    assert artwork_for("", Fonts(), {}).logos == {}
