"""Finishes: they tile, keep the colour asked for, repeat with their seed, and do not shimmer from afar."""

from functools import cache
from typing import get_args

import numpy as np
import pytest

from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.materials.noise import TILE, Waves, noise, spectrum
from pipeline.materials.pyramid import Pyramid
from pipeline.materials.textures import swatch

TEXTURED: list[Finish] = [finish for finish in get_args(Finish) if finish != "plain"]
STONE: list[Finish] = ["marble", "terrazzo"]


@cache
def sampled(finish: Finish, n: int = 512, seed: int = 1, *, dark: bool = False) -> Pyramid:
    pyramid = swatch(finish, np.random.default_rng(seed), n, dark=dark)
    assert pyramid is not None
    return pyramid


def made(finish: Finish, n: int = 512, seed: int = 1, *, dark: bool = False) -> Field:
    """Return the swatch's n×n×channels texels."""
    return np.stack(sampled(finish, n, seed, dark=dark).texture, -1)


def mapped(pyramid: Pyramid, u: Field, v: Field, footprint: Field | float) -> Field:
    """Return N×3 factors at N places for pixels of `footprint` canvas heights."""
    out = np.ones((1, u.size, 3), np.float32)
    depth = np.broadcast_to(np.asarray(footprint, np.float32), u.shape)[None]
    pyramid.multiply(out, np.zeros((1, u.size), np.uint16), 0, (u[None], v[None]), 0, np.ascontiguousarray(depth), 1.0)
    factors: Field = out[0]
    return factors


def halved(texture: Field, times: int) -> Field:
    for _ in range(times):
        n = texture.shape[0] // 2
        texture = texture.reshape(n, 2, n, 2, *texture.shape[2:]).mean((1, 3))
    return texture


def test_plain_has_no_texture() -> None:
    assert swatch("plain", np.random.default_rng(0), 64) is None


@pytest.mark.parametrize("finish", TEXTURED)
def test_a_swatch_is_one_factor_or_three_a_texel(finish: Finish) -> None:
    texture = made(finish)
    assert texture.shape in {(512, 512, 1), (512, 512, 3)}
    assert texture.dtype == np.float32
    assert np.isfinite(texture).all()
    assert texture.min() > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("finish", TEXTURED)
def test_a_finish_keeps_the_colour_asked_for(finish: Finish, seed: int) -> None:
    flat = made(finish, seed=seed).reshape(512 * 512, -1)
    np.testing.assert_allclose(flat.mean(0), 1, atol=0.01)
    np.testing.assert_allclose(np.median(flat, 0), 1, atol=0.03)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("finish", TEXTURED)
def test_a_finish_does_not_compete_with_the_product(finish: Finish, seed: int) -> None:
    spread = made(finish, seed=seed).std((0, 1))
    assert np.all(spread > 0.01)
    assert np.all(spread < 0.11)


@pytest.mark.parametrize("finish", STONE)
def test_dark_stone_has_lighter_veins_and_chips_and_keeps_its_mean(finish: Finish) -> None:
    dark, light = made(finish, dark=True), made(finish)
    np.testing.assert_allclose(dark.mean((0, 1)), 1, atol=0.01)
    assert dark.max() > 2
    assert light.max() < 1.5


@pytest.mark.parametrize("finish", TEXTURED)
def test_a_swatch_tiles(finish: Finish) -> None:
    texture = made(finish)
    for axis in (0, 1):
        # Neighbours differ as much across the edge as they do beside it.
        around = np.roll(texture, 4, axis)
        steps = [float(np.abs(np.take(around, i, axis) - np.take(around, i + 1, axis)).mean()) for i in range(7)]
        assert steps[3] < 1.5 * np.mean(steps[:3] + steps[4:])


@pytest.mark.parametrize("finish", TEXTURED)
def test_the_same_seed_makes_the_same_swatch_and_another_another(finish: Finish) -> None:
    again = swatch(finish, np.random.default_rng(1), 512)
    assert again is not None
    assert np.array_equal(made(finish), np.stack(again.texture, -1))
    assert not np.allclose(made(finish), made(finish, seed=2), atol=0.005)


def test_every_finish_and_size_takes_as_much_from_the_generator() -> None:
    after = set()
    for finish in get_args(Finish):
        for n in (128, 256):
            rng = np.random.default_rng(3)
            swatch(finish, rng, n)
            after.add(int(rng.integers(1 << 30)))
    assert len(after) == 1


@pytest.mark.parametrize("finish", TEXTURED)
def test_a_larger_swatch_shows_the_same_pattern_finer(finish: Finish) -> None:
    # Their means over 1/64 tile: finer things may be sampled differently.
    small, large = halved(made(finish), 3), halved(made(finish, 1024), 4)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.9


