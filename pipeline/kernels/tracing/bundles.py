"""Culling of bundles of rays against the boxes around solids: a bundle skips the solids that it cannot meet.

The rays of a bundle start near a straight line, and run in one direction or to one place. They are therefore inside a
flat four-sided hull, padded by the starts' greatest distance from the line. Its corners are the starts and ends of the
first and the last ray. If a box is separate from the hull along some axis, no ray meets it. This is the separating axis
test (Gottschalk, Lin and Manocha, SIGGRAPH 1996). It is conservative, so the result is the same as without culling.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined
from pipeline.kernels.tracing.rays import F, Field
from pipeline.kernels.tracing.solids import FLOOR, WALL

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
#: Added to the boxes of solids, in canvas heights: more than the error of an intersection.
_MARGIN = np.float32(0.01)
#: Length of endless rays, in canvas heights: solids with a box are never farther apart.
_FAR = np.float32(64)


@inlined
def lay_starts(n: int, ray: Field, hull: Field) -> F:
    """Write the first two corners of a hull, 4×3, of the first n rays, 6×m; return their starts' greatest distance."""
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
    """Write a hull's other two corners: the ends of the first and the last of n rays, which may be `endless`."""
    length = _FAR if endless else _ONE
    for axis in range(3):
        hull[2, axis] = ray[axis, 0] + length * ray[3 + axis, 0]
        hull[3, axis] = ray[axis, n - 1] + length * ray[3 + axis, n - 1]


@inlined
def _apart(hull: Field, pad: F, box: Field, x: F, y: F, z: F) -> np.bool:
    """Return whether a hull, `pad` wider on all sides, and a box are separate along an axis of any length."""
    first = hull[0, 0] * x + hull[0, 1] * y + hull[0, 2] * z
    low, high = first, first
    for corner in range(1, 4):
        at = hull[corner, 0] * x + hull[corner, 1] * y + hull[corner, 2] * z
        low, high = min(low, at), max(high, at)
    middle = _HALF * ((box[0] + box[3]) * x + (box[1] + box[4]) * y + (box[2] + box[5]) * z)
    half = _HALF * ((box[3] - box[0]) * abs(x) + (box[4] - box[1]) * abs(y) + (box[5] - box[2]) * abs(z))
    half += pad * np.sqrt(x * x + y * y + z * z)
    # A box without end has no middle, and is never separate.
    apart: np.bool = (middle - half > high) | (middle + half < low)
    return apart


@inlined
def may_meet(hull: Field, pad: F, box: Field) -> bool:
    """Return whether rays within `pad` of a hull, 4×3, may meet a box: its lowest and highest x, y, z (6).

    The box is infinite if the solid has no end.
    """
    if not abs(box[0]) < np.inf:
        return True
    ex, ey, ez = hull[1, 0] - hull[0, 0], hull[1, 1] - hull[0, 1], hull[1, 2] - hull[0, 2]
    ax, ay, az = hull[2, 0] - hull[0, 0], hull[2, 1] - hull[0, 1], hull[2, 2] - hull[0, 2]
    bx, by, bz = hull[3, 0] - hull[1, 0], hull[3, 1] - hull[1, 1], hull[3, 2] - hull[1, 2]
    # Axes: normal to the hull, then, in its plane, normal to each side, then the box's axes.
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
    """Write to `out` the solids of `which` that rays in a hull may meet, by `boxes` (n×6); return their count."""
    count = 0
    for index in which:
        if may_meet(hull, pad, boxes[index]):
            out[count] = index
            count += 1
    return count


@inlined
def leaves_behind(kind: np.int32, ray: Field) -> bool:
    """Return whether parallel rays, 6×m, move away from a floor or a wall, which only rays down or away can meet."""
    behind: bool = ((kind == FLOOR) and ray[4, 0] >= _ZERO) or ((kind == WALL) and ray[5, 0] >= _ZERO)
    return behind


@inlined
def parallel(n: int, normal: Field) -> bool:
    """Return whether the first n normals, 3×m, are equal, so that samples around them have one direction."""
    one = True
    for j in range(1, n):
        same = (normal[0, j] == normal[0, 0]) & (normal[1, j] == normal[1, 0]) & (normal[2, j] == normal[2, 0])
        one = one & bool(same)
    return one
