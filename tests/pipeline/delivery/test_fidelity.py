"""Fidelity of the product in the report, on files whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.types import Placed
from pipeline.delivery.fidelity import lowest_of_white
from tests.pipeline.delivery.reported import PRESET, disc, laid, painted, report


def test_an_untouched_product_is_within_the_encoders_error() -> None:
    result = report()["fidelity"]
    assert result["unit"] == "CIEDE2000"
    assert 0 < result["mean"] < 0.6
    assert result["mean"] < result["p99"] <= result["max"] < 10
    inside = minimum_filter((disc().alpha >= 0.999).astype(np.uint8), size=5).sum()
    assert result["pixels"] == result["of_pixels"] == inside


def test_a_lossless_file_shows_only_the_dither() -> None:
    result = report(place=replace(PRESET, formats=("png",)))["fidelity"]
    # one code on a dark channel of this product is a CIEDE2000 of 2 at most
    assert result["max"] < 2.1


def test_a_repainted_product_is_detected_and_a_slight_cast_shows_in_the_mean() -> None:
    placed = disc()
    image = laid(painted("#336699"), placed)
    image[placed.alpha == 1] *= np.float32(0.94)
    assert report(image=image)["fidelity"]["mean"] > 1.5
    image[140:180, 140:180] = hex_to_rgb("#00ff00")
    result = report(image=image)["fidelity"]
    assert result["max"] > 40
    assert result["p99"] > 30


def test_a_product_without_an_inside_has_no_fidelity() -> None:
    placed = disc()
    result = report(placed=replace(placed, alpha=placed.alpha * np.float32(0.9)))["fidelity"]
    assert result == {"mean": None, "p99": None, "max": None, "unit": "CIEDE2000", "pixels": 0, "of_pixels": 0}


def test_a_large_product_is_sampled_and_the_report_states_it() -> None:
    side = 900
    alpha = np.ones((side, side), np.float32)
    rgb = np.random.default_rng(0).random((side, side, 3), dtype=np.float32)
    placed = Placed(rgb=rgb, alpha=alpha, box=(0, 0, side, side), scale=1.0)
    preset = replace(PRESET, size=(side, side), formats=("png",))
    result = report(np.zeros_like(rgb), place=preset, placed=placed)["fidelity"]
    assert result["of_pixels"] == (side - 4) ** 2
    assert 200_000 < result["pixels"] <= 400_000


@pytest.mark.parametrize("channels", [3, 4])
def test_white_that_is_delivered_dark_is_found_only_where_it_was_white_and_free(channels: int) -> None:
    codes = np.array([[[255, 255, 255, 0], [255, 254, 255, 0], [255, 255, 255, 9], [255, 255, 255, 0]]], np.uint8)
    codes = np.ascontiguousarray(codes[..., :channels])
    alpha = np.array([[0, 0, 0.5, 0]], np.float32)
    arrived = np.array([[[250, 249, 255], [9, 9, 9], [9, 9, 9], [255, 255, 255]]], np.uint8)
    assert lowest_of_white(codes, alpha, arrived) == 249
    assert lowest_of_white(codes[:, 1:3], alpha[:, 1:3], arrived[:, 1:3]) == 255
