"""A caller's own picture, a reference, and the background of an earlier render, in whole swaps."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.errors import ImageUnreadable
from pipeline.core.order import Ground, Shadow
from pipeline.core.provenance import read_digital_source_type, xmp_packet
from pipeline.core.spec import Earlier, Limits, Spec
from pipeline.swap import SwapResult, swap
from testkit.still_life import PALETTE, PHOTO, cut_out_png, jpeg, networks, preset, spec, still_life
from tests.pipeline.background.test_view import room

SIDE = 240
ROOM = jpeg(room(0.3, SIDE))
STANDING = cut_out_png(*still_life())
OWN = replace(spec("podium", place=preset((SIDE, SIDE))), ground=Ground(background="image", background_image="room"))


def made(asked: Spec = OWN, photo: bytes = STANDING, **files: bytes) -> SwapResult:
    return swap(photo, asked, networks(), limits=Limits(), clock=lambda: 0.0, files={"room": ROOM} | files)


def pixels(render: SwapResult) -> NDArray[np.int64]:
    return np.asarray(Image.open(BytesIO(render.data)).convert("RGB")).astype(int)


def test_the_product_stands_on_the_callers_picture_which_only_its_shadow_changes() -> None:
    render = made()
    picture, shown = pixels(render), room(0.3, SIDE).astype(int)
    change = (shown - picture).mean(axis=2)
    left, top, right, bottom = (round(at * SIDE) for at in render.report.cutout.placed_box or [])

    assert np.abs(change[: top - 4]).max() < 6, "above the product"
    beside = change[bottom - 30 : bottom + 8, left - 40 : right + 40]
    assert beside.max() > 25, "a shadow"
    report = render.report.background
    assert report is not None
    assert (report.source, report.fit, report.enlarged) == ("image", "cover", 1.0)
    assert report.shadow_direction is not None
    assert render.report.palette.asked == []
    assert render.report.provenance.scene is None
    assert render.report.fidelity.p99 is not None
    assert render.report.fidelity.p99 < 1.5


def test_the_caller_turns_the_shadow_on_its_own_picture() -> None:
    def darkness(direction: float) -> tuple[float, float]:
        asked = replace(OWN, shadow=Shadow(shadow_direction=direction))
        render = made(asked)
        dark = (room(0.3, SIDE).astype(int) - pixels(render)).mean(axis=2)
        left, _, right, bottom = (round(at * SIDE) for at in render.report.cutout.placed_box or [])
        rows = slice(bottom - 30, bottom)
        return float(dark[rows, : left - 3].sum()), float(dark[rows, right + 3 :].sum())

    left, right = darkness(90.0)
    assert right > 3 * left
    left, right = darkness(270.0)
    assert left > 3 * right


def test_a_small_or_busy_picture_is_a_warning() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (80, 80, 3), np.uint8)

    assert set(made(room=jpeg(noise)).warnings) >= {"background_upscaled", "background_busy"}
    assert not set(made().warnings) & {"background_upscaled", "background_busy"}


def test_a_picture_that_can_t_be_read_fails_the_swap_and_the_message_names_the_field() -> None:
    with pytest.raises(ImageUnreadable, match=r"^background_image: "):
        made(room=b"no picture")


def test_a_composite_of_photographs_is_marked_as_one_unless_the_background_says_more() -> None:
    marked = replace(OWN, preset=replace(OWN.preset, digital_source_type="compositeWithTrainedAlgorithmicMedia"))
    file = BytesIO()
    Image.fromarray(room(0.3)).save(file, "JPEG", xmp=xmp_packet("trainedAlgorithmicMedia"))

    def mark(**files: bytes) -> Any:
        return read_digital_source_type(Image.open(BytesIO(made(marked, **files).data)).info["xmp"])

    assert mark() == "compositeCapture"
    assert mark(room=file.getvalue()) == "trainedAlgorithmicMedia"


def test_a_reference_gives_its_colours_unless_the_caller_names_some() -> None:
    teal = np.full((90, 90, 3), (20, 110, 110), np.uint8)
    asked = replace(OWN, ground=Ground(background="reference", background_image="room"))
    guided = made(asked, room=jpeg(teal)).report

    assert [row.colour for row in guided.palette.asked] == ["#146e6e"]
    assert guided.background is not None
    assert guided.background.source == "reference"
    named = made(replace(asked, palette=PALETTE), room=jpeg(teal)).report
    assert [row.colour for row in named.palette.asked] == list(PALETTE)


def test_another_product_gets_the_background_of_an_earlier_render_and_stands_in_its_place() -> None:
    first = spec("podium", palette=PALETTE, place=preset((SIDE, SIDE)))
    again = replace(first, ground=Ground(background="render", background_render="id"), earlier=Earlier(first, "old"))
    before = swap(STANDING, first, networks(), limits=Limits(), clock=lambda: 0.0)
    lower = cut_out_png(*still_life(300, 150))
    after = made(again, lower, old=STANDING)
    one, two = (render.report.cutout.placed_box or [] for render in (before, after))
    outside = np.ones((SIDE, SIDE), bool)
    box = [round(at * SIDE) for at in one]
    outside[box[1] - 8 : box[3] + 30, box[0] - 50 : box[2] + 50] = False

    assert np.abs(pixels(before) - pixels(after))[outside].mean() < 2.5
    assert two[3] == pytest.approx(one[3], abs=0.01), "its foot"
    assert (two[0] + two[2]) / 2 == pytest.approx((one[0] + one[2]) / 2, abs=0.01)
    assert after.report.background is not None
    assert after.report.background.source == "render"
    assert after.report.provenance.kept_seed == before.report.provenance.kept_seed


def test_white_presets_stay_white_whatever_a_brand_puts_behind_the_product() -> None:
    white = replace(OWN, preset=replace(OWN.preset, background="white"))

    assert made(white, PHOTO).report.background is None
    assert (pixels(made(white, PHOTO))[:10] == 255).all()
