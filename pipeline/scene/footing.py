"""The footing of a product: which of its feet stand on the surface that the scene shows, and which hover."""

import numpy as np

from pipeline.cutout.stance import CameraPose
from pipeline.geometry.casting import follow
from pipeline.geometry.heightfields import Dunes
from pipeline.geometry.ray import Field
from pipeline.kernels.tracing.rays import FACES
from pipeline.scene.layout import FOCAL, Layout

#: Canvas heights above or below the product's level that still count as its surface. A sweep's curve starts there.
LEVEL = 0.02
#: A foot's place in the picture: x and y in canvas heights.
Spot = tuple[float, float]


def spots(pose: CameraPose, box: tuple[float, float, float, float]) -> tuple[Spot, ...]:
    """Return where the feet of a pose are in the picture, for a product's box: left, top, right, bottom; same unit."""
    left, _, right, bottom = box
    return tuple((left + x * (right - left), bottom - rise * (right - left)) for x, rise in pose.feet)


def hovering(layout: Layout, feet: tuple[Spot, ...], alpha: Field | None = None) -> int:
    """Return how many feet the scene shows before a wall or a thing, or beyond the edge of a stand or a table.

    Those are the feet at which the camera sees no point on the level of the lowest foot. Sand has no level. If empty
    rows divide the placed H×W `alpha`, the part above them counts as well: its foot is cut off, or far behind.
    """
    if layout.top_down or not feet:
        return 0
    x, y = np.array(feet, np.float32).T
    (columns, column), (rows, row) = np.unique(x, return_inverse=True), np.unique(y, return_inverse=True)
    across, down = (columns - layout.aspect / 2) / FOCAL, (layout.horizon_y - rows) / FOCAL
    solids = [part.solid for part in layout.parts]
    surface, depth = follow(solids, layout.camera, across.astype(np.float32), down.astype(np.float32))
    height = (layout.camera[1] + down[:, None] * np.minimum(depth, 1e3))[row, column]
    sand = np.array([isinstance(solid, Dunes) for solid in solids])[surface[row, column] // FACES]
    gaps = 0 if alpha is None else np.count_nonzero(np.diff(np.flatnonzero((alpha > 0.5).any(axis=1))) > 1)
    return int(np.count_nonzero((np.abs(height) > LEVEL) & ~sand) + gaps)
