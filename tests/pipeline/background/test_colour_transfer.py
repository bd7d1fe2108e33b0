"""The gentle transfer: nearer to the asked colours, bounded, without harm to gradients and neighbours."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.background.colour_transfer import (
    BRIGHTEST,
    MAX_LOWERED,
    MAX_MOVED,
    MAX_RAISED,
    REACH,
    anchors,
    fit_colours,
    measure,
    more_paint,
    more_shift,
    owners_near,
    shifted,
)
from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import delta_e00, lab_to_srgb, linear_to_srgb, srgb_to_lab, srgb_to_linear

FREE = np.zeros((96, 96), np.float32)


def lab(*colours: str) -> np.ndarray:
    return srgb_to_lab(np.stack([hex_to_rgb(colour) for colour in colours]))


def halves(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A picture of two Lab colours, each under a soft gradient of ±3 L*."""
    out = np.empty((96, 96, 3), np.float32)
    out[:, :48], out[:, 48:] = left, right
    out[..., 0] += np.linspace(-3, 3, 96)[:, None]
    return lab_to_srgb(out)


def settled(picture: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the transferred picture, and its mean ΔE00 before and after."""
    before = measure(picture, FREE, asked)
    fixed = anchors(asked, before.centres)
    owners = owners_near(picture, fixed, len(asked))
    moves = fit_colours(
        asked, np.zeros(asked.shape), lambda some: shifted(picture, fixed, some), more_shift, FREE, owners
    )
    moved = shifted(picture, fixed, moves)
    after = measure(moved, FREE, asked)
    return moved, before.mean, after.mean


def test_a_picture_that_slightly_misses_both_colours_meets_them() -> None:
    asked = lab("#2f5d50", "#e8dcc8")
    _, before, after = settled(halves(asked[0] + [5, -4, 3], asked[1] + [-6, 2, 5]), asked)
    assert before > 4
    assert after < 1.2


def test_a_colour_that_was_not_asked_stays() -> None:
    asked = lab("#2f5d50")
    other = lab("#c96f4a")[0]
    picture = halves(asked[0] + [6, 0, 0], other)
    moved, _, _ = settled(picture, asked)
    assert delta_e00(srgb_to_lab(moved[:, 50:]), srgb_to_lab(picture[:, 50:])).max() < 0.5
    assert delta_e00(srgb_to_lab(moved[:, :46]), srgb_to_lab(picture[:, :46])).min() > 2


@pytest.mark.parametrize("miss", [60.0, -35.0])
def test_no_colour_is_moved_past_the_bound(miss: float) -> None:
    asked = lab("#808080", "#2f5d50")
    found = asked + np.array([[miss, 0, 0], [0, 0, 0]], np.float32)
    shifts = np.zeros(asked.shape)
    factors = np.ones(asked.shape)
    for _ in range(6):
        shifts, factors = more_shift(asked, shifts, found), more_paint(asked, factors, found)
    assert float(delta_e00(asked[0], (asked[0] + shifts[0]).astype(np.float32))) < 1.5 * MAX_MOVED
    assert float(delta_e00(asked[0], (asked[0] - shifts[0]).astype(np.float32))) <= MAX_MOVED + 0.1
    assert factors.max() <= MAX_RAISED + 1e-9
    assert factors.min() >= 1 / MAX_LOWERED - 1e-9
    np.testing.assert_allclose(factors[1], 1, atol=0.02)


def test_the_strongest_move_reverses_no_gradient_and_makes_no_steps() -> None:
    ramp = np.zeros((8, 512, 3), np.float32)
    ramp[..., 0] = np.linspace(20, 90, 512)
    picture = lab_to_srgb(ramp)
    anchor = np.array([[55, 0, 0], [55 + 1.5 * REACH, 0, 0]], np.float32)
    for move in (-MAX_MOVED, MAX_MOVED):
        light = srgb_to_lab(shifted(picture, anchor, np.array([[move, 0.0, 0.0]])))[0, :, 0]
        slope = np.diff(light) / np.diff(ramp[0, :, 0])
        assert slope.min() > 0
        assert slope.max() < 2.5
        assert np.abs(light - ramp[0, :, 0]).max() > 0.6 * MAX_MOVED


def test_no_move_leaves_the_picture_unchanged_to_the_bit() -> None:
    picture = halves(lab("#2f5d50")[0], lab("#c96f4a")[0])
    assert shifted(picture, lab("#2f5d50"), np.zeros((1, 3))) is picture


def test_two_asked_colours_never_pull_at_the_same_found_one() -> None:
    asked = lab("#c03030", "#b04040")
    fixed = anchors(asked, lab("#bb3838", "#305090", "#e0e0e0"))
    assert len(fixed) == 3
    assert np.abs(fixed[0] - fixed[1]).max() > 10


def test_a_pale_colour_is_never_painted_bright_enough_to_burn_out() -> None:
    asked = lab("#f0e6da", "#8a8378")
    found = asked - np.array([[12, 0, 0], [12, 0, 0]], np.float32)
    factors = np.ones(asked.shape)
    for _ in range(6):
        factors = more_paint(asked, factors, found)
    own = np.array([0.871, 0.791, 0.701])
    assert (own * factors[0]).max() == pytest.approx(BRIGHTEST, abs=1e-3)
    assert factors[1].min() > 1.2


def test_a_pale_colour_in_shade_keeps_its_hue_in_the_light() -> None:
    # The shade takes the same share of all channels, and the missing part is out of bounds.
    asked = lab("#fffff0")
    albedo = srgb_to_linear(lab_to_srgb(asked)).astype(np.float64)
    factors = np.ones(asked.shape)
    for _ in range(6):
        factors = more_paint(asked, factors, srgb_to_lab(linear_to_srgb((0.7 * albedo * factors).astype(np.float32))))
    np.testing.assert_allclose(factors, 1, atol=0.02)


def test_a_fully_covered_area_is_not_measured() -> None:
    picture = halves(lab("#2f5d50")[0], lab("#c96f4a")[0])
    assert measure(picture, np.ones((96, 96), np.float32), lab("#2f5d50")).deltas == ()


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_a_hundredth_hardly_moves_the_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = lab("#e8c7b8", "#2f5d50", "#fffff0")
    owners = np.repeat([0, 1, 2], 64)[:, None].repeat(192, axis=1)
    # soft light with a warm side, and grain, over three stripes
    light = gaussian_filter(rng.random((192, 192, 3)), (30, 30, 0)) - 0.5
    light = 0.8 + 8 * light + 0.02 * rng.standard_normal((192, 192, 1))
    linear = np.clip(srgb_to_linear(lab_to_srgb(asked))[owners] * light, 0.01, 1)

    def shown(factors: np.ndarray, noise: float = 0) -> np.ndarray:
        noisy = linear * factors[owners] * (1 + noise * rng.standard_normal((192, 192, 1)))
        return linear_to_srgb(np.clip(noisy, 0, 1).astype(np.float32))

    free = np.zeros((192, 192), np.float32)

    def fitted(noise: float) -> np.ndarray:
        return fit_colours(asked, np.ones((3, 3)), lambda some: shown(some, noise), more_paint, free, owners)

    one, other = fitted(0), fitted(0.01)
    assert np.abs(one - 1).max() > 0.02
    np.testing.assert_allclose(other, one, rtol=2e-3)
