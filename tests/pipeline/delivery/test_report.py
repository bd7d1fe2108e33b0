"""The report: its keys and its measured palette, on files whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.colour.asked import AskedColours
from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.palette import compare_palette, dominant_colours
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.types import Cutout
from pipeline.cutout.stance import facts_of
from pipeline.delivery.encode import encode, to_8_bit
from pipeline.delivery.inspection import cutout_report
from pipeline.report import ExpansionReport, PaletteReport, TriedBackground, to_json
from tests.pipeline.delivery.reported import PRESET, disc, painted, report, rules


def test_a_field_with_a_default_is_absent_where_it_is_none_and_other_fields_are_null() -> None:
    row = TriedBackground(5, None, 2.5, expansion=ExpansionReport(0.0, 0.25, True))
    expansion = {"area": 0.0, "colour": 0.25, "grew": True}
    assert to_json([row]) == [{"seed": 5, "mean_delta_e00": None, "worst_delta_e00": 2.5, "expansion": expansion}]


def test_it_reports_how_the_product_was_found_and_its_place_in_photo_and_picture() -> None:
    placed = disc()
    cutout = Cutout(
        rgb=to_8_bit(placed.rgb),
        alpha=placed.alpha,
        confidence=0.87654,
        warnings=("subject_touches_edge",),
        origin=(320, 160),
    )

    result = cutout_report(cutout, facts_of(cutout, "lying"), placed, (1280, 960), subject=None)

    assert (result.confidence, result.warnings, result.cut_sides) == (0.8765, ["subject_touches_edge"], [])
    assert (result.stance, result.stance_from, result.elevation) == ("lying", "caller", None)
    # The disc covers 80 to 240 of the crop, which begins at 320, 160 of the photo.
    assert result.source_box == pytest.approx([400 / 1280, 240 / 960, 560 / 1280, 400 / 960], abs=1e-5)
    assert result.placed_box == [0.25, 0.25, 0.75, 0.75]


def test_the_palette_is_found_with_its_shares_as_painted() -> None:
    result = report(painted("#aa3333", "#33aa55", "#334477"), palette=("#aa3333", "#334477"))["palette"]
    assert len(result["found"]) == 3
    assert [row["colour"] for row in result["asked"]] == ["#aa3333", "#334477"]
    for row in result["asked"]:
        assert row["delta_e00"] < 1.0
        assert row["nearest"] in [found["colour"] for found in result["found"]]
    assert result["mean_delta_e00"] < 1.0
    assert sum(found["share"] for found in result["found"]) == pytest.approx(1.0, abs=0.02)
    assert sum(row["share"] for row in result["asked"]) == pytest.approx(1.0, abs=0.001)
    # the disc hides most of the middle stripe, so the outer two have most of the rest
    assert result["found"][0]["share"] > 0.36


def test_a_missed_palette_has_its_distance_and_without_one_the_scenes_own_counts() -> None:
    result = report(painted("#336699"), palette=("#cc2222",))["palette"]
    truth = float(delta_e00(srgb_to_lab(hex_to_rgb("#336699")), srgb_to_lab(hex_to_rgb("#cc2222"))))
    assert result["mean_delta_e00"] == pytest.approx(truth, abs=0.7)
    assert result["mean_delta_e00"] > 30
    assert report()["palette"]["asked"][0]["colour"] == "#336699"


def test_dominant_colours_are_the_same_every_time_and_ordered_by_share() -> None:
    pixels = srgb_to_lab(np.random.default_rng(5).random((4000, 3)))
    one, two = dominant_colours(pixels), dominant_colours(pixels)
    np.testing.assert_array_equal(one[0], two[0])
    assert (np.diff(one[1]) <= 0).all()
    assert one[1].sum() == pytest.approx(1.0)


def test_near_colours_count_as_one_and_specks_as_none() -> None:
    rgb = np.repeat([hex_to_rgb("#808080"), hex_to_rgb("#828282"), hex_to_rgb("#ff0000")], [600, 396, 4], axis=0)
    result = compare_palette(rgb.astype(np.float32), AskedColours((), False))
    assert [found.share for found in result.found] == [0.996]
    assert result.mean_delta_e00 is None
    assert compare_palette(np.empty((0, 3), np.float32), AskedColours(("#fff",), True)) == PaletteReport([], [], None)


def test_a_transparent_picture_has_no_palette_but_has_fidelity() -> None:
    placed = disc()
    preset = replace(PRESET, background="transparent", formats=("png",), digital_source_type=None)
    image = np.concatenate([placed.rgb, placed.alpha[..., None]], axis=-1)
    result = report(place=preset, image=image)
    assert result["palette"] == {"asked": [], "found": [], "mean_delta_e00": None}
    assert result["fidelity"]["max"] < 2.1
    assert rules(result)["ai_marking"]["status"] == "pass"


def test_a_file_of_another_size_than_the_canvas_is_an_error() -> None:
    with pytest.raises(ValueError, match="canvas"):
        report(data=encode(np.zeros((10, 10, 3), np.float32), replace(PRESET, size=None)).data)
