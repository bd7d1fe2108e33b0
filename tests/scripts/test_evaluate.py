"""The studio's figures on arrays whose answer is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab
from scripts.studio.figures import (
    best_gain,
    by_kind,
    dominant,
    exposure,
    gradient_energy,
    light_error,
    light_table,
    misses,
    palette_table,
    sharp_table,
)

EVERYWHERE = np.ones((24, 32), bool)


def halves(*colours: str) -> np.ndarray:
    """Return 24×32×3 sRGB in stripes of the colours."""
    stripes = np.stack([hex_to_rgb(colour) for colour in colours])
    return np.repeat(np.repeat(stripes[None], 24, 0), 32 // len(colours), 1)


def test_a_picture_of_exactly_the_asked_colours_misses_none() -> None:
    assert misses(halves("#c02040", "#e8e0d0"), ["#c02040", "#e8e0d0"]) == pytest.approx([0, 0], abs=1e-3)


def test_a_colour_that_is_not_there_is_missed_by_its_distance_to_the_nearest_that_is() -> None:
    found = misses(halves("#c02040", "#e8e0d0"), ["#c02040", "#104080"])
    lab = [srgb_to_lab(hex_to_rgb(colour)) for colour in ("#104080", "#c02040", "#e8e0d0")]
    nearest = min(float(delta_e00(lab[0], other)) for other in lab[1:])
    assert found[0] < 1e-3
    assert found[1] == pytest.approx(nearest, abs=1e-2)
    assert nearest > 20


def test_a_speck_of_a_colour_is_not_dominant() -> None:
    picture = halves("#808080")
    picture[:3, :4] = hex_to_rgb("#00ff00")
    assert misses(picture, ["#00ff00"])[0] > 20
    picture[:6, :4] = hex_to_rgb("#00ff00")
    assert misses(picture, ["#00ff00"])[0] < 1e-3


def test_equal_pixels_give_equal_clusters() -> None:
    lab = srgb_to_lab(np.random.default_rng(3).random((500, 3), np.float32))
    assert np.array_equal(dominant(lab, 6), dominant(lab, 6))


def test_the_best_gain_finds_that_a_picture_is_half_as_bright() -> None:
    truth = np.random.default_rng(4).random((24, 32, 3), np.float32)
    assert best_gain(truth / np.float32(2), truth, EVERYWHERE) == pytest.approx(2, rel=0.006)
    assert best_gain(truth * np.float32(3), truth, EVERYWHERE) == pytest.approx(1 / 3, rel=0.006)


def test_the_error_of_light_is_in_srgb_and_of_lit_pixels_alone() -> None:
    truth = np.full((24, 32, 3), 0.2, np.float32)
    other = np.full((24, 32, 3), 0.5, np.float32)
    other[:, 16:] = 0.9
    left = np.zeros((24, 32), bool)
    left[:, :16] = True
    low, high = linear_to_srgb(np.array([0.2, 0.5], np.float32))
    assert light_error(other, truth, left) == pytest.approx(float(high - low), abs=1e-5)
    assert light_error(truth, truth, EVERYWHERE) == 0


def test_the_exposure_brings_the_median_of_the_light_to_one() -> None:
    albedo = np.random.default_rng(5).uniform(0.2, 0.9, (24, 32, 3)).astype(np.float32)
    light = np.full((24, 32, 1), 4, np.float32)
    light[:8] = 0.1
    assert exposure(albedo * light, albedo, EVERYWHERE) == pytest.approx(1 / 4, rel=1e-4)
    assert exposure(albedo * light, albedo, ~EVERYWHERE) == 1


def test_a_blurred_picture_is_less_sharp_and_a_flat_one_not_at_all() -> None:
    picture = np.random.default_rng(6).random((48, 48, 3), np.float32)
    blurred = gaussian_filter(picture, (1, 1, 0))
    assert gradient_energy(blurred) / gradient_energy(picture) < 0.2
    assert gradient_energy(np.full((48, 48, 3), 0.4, np.float32)) == pytest.approx(0, abs=1e-12)


def test_gradient_energy_of_a_ramp_is_its_steps_squared_over_both_ways() -> None:
    ramp = np.repeat(np.linspace(0, 1, 11, dtype=np.float32)[None, :, None], 11, 0).repeat(3, 2)
    # As many differences across, of 0.1, as down, of 0.
    assert gradient_energy(ramp) == pytest.approx(0.01 / 2, rel=1e-4)


def test_the_palette_table_takes_mean_and_percentile_over_colours_not_over_scenes() -> None:
    rows = [{"kind": "sweep", "sketch": [1.0]}, {"kind": "bokeh", "sketch": [3.0, 4.0, 4.0]}]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in palette_table(rows, "T").splitlines()[2:]]
    assert cells[0] == ["kind", "colours", "sketch mean", "sketch p95"]
    assert cells[2] == ["all", "4", "3", "4"]
    assert cells[3] == ["all but bokeh", "1", "1", "1"]


def test_the_light_table_gives_reductions_in_per_cent_and_counts_better_scenes() -> None:
    one = {"sketch_best": 0.2, "first": 0.1, "first_best": 0.08, "network": 0.05, "network_best": 0.06}
    two = {"sketch_best": 0.2, "first": 0.1, "first_best": 0.02, "network": 0.15, "network_best": 0.01}
    table = light_table([{"kind": "sweep"} | one, {"kind": "sweep"} | two], "T")
    cells = [cell.strip() for cell in table.splitlines()[4].split("|")[1:-1]]
    assert cells[:7] == ["all", "2", "0.2", "0.1", "0.05", "0.1", "0.035"]
    assert cells[7:] == ["50", "0", "1/2", "82.5", "30", "2/2"]


def test_the_sharpness_table_ends_with_the_mean_of_the_layouts_ratios() -> None:
    rows = [
        {"number": 2, "kind": "podium", "truth": 2.0, "first": 1.0},
        {"number": 4, "kind": "tabletop", "truth": 4.0, "first": 4.0},
    ]
    last = [cell.strip() for cell in sharp_table(rows, "T").splitlines()[-1].split("|")[1:-1]]
    assert last == ["mean", "3", "0.75"]


def test_rows_are_grouped_by_kind_and_empty_groups_left_out() -> None:
    assert list(by_kind([{"kind": "bokeh"}])) == ["all", "bokeh"]
