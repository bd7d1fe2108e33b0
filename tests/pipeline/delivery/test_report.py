"""The report, on files whose truth is known: it must praise what is right and catch what is wrong."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import minimum_filter

from pipeline.colour.asked import AskedColours
from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.palette import compare_palette, dominant_colours
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.spec import Format, Mood, Preset, Rule, Scene, Spec
from pipeline.core.types import Cutout, Placed
from pipeline.delivery.encode import encode, to_8_bit
from pipeline.delivery.report import inspect

SIDE = 320
PRESET = Preset(
    name="test",
    title="Test",
    description="For tests.",
    credits=1,
    size=(SIDE, SIDE),
    formats=("jpeg", "png"),
    max_bytes=1_000_000,
    quality=(95, 60),
    background="scene",
    fill=0.5,
    margins=(0.05, 0.05, 0.05, 0.05),
    centre_x=0.5,
    digital_source_type="compositeWithTrainedAlgorithmicMedia",
    scene_sibling=None,
    source_url="https://example.com/preset",
    checked_on="2026-11-24",
    rules=(Rule("bytes", "Light.", "https://example.com/bytes", "2026-01-02"),),
    fill_bounds=(0.4, 0.6),
    min_side=300,
)
SCENE = Scene("sweep", "Sweep", "A sweep.", "a sweep", "sweep", palette=("#336699",))
MOOD = Mood("calm", "Calm", "Calm.", "calm")


def disc() -> Placed:
    """A product of half the canvas, with texture inside and a soft edge."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    radius = np.hypot(x - SIDE / 2 + 0.5, y - SIDE / 2 + 0.5)
    alpha = np.clip(SIDE / 4 - radius + 0.5, 0, 1).astype(np.float32)
    rgb = np.stack([0.5 + 0.3 * np.sin(x / 9), 0.4 + 0.2 * np.cos(y / 7), np.full_like(x, 0.3)], axis=-1)
    return Placed(rgb=rgb.astype(np.float32), alpha=alpha, box=(80, 80, 240, 240), scale=0.5)


def painted(*colours: str) -> NDArray[np.float32]:
    """Vertical stripes of equal width."""
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    for index, columns in enumerate(np.array_split(np.arange(SIDE), len(colours))):
        canvas[:, columns] = hex_to_rgb(colours[index])
    return canvas


def laid(background: NDArray[np.float32], placed: Placed) -> NDArray[np.float32]:
    alpha = placed.alpha[..., None]
    return (placed.rgb * alpha + background * (1 - alpha)).astype(np.float32)


def report(
    background: NDArray[np.float32] | None = None,
    *,
    preset: Preset = PRESET,
    palette: tuple[str, ...] = (),
    placed: Placed | None = None,
    image: NDArray[np.float32] | None = None,
    data: bytes | None = None,
) -> dict[str, Any]:
    placed = placed or disc()
    canvas = painted("#336699") if background is None else background
    if data is None:
        data = encode(laid(canvas, placed) if image is None else image, preset).data
    return inspect(
        data,
        spec=Spec(SCENE, MOOD, palette, preset, 1),
        placed=placed,
        background=canvas if preset.background != "transparent" else None,
        cutout=Cutout(
            rgb=to_8_bit(placed.rgb), alpha=placed.alpha, confidence=0.87654, warnings=("subject_touches_edge",)
        ),
        provenance={"seed": 1},
    )


def rules(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in told["preset"]}


