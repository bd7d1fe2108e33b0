"""A preset's rules in the report, on files whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.core.order import Format
from pipeline.delivery.encode import encode
from testkit.specimens import saved
from tests.pipeline.delivery.reported import PRESET, disc, laid, painted, report, rules


def test_a_good_picture_passes_every_rule_with_its_source() -> None:
    checked = rules(report())
    assert {row["status"] for row in checked.values()} == {"pass"}
    expected = "size min_side format bytes colour_profile camera_metadata fill enlargement ai_marking"
    assert set(checked) == set(expected.split())
    assert checked["bytes"]["source_url"] == "https://example.com/bytes"
    assert checked["bytes"]["checked_on"] == "2026-01-02"
    assert checked["size"]["source_url"] == "https://example.com/preset"
    assert checked["fill"]["measured"] == 0.5
    assert checked["ai_marking"]["measured"] == "compositeWithTrainedAlgorithmicMedia"


def test_a_wrong_size_an_enlarged_product_and_a_heavy_file_are_reported() -> None:
    placed = disc()
    for box in ((80, 80, 280, 240), (100, 100, 220, 220)):
        assert rules(report(placed=replace(placed, box=box)))["fill"]["status"] == "fail"
    row = rules(report(placed=replace(disc(), scale=1.5)))["enlargement"]
    assert (row["status"], row["measured"]) == ("warn", 1.5)
    row = rules(report(place=replace(PRESET, max_bytes=500)))["bytes"]
    assert row["status"] == "fail"
    assert row["measured"] > row["bound"] == 500


# Not lossy WebP: it predicts blocks from their neighbours, and so spreads an edge's error into the white.
@pytest.mark.parametrize("form", ["jpeg", "png", "avif"])
def test_white_passes_where_the_format_keeps_blocks_separate(form: Format) -> None:
    preset = replace(PRESET, formats=(form,), background="white", digital_source_type="compositeCapture")
    result = report(painted("#ffffff"), place=preset)
    checked = rules(result)
    assert checked["white_border"]["status"] == "pass"
    assert checked["white_background"]["status"] == "pass"
    assert result["palette"]["asked"][0]["colour"] == "#ffffff"
    assert result["palette"]["mean_delta_e00"] < 0.5


def test_almost_white_fails_and_one_grey_speck_is_a_warning() -> None:
    white = replace(PRESET, background="white", formats=("png",))
    checked = rules(report(painted("#ffffff"), place=white, image=laid(painted("#fdfdfd"), disc())))
    assert checked["white_border"]["status"] == checked["white_background"]["status"] == "fail"
    assert checked["white_background"]["measured"] < 0.01
    image = laid(painted("#ffffff"), disc())
    image[30, 30] = 0.9
    row = rules(report(painted("#ffffff"), place=white, image=image))["white_background"]
    assert row["status"] == "warn"
    assert 0.999 < row["measured"] < 1


def test_a_shadow_is_no_stain_but_must_not_reach_the_border() -> None:
    white = replace(PRESET, background="white")
    shadow = painted("#ffffff")
    shadow[230:260, 90:230] = 0.85
    assert rules(report(shadow, place=white))["white_background"]["status"] == "pass"
    shadow[230:, 90:230] = 0.85
    checked = rules(report(shadow, place=white))
    assert checked["white_background"]["status"] == "pass"
    assert checked["white_border"]["status"] == "fail"


CAMERA = Image.Exif()
CAMERA[0x010F] = "Camera"


@pytest.mark.parametrize(
    ("options", "failed"),
    [
        ({"format": "JPEG", "quality": 95}, {"colour_profile": None, "ai_marking": None}),
        ({"format": "JPEG", "icc_profile": b"nonsense"}, {"colour_profile": "unreadable"}),
        ({"format": "JPEG", "exif": CAMERA.tobytes()}, {"camera_metadata": 1}),
        ({"format": "WEBP", "lossless": True}, {"format": "webp"}),
    ],
)
def test_a_file_of_another_encoder_fails_each_rule_that_it_breaks(
    options: dict[str, Any], failed: dict[str, Any]
) -> None:
    codes = np.rint(laid(painted("#336699"), disc()) * 255).astype(np.uint8)
    checked = rules(report(data=saved(Image.fromarray(codes), **options)))
    assert {name: (checked[name]["measured"], checked[name]["status"]) for name in failed} == {
        name: (measured, "fail") for name, measured in failed.items()
    }


def test_another_mark_than_the_presets_fails() -> None:
    made = encode(laid(painted("#336699"), disc()), replace(PRESET, digital_source_type="digitalArt"))
    row = rules(report(data=made.data))["ai_marking"]
    assert (row["measured"], row["status"]) == ("digitalArt", "fail")
