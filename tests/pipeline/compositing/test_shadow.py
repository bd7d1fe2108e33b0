from dataclasses import replace

import numpy as np
import pytest

from pipeline.compositing.place import lay
from pipeline.compositing.shadow import cast_shadow, contact_shadow
from pipeline.core.resample import tight_box
from pipeline.cutout.stance import CameraPose, place_cutout
from pipeline.geometry.walls import Wall
from pipeline.scene.composition import compose
from pipeline.scene.layout import Part
from pipeline.scene.trace import trace
from testkit.still_life import shadow_of, spec
from tests.pipeline.compositing.test_place import jar


@pytest.fixture(name="placed")
def _placed() -> np.ndarray:
    cutout, asked = jar(), spec()
    return lay(cutout, place_cutout(cutout, asked, 400, 400).position, 400, 400).alpha


def test_it_is_darkest_at_the_products_foot(placed: np.ndarray) -> None:
    shadow = shadow_of(placed, compose(spec("sweep"), 400, 400, 0.53))
    foot = int(np.flatnonzero((placed > 0.5).any(1))[-1])
    seen = shadow * (placed == 0)
    assert seen.max() > 0.3
    assert abs(int(np.unravel_index(seen.argmax(), seen.shape)[0]) - foot) < 20
    assert shadow[:40].max() < 0.15


def test_it_falls_away_from_the_light(placed: np.ndarray) -> None:
    layout = compose(spec("sweep", softness=0.2), 400, 400, 0.53)
    from_right = layout.light_side > 0
    shadow = shadow_of(placed, layout) * (placed == 0)
    foot = int(np.flatnonzero((placed > 0.5).any(1))[-1])
    floor = shadow[foot - 50 : foot - 5]
    left, right = floor[:, :200].sum(), floor[:, 200:].sum()
    assert (left > 2 * right) if from_right else (right > 2 * left)


def test_a_foot_that_the_frame_crops_casts_no_shadow_on_the_floor(placed: np.ndarray) -> None:
    layout = compose(spec("tabletop"), 400, 400, 0.53)
    below = int(layout.edge * 400) + 4
    assert shadow_of(placed, layout, cut_below=True)[below:].max() == 0
    assert shadow_of(placed, layout)[below:].max() > 0.3


def test_on_white_the_border_stays_pure(placed: np.ndarray) -> None:
    shadow = contact_shadow(placed)
    assert shadow.max() > 0.05
    border = np.ones_like(shadow, bool)
    border[8:-8, 8:-8] = False
    assert shadow[border].max() == 0


def test_a_lying_product_touches_its_surface_all_along_its_lower_contour() -> None:
    rows, columns = np.indices((400, 400))
    plate = (((columns - 200) / 100) ** 2 + ((rows - 250) / 60) ** 2 < 1).astype(np.float32)
    layout = compose(spec("tabletop"), 400, 400, 100 / 60)

    def under(column: int, *, lies: bool) -> float:
        """Return the darkness right under the plate, by occlusion alone."""
        shadow = cast_shadow(plate, layout, lies=lies)
        assert shadow is not None
        return float(shadow.contact(400, 400)[int(np.flatnonzero(plate[:, column])[-1]) + 2, column])

    assert under(200, lies=False) > 4 * under(286, lies=False), "a standing product rests on its foot"
    assert under(286, lies=True) > 0.6 * under(200, lies=True)


def seen_over_its_corner(bend: float) -> np.ndarray:
    """A block whose corner is the foot at column 200: its base rises to both sides, straight or, with `bend`, bowed."""
    across = np.abs(np.arange(400) - 200) / 100
    rise = np.where(across <= 1, 60 * (across + bend * across * (across - 1)), np.inf)
    rows = np.arange(400)[:, None]
    return ((rows < 340 - rise[None]) & (rows > 120) & (across <= 1)[None]).astype(np.float32)


def test_a_base_that_recedes_in_a_straight_line_touches_the_surface_all_along() -> None:
    layout = compose(spec("sweep", softness=1.0), 400, 400, 0.9)
    under = {}
    for name, bend in {"block": 0.0, "bowl": 0.9}.items():
        alpha = seen_over_its_corner(bend)
        shadow = shadow_of(alpha, layout)
        # Three quarters of the way up the base edges, just outside them, on both sides.
        edges = [int(np.flatnonzero(alpha[:, column])[-1]) for column in (125, 275)]
        under[name] = min(float(shadow[edge + 3, column]) for edge, column in zip(edges, (125, 275), strict=True))

    assert under["block"] > 0.25
    assert under["block"] > 1.8 * under["bowl"]


