"""Grain: stored tiles give every seed its own pattern, with the asked spectrum, variance and light."""

import numpy as np
import pytest

from pipeline.geometry.ray import Field
from pipeline.materials.grain import Grains, grain
from pipeline.materials.noise import noise

N = 256


def made(seed: int, n: int = N, low: float = 20, light_angle: float | None = None) -> Field:
    return Grains(n, (1, grain(np.random.default_rng(seed), 2.0, low, light_angle=light_angle, grid=N))).rows(0, n)


def spectrum_of(field: Field) -> Field:
    """Return the power at each radius up to the highest frequency."""
    power = np.abs(np.fft.fft2(field)) ** 2
    y, x = np.meshgrid(*(np.fft.fftfreq(len(field)) * len(field),) * 2, indexing="ij")
    radius = np.hypot(x, y).astype(int)
    means = np.bincount(radius.ravel(), power.ravel()) / np.bincount(radius.ravel())
    return np.asarray(means[: len(field) // 2], np.float32)


@pytest.mark.parametrize("low", [20, 160])
def test_a_grain_has_mean_0_and_variance_1(low: float) -> None:
    field = made(1, low=low)
    assert field.mean() == pytest.approx(0, abs=0.01)
    assert field.std() == pytest.approx(1, abs=0.05)


def test_a_grain_has_the_spectrum_of_noise() -> None:
    one, other = spectrum_of(made(1)), spectrum_of(noise(np.random.default_rng(5), N, 2.0, 20, grid=N))
    ratio = one[4:100] / other[4:100]
    assert np.abs(np.log(ratio)).mean() < 0.25


def test_two_seeds_share_no_pattern_wherever_one_is_laid_over_the_other() -> None:
    one, other, turned = np.fft.fft2(made(1)), np.fft.fft2(made(2)), np.fft.fft2(made(2)[::-1])
    alike = [np.fft.ifft2(one * np.conj(field)).real.max() / N**2 for field in (other, turned)]
    # One copy of each may well match one of the other: half the variance.
    assert max(alike) < 0.65
    assert np.abs(np.corrcoef(made(1).ravel(), made(2).ravel())[0, 1]) < 0.1


def test_a_larger_grain_shows_the_same_pattern_finer() -> None:
    small, large = made(3, 128), made(3)
    assert np.corrcoef(small.ravel(), large.reshape(128, 2, 128, 2).mean((1, 3)).ravel())[0, 1] > 0.9


def test_a_relief_is_lit_from_its_light_even_where_a_copy_is_turned() -> None:
    for seed in range(4):
        right, down, left = (made(seed, light_angle=angle) for angle in (0.0, np.pi / 2, np.pi))
        np.testing.assert_allclose(left, -right, atol=1e-4)
        skewed = made(seed, light_angle=np.pi / 4)
        np.testing.assert_allclose(skewed, (right + down) / np.sqrt(2), atol=1e-4)
        # Both are slopes of one relief h, Riesz transforms of it: rotating one gives the other, in the spectrum.
        y, x = np.meshgrid(np.fft.fftfreq(N), np.fft.rfftfreq(N), indexing="ij")
        across, along = np.fft.rfft2(right), np.fft.rfft2(down)
        same = (np.abs(x) > 0.05) & (np.abs(y) > 0.05)
        heights = (across / np.where(same, x, 1))[same], (along / np.where(same, y, 1))[same]
        assert np.abs(np.vdot(*heights)) > 0.9 * np.linalg.norm(heights[0]) * np.linalg.norm(heights[1])


def test_rows_are_the_same_in_any_strip_and_beyond_the_tile() -> None:
    soft = noise(np.random.default_rng(4), 64, 2.0, 3, grid=64)
    grains = Grains(N, (0.5, grain(np.random.default_rng(1), 1.5, 30, grid=N)), soft=soft)
    whole = grains.rows(0, N)
    np.testing.assert_array_equal(grains.rows(10, 13), whole[10:13])
    np.testing.assert_array_equal(grains.rows(-2, 3), np.roll(whole, 2, 0)[:5])
    np.testing.assert_array_equal(grains.rows(N - 4, N + 6), np.roll(whole, 4, 0)[:10])
