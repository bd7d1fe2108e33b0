"""The camera's elevation over a product, and a scene whose camera and furniture match it."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.order import Dressing
from pipeline.core.spec import SceneKind
from pipeline.cutout.stance import UNKNOWN_POSE, CameraPose, camera_pose
from pipeline.geometry.solids import Drum
from pipeline.scene.composition import compose
from pipeline.scene.trace import trace
from testkit.still_life import spec
from tests.pipeline.silhouettes import drawn, rectangle

SIDE = 400


def test_without_an_elevation_or_a_product_no_pose_is_known() -> None:
    chair = drawn(rectangle(100, 100, 300, 200))
    assert camera_pose(chair, None) == camera_pose(np.zeros((60, 80), np.float32), 20.0) == UNKNOWN_POSE


def chair(rise: float) -> np.ndarray:
    """A seat of 200 pixels on two legs, the right one ending `rise` pixels higher."""
    return drawn(rectangle(100, 100, 300, 200), rectangle(100, 200, 115, 300), rectangle(285, 200, 300, 300 - rise))


def test_a_far_leg_stands_and_raises_a_camera_that_is_too_low_for_it() -> None:
    found = camera_pose(chair(40), 8.0)
    assert [up for _, up in found.feet] == pytest.approx([0, 0.2], abs=0.01)
    assert found.base_rise == pytest.approx(0.2, abs=0.01), "the surface reaches it"
    assert found.pitch_slope == pytest.approx(np.tan(np.arcsin(0.2)), rel=0.05)


def test_a_part_too_high_for_a_leg_hangs_over() -> None:
    assert len(camera_pose(chair(80), 8.0).feet) == 1
    assert camera_pose(chair(80), 8.0).pitch_slope == pytest.approx(np.tan(np.deg2rad(8)))


@pytest.mark.parametrize("pitch", [25, 40])
def test_where_no_corner_shows_it_the_elevation_gives_the_cameras_pitch_and_the_bases_depth(
    pitch: float,
) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    tilt = np.sin(np.deg2rad(pitch))
    plate = (np.hypot(x, y / tilt) < 0.4).astype(np.float32)
    found = camera_pose(plate, pitch)
    assert found.pitch_slope == pytest.approx(np.tan(np.deg2rad(pitch)))
    assert found.base_rise == pytest.approx(tilt, rel=0.03)
    glass = np.zeros((SIDE, SIDE), np.float32)
    glass[40:200, 100:300] = glass[200:350, 195:205] = glass[340:350, 150:250] = 1
    assert camera_pose(glass, pitch).base_rise == pytest.approx(tilt / 2, rel=0.03), "its foot is half as wide"
    ball = (np.hypot(x, y) < 0.3).astype(np.float32)
    assert not camera_pose(ball, -3.0).pitch_slope
    assert camera_pose(plate, 80.0).pitch_slope == pytest.approx(1), "no horizon is seen from higher"


def test_a_round_stand_contains_the_corners_of_a_deep_base() -> None:
    layouts = [compose(spec("podium", seed=seed), SIDE, SIDE, 1.1, pose=CameraPose(0.7, 0.7)) for seed in range(4)]
    stands = [(layout, part.solid) for layout in layouts for part in layout.parts if isinstance(part.solid, Drum)]
    assert stands
    for layout, stand in stands:
        assert stand.radius >= max(-stand.z, stand.z + layout.base)


@pytest.mark.parametrize("kind", ["tabletop", "bokeh", "podium", "niche", "curtain", "sweep", "window", "room", "neon"])
def test_the_surface_under_a_product_reaches_behind_its_base(kind: SceneKind) -> None:
    pose = CameraPose(base_rise=0.45, pitch_slope=0.5)
    layout = compose(replace(spec(kind), dressing=Dressing(props="none")), SIDE, SIDE, 1.1, pose=pose)
    left, _, right, bottom = layout.product
    geometry = trace(layout, SIDE, SIDE)
    for share, up in ((0.5, 0.9), (0.12, 0.42), (0.88, 0.42)):
        column = int((left + share * (right - left)) * SIDE)
        row = int((bottom - up * pose.base_rise * (right - left)) * SIDE)
        assert layout.parts[geometry.part[row, column]].role in ("floor", "stand", "wall"), share
        # On one level with the foot, and no upright wall.
        assert geometry.point[1][row, column] < 0.08, share


def test_without_a_pose_a_seed_is_composed_as_before() -> None:
    one, other = (
        compose(spec("tabletop"), SIDE, SIDE, 0.6, pose=pose) for pose in (UNKNOWN_POSE, CameraPose(0.4, 0.5))
    )
    again = compose(spec("tabletop"), SIDE, SIDE, 0.6)
    assert (one.parts, one.horizon_y, one.base) == (again.parts, again.horizon_y, 0.0)
    assert other.horizon_y < one.horizon_y - 0.2
    assert other.product == one.product


@pytest.mark.parametrize("kind", ["bokeh", "sand"])
def test_before_far_lights_and_on_dunes_the_horizon_limits_the_cameras_height(kind: SceneKind) -> None:
    low, high = (compose(spec(kind), SIDE, SIDE, 1.1, pose=CameraPose(0.45, slope)) for slope in (0.2, 0.6))
    bottom = low.product[3]
    assert high.edge < low.edge - 0.1, "more of the surface is visible"
    assert low.horizon_y > high.horizon_y
    assert high.edge > 0.03, "things behind it are visible"
    assert bottom - high.horizon_y == pytest.approx(bottom if kind == "sand" else 1.2)
