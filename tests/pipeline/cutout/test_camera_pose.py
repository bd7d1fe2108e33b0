"""The camera's elevation over a product, and a scene whose camera and furniture match it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull

from pipeline.core.spec import SceneKind
from pipeline.cutout.camera_pose import UNKNOWN_POSE, CameraPose, camera_pose
from pipeline.geometry.solids import Drum
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL
from pipeline.scene.trace import trace
from tests.support.still_life import spec

SIDE = 400


def box_seen(height: float, turn: float, size: tuple[float, float, float] = (0.3, 0.3, 0.25)) -> np.ndarray:
    """The silhouette of a box turned by `turn` degrees, from that height and FOCAL away: width, height, depth."""
    wide, tall, deep = size
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    corners = np.meshgrid([-wide / 2, wide / 2], [0, tall], [-deep / 2, deep / 2])
    across, y, along = (axis.ravel() for axis in corners)
    x, z = c * across + s * along, c * along - s * across
    scale = FOCAL / (FOCAL - z + z.max())
    points = np.stack([SIDE * (0.5 + x * scale), SIDE * (0.8 - height + (height - y) * scale)], 1)
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).polygon([(float(u), float(v)) for u, v in points[ConvexHull(points).vertices]], fill=255)
    return np.asarray(picture, np.float32) / 255


@pytest.mark.parametrize("height", [0.35, 0.6, 1.0])
@pytest.mark.parametrize("turn", [25, 45, -35])
def test_a_box_over_its_corner_shows_the_cameras_height(height: float, turn: float) -> None:
    found = camera_pose(box_seen(height, turn))
    assert found.pitch_slope * FOCAL == pytest.approx(height, rel=0.2)


def test_a_box_from_its_front_and_an_empty_picture_show_no_pose() -> None:
    assert camera_pose(box_seen(0.6, 0)) == UNKNOWN_POSE
    assert camera_pose(np.zeros((60, 80), np.float32)) == UNKNOWN_POSE


def test_a_ball_shows_no_pose() -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    assert camera_pose((np.hypot(x, y) < 0.3).astype(np.float32)) == UNKNOWN_POSE


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
    assert camera_pose(ball, -3.0) == UNKNOWN_POSE
    assert camera_pose(plate, 80.0).pitch_slope == pytest.approx(1), "no horizon is seen from higher"


def test_a_round_stand_contains_the_corners_of_a_deep_base() -> None:
    for seed in range(8):
        layout = compose(spec("podium", seed=seed), SIDE, SIDE, 1.1, pose=CameraPose(0.7, 0.7))
        stand = next(part.solid for part in layout.parts if part.role == "stand")
        if isinstance(stand, Drum):
            assert stand.radius >= max(-stand.z, stand.z + layout.base)


@pytest.mark.parametrize("kind", ["tabletop", "bokeh", "podium", "niche", "curtain", "sweep", "window", "neon"])
def test_the_surface_under_a_product_reaches_behind_its_base(kind: SceneKind) -> None:
    pose = CameraPose(base_rise=0.45, pitch_slope=0.5)
    for seed in range(3):
        layout = compose(spec(kind, seed=seed), SIDE, SIDE, 1.1, pose=pose)
        left, _, right, bottom = layout.product
        geometry = trace(layout, SIDE, SIDE)
        for share, up in ((0.5, 0.9), (0.12, 0.42), (0.88, 0.42)):
            column = int((left + share * (right - left)) * SIDE)
            row = int((bottom - up * pose.base_rise * (right - left)) * SIDE)
            floor_or_stand = layout.parts[geometry.part[row, column]].role in ("floor", "stand", "wall")
            assert floor_or_stand, (seed, share)
            # On one level with the foot, and no upright wall.
            assert geometry.point[1][row, column] < 0.08, (seed, share)


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
    assert high.edge < low.edge - 0.1, "more of the surface is seen"
    assert low.horizon_y > high.horizon_y
    assert high.edge > 0.03, "what is behind it is seen"
    assert bottom - high.horizon_y == pytest.approx(bottom if kind == "sand" else 1.2)


def test_of_edges_and_elevation_the_higher_counts() -> None:
    box = box_seen(0.6, 45)
    by_edges = camera_pose(box)
    low, high = camera_pose(box, 5.0), camera_pose(box, 44.0)
    assert (low.base_rise, low.pitch_slope) == (by_edges.base_rise, by_edges.pitch_slope)
    assert high.pitch_slope > by_edges.pitch_slope
