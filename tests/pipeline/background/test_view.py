"""A picture's horizon, its view from above, and the side of its light."""

import numpy as np
import pytest

from pipeline.background.paint import Unchanged, paint_background
from pipeline.background.view import features, view_of
from pipeline.core.types import Rgb8
from pipeline.cutout.stance import CameraPose
from pipeline.scene.composition import compose
from testkit.still_life import preset, spec


def room(horizon: float, side: int = 240) -> Rgb8:
    """A tiled floor up to a wall, seen by a level camera: its joints meet in a point of the horizon."""
    rows, columns = np.mgrid[0:side, 0:side] + 0.5
    depth = 0.5 / np.maximum(rows / side - horizon, 1e-3)
    across, along = (columns / side - 0.45) * depth, depth
    tiles = 0.5 + 0.14 * np.sign(np.sin(9 * across) * np.sin(9 * along))
    wall = rows / side < horizon + 0.12
    grey = np.where(wall, 0.78, tiles)
    return (np.repeat(grey[..., None], 3, axis=2) * 255).astype(np.uint8)


def test_a_higher_horizon_is_found_higher() -> None:
    low, high = view_of(room(0.5)), view_of(room(0.1))

    assert high.horizon < low.horizon - 0.1
    assert 0 <= low.horizon_confidence <= 1


@pytest.mark.parametrize("seed", [1, 2])
def test_the_side_of_a_renders_light_is_found_and_its_mirror_image_is_lit_from_the_other_side(seed: int) -> None:
    asked = spec("sweep", place=preset((192, 192)), seed=seed)
    pose = CameraPose(base_rise=0.1, pitch_slope=0.2)
    layout = compose(asked, 192, 192, light_side=-1.0, pose=pose)
    picture = paint_background(asked, layout, 192, 192, Unchanged(), lambda done: None)
    codes = (picture * 255 + 0.5).astype(np.uint8)

    found, mirrored = view_of(codes), view_of(np.ascontiguousarray(codes[:, ::-1]))

    assert found.side < 0 < mirrored.side
    assert found.side == pytest.approx(-mirrored.side, abs=0.02)
    assert found.side_confidence == pytest.approx(mirrored.side_confidence, abs=0.02)


@pytest.mark.parametrize("size", [(64, 64), (80, 1200), (1200, 70)])
def test_a_picture_of_one_colour_of_any_shape_has_a_view_without_confidence(size: tuple[int, int]) -> None:
    found = view_of(np.full((*size, 3), 128, np.uint8))

    assert -0.4 <= found.horizon <= 0.9
    assert found.side_confidence < 0.05
    assert abs(found.side) < 0.1
    assert all(np.isfinite(one).all() for one in features(np.full((*size, 3), 128, np.uint8)))
