"""Edge-aware upsampling: what was computed on a small grid brought to any size, each surface from its own values only.

Light is smooth within a surface and jumps between surfaces, and the geometry knows where; so it is interpolated among
places of one surface only, and edges stay as sharp as the drawing's (as in joint bilateral upsampling: Kopf, Cohen,
Lischinski and Uyttendaele, SIGGRAPH 2007).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from pipeline.geometry.ray import Field


def upsample_within_surfaces(values: Field, low: NDArray[np.uint16], high: NDArray[np.uint16]) -> Field:
    """Upsample h×w×C `values` on the surfaces `low` (h×w) to the surfaces `high` (H×W): H×W×C, edge-aware.

    Bilinear among values of the same surface; where the four neighbours have none, the nearest of that surface.
    """
    height, width = high.shape
    h, w = low.shape
    plain = np.stack(
        [
            np.asarray(
                Image.fromarray(np.ascontiguousarray(values[..., c])).resize((width, height), Image.Resampling.BILINEAR)
            )
            for c in range(values.shape[2])
        ],
        -1,
    )
    y = (np.arange(height, dtype=np.float32) + 0.5) * (h / height) - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * (w / width) - 0.5
    y0, x0 = np.clip(np.floor(y).astype(int), 0, h - 1), np.clip(np.floor(x).astype(int), 0, w - 1)
    y1, x1 = np.minimum(y0 + 1, h - 1), np.minimum(x0 + 1, w - 1)
    # Where all four neighbours are of the pixel's own surface plain interpolation was right.
    same = (low[y0[:, None], x0] == high) & (low[y0[:, None], x1] == high)
    same &= (low[y1[:, None], x0] == high) & (low[y1[:, None], x1] == high)
    rows, columns = np.nonzero(~same)
    if rows.size == 0:
        return plain
    wanted = high[rows, columns]
    fy = np.clip(y[rows] - y0[rows], 0, 1)
    fx = np.clip(x[columns] - x0[columns], 0, 1)
    total, weight = np.zeros((rows.size, values.shape[2]), np.float32), np.zeros(rows.size, np.float32)
    for r, wy in ((y0[rows], 1 - fy), (y1[rows], fy)):
        for c, wx in ((x0[columns], 1 - fx), (x1[columns], fx)):
            share = np.where(low[r, c] == wanted, wy * wx + np.float32(1e-3), 0).astype(np.float32)
            total += share[:, None] * values[r, c]
            weight += share
    lost = weight == 0
    filled = total / np.maximum(weight, 1e-9)[:, None]
    for surface in np.unique(wanted[lost]):
        mask = low == surface
        which = np.flatnonzero(lost & (wanted == surface))
        if not mask.any():
            # Too thin for the small grid: the light of what is there.
            filled[which] = plain[rows[which], columns[which]]
            continue
        nearest = distance_transform_edt(~mask, return_distances=False, return_indices=True)
        r, c = y0[rows[which]], x0[columns[which]]
        filled[which] = values[nearest[0][r, c], nearest[1][r, c]]
    plain[rows, columns] = filled
    return plain
