"""The report: its keys, and the palette that it finds, on files whose truth is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.colour.asked import AskedColours
from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.palette import compare_palette, dominant_colours
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.spec import Spec
from pipeline.core.types import Cutout
from pipeline.delivery.encode import encode, to_8_bit
from pipeline.delivery.report import inspect
from tests.pipeline.delivery.reported import MOOD, PRESET, SCENE, SIDE, disc, laid, painted, report, rules


def test_the_report_has_the_promised_keys_and_is_json() -> None:
    told = report()
    assert list(told) == ["palette", "fidelity", "preset", "cutout", "provenance"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    cutout = {
        "confidence": 0.8765,
        "warnings": ["subject_touches_edge"],
        "cut_sides": [],
        "where": {},
        "viewpoint": {},
    }
    assert told["cutout"] == cutout
    assert told["provenance"] == {"seed": 1}


def test_with_the_photos_size_it_tells_where_the_product_was_and_where_it_is() -> None:
    placed = disc()
    cutout = Cutout(rgb=to_8_bit(placed.rgb), alpha=placed.alpha, confidence=1.0, warnings=(), origin=(320, 160))
    spec = Spec(SCENE, MOOD, (), PRESET, 1)
    data = encode(laid(painted("#336699"), placed), PRESET).data

    told = inspect(
        data, spec=spec, placed=placed, background=None, cutout=cutout, provenance={}, photo_size=(1280, 960)
    )

    # The disc covers 80 to 240 of the crop, which begins at 320, 160 of the photo.
    assert told["cutout"]["source_box"] == pytest.approx([400 / 1280, 240 / 960, 560 / 1280, 400 / 960], abs=1e-5)
    assert told["cutout"]["placed_box"] == [0.25, 0.25, 0.75, 0.75]


def test_the_palette_is_found_and_shared_as_painted() -> None:
    told = report(painted("#aa3333", "#33aa55", "#334477"), palette=("#aa3333", "#334477"))["palette"]
    assert len(told["found"]) == 3
    assert [row["colour"] for row in told["asked"]] == ["#aa3333", "#334477"]
    for row in told["asked"]:
        assert row["delta_e00"] < 1.0
        assert row["nearest"] in [found["colour"] for found in told["found"]]
    assert told["mean_delta_e00"] < 1.0
    assert sum(found["share"] for found in told["found"]) == pytest.approx(1.0, abs=0.02)
    assert sum(row["share"] for row in told["asked"]) == pytest.approx(1.0, abs=0.001)
    # the disc hides most of the middle stripe, so the outer two have most of what is left
    assert told["found"][0]["share"] > 0.36


def test_a_palette_that_was_missed_has_the_distance_that_it_has() -> None:
    told = report(painted("#336699"), palette=("#cc2222",))["palette"]
    truth = float(delta_e00(srgb_to_lab(hex_to_rgb("#336699")), srgb_to_lab(hex_to_rgb("#cc2222"))))
    assert told["mean_delta_e00"] == pytest.approx(truth, abs=0.7)
    assert told["mean_delta_e00"] > 30


def test_without_colours_asked_the_scene_s_own_count() -> None:
    assert report()["palette"]["asked"][0]["colour"] == "#336699"


def test_the_product_s_colours_are_not_the_background_s() -> None:
    placed = disc()
    red = replace(placed, rgb=np.broadcast_to(hex_to_rgb("#ff0000"), (SIDE, SIDE, 3)).copy())
    found = report(painted("#336699"), placed=red)["palette"]["found"]
    assert len(found) == 1
    assert float(delta_e00(srgb_to_lab(hex_to_rgb(found[0]["colour"])), srgb_to_lab(hex_to_rgb("#336699")))) < 1


def test_dominant_colours_are_the_same_every_time_and_ordered_by_share() -> None:
    pixels = srgb_to_lab(np.random.default_rng(5).random((4000, 3)))
    one, two = dominant_colours(pixels), dominant_colours(pixels)
    np.testing.assert_array_equal(one[0], two[0])
    assert (np.diff(one[1]) <= 0).all()
    assert one[1].sum() == pytest.approx(1.0)


def test_near_colours_count_as_one_and_specks_as_none() -> None:
    rgb = np.repeat([hex_to_rgb("#808080"), hex_to_rgb("#828282"), hex_to_rgb("#ff0000")], [600, 396, 4], axis=0)
    told = compare_palette(rgb.astype(np.float32), AskedColours((), False))
    assert len(told["found"]) == 1
    assert told["found"][0]["share"] == 0.996
    assert told["mean_delta_e00"] is None


def test_no_background_at_all_gives_an_empty_palette() -> None:
    told = compare_palette(np.empty((0, 3), np.float32), AskedColours(("#ffffff",), True))
    assert told == {"asked": [], "found": [], "mean_delta_e00": None}


def test_a_transparent_picture_has_no_palette_but_has_fidelity() -> None:
    placed = disc()
    preset = replace(PRESET, background="transparent", formats=("png",), digital_source_type=None)
    image = np.concatenate([placed.rgb, placed.alpha[..., None]], axis=-1)
    told = report(preset=preset, image=image)
    assert told["palette"] == {"asked": [], "found": [], "mean_delta_e00": None}
    assert told["fidelity"]["max"] < 2.1
    assert rules(told)["ai_marking"]["status"] == "pass"


def test_a_file_of_another_size_than_the_canvas_is_an_error() -> None:
    with pytest.raises(ValueError, match="canvas"):
        report(data=encode(np.zeros((10, 10, 3), np.float32), replace(PRESET, size=None)).data)