def test_the_report_has_the_promised_keys_and_is_json() -> None:
    told = report()
    assert list(told) == ["palette", "fidelity", "preset", "cutout", "provenance"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    cutout = {"confidence": 0.8765, "warnings": ["subject_touches_edge"], "cut_sides": [], "enclosed_share": 0.0}
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


def test_an_untouched_product_is_within_the_encoder_s_error() -> None:
    told = report()["fidelity"]
    assert told["unit"] == "CIEDE2000"
    assert 0 < told["mean"] < 0.6
    assert told["mean"] < told["p99"] <= told["max"] < 10
    inside = minimum_filter((disc().alpha >= 0.999).astype(np.uint8), size=5).sum()
    assert told["pixels"] == told["of_pixels"] == inside


def test_a_lossless_file_shows_only_the_dither() -> None:
    told = report(preset=replace(PRESET, formats=("png",)))["fidelity"]
    # one code on a dark channel of this product is a CIEDE2000 of 2 at most
    assert told["max"] < 2.1


def test_a_repainted_product_is_caught() -> None:
    placed = disc()
    image = laid(painted("#336699"), placed)
    image[140:180, 140:180] = hex_to_rgb("#00ff00")
    told = report(image=image)["fidelity"]
    assert told["max"] > 40
    assert told["p99"] > 30


def test_a_slight_cast_over_the_product_shows_in_the_mean() -> None:
    placed = disc()
    image = laid(painted("#336699"), placed)
    image[placed.alpha == 1] *= np.float32(0.94)
    assert report(image=image)["fidelity"]["mean"] > 1.5


def test_a_product_without_an_inside_has_no_fidelity() -> None:
    placed = disc()
    told = report(placed=replace(placed, alpha=placed.alpha * np.float32(0.9)))["fidelity"]
    assert told == {"mean": None, "p99": None, "max": None, "unit": "CIEDE2000", "pixels": 0, "of_pixels": 0}


def test_a_product_too_large_or_too_small_fails_the_fill() -> None:
    placed = disc()
    for box in ((80, 80, 280, 240), (100, 100, 220, 220)):
        assert rules(report(placed=replace(placed, box=box)))["fill"]["status"] == "fail"


def test_an_enlarged_product_is_a_warning() -> None:
    row = rules(report(placed=replace(disc(), scale=1.5)))["enlargement"]
    assert (row["status"], row["measured"]) == ("warn", 1.5)


def test_a_file_over_the_weight_fails_and_says_how_heavy_it_is() -> None:
    preset = replace(PRESET, max_bytes=500)
    row = rules(report(preset=preset))["bytes"]
    assert row["status"] == "fail"
    assert row["measured"] > row["bound"] == 500


# not lossy WebP, which predicts blocks from their neighbours and so carries an edge's error into the white
@pytest.mark.parametrize("form", ["jpeg", "png", "avif"])
def test_white_passes_where_the_format_keeps_blocks_apart(form: Format) -> None:
    preset = replace(PRESET, formats=(form,), background="white", digital_source_type="compositeCapture")
    told = report(painted("#ffffff"), preset=preset)
    checked = rules(told)
    assert checked["white_border"]["status"] == "pass"
    assert checked["white_background"]["status"] == "pass"
    assert told["palette"]["asked"][0]["colour"] == "#ffffff"
    assert told["palette"]["mean_delta_e00"] < 0.5


def test_almost_white_fails() -> None:
    white = replace(PRESET, background="white")
    placed = disc()
    image = laid(painted("#fdfdfd"), placed)
    checked = rules(report(painted("#ffffff"), preset=white, image=image))
    assert checked["white_border"]["status"] == "fail"
    assert checked["white_background"]["status"] == "fail"
    assert checked["white_background"]["measured"] < 0.01


def test_one_grey_speck_on_white_is_a_warning_not_a_pass() -> None:
    white = replace(PRESET, background="white", formats=("png",))
    image = laid(painted("#ffffff"), disc())
    image[30, 30] = 0.9
    row = rules(report(painted("#ffffff"), preset=white, image=image))["white_background"]
    assert row["status"] == "warn"
    assert 0.999 < row["measured"] < 1


def test_a_shadow_is_no_stain_but_must_not_reach_the_border() -> None:
    white = replace(PRESET, background="white")
    shadow = painted("#ffffff")
    shadow[230:260, 90:230] = 0.85
    assert rules(report(shadow, preset=white))["white_background"]["status"] == "pass"
    shadow[230:, 90:230] = 0.85
    checked = rules(report(shadow, preset=white))
    assert checked["white_background"]["status"] == "pass"
    assert checked["white_border"]["status"] == "fail"


def test_a_transparent_picture_has_no_palette_but_has_fidelity() -> None:
    placed = disc()
    preset = replace(PRESET, background="transparent", formats=("png",), digital_source_type=None)
    image = np.concatenate([placed.rgb, placed.alpha[..., None]], axis=-1)
    told = report(preset=preset, image=image)
    assert told["palette"] == {"asked": [], "found": [], "mean_delta_e00": None}
    assert told["fidelity"]["max"] < 2.1
    assert rules(told)["ai_marking"]["status"] == "pass"


def foreign(**options: Any) -> bytes:
    """A file of the right size that was not made by our encoder."""
    codes = np.rint(laid(painted("#336699"), disc()) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(codes).save(stream, **options)
    return stream.getvalue()


def test_a_file_without_profile_or_mark_fails_both() -> None:
    checked = rules(report(data=foreign(format="JPEG", quality=95)))
    assert checked["colour_profile"]["status"] == "fail"
    assert checked["colour_profile"]["measured"] is None
    assert checked["ai_marking"]["status"] == "fail"
    assert checked["ai_marking"]["measured"] is None


def test_a_broken_profile_is_called_unreadable() -> None:
    row = rules(report(data=foreign(format="JPEG", icc_profile=b"nonsense")))["colour_profile"]
    assert (row["measured"], row["status"]) == ("unreadable", "fail")


def test_camera_metadata_that_survives_fails() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    row = rules(report(data=foreign(format="JPEG", exif=exif.tobytes())))["camera_metadata"]
    assert (row["measured"], row["status"]) == (1, "fail")


def test_another_format_than_the_place_takes_fails() -> None:
    row = rules(report(data=foreign(format="WEBP", lossless=True)))["format"]
    assert (row["measured"], row["status"]) == ("webp", "fail")


def test_another_mark_than_the_preset_s_fails() -> None:
    made = encode(laid(painted("#336699"), disc()), replace(PRESET, digital_source_type="digitalArt"))
    row = rules(report(data=made.data))["ai_marking"]
    assert (row["measured"], row["status"]) == ("digitalArt", "fail")


def test_a_file_of_another_size_than_the_canvas_is_an_error() -> None:
    with pytest.raises(ValueError, match="canvas"):
        report(data=encode(np.zeros((10, 10, 3), np.float32), replace(PRESET, size=None)).data)


def test_a_large_product_is_sampled_and_the_report_says_so() -> None:
    side = 900
    alpha = np.ones((side, side), np.float32)
    rgb = np.random.default_rng(0).random((side, side, 3), dtype=np.float32)
    placed = Placed(rgb=rgb, alpha=alpha, box=(0, 0, side, side), scale=1.0)
    preset = replace(PRESET, size=(side, side), formats=("png",))
    told = report(np.zeros_like(rgb), preset=preset, placed=placed)["fidelity"]
    assert told["of_pixels"] == (side - 4) ** 2
    assert 200_000 < told["pixels"] <= 400_000
