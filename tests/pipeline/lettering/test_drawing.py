"""Layers on a picture: beside the product, legible, the same in a preview, and exact elsewhere."""

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import contrast_ratios, srgb_to_linear
from pipeline.core.errors import LayerUnusable
from pipeline.core.resample import tight_box
from pipeline.core.types import Placed
from pipeline.lettering.contrast import contrast, legible, luminance
from pipeline.lettering.drawing import Artwork, Lettered, lettered
from pipeline.lettering.layers import layers_of
from service.catalogue.templates import bundled_fonts

WIDTH, HEIGHT = 480, 360
LOGO = np.zeros((60, 120, 4), np.uint8)
LOGO[10:50, 10:110] = (200, 30, 40, 255)


def product(left: int = 180, right: int = 300, top: int = 80) -> Placed:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[top:330, left:right] = 1
    return Placed(np.zeros((1, 1, 3), np.float32), alpha, tight_box(alpha > 0.5) or (0, 0, 0, 0), 1.0)


def drawn(
    *layers: dict[str, Any], ground: str = "#e9e4dc", placed: Placed | None = None, step: int = 1, channels: int = 3
) -> Lettered:
    picture = np.ones((HEIGHT // step, WIDTH // step, channels), np.float32)
    picture[..., :3] = hex_to_rgb(ground)
    if channels == 4:
        picture[..., 3] = 0
    artwork = Artwork(bundled_fonts(), {"logo": LOGO})
    return lettered(
        picture, placed or product(), layers_of(json.dumps(layers)), artwork, ("#203040", "#fff0e0"), "A jar."
    )


def changed(found: Lettered, ground: str = "#e9e4dc") -> NDArray[np.bool_]:
    return np.asarray((found.picture[..., :3] != hex_to_rgb(ground)).any(axis=-1))


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#0000ff", "#ffff00", 8.0),
    ],
)
def test_the_contrast_of_known_pairs_is_wcags(first: str, second: str, ratio: float) -> None:
    one, two = (luminance(srgb_to_linear(hex_to_rgb(colour))) for colour in (first, second))

    assert float(contrast_ratios(one, two)) == pytest.approx(ratio, abs=0.005)


def test_large_letters_need_less_contrast() -> None:
    behind, grey = np.ones(9, np.float32), srgb_to_linear(hex_to_rgb("#888888"))
    sizes = {
        (em, weight): contrast(behind, grey, 1.0, em, weight, 1000).required
        for em, weight in ((23, 400), (24, 400), (18, 700), (19, 700))
    }

    assert list(sizes.values()) == [4.5, 3.0, 4.5, 3.0]
    assert contrast(behind, grey, 0.5, 24, 400, 1000).minimum < contrast(behind, grey, 1.0, 24, 400, 1000).minimum


def test_auto_takes_a_legible_colour_of_the_palette_and_else_black_or_white() -> None:
    for behind, palette, colour in (
        (0.9, ("#203040", "#fff0e0"), "#203040"),
        (0.9, ("#ccbbaa",), "#000000"),
        (0.02, (), "#ffffff"),
    ):
        assert legible(np.full(9, behind, np.float32), palette) == colour


def test_a_text_is_at_its_anchor_in_its_colour_and_nothing_else_changes() -> None:
    found = drawn({"text": "New", "size": 10, "color": "#203040", "margin": 5})
    report = found.reports[0]

    assert report.box is not None
    assert report.box[:2] == [18, 18]
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[18 : report.box[3], 18 : report.box[2]] = True
    assert changed(found).any()
    assert not changed(found)[~inside].any()
    assert np.abs(found.picture[found.cover > 0.999] - hex_to_rgb("#203040")).max() < 1e-3
    assert (report.passes, report.moved, report.over_product) == (True, False, 0.0)
    assert found.alt == "A jar. Text: “New”."
    assert found.warnings == ()


def test_a_layer_moves_beside_the_product_unless_it_may_cover_it() -> None:
    asked = {"text": "SOLD", "size": 12, "to": "product", "anchor": "center"}
    beside, over = drawn(asked), drawn(asked | {"over_product": True})

    assert not (changed(beside) & (product().alpha > 0)).any()
    assert beside.warnings == ("layer_moved",)
    assert (over.reports[0].moved, over.reports[0].over_product) == (False, 1.0)


def test_a_layer_without_any_room_is_left_out_and_reported() -> None:
    found = drawn(
        {"text": "SOLD", "size": 30, "anchor": "center"},
        {"text": "tiny", "size": 4, "anchor": "top", "margin": 1},
        placed=product(4, WIDTH - 4, 40),
    )

    assert (found.reports[0].drawn, found.reports[0].box) == (False, None)
    assert "layer_left_out" in found.warnings
    assert found.alt == "A jar. Text: “tiny”."


def test_a_long_text_is_broken_into_even_lines_and_fits_the_canvas() -> None:
    words = "A sentence that is far too long for a single line of a small picture"
    report = drawn({"text": words, "size": 8, "max_width": 35}).reports[0]

    assert " ".join(report.lines or ()) == words
    assert len(report.lines or ()) > 2
    assert report.box is not None
    assert report.box[2] - report.box[0] <= 0.35 * WIDTH + 1
    huge = drawn({"text": "Donaudampfschifffahrt", "size": 40, "anchor": "top"})
    assert "layer_reduced" in huge.warnings
    assert (huge.reports[0].box or [0, 0, WIDTH])[2] <= WIDTH


def test_a_preview_breaks_and_places_the_text_as_the_full_picture() -> None:
    asked = {"text": "Hand made in small batches", "size": 6, "max_width": 30, "anchor": "right"}
    full, small = (drawn(asked, step=step).reports[0] for step in (1, 2))

    assert full.lines == small.lines
    assert np.abs(np.subtract(full.shares or (), small.shares or ())).max() < 0.01


def test_a_text_without_a_visible_character_draws_nothing() -> None:
    assert not changed(drawn({"text": "\u200b"})).any()


def test_a_logo_is_drawn_without_its_empty_margin_at_its_size() -> None:
    found = drawn({"logo": "logo", "size": 10, "anchor": "bottom_right", "margin": 0, "alt": "Acme"})

    assert found.reports[0].box == [WIDTH - 90, HEIGHT - 36, WIDTH, HEIGHT]
    assert np.abs(found.picture[HEIGHT - 18, WIDTH - 45] * 255 - (200, 30, 40)).max() < 1
    assert found.alt == "A jar. Logo: Acme."
    with pytest.raises(LayerUnusable, match="Upload it again"):
        drawn({"logo": "other"})


def test_a_weak_contrast_is_a_warning_with_its_ratio() -> None:
    found = drawn({"text": "faint", "color": "#d0c8c0"})

    assert found.warnings == ("low_contrast",)
    assert found.reports[0].passes is False
    assert found.reports[0].contrast is not None
    assert 1 < found.reports[0].contrast.minimum < 2


def test_a_transparent_picture_takes_letters_and_plate_as_pixels_with_alpha() -> None:
    found = drawn(
        {"text": "New", "size": 10}, {"text": "Sale", "anchor": "bottom_left", "plate": "#ffffff"}, channels=4
    )

    assert found.reports[0].contrast is None
    assert found.reports[0].color == "#000000"
    assert found.reports[1].contrast is not None
    assert np.array_equal(found.picture[..., 3] > 0, found.cover > 0)
    assert found.picture[..., 3].max() == 1
