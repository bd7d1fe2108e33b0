"""The dark line at the foot of standing things."""

import numpy as np

from pipeline.geometry.solids import Block, Drum, Solid
from pipeline.light.contacts import ROUND, Feet
from pipeline.scene.composition import compose
from pipeline.scene.layout import Part
from pipeline.scene.trace import trace
from testkit.still_life import spec
from tests.pipeline.light.test_first_light import bare

SIZE = 1024


def shares(solid: Solid, glow: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The remaining share of light, the heights above the floor, and the place of the solid."""
    layout = bare(Part(solid, 2, "prop", glow=glow))
    geometry, light = trace(layout, SIZE, SIZE), np.ones((SIZE, SIZE, 3), np.float32)
    feet = Feet.of(layout, SIZE, SIZE)
    if feet is not None:
        for top in range(0, SIZE, 256):
            feet.over(light[top : top + 256], geometry, top)
    return light[..., 0], geometry.point[1], geometry.part == 1


def test_the_foot_is_dark_below_and_nothing_else_is() -> None:
    for solid in (Drum(0, 0, -0.3, 0.25, 0.15), Block(0, 0, -0.3, 0.2, 0.15, 0.15, 0.2)):
        share, up, thing = shares(solid)
        assert (share[~thing | (up > ROUND)] == 1).all()
        below = thing & (up < 0.1 * ROUND)
        assert below.any()
        assert share[below].max() < 0.5
        steps = [share[thing & (up > a * ROUND) & (up < (a + 0.2) * ROUND)].mean() for a in (0.0, 0.2, 0.4, 0.6, 0.8)]
        assert (np.diff(steps) > 0).all()


def test_a_low_thing_has_a_smaller_rounding() -> None:
    share, up, _ = shares(Drum(0, 0, -0.3, 0.25, 0.02))
    assert (share[up > 0.0013] == 1).all()
    assert share.min() < 0.7


def test_glowing_and_lying_things_have_no_dark_line() -> None:
    assert (shares(Drum(0, 0, -0.3, 0.25, 0.15), glow=4.0)[0] == 1).all()
    assert Feet.of(compose(spec("flatlay"), 96, 96, 1.0), 96, 96) is None
