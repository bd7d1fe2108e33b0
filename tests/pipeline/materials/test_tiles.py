"""Finishes: they tile, keep the asked colour, repeat with their seed, and do not shimmer from afar."""

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import get_args

import numpy as np
import pytest

from pipeline.colour.spaces import linear_to_srgb, srgb_to_lab
from pipeline.core.spec import Finish
from pipeline.geometry.ray import Field
from pipeline.geometry.walls import Wall
from pipeline.materials.appearance import Appearance, appearance
from pipeline.materials.pyramid import TILE, Pyramid, filled
from pipeline.materials.tiles import KINDS, RANGES, swatch
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from testkit.still_life import spec
from tests.lanes import rest_at_night

TEXTURED = list(KINDS)
STONE: list[Finish] = ["marble", "terrazzo"]
#: The smallest spread of lightness, CIELAB, of a finish in a thumbnail: one just noticeable step to both sides.
SEEN = 1.2


@cache
def sampled(finish: Finish, n: int = 512, seed: int = 1, *, dark: bool = False) -> Pyramid:
    pyramid = swatch(finish, np.random.default_rng(seed), n, Appearance(dark=dark))
    assert pyramid is not None
    return pyramid


@cache
def chequered(n: int = 64) -> Pyramid:
    """Return a pyramid of random factors whose texels begin at the origin."""
    codes = np.random.default_rng(1).integers(0, 256, (n, n), np.uint8)
    return filled(codes, np.stack([np.linspace(0.5, 1.5, 256), np.linspace(1, 0.2, 256), np.ones(256)]), n)


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


def one_part(finish: Finish, colour: Field) -> Layout:
    """Return a layout whose only part is a wall of that finish and linear colour."""
    layout = compose(spec("sweep"), 96, 96, 0.6)
    return replace(layout, colours=(colour,) * len(layout.colours), parts=(Part(Wall(-1.0), 0, "wall", finish),))


def halved(texture: Field, times: int) -> Field:
    for _ in range(times):
        n = texture.shape[0] // 2
        texture = texture.reshape(n, 2, n, 2, *texture.shape[2:]).mean((1, 3))
    return texture


def test_plain_has_no_texture() -> None:
    assert swatch("plain", np.random.default_rng(0), 64) is None


@pytest.mark.parametrize("seed", rest_at_night([1, 2, 3]))  # another stretch of a baked tile
@pytest.mark.parametrize("finish", TEXTURED)
def test_a_finish_keeps_the_asked_colour_and_does_not_compete_with_the_product(finish: Finish, seed: int) -> None:
    texels = made(finish, seed=seed)
    flat = texels.reshape(-1, texels.shape[2])
    np.testing.assert_allclose(flat.mean(0), 1, atol=0.01)
    np.testing.assert_allclose(np.median(flat, 0), 1, atol=0.06)
    assert np.all(flat.std(0) > 0.01)
    assert np.all(flat.std(0) < 0.2)


@pytest.mark.parametrize("level", rest_at_night([0.03, 0.4, 0.8]))  # the darkest is the hardest to see
@pytest.mark.parametrize("finish", TEXTURED)
def test_a_finish_is_visible_in_a_thumbnail_of_300_pixels_in_pale_mid_and_dark_colours(
    finish: Finish, level: float
) -> None:
    colour = np.full(3, level, np.float32)
    layout = one_part(finish, colour)
    pyramid = swatch(finish, np.random.default_rng(1), 512, appearance(layout, layout.parts[0]))
    assert pyramid is not None
    v, u = (axis.ravel() for axis in np.mgrid[0:1:300j, 0:1:300j].astype(np.float32))
    linear = np.clip(mapped(pyramid, u, v, 1 / 300) * level, 0, 1)
    lightness = srgb_to_lab(linear_to_srgb(linear))[:, 0]
    assert lightness.std() > SEEN


@pytest.mark.parametrize("light", [0.2, 1.5, 2.9, 4.4, 5.6])
@pytest.mark.parametrize(("finish", "baked", "away"), [("plaster", 0.0, 0.01), ("fabric", np.pi / 8, np.pi / 8 + 0.01)])
def test_the_relief_is_turned_to_the_key_light(finish: Finish, baked: float, away: float, light: float) -> None:
    for seed in range(4):
        pyramid = swatch(finish, np.random.default_rng(seed), 64, Appearance(light_angle=light))
        assert pyramid is not None
        x, y = pyramid.way[:, :2] @ [np.cos(light), np.sin(light)] * TILE
        assert np.hypot(x, y) == pytest.approx(1, abs=1e-5)
        assert np.cos(np.arctan2(y, x) - baked) > np.cos(away), "the light comes from where it came from at the bake"


