"""Glass shows what is behind it as a lens would, polished things what is round them, and both the key light."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Ball, Block, Drum, Solid
from pipeline.geometry.walls import Floor, Wall
from pipeline.light.glass import lay_glass
from pipeline.light.polish import polish
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import FACES, Geometry, trace
from tests.support.still_life import spec

SIDE = 160


def room(*glass: Part, parts: tuple[Part, ...] = (), lit: bool = False) -> tuple[Layout, Geometry]:
    """A wall and a floor under no light but, where `lit`, a key light above on the left."""
    layout = compose(spec("podium"), SIDE, SIDE, 0.6)
    key = 1.0 if lit else 0.0
    rig = replace(layout.rig, position=(-1.0, 1.5, 2.0), target=(0.0, 0.2, 0.0), half=0.2, key=key, fill=0.0, gobo=None)
    base = Part(Wall(-0.8), 0, "wall"), Part(Floor(0.0, -0.8), 1, "floor")
    layout = replace(layout, parts=(*base, *parts), glass=glass, rig=rig)
    return layout, trace(layout, SIDE, SIDE)


def halves(geometry: Geometry) -> Field:
    """Return a picture whose wall is white and whose floor is black."""
    wall = geometry.surface // FACES == 0
    return np.repeat(wall[..., None], 3, 2).astype(np.float32)


def middle(layout: Layout, x: float, y: float, z: float) -> tuple[int, int]:
    px, py = layout.project((np.float32(x), np.float32(y), np.float32(z)))  # type: ignore[arg-type]  # 0-d
    return int(py * SIDE), int(px * SIDE / layout.aspect)


def test_a_ball_of_glass_turns_the_scene_upside_down() -> None:
    ball = Ball(0.0, 0.2, -0.1, 0.2)
    layout, geometry = room(Part(ball, 2, "prop"))
    picture = halves(geometry)
    lay_glass(layout, geometry, picture)
    high, low = middle(layout, 0.0, 0.3, -0.1), middle(layout, 0.0, 0.1, -0.1)
    assert picture[high].mean() < 0.2
    assert picture[low].mean() > 0.6


def test_a_sheet_of_clear_glass_changes_little_and_a_tinted_one_gives_its_colour() -> None:
    sheet = Panel("disc", 0.0, 0.1, -0.1, 0.2, 0.4, 0.02)
    for clear in (1.0, 0.0):
        layout, geometry = room(Part(sheet, 2, "prop", clear=clear))
        picture = np.ones((SIDE, SIDE, 3), np.float32)
        lay_glass(layout, geometry, picture)
        seen = picture[middle(layout, 0.0, 0.3, -0.1)]
        tint = layout.colours[2] / layout.colours[2].max()
        if clear:
            assert seen.min() > 0.85
        else:
            assert seen == pytest.approx(0.93 * tint + 0.3 * layout.colours[2], abs=0.08)


@pytest.mark.parametrize(
    "solid",
    [Ball(0, 0.2, -0.1, 0.2), Drum(0, 0, -0.1, 0.15, 0.4), Block(0, 0, -0.1, 0.15, 0.4, 0.12, 0.4)],
    ids=lambda solid: type(solid).__name__,
)
def test_only_the_glass_and_what_it_stands_on_are_painted_and_its_edges_are_smooth(solid: Solid) -> None:
    layout, geometry = room(Part(solid, 2, "prop"))
    picture = np.float32(0.1) + np.float32(0.8) * halves(geometry)
    before = picture.copy()
    lay_glass(layout, geometry, picture)
    own, _ = room(parts=(Part(solid, 2, "prop"),))
    inside = trace(own, SIDE, SIDE).surface // FACES == 2
    changed = np.abs(picture - before).max(-1) > 0
    near = binary_dilation(inside, np.ones((3, 3)))
    assert changed[inside].mean() > 0.9
    on_the_floor = geometry.surface // FACES == 1
    assert not changed[~near & ~on_the_floor].any()
    assert np.isfinite(picture).all()
    assert picture.min() >= 0


def test_a_sheet_that_stands_shows_the_floor_down_to_its_foot() -> None:
    layout, geometry = room(Part(Panel("disc", 0.0, 0.0, -0.1, 0.2, 0.4, 0.1), 2, "prop"))
    picture = halves(geometry)
    lay_glass(layout, geometry, picture)
    row, column = middle(layout, 0.0, 0.0, -0.1)
    assert picture[row - 8 : row, column].max() < 0.4


def test_a_block_of_clear_glass_is_bright_in_a_bright_room_at_its_sides_too() -> None:
    layout, geometry = room(Part(Block(0, 0, -0.1, 0.2, 0.4, 0.12, 0.4), 2, "prop"))
    layout = replace(layout, rig=replace(layout.rig, fill=1.0))
    picture = np.ones((SIDE, SIDE, 3), np.float32)
    lay_glass(layout, geometry, picture)
    inside = np.abs(picture - 1).max(-1) > 1e-3
    # What is behind it is darker where the camera does not see it, and glass takes a little.
    assert (picture[inside].mean(-1) > 0.6).mean() > 0.9


def test_glass_darkens_what_it_stands_on_and_nothing_farther_off() -> None:
    layout, geometry = room(Part(Ball(0.0, 0.1, -0.1, 0.1), 2, "prop"))
    picture = np.ones((SIDE, SIDE, 3), np.float32)
    lay_glass(layout, geometry, picture)
    assert picture[middle(layout, 0.0, 0.0, -0.04)].mean() < 0.85
    assert picture[middle(layout, 0.4, 0.0, 0.0)].min() > 0.99
    assert (picture[middle(layout, 0.0, 0.5, -0.8)] == 1).all()


def test_what_stands_before_glass_hides_it() -> None:
    layout, geometry = room(
        Part(Ball(0, 0.2, -0.4, 0.2), 2, "prop"), parts=(Part(Block(0, 0, 0, 0.4, 0.7, 0.05), 3, "prop"),)
    )
    picture = np.ones((SIDE, SIDE, 3), np.float32)
    lay_glass(layout, geometry, picture)
    assert (picture[geometry.surface // FACES == 2] == 1).all()


def test_a_polished_ball_mirrors_the_wall_behind_at_its_rim_and_shows_the_key_light() -> None:
    ball = Part(Ball(0.0, 0.2, -0.1, 0.2), 2, "prop", mirror=0.7)
    for lit in (False, True):
        layout, geometry = room(parts=(ball,), lit=lit)
        own = geometry.surface // FACES == 2
        picture = np.where(own[..., None], np.float32(0), np.float32(0.5)) * np.ones(3, np.float32)
        polish(layout, geometry, picture)
        assert (picture[own].max() > 2) == lit
        rows, columns = np.nonzero(own)
        rim = rows == rows.min()
        assert picture[rows[rim], columns[rim]].max() > 0.2
        assert (picture[~own] == np.float32(0.5)).all()


def test_what_polish_mirrors_has_no_stairs() -> None:
    ball = Part(Ball(0.0, 0.2, -0.1, 0.2), 2, "prop", mirror=0.7)
    layout, geometry = room(parts=(ball,))
    picture = halves(geometry)
    polish(layout, geometry, picture)
    own = geometry.surface // FACES == 2
    share = picture[..., 0] / picture[own].max()
    both = own[:-1] & own[1:]
    # The wall's lower edge, white above black, is a step of one pixel in the picture, and of several in the ball.
    assert np.abs(np.diff(share, axis=0))[both].max() < 0.7
    assert share[own].min() < 0.2


@pytest.mark.parametrize("solid", [Drum(0, 0, -0.1, 0.15, 0.4), Block(0, 0, -0.1, 0.15, 0.4, 0.12, 0.4)])
def test_what_glass_stands_on_is_seen_through_its_foot(solid: Solid) -> None:
    layout, geometry = room(Part(solid, 2, "prop"))
    picture = halves(geometry)
    lay_glass(layout, geometry, picture)
    row, column = middle(layout, 0.0, 0.0, 0.02)
    assert picture[row - 6 : row, column].max() < 0.2


def test_glass_is_as_far_for_a_lens_as_it_stands() -> None:
    ball = Ball(0.0, 0.2, -0.1, 0.2)
    layout, geometry = room(Part(ball, 2, "prop"))
    seen = lay_glass(layout, geometry, halves(geometry))
    row, column = middle(layout, 0.0, 0.2, -0.1)
    assert seen.depth[row, column] == pytest.approx(float(layout.camera[2]) - 0.1, abs=0.01)
    assert geometry.depth[row, column] > 2.9
    other, _ = room()
    assert lay_glass(other, geometry, halves(geometry)) is geometry


def test_a_ball_of_glass_throws_a_bright_spot_and_a_shadow_beside_itself() -> None:
    layout, geometry = room(Part(Ball(0.0, 0.1, -0.2, 0.1), 2, "prop"), lit=True)
    picture = np.where(geometry.surface[..., None] // FACES == 1, np.float32(0.3), 0) * np.ones(3, np.float32)
    lay_glass(layout, geometry, picture)
    right = picture[middle(layout, 0.1, 0.0, -0.3)[0], middle(layout, 0.12, 0.0, -0.3)[1] :]
    floor = geometry.surface // FACES == 1
    assert picture[floor].max() > 0.6
    assert picture[floor].min() < 0.2
    assert right[-10:].min() > 0.29
