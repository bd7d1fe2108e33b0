"""Shadows of sheets on a surface seen from above: one soft edge, however thin the sheet."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from pipeline.geometry.solids import Slab
from pipeline.geometry.walls import Top
from pipeline.light.first_light import first_light
from pipeline.light.relight import picture
from pipeline.light.sheets import SheetShadows
from pipeline.scene.composition import compose
from pipeline.scene.flat_lay import PAPER, rectangle
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import trace
from testkit.still_life import preset, spec

SIDE = 400
TURN = 0.3


@cache
def composed() -> Layout:
    return compose(spec("flatlay", place=preset((SIDE, SIDE)), seed=3), SIDE, SIDE, 1.0)


def with_a_sheet(thick: float = PAPER) -> tuple[Layout, Slab]:
    """A sheet askew on a plain surface of the same colour, under the light of a flat lay."""
    layout = composed()
    solid = rectangle((0.0, 0.45), (0.25, 0.2), TURN, thick, thick).parts[0].solid
    assert isinstance(solid, Slab)
    parts = Part(Top(0.0), 0, "floor"), Part(solid, 0, "panel")
    rig = replace(layout.rig, gobo=None)
    return replace(layout, parts=parts, rig=rig), solid


def beside(layout: Layout, slab: Slab, away: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return pixels (row, column) along each side of a sheet's outline on the surface, this far outside it."""
    corners = np.array(slab.corners)
    lines = []
    for index, (nx, ny, _) in enumerate(slab.sides):
        share = np.linspace(0.2, 0.8, 300)[:, None]
        points = corners[index] * (1 - share) + corners[(index + 1) % 4] * share + away * np.array([nx, ny])
        x, y = layout.project((points[:, 0], points[:, 1], np.zeros(300)))  # type: ignore[arg-type]  # float64
        lines.append((y * SIDE - 0.5, x * SIDE - 0.5))
    return lines


def test_the_shadow_of_paper_is_even_along_its_edge_and_falls_away_from_the_light() -> None:
    layout, slab = with_a_sheet()
    shown = picture(layout, first_light(layout, 200, 200), SIDE, SIDE).mean(-1)
    means = []
    for away in (0.006, 0.009):
        for rows, columns in beside(layout, slab, away):
            along = map_coordinates(shown, [rows, columns], order=1)
            # The light itself changes over the surface, but not within a few pixels.
            waves = along - np.convolve(np.pad(along, 40, mode="edge"), np.full(81, 1 / 81), "valid")
            assert np.abs(waves).max() < 0.02
            means.append(along.mean())
    way = np.array(layout.rig.position) - np.array(layout.rig.target)
    facing = [nx * way[0] + ny * way[1] for nx, ny, _ in slab.sides]
    assert means[int(np.argmin(facing))] < means[int(np.argmax(facing))] - 0.03


def test_a_sheets_shadow_is_zero_on_the_sheet_itself_and_far_from_it() -> None:
    layout, slab = with_a_sheet()
    geometry = trace(layout, SIDE, SIDE)
    shadows = SheetShadows.of(layout, SIDE, SIDE)
    assert shadows is not None
    light = np.ones((SIDE, SIDE, 3), np.float32)
    shadows.over(light, geometry.surface, 0)
    assert light.min() < 0.8
    assert (light[geometry.part == 1] == 1).all()
    x, y, _ = geometry.point
    far = np.max([nx * x + ny * y - d for nx, ny, d in slab.sides], axis=0) > 0.05
    assert far.mean() > 0.3
    assert (light[far] == 1).all()


@pytest.mark.parametrize(("thick", "drawn"), [(PAPER, True), (0.03, False)])
def test_a_thick_thing_has_a_traced_shadow(thick: float, drawn: bool) -> None:
    layout, _ = with_a_sheet(thick)
    assert (SheetShadows.of(layout, SIDE, SIDE) is not None) == drawn
    light = first_light(layout, 96, 96).light.mean(-1)
    alone = first_light(replace(layout, parts=layout.parts[:1]), 96, 96).light.mean(-1)
    on_floor = trace(layout, 96, 96).part == 0
    # Next to another surface a pixel shares its samples with fewer.
    assert (np.abs(light - alone)[on_floor].max() < 0.03) == drawn
