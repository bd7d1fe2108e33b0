"""The camera's pose: how steeply a photo looks down on its product, as far as the base shows it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha
from pipeline.geometry.contact import long_edges, lowest_points
from pipeline.geometry.ray import Field

#: Longer side in pixels of the examined silhouette.
SIDE = 512
#: Minimum length of a base's edge, and its largest distance from the foot, in product widths. A round base has only
#: shorter edges.
LONG_EDGE = 0.18
ROUND_CORNER = 0.1
#: Minimum slope of the flatter edge; below it the camera was about level with the product.
MIN_SLOPE = 0.06
#: Steepest visible edge of a base, rise over run; sides are steeper.
STEEPEST = 1.3
#: Steepest angle, in degrees, at which a scene shows its surface: above it there is no horizon.
STEEPEST_PITCH = 45.0
#: How far a straight edge may bend, as a share of its length and in pixels. A ball's side bends more, a can's rim less.
BEND, GRAIN = 0.025, 0.4


@dataclass(frozen=True)
class CameraPose:
    """The camera's pose towards the ground under the product; all 0 where the photo does not show it."""

    #: Rise in the picture from the foot up to the hidden far corner of its base, in product widths.
    base_rise: float = 0.0
    #: The camera's height above the foot divided by its distance.
    pitch_slope: float = 0.0


UNKNOWN_POSE = CameraPose()


def camera_pose(alpha: Alpha, elevation: float | None = None) -> CameraPose:
    """Return the pose from a cut-out's H×W alpha and the camera's `elevation`, degrees; UNKNOWN_POSE without evidence.

    Both edges of the base show the pose where they recede from the foot. They are edges of the silhouette's lower hull,
    so feet and bumpers count as its corners. Edges of a rectangular base are square to each other. So the product of
    their slopes in the picture is the square of the camera's slope (weak perspective). The hidden far corner is as high
    as both ends together.

    With an elevation, a base without such edges is assumed to be as deep as it is wide. In the picture it spans the
    sine of the elevation times its width. All columns that end in the lower half of that span are on it. The higher of
    the two values wins, because with too low a camera the base hovers. On 319 renders whose edges both recede, the
    median error of a network's elevation was 5.6 degrees, and of these edges 6.2.
    """
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    box = tight_box(small > 0.5)
    if box is None:
        return UNKNOWN_POSE
    wide = box[2] - box[0]
    lowest, columns = lowest_points(small)
    foot = np.flatnonzero(columns & (lowest >= lowest[columns].max() - 0.5))
    seen = UNKNOWN_POSE
    if elevation is not None:
        angle = np.deg2rad(min(max(0.0, elevation), STEEPEST_PITCH))
        based = columns & (lowest[foot[0]] - lowest <= np.sin(angle) * wide / 2)
        seen = CameraPose(float(np.sin(angle) * np.count_nonzero(based) / wide), float(np.tan(angle)))
    rises, slopes, lengths = [], [], []
    for reach in (np.arange(foot[-1], box[2]), np.arange(foot[0], box[0] - 1, -1)):
        rise = np.where(columns[reach], lowest[foot[0]] - lowest[reach], np.inf).astype(np.float32)
        near, far = _straight(rise, wide)
        rises.append(float(rise[far]) / wide)
        slopes.append(float(rise[far] - rise[near]) / max(1, far - near))
        lengths.append((far - near) / wide)
    if min(lengths) < LONG_EDGE or min(slopes) < MIN_SLOPE:
        return seen
    steep = max(seen.pitch_slope, min(float(np.sqrt(slopes[0] * slopes[1])), float(np.tan(np.deg2rad(STEEPEST_PITCH)))))
    return CameraPose(max(seen.base_rise, sum(rises)), steep)


def _straight(rise: Field, wide: int) -> tuple[int, int]:
    """Return the ends of the longest straight run of the lower hull of `rise` that starts near its beginning."""
    edges = long_edges(rise, 1, STEEPEST)
    best = 0, 0
    for first, (near, _) in enumerate(edges):
        if near > ROUND_CORNER * wide:
            break
        for _, far in edges[first:]:
            joints = np.array([edge[1] for edge in edges if near < edge[1] < far], np.intp)
            line = rise[near] + (rise[far] - rise[near]) * (joints - near) / (far - near)
            straight = joints.size == 0 or float(np.abs(rise[joints] - line).max()) <= BEND * (far - near) + GRAIN
            if straight and far - near > best[1] - best[0]:
                best = near, far
    return best
