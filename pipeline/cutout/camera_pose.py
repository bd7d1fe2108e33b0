"""The camera's pose: from how high a photo looks down on its product, as far as the base tells it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha
from pipeline.geometry.contact import long_edges, lowest_points
from pipeline.geometry.ray import Field
from pipeline.geometry.statics import without_appendages

#: Longer side in pixels of the silhouette that is looked at.
SIDE = 512
#: An edge of the base is so long and starts so near to the foot, in product widths. A round base has only short ones.
LONG_EDGE = 0.18
ROUND_CORNER = 0.1
#: The flatter edge's slope at least; below it a photo is taken from about level with the product.
MIN_SLOPE = 0.06
#: The steepest that an edge of a base is seen, rise over run; sides are steeper.
STEEPEST = 1.3
#: Of a base that shows one edge alone, so long at least, the other is taken to be so steep in the picture. By eye, on
#: 2026-11-26, on a tin, a pillow, a bicycle, a cart and headphones that stood half in the air before. A level one is
#: taken to have MIN_SLOPE: of 141 photos and renders two have it, a car whose rear wheels were above the table, and a
#: van that hardly changes (2026-11-27).
LONE_EDGE = 0.35
UNSEEN_EDGE = 0.8
#: A plate, or what else is round and flat: so much of the silhouette and of the ellipse with its moments is common to
#: both (intersection over union), and its height over its width is between these. Flatter is seen from about level;
#: rounder may be a ball. Of 435 masks, 2026-11-26, one is such, a plate (.998, .75); the next between the two is a tin
#: with .93.
IS_ELLIPSE = 0.97
FLAT_ROUND = (0.35, 0.85)
#: How far a straight edge may bend: a share of its length, and pixels. A ball's side bends more, a can's rim less.
BEND, GRAIN = 0.025, 0.4


@dataclass(frozen=True)
class CameraPose:
    """The camera's pose: how the photo sees the ground that the product stands on; all 0 where it doesn't tell."""

    #: Product widths in the picture from the foot up to the hidden far corner of its base.
    base_rise: float = 0.0
    #: The camera's height above the foot over its distance.
    pitch_slope: float = 0.0
    #: Both edges of the base are seen, which is plain; by one alone, `pitch_slope` is a guess.
    over_corner: bool = False


UNKNOWN_POSE = CameraPose()


def camera_pose(alpha: Alpha) -> CameraPose:
    """Estimate the pose from a cut-out's H×W alpha; UNKNOWN_POSE where it doesn't tell.

    Of a plate its ellipse tells, else the edges of a base that recede from the foot. They are those of the silhouette's
    lower hull, so that feet and bumpers count as the corners that they are. Edges of a rectangular base are square to
    each other, so the product of their slopes in the picture is the square of the camera's (weak perspective). The far
    corner, which the product hides, is as high as both ends together. Where one edge is long and the other too short to
    be measured, or level (a front seen from near by), the other's slope is a guess: from the height that this gives,
    the long edge rests on the surface, and does not rise into the air as it would seen from lower.
    """
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    grid = max(2, round(width * scale)), max(2, round(height * scale))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    box = tight_box(small > 0.5)
    if box is None:
        return UNKNOWN_POSE
    wide = box[2] - box[0]
    tilt = _tilt_of_disc(small > 0.5)
    if tilt is not None:
        return CameraPose(tilt, tilt / float(np.sqrt(1 - tilt * tilt)))
    lowest, columns = lowest_points(small * without_appendages(small > 0.5))
    foot = np.flatnonzero(columns & (lowest >= lowest[columns].max() - 0.5))
    rises, slopes, lengths = [], [], []
    for reach in (np.arange(foot[-1], box[2]), np.arange(foot[0], box[0] - 1, -1)):
        rise = np.where(columns[reach], lowest[foot[0]] - lowest[reach], np.inf).astype(np.float32)
        near, far = _straight(rise, wide)
        rises.append(float(rise[far]) / wide)
        slopes.append(float(rise[far] - rise[near]) / max(1, far - near))
        lengths.append((far - near) / wide)
    seen = [slope for slope, length in zip(slopes, lengths, strict=True) if length >= LONG_EDGE]
    over_corner = len(seen) == 2 and min(seen) >= MIN_SLOPE
    if over_corner:
        return CameraPose(sum(rises), float(np.sqrt(seen[0] * seen[1])), over_corner)
    longest = int(np.argmax(lengths))
    if lengths[longest] < LONE_EDGE or slopes[longest] < MIN_SLOPE:
        return UNKNOWN_POSE
    other = UNSEEN_EDGE if len(seen) == 1 else MIN_SLOPE
    return CameraPose(sum(rises), float(np.sqrt(slopes[longest] * other)), over_corner)


def _tilt_of_disc(solid: NDArray[np.bool_]) -> float | None:
    """Return height over width of an h×w silhouette that is an ellipse, as a disc is seen from above; else None.

    A disc's is the sine of the camera's pitch.
    """
    y, x = np.nonzero(solid)
    spread = 2 * np.sqrt(np.array([x.var(), y.var()]) + 1 / 12)
    tilt = float(spread[1] / spread[0])
    if not FLAT_ROUND[0] <= tilt <= FLAT_ROUND[1]:
        return None
    rows, columns = np.indices(solid.shape)
    ellipse = ((columns - x.mean()) / spread[0]) ** 2 + ((rows - y.mean()) / spread[1]) ** 2 <= 1
    return tilt if (ellipse & solid).sum() >= IS_ELLIPSE * (ellipse | solid).sum() else None


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
