from dataclasses import replace

import numpy as np

from pipeline.core.types import Placed, Rgb
from pipeline.geometry.solids import Ball, Block
from pipeline.light.conditions import conditions
from pipeline.light.first_light import first_light
from pipeline.light.reflection import mirror_image
from pipeline.light.relight import picture
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import trace
from testkit.still_life import spec
from tests.support.podium import podium_of

SIDE = 320


def scene(gloss: float) -> Layout:
    """An empty table with the asked polish, and its wall."""
    layout = compose(spec("tabletop"), SIDE, SIDE, 0.6)
    parts = [replace(part, gloss=gloss) if part.role == "floor" else part for part in layout.parts]
    return replace(layout, parts=tuple(part for part in parts if part.role in ("floor", "wall")))


def box_on(layout: Layout, rise: float = 0.0) -> Placed:
    """A red box over blue at the layout's product place; its base rises to the right by `rise` pixels each."""
    left, top, right, bottom = (round(side * SIDE) for side in layout.product)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    base = bottom - rise * (columns - left)
    alpha = ((columns >= left) & (columns < right) & (rows >= top) & (rows < base)).astype(np.float32)
    rgb = np.where((base - rows < 20)[..., None], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]).astype(np.float32)
    return Placed(rgb, alpha, (left, top, right, bottom), 1.0)


def reflected(background: Rgb, placed: Placed, layout: Layout) -> Rgb:
    image = mirror_image(placed, layout)
    assert image is not None
    return image.on(background.copy())


GREY = np.full((SIDE, SIDE, 3), 0.4, np.float32)


def redness(picture: np.ndarray, row: float, column: int) -> float:
    return float(picture[round(row), column, 0] - picture[round(row), column, 2])


def test_a_matt_surface_mirrors_nothing() -> None:
    layout = scene(0.0)
    assert mirror_image(box_on(layout), layout) is None


def test_before_a_product_on_the_lower_edge_of_the_picture_there_is_no_mirror_image() -> None:
    layout = scene(0.75)
    placed = box_on(layout)
    bottom = SIDE - placed.box[3]
    low = Placed(np.roll(placed.rgb, bottom, 0), np.roll(placed.alpha, bottom, 0), placed.box, 1.0)
    assert low.alpha[-1].any()
    assert mirror_image(low, layout) is None


def test_the_product_is_seen_upside_down_below_its_foot_and_fades() -> None:
    layout = scene(0.75)
    placed = box_on(layout)
    out = reflected(GREY, placed, layout)
    left, _, right, bottom = placed.box
    middle = (left + right) // 2
    # The lowest part of the product is nearest in the mirror: red, then blue.
    assert redness(out, bottom + 8, middle) > 0.05
    assert redness(out, bottom + 34, middle) < -0.02
    change = np.abs(out - GREY).max(-1)
    assert change[bottom + 50, middle] < 0.7 * change[bottom + 4, middle]
    assert change[:bottom].max() == 0
    assert change[bottom:, : left - 12].max() < 0.01


def test_a_base_that_recedes_is_mirrored_about_itself() -> None:
    layout = scene(0.75)
    placed = box_on(layout, rise=0.2)
    out = reflected(GREY, placed, layout)
    left, _, right, bottom = placed.box
    for column in (left + 20, (left + right) // 2, right - 20):
        assert redness(out, bottom - 0.2 * (column - left) + 7, column) > 0.04


def test_it_is_seen_on_the_stand_alone() -> None:
    layout = compose(spec("podium", palette=("#c96f4a", "#2f5d50", "#e8d5c4")), SIDE, SIDE, 0.6)
    parts = tuple(replace(part, gloss=0.75) if part.role == "stand" else part for part in layout.parts)
    layout = replace(layout, parts=parts)
    podium = podium_of(layout)
    assert podium is not None
    placed = box_on(layout)
    changed = np.abs(reflected(GREY, placed, layout) - GREY).max(-1) > 0.01
    lowest = int(np.flatnonzero(changed.any(1))[-1])
    assert changed.any()
    assert lowest <= (podium.y + podium.ry) * SIDE + 3


def test_the_mirror_image_ends_at_the_rim_of_a_stand_and_not_on_its_side() -> None:
    stand = Part(Block(0.0, -0.2, 0.0, 0.4, 0.2, 0.05), 1, "stand", polish=0.6)
    layout = replace(scene(0.0), parts=(stand,))
    surface = trace(layout, SIDE, SIDE).surface
    placed = box_on(layout)
    changed = np.abs(reflected(GREY, placed, layout) - GREY).max(-1)
    column = (placed.box[0] + placed.box[2]) // 2
    rim = int(np.flatnonzero(surface[:, column] == 2)[-1])
    assert changed[rim - 1, column] > 0.02
    assert changed[rim + 1 :, column].max() < 0.004


def test_a_lacquered_stand_mirrors_the_product_though_its_light_is_a_matt_ones() -> None:
    layout = scene(0.0)
    parts = tuple(replace(part, polish=0.6) if part.role == "floor" else part for part in layout.parts)
    lacquered = replace(layout, parts=parts)
    placed = box_on(layout)
    np.testing.assert_array_equal(conditions(lacquered, 64, 64).gloss, 0)
    assert np.abs(reflected(GREY, placed, lacquered) - GREY).max() > 0.05


def test_each_of_two_things_is_mirrored_about_its_own_foot() -> None:
    layout = scene(0.75)
    placed = box_on(layout)
    left, _, right, bottom = placed.box
    wide = (right - left) // 3
    alpha = placed.alpha.copy()
    alpha[:, left + wide : right - wide] = 0
    # The right one stands farther back, with its foot higher in the picture.
    alpha[bottom - 24 : bottom, right - wide : right] = 0
    rgb = placed.rgb.copy()
    rgb[bottom - 44 : bottom - 24, right - wide : right] = [0.9, 0.1, 0.1]
    out = reflected(GREY, Placed(rgb, alpha, placed.box, 1.0), layout)
    for foot, column in ((bottom, left + wide // 2), (bottom - 24, right - wide // 2)):
        assert redness(out, foot + 8, column) > 0.05
        assert redness(out, foot + 34, column) < -0.02


def test_a_floor_mirrors_metal_polished() -> None:
    layout = scene(0.75)
    x, _, z = 0.35, 0.0, -0.35
    brass = Part(Ball(x, 0.09, z, 0.09), 0, "prop", mirror=0.72)
    layout = replace(layout, parts=(*layout.parts, brass))
    flat = replace(layout, parts=(*layout.parts[:-1], replace(brass, mirror=0.0)))
    light = first_light(layout, SIDE, SIDE)
    shining, matt = (picture(one, light, SIDE, SIDE) for one in (layout, flat))
    foot = np.array([[x], [0], [z]], np.float32)
    px, py = (float(axis[0]) * SIDE for axis in layout.project((foot[0], foot[1], foot[2])))
    below = np.abs(shining - matt)[round(py) + 6 : round(py) + 50, round(px) - 8 : round(px) + 8]
    assert below.max() > 0.01
