"""Bundles of rays held against the boxes around solids: what a bundle stays away from, no ray of it is followed to.

The rays of a bundle start along a straight line, nearly, and run in one direction or to one place. So they lie in a
flat four-sided hull, its corners the starts and the ends of the first and the last, and what is apart from that along
some axis is met by none of them (the separating axis test: Gottschalk, Lin and Manocha, SIGGRAPH 1996). Only ever too
few solids are left out, so that the rays meet what they would meet without.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined
from pipeline.kernels.tracing.rays import F, Field
from pipeline.kernels.tracing.solids import FLOOR, WALL

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
#: Solids are so much larger than their boxes, canvas heights: more than an intersection errs.
_MARGIN = np.float32(0.01)
#: Rays without end are followed so far, canvas heights: no solid with a box is farther from another.
_FAR = np.float32(64)


@inlined
def lay_starts(n: int, ray: Field, hull: Field) -> F:
    """Write the first two corners of a hull, 4×3, of the first n rays, 6×m; return how far their starts are from it."""
    last = n - 1
    for axis in range(3):
        hull[0, axis], hull[1, axis] = ray[axis, 0], ray[axis, last]
    x, y, z = hull[0, 0], hull[0, 1], hull[0, 2]
    ex, ey, ez = hull[1, 0] - x, hull[1, 1] - y, hull[1, 2] - z
    length = ex * ex + ey * ey + ez * ez
    by = _ONE / length if length > _ZERO else _ZERO
    widest = _ZERO
    for j in range(n):
        wx, wy, wz = ray[0, j] - x, ray[1, j] - y, ray[2, j] - z
        along = min(max((wx * ex + wy * ey + wz * ez) * by, _ZERO), _ONE)
        wx, wy, wz = wx - along * ex, wy - along * ey, wz - along * ez
        widest = max(widest, wx * wx + wy * wy + wz * wz)
    return np.float32(np.sqrt(widest) + _MARGIN)


@inlined
def lay_ends(n: int, ray: Field, endless: bool, hull: Field) -> None:
    """Write a hull's other two corners: the ends of the ways of the first and the last of n rays, or `endless` ones."""
    length = _FAR if endless else _ONE
    for axis in range(3):
        hull[2, axis] = ray[axis, 0] + length * ray[3 + axis, 0]
        hull[3, axis] = ray[axis, n - 1] + length * ray[3 + axis, n - 1]


@inlined
def _apart(hull: Field, pad: F, box: Field, x: F, y: F, z: F) -> np.bool:
    """Return whether a hull, `pad` wider all round, and a box are apart along an axis of any length."""
    first = hull[0, 0] * x + hull[0, 1] * y + hull[0, 2] * z
    low, high = first, first
    for corner in range(1, 4):
        at = hull[corner, 0] * x + hull[corner, 1] * y + hull[corner, 2] * z
        low, high = min(low, at), max(high, at)
    middle = _HALF * ((box[0] + box[3]) * x + (box[1] + box[4]) * y + (box[2] + box[5]) * z)
    half = _HALF * ((box[3] - box[0]) * abs(x) + (box[4] - box[1]) * abs(y) + (box[5] - box[2]) * abs(z))
    half += pad * np.sqrt(x * x + y * y + z * z)
    # a box without end has no middle, and is apart from nothing
    apart: np.bool = (middle - half > high) | (middle + half < low)
    return apart


@inlined
def may_meet(hull: Field, pad: F, box: Field) -> bool:
    """Return whether rays in a hull, 4×3, each at most `pad` beside it, may meet a box, 6: its least and most x, y, z.

    Infinite where the solid has no end.
    """
    if not abs(box[0]) < np.inf:
        return True
    ex, ey, ez = hull[1, 0] - hull[0, 0], hull[1, 1] - hull[0, 1], hull[1, 2] - hull[0, 2]
    ax, ay, az = hull[2, 0] - hull[0, 0], hull[2, 1] - hull[0, 1], hull[2, 2] - hull[0, 2]
    bx, by, bz = hull[3, 0] - hull[1, 0], hull[3, 1] - hull[1, 1], hull[3, 2] - hull[1, 2]
    # square to the hull, then, in it, to each of its sides; then those of the box
    nx, ny, nz = ey * az - ez * ay, ez * ax - ex * az, ex * ay - ey * ax
    if _apart(hull, pad, box, nx, ny, nz):
        return False
    if _apart(hull, pad, box, ny * az - nz * ay, nz * ax - nx * az, nx * ay - ny * ax):
        return False
    if _apart(hull, pad, box, ny * bz - nz * by, nz * bx - nx * bz, nx * by - ny * bx):
        return False
    if _apart(hull, pad, box, ny * ez - nz * ey, nz * ex - nx * ez, nx * ey - ny * ex):
        return False
    if _apart(hull, pad, box, _ONE, _ZERO, _ZERO) or _apart(hull, pad, box, _ZERO, _ONE, _ZERO):
        return False
    return not _apart(hull, pad, box, _ZERO, _ZERO, _ONE)


@inlined
def select(which: NDArray[np.int64], boxes: Field, hull: Field, pad: F, out: NDArray[np.int64]) -> int:
    """Write into `out` those of the solids `which` that rays in a hull may meet by `boxes`, n×6; return a count."""
    count = 0
    for index in which:
        if may_meet(hull, pad, boxes[index]):
            out[count] = index
            count += 1
    return count


@inlined
def leaves_behind(kind: np.int32, ray: Field) -> bool:
    """Return whether parallel rays, 6×m, leave a floor or a wall behind them, which they meet downwards and away."""
    behind: bool = ((kind == FLOOR) and ray[4, 0] >= _ZERO) or ((kind == WALL) and ray[5, 0] >= _ZERO)
    return behind


@inlined
def parallel(n: int, normal: Field) -> bool:
    """Return whether the first n normals, 3×m, are one, so that what is sampled about them runs in one direction."""
    one = True
    for j in range(1, n):
        same = (normal[0, j] == normal[0, 0]) & (normal[1, j] == normal[1, 0]) & (normal[2, j] == normal[2, 0])
        one = one & bool(same)
    return one