def test_an_upright_concrete_wall_has_its_tie_holes() -> None:
    standing, lying = (
        swatch("concrete", np.random.default_rng(1), 512, Appearance(upright=upright)) for upright in (True, False)
    )
    assert standing is not None
    assert lying is not None
    holes = [int((one.texture[0] < 0.75).sum()) for one in (standing, lying)]
    assert holes[0] > 2 * holes[1]


def test_terrazzo_has_chips_in_the_other_colours_of_the_scene() -> None:
    red, _ = (
        swatch("terrazzo", np.random.default_rng(1), 512, Appearance(accents=accents))
        for accents in (((1.0, 0.35, 0.35),), ())
    )
    assert red is not None
    reddish = red.texture[0] > 1.8 * red.texture[1]
    assert 0.02 < reddish.mean() < 0.2
    plain = made("terrazzo")
    assert not (plain[..., 0] > 1.8 * plain[..., 1]).any()


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
        # Neighbours differ as much across the edge as next to it.
        around = np.roll(texture, 4, axis)
        steps = [float(np.abs(np.take(around, i, axis) - np.take(around, i + 1, axis)).mean()) for i in range(7)]
        assert steps[3] < 1.5 * np.mean(steps[:3] + steps[4:])


def test_every_finish_and_size_draws_the_same_number_from_the_generator() -> None:
    after = set()
    for finish in get_args(Finish):
        for n in (128, 256):
            rng = np.random.default_rng(3)
            swatch(finish, rng, n)
            after.add(int(rng.integers(1 << 30)))
    assert len(after) == 1


@pytest.mark.parametrize("finish", rest_at_night(TEXTURED, 2))  # another baked tile
def test_a_larger_swatch_shows_the_same_pattern_finer(finish: Finish) -> None:
    # Their means over 1/64 tile: finer things may be sampled differently.
    small, large = halved(made(finish), 3), halved(made(finish, 1024), 4)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.9


def test_texels_are_read_at_their_centres_and_again_one_tile_further() -> None:
    pyramid = chequered()
    centres = (np.arange(64, dtype=np.float32) + 0.5) * np.float32(TILE / 64)
    v, u = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    texels = np.stack(pyramid.texture, -1).reshape(-1, 3)
    np.testing.assert_allclose(mapped(pyramid, u, v, 0.0), texels, atol=1e-4)
    np.testing.assert_allclose(mapped(pyramid, u - np.float32(TILE), v + np.float32(TILE), 0.0), texels, atol=1e-4)


def test_a_footprint_of_two_texels_reads_the_means_of_four() -> None:
    centres = (np.arange(32, dtype=np.float32) + 0.5) * np.float32(TILE / 32)
    v, u = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
    expected = halved(np.stack(chequered().texture, -1), 1).reshape(-1, 3)
    np.testing.assert_allclose(mapped(chequered(), u, v, 2 * TILE / 64), expected, atol=1e-4)


@pytest.mark.parametrize("finish", TEXTURED)
def test_a_larger_footprint_makes_a_calmer_surface(finish: Finish) -> None:
    u, v = np.random.default_rng(2).uniform(0, TILE, (2, 40_000)).astype(np.float32)
    spreads = [float(mapped(sampled(finish), u, v, texels * TILE / 512).std()) for texels in (1, 2, 4, 8, 16)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.9 * spreads[0]


def test_a_footprint_beyond_the_tile_reads_its_mean() -> None:
    u = np.linspace(0, 5, 50, dtype=np.float32)
    np.testing.assert_allclose(mapped(chequered(), u, u, 100.0), 1, atol=1e-4)


def test_only_the_pixels_of_the_part_are_multiplied() -> None:
    out, part = np.ones((4, 6, 3), np.float32), np.zeros((4, 6), np.uint16)
    part[1:3, 2:5] = 3
    place = np.full((4, 4), TILE / 2, np.float32)
    chequered().multiply(out, part, 3, (place, place), 1, np.ones((4, 6), np.float32), 0.1)
    np.testing.assert_array_equal((out != 1).any(-1), part == 3)


def test_every_tile_is_small_and_has_an_author_and_a_licence() -> None:
    folder = files("pipeline").joinpath("assets", "tiles")
    rows = folder.joinpath("README.md").read_text("utf-8").splitlines()
    for path in folder.iterdir():
        if not path.name.endswith(".md"):
            size = len(path.read_bytes())
            (row,) = (line for line in rows if line.startswith(f"| `{path.name}` |"))
            assert row.endswith(f"| {size:,} |")
            assert size <= 400_000
            assert path.name.partition(".")[0] in RANGES