def test_a_hovering_part_darkens_the_surface_below_it_and_hardly_its_own_contour() -> None:
    alpha = seen_over_its_corner(0.9)
    cast = cast_shadow(alpha, compose(spec("sweep"), 400, 400, 0.9))
    assert cast is not None
    for column in (150, 250):
        edge = int(np.flatnonzero(alpha[:, column])[-1])
        at_foot = cast.occlusion[336:346, 200].max()
        assert cast.occlusion[edge - 4 : edge + 6, column].max() < 0.7 * at_foot
        assert cast.occlusion[338, column] > 0.04


def test_each_of_two_touching_things_is_dark_where_it_stands() -> None:
    rows, columns = np.mgrid[:400, :400]
    front, rear = (
        (abs(columns - middle) <= 50) & (rows > low - 120) & (rows <= low) for middle, low in ((150, 340), (250, 320))
    )
    notch = (abs(columns - 200) < 12) & (rows > 270)
    alpha = ((front | rear) & ~notch).astype(np.float32)
    cast = cast_shadow(alpha, compose(spec("sweep"), 400, 400, 0.9, pose=CameraPose(0.2, 0.3)))
    assert cast is not None
    scale = len(cast.occlusion) / 400
    at_front, at_rear = (
        cast.occlusion[round(scale * low), round(scale * middle)] for middle, low in ((150, 341), (250, 321))
    )
    assert at_rear > 0.8 * at_front
    assert cast.occlusion[round(scale * 345), round(scale * 250)] < 0.3 * at_front, "no shadow floats below it"


def test_a_chest_on_two_feet_is_dark_in_the_gap_under_it() -> None:
    rows, columns = np.mgrid[:400, :400]
    # Its base rises to the right between a foot at the front and one at the back.
    base = 340 - 0.4 * (columns - 110)
    feet = (columns < 150) | (columns > 250)
    alpha = ((columns >= 110) & (columns < 290) & (rows > 120) & (rows < np.where(feet, base, base - 12))).astype(
        np.float32
    )
    layout = compose(spec("sweep", softness=1.0), 400, 400, 0.8)
    shadow = shadow_of(alpha, layout)
    floor = 340 - 0.4 * (200 - 110)
    assert shadow[round(floor) - 5, 200] > 0.4
    assert shadow[round(floor) + 40, 200] < 0.6 * shadow[round(floor) - 5, 200]


def test_a_hanging_product_is_dark_along_its_contour_and_its_shadow_falls_on_the_wall_right_behind_it(
    placed: np.ndarray,
) -> None:
    box = tight_box(placed > 0.5) or (0, 0, 0, 0)
    left, _, right, bottom = box
    for kind in ("podium", "curtain", "tabletop"):
        layout = compose(spec(kind, softness=0.5), 400, 400, stands=False, hangs=True, box=box)
        cast = cast_shadow(placed, layout, hangs=True)
        assert cast is not None
        shadow, middle = cast.at(400, 400), (left + right) // 2
        assert shadow[bottom + 1, middle] > 0.3, kind
        assert shadow[bottom + 30 :].max() < 0.35, kind
        assert shadow[40:, :40].max() < 0.2, kind
        floor = trace(layout, 400, 400).part == [part.role for part in layout.parts].index("floor")
        assert not floor[: bottom + 8].any(), "it hangs over the floor"


def test_a_lying_product_is_dark_all_round(placed: np.ndarray) -> None:
    layout = replace(compose(spec("flatlay", softness=1.0), 400, 400, 0.53), parts=(Part(Wall(0.0), 0, "floor"),))
    assert layout.top_down
    shadow = shadow_of(placed, layout)
    left, top, right, bottom = tight_box(placed > 0.5) or (0, 0, 0, 0)
    middle = (left + right) // 2, (top + bottom) // 2
    sides = (
        shadow[middle[1], left - 2],
        shadow[middle[1], right + 1],
        shadow[top - 2, middle[0]],
        shadow[bottom + 1, middle[0]],
    )
    assert min(sides) > 0.12
    assert shadow[5:20, 5:20].max() < 0.1