def test_noise_has_unit_variance_and_no_mean() -> None:
    for stretch, light_angle in ((1.0, None), (8.0, None), (3.0, 1.0)):
        field = noise(
            np.random.default_rng(2), 512, 1.5, 4, stretch=stretch, angle=0.4, light_angle=light_angle, grid=512
        )
        assert field.std() == pytest.approx(1, abs=0.01)
        assert field.mean() == pytest.approx(0, abs=1e-3)


def test_noise_is_drawn_out_along_its_angle() -> None:
    field = noise(np.random.default_rng(2), 256, 2, 8, stretch=6, grid=256)
    assert np.abs(np.diff(field, axis=1)).mean() < 0.4 * np.abs(np.diff(field, axis=0)).mean()


def test_rows_of_noise_are_the_same_in_any_strip_and_beyond_the_tile() -> None:
    waves = Waves(64, (1.0, spectrum(np.random.default_rng(2), 2, 4, grid=64)))
    whole = waves.rows(0, 64)
    np.testing.assert_array_equal(waves.rows(10, 13), whole[10:13])
    np.testing.assert_array_equal(waves.rows(-2, 3), np.roll(whole, 2, 0)[:5])
    np.testing.assert_array_equal(waves.rows(60, 70), np.roll(whole, 4, 0)[:10])


def test_a_sum_of_noises_is_their_weighted_sum() -> None:
    one, other = (spectrum(np.random.default_rng(seed), 2, 4, grid=grid) for seed, grid in ((1, 64), (2, 128)))
    whole = Waves(64, (0.3, one), (0.2, other)).rows(0, 64)
    parts = [Waves(64, (1.0, part)).rows(0, 64) for part in (one, other)]
    np.testing.assert_allclose(whole, np.float32(0.3) * parts[0] + np.float32(0.2) * parts[1], atol=1e-5)


def test_shifted_noise_is_the_same_noise_elsewhere() -> None:
    still, shifted = (noise(np.random.default_rng(2), 64, 2, 4, grid=64, shift=shift) for shift in (0.0, 3 / 64))
    np.testing.assert_allclose(shifted, np.roll(still, (-3, -3), (0, 1)), atol=1e-5)


def test_the_generator_goes_on_as_if_it_had_made_the_draws_itself() -> None:
    one, other = np.random.default_rng(4), np.random.default_rng(4)
    # One word of a pair is left over.
    one.standard_normal(1, dtype=np.float32)
    other.standard_normal(1, dtype=np.float32)
    spectrum(one, 2, grid=64)
    other.standard_normal(64 * 64, dtype=np.float32)
    assert np.array_equal(one.integers(0, 99, 5), other.integers(0, 99, 5))
    assert one.uniform() == other.uniform()


def test_texels_are_read_at_their_centres_and_again_a_tile_further() -> None:
    pyramid = sampled("terrazzo", 64)
    centres = (np.arange(64, dtype=np.float32) + 0.5) * np.float32(TILE / 64)
    v, u = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    texels = np.stack(pyramid.texture, -1).reshape(-1, 3)
    np.testing.assert_allclose(mapped(pyramid, u, v, 0.0), texels, atol=1e-4)
    np.testing.assert_allclose(mapped(pyramid, u - np.float32(TILE), v + np.float32(TILE), 0.0), texels, atol=1e-4)


def test_a_footprint_of_two_texels_reads_the_means_of_four() -> None:
    centres = (np.arange(32, dtype=np.float32) + 0.5) * np.float32(TILE / 32)
    v, u = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    expected = halved(made("terrazzo", 64), 1).reshape(-1, 3)
    np.testing.assert_allclose(mapped(sampled("terrazzo", 64), u, v, 2 * TILE / 64), expected, atol=1e-4)


@pytest.mark.parametrize("finish", TEXTURED)
def test_the_larger_the_footprint_the_calmer_the_surface(finish: Finish) -> None:
    u, v = np.random.default_rng(2).uniform(0, TILE, (2, 40_000)).astype(np.float32)
    spreads = [float(mapped(sampled(finish), u, v, texels * TILE / 512).std()) for texels in (1, 2, 4, 8, 16)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.9 * spreads[0]


def test_a_footprint_beyond_the_tile_reads_its_mean() -> None:
    u = np.linspace(0, 5, 50, dtype=np.float32)
    np.testing.assert_allclose(mapped(sampled("terrazzo", 64), u, u, 100.0), 1, atol=1e-4)
