"""Ray casting: the intersection of one ray with one solid, branch-free so that rows of rays become SIMD.

A solid is its kind and a row p of NUMBERS numbers (`Shapes`), lengths in canvas heights. A ray is an origin and a
direction, three numbers each. Each `meet` returns the distance in units of the direction, inf without a hit, and the
face that it hit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import inlined

#: Kinds of solids, and the length of a solid's row of numbers.
FLOOR, WALL, OPEN_WALL, RECESS, SWEEP, PANEL, ELLIPSOID, DRUM, BLOCK, SLAB, DUNES, UPRIGHT, FLAT, CARD = range(14)
NUMBERS = 24
#: The most sides of a slab.
SIDES = 4
#: The most slices of a shadow proxy.
SLICES = 16

F = np.float32
#: A solid's numbers as scalars, a hit's distance and face, and the distances at which a ray enters and leaves.
Numbers = tuple[F, ...] | NDArray[F]
Meeting = tuple[F, np.int32]
Span = tuple[F, F]

_ZERO, _ONE, _INF = np.float32(0), np.float32(1), np.float32(np.inf)
#: A ray meets a surface only after this distance, in canvas heights, so that it leaves its own.
_NEAR = np.float32(1e-3)
_NO_FACE = np.int32(0)
_HALF = np.float32(0.5)
#: Least share of a place that a prop covers to be seen there; half would lose stems thinner than a pixel.
_COVERED = np.float32(0.4)
#: Depth by which a place that no tint has half of lies behind one that has.
_TOUCH = np.float32(1e-4)
#: Cycles per canvas height, and per unit of direction, of the pseudo-random offset of a ray; any large numbers.
_MIX = (
    np.float32(1157.3),
    np.float32(2843.9),
    np.float32(1973.1),
    np.float32(419.7),
    np.float32(683.3),
    np.float32(239.9),
)


class Shapes(NamedTuple):
    """Solids as arrays."""

    #: n, int32.
    kind: NDArray[np.int32]
    #: n×NUMBERS float32.
    number: NDArray[np.float32]
    #: h×w float32 silhouettes of shadow proxies, one below the other, 1×1 if there is none. Values are the depth inside
    #: it, or a bit for each slice that contains the place. A camera's shapes have the pictures of cards instead.
    image: NDArray[np.float32]


@inlined
def slab(o: F, d: F, low: F, high: F) -> Span:
    """Return where a ray enters and leaves a slab, low < coordinate < high (Kay and Kajiya, SIGGRAPH 1986).

    Returns inf and -inf if it runs outside, parallel to the slab.
    """
    level = d == _ZERO
    by = _ONE if level else d
    one = (low - o) / by
    two = (high - o) / by
    enter = one if one < two else two
    leave = two if one < two else one
    beside = level & ((o < low) | (o > high))
    enter = -_INF if level else enter
    leave = _INF if level else leave
    return (_INF if beside else enter), (-_INF if beside else leave)


@inlined
def circle(ox: F, oy: F, dx: F, dy: F, radius: F) -> Span:
    """Intersect a ray in a plane with a circle around the origin; inf and -inf if it misses."""
    a = dx * dx + dy * dy
    b = ox * dx + oy * dy
    root = b * b - a * (ox * ox + oy * oy - radius * radius)
    missed = (root <= _ZERO) | (a == _ZERO)
    half = np.sqrt(_ZERO if missed else root)
    by = _ONE if missed else a
    return (_INF if missed else (-b - half) / by), (-_INF if missed else (-b + half) / by)


@inlined
def arch(ox: F, oy: F, dx: F, dy: F, x: F, foot: F, spring: F, low: F, half: F) -> Span:
    """Return where a ray enters and leaves an arch that is endless along z.

    Its jambs reach from `foot` to `spring`. Its round part is the part of a disc, of radius `half`, above `low`.
    """
    x0, x1 = slab(ox - x, dx, -half, half)
    y0, y1 = slab(oy, dy, foot, spring)
    first = x0 if x0 > y0 else y0
    last = x1 if x1 < y1 else y1
    none = first >= last
    first = _INF if none else first
    last = -_INF if none else last
    enter, leave = circle(ox - x, oy - spring, dx, dy, half)
    y0, y1 = slab(oy, dy, low, spring + half)
    enter = y0 if y0 > enter else enter
    leave = y1 if y1 < leave else leave
    none = enter >= leave
    enter = _INF if none else enter
    leave = -_INF if none else leave
    # Both parts and their union are convex, so the union's span is from the first entry to the last exit.
    return (first if first < enter else enter), (last if last > leave else leave)


@inlined
def holds(x: F, y: F, middle: F, foot: F, spring: F, half: F) -> np.bool:
    """Return whether a place is inside an opening: an upright rectangle with a half disc on top."""
    dx = x - middle
    dy = y - spring
    low: np.bool = (np.abs(dx) < half) & (dy <= _ZERO) & (y > foot)
    return low | ((dy > _ZERO) & (dx * dx + dy * dy < half * half))


@inlined
def meet_floor(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a floor, p = level, back. A ray that starts at or slightly below it meets it at once."""
    t = (p[0] - oy) / (dy if dy < _ZERO else _ONE)
    t = t if np.abs(p[0] - oy) > _NEAR else max(t, _NEAR + _NEAR)
    return (t if (dy < _ZERO) & (t > _NEAR) & (oz + t * dz > p[1]) else _INF), _NO_FACE


@inlined
def meet_wall(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a wall, p = depth."""
    t = (p[0] - oz) / (dz if dz < _ZERO else _ONE)
    return (t if (dz < _ZERO) & (t > _NEAR) else _INF), _NO_FACE


@inlined
def meet_open_wall(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a wall that has an opening, from both sides; p = depth, opening's x, foot, spring, half."""
    level = dz == _ZERO
    t = (p[0] - oz) / (_ONE if level else dz)
    hit = (t > _NEAR) & (not level) & (not holds(ox + t * dx, oy + t * dy, p[1], p[2], p[3], p[4]))
    return (t if hit else _INF), _NO_FACE


@inlined
def meet_recess(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a recess, p = depth of mouth, x, foot, spring and half of the opening, depth of the back."""
    level = dz == _ZERO
    by = _ONE if level else dz
    enter = (p[0] - oz) / by
    enter = enter if (oz > p[0] + _NEAR) & (enter > _ZERO) else _ZERO
    inside = holds(ox + enter * dx, oy + enter * dy, p[1], p[2], p[3], p[4]) & (not level)
    inside = inside & ((dz < _ZERO) | (oz < p[0]))
    back = (p[5] - oz) / by
    back = back if dz < _ZERO else _INF
    _, rim = arch(ox, oy, dx, dy, p[1], p[2], p[3], p[2], p[4])
    t = back if back < rim else rim
    finite = np.abs(t) < _INF
    low = np.abs(oy + (t if finite else _ZERO) * dy - p[2]) < _NEAR
    face = np.int32(0) if t == back else (np.int32(2) if low else np.int32(1))
    # Leaving through the mouth is no hit.
    hit = inside & (t > _NEAR) & finite & (oz + t * dz < p[0] + _NEAR)
    return (t if hit else _INF), face


@inlined
def meet_sweep(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a sweep, p = the wall's depth, the floor's level, the bend's radius."""
    y = p[1] + p[2]
    z = p[0] + p[2]
    down = dy < _ZERO
    away = dz < _ZERO
    floor = (p[1] - oy) / (dy if down else _ONE)
    wall = (p[0] - oz) / (dz if away else _ONE)
    _, bend = circle(oz - z, oy - y, dz, dy, p[2])
    on_floor = down & (floor > _NEAR) & (oz + floor * dz > z)
    on_wall = away & (wall > _NEAR) & (oy + wall * dy > y)
    bent = (bend > _NEAR) & (oy + bend * dy <= y + _NEAR) & (oz + bend * dz <= z + _NEAR)
    return (floor if on_floor else (wall if on_wall else (bend if bent else _INF))), _NO_FACE


@inlined
def meet_panel(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a panel.

    p = depth of back and front, the outline's x, foot, spring, low and half as in `arch`, and half of its hole.
    """
    z0, z1 = slab(oz, dz, p[0], p[1])
    enter, leave = arch(ox, oy, dx, dy, p[2], p[3], p[4], p[5], p[6])
    t = z0 if z0 > enter else enter
    face = np.int32(0) if z0 >= enter else np.int32(1)
    end = z1 if z1 < leave else leave
    hit = t < end
    # A ray that starts inside, such as from the floor close to a disc's foot, meets the far side.
    t = t if t > _NEAR else end
    first, last = arch(ox, oy, dx, dy, p[2], p[3], p[4], p[5], p[7])
    # Through the common foot, a ray enters board and hole at once.
    through = (first <= t) & (last > t) & (p[7] > _ZERO)
    hit = hit & (t > _NEAR)
    t = last if through else t
    face = np.int32(2) if through else face
    # A ray that leaves the hole through the common foot also leaves the board.
    hit = hit & ((not through) | (t < end))
    return (t if hit & (t > _NEAR) else _INF), face


@inlined
def meet_ellipsoid(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with an ellipsoid of revolution, p = centre, 1 / its half width, 1 / its half height."""
    ou, ov, ow = (ox - p[0]) * p[3], (oy - p[1]) * p[4], (oz - p[2]) * p[3]
    du, dv, dw = dx * p[3], dy * p[4], dz * p[3]
    a = du * du + dv * dv + dw * dw
    b = ou * du + ov * dv + ow * dw
    root = b * b - a * (ou * ou + ov * ov + ow * ow - _ONE)
    half = np.sqrt(root if root > _ZERO else _ZERO)
    t = (-b - half) / a
    # A ray that starts inside, such as from the floor close to the foot, meets the far side.
    t = t if t > _NEAR else (-b + half) / a
    return (t if (root > _ZERO) & (t > _NEAR) else _INF), _NO_FACE


@inlined
def meet_drum(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with an upright cylinder, p = the foot's centre, the radius, the height."""
    enter, leave = circle(ox - p[0], oz - p[2], dx, dz, p[3])
    low, high = slab(oy, dy, p[1], p[1] + p[4])
    top = low > enter
    t = low if top else enter
    end = leave if leave < high else high
    # A ray that starts inside, such as from the floor close to the foot, meets the far side.
    outer = t if t > _NEAR else end
    return (outer if (t < end) & (outer > _NEAR) else _INF), (np.int32(1) if top else np.int32(0))


@inlined
def meet_block(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a turned box.

    p = the foot's centre, half the width, the height, half the depth, cosine and sine of its turn about y.
    """
    x = ox - p[0]
    z = oz - p[2]
    ux = p[6] * dx - p[7] * dz
    uz = p[7] * dx + p[6] * dz
    x0, x1 = slab(p[6] * x - p[7] * z, ux, -p[3], p[3])
    y0, y1 = slab(oy, dy, p[1], p[1] + p[4])
    z0, z1 = slab(p[7] * x + p[6] * z, uz, -p[5], p[5])
    t = x0 if x0 > y0 else y0
    t = t if t > z0 else z0
    end = np.int32(0) if ux > _ZERO else np.int32(1)
    side = np.int32(5) if uz > _ZERO else np.int32(4)
    face = np.int32(2) if t == y0 else (end if t == x0 else side)
    last = x1 if x1 < y1 else y1
    last = last if last < z1 else z1
    hit = t < last
    # From inside, such as from the floor close to its foot, a ray meets the far side.
    t = t if t > _NEAR else last
    return (t if hit & (t > _NEAR) else _INF), face


@inlined
def meet_side(
    nx: F, ny: F, d: F, face: np.int32, enter: F, leave: F, found: np.int32, ox: F, oy: F, dx: F, dy: F
) -> tuple[F, F, np.int32]:
    """Clip a ray by one side of a slab's outline, outside which nx x + ny y > d (Cyrus and Beck, 1978)."""
    before = nx * ox + ny * oy - d
    speed = nx * dx + ny * dy
    t = -before / (_ONE if speed == _ZERO else speed)
    beside = (speed == _ZERO) & (before > _ZERO)
    inwards = t if speed < _ZERO else (_INF if beside else -_INF)
    later = inwards > enter
    outwards = t if speed > _ZERO else _INF
    return (inwards if later else enter), (outwards if outwards < leave else leave), (face if later else found)


@inlined
def meet_slab(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with an upright convex prism.

    p = depth of back and front, then SIDES sides (nx, ny, d), of which missing sides are (0, 0, 1).
    """
    enter, leave = slab(oz, dz, p[0], p[1])
    face = _NO_FACE
    enter, leave, face = meet_side(p[2], p[3], p[4], np.int32(1), enter, leave, face, ox, oy, dx, dy)
    enter, leave, face = meet_side(p[5], p[6], p[7], np.int32(2), enter, leave, face, ox, oy, dx, dy)
    enter, leave, face = meet_side(p[8], p[9], p[10], np.int32(3), enter, leave, face, ox, oy, dx, dy)
    enter, leave, face = meet_side(p[11], p[12], p[13], np.int32(4), enter, leave, face, ox, oy, dx, dy)
    # From inside, such as close to its edge, a ray meets the far side.
    t = enter if enter > _NEAR else leave
    return (t if (enter < leave) & (t > _NEAR) else _INF), face


@inlined
def meet_upright(shapes: Shapes, p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a standing product or a prop: slices, each a bit of its silhouette's pixels.

    p = pixels per canvas height, the pixel of the world's origin, the number of slices, their depths, then the cosine
    and sine of its turn in the picture, the first row of its image and the number of rows. Each ray moves the slices
    back by a pseudo-random share of the distance between two. Otherwise their edges would show as stairs and combs.
    """
    width = np.float32(shapes.image.shape[1])
    # Most rays miss the box around it.
    last = np.int64(p[3])
    x0, x1 = slab((ox * p[20] + oy * p[21]) * p[0] + p[1], (dx * p[20] + dy * p[21]) * p[0], _ZERO, width)
    y0, y1 = slab(p[2] - (oy * p[20] - ox * p[21]) * p[0], (dx * p[21] - dy * p[20]) * p[0], _ZERO, p[23])
    enter = max(x0 if x0 > y0 else y0, _NEAR)
    leave = x1 if x1 < y1 else y1
    if (last == 0) | (enter >= leave):
        return _INF, _NO_FACE
    nearest = _INF
    chance = (ox * _MIX[0] + oy * _MIX[1] + oz * _MIX[2]) + (dx * _MIX[3] + dy * _MIX[4] + dz * _MIX[5])
    back = (chance - np.floor(chance)) * (p[5] - p[4])
    first, end, by = oz + back + enter * dz, oz + back + leave * dz, _ONE / dz
    low, high = min(first, end), max(first, end)
    for slice_at in range(last):
        if (p[4 + slice_at] <= low) | (p[4 + slice_at] >= high):
            continue
        t = (p[4 + slice_at] - back - oz) * by
        if t >= nearest:
            continue
        x = ox + t * dx
        y = oy + t * dy
        column = (x * p[20] + y * p[21]) * p[0] + p[1]
        row = p[2] - (y * p[20] - x * p[21]) * p[0]
        inside = (row >= _ZERO) & (row < p[23]) & (column >= _ZERO) & (column < width)
        if inside and (np.int64(shapes.image[np.int64(row + p[22]), np.int64(column)]) >> slice_at) & 1:
            nearest = t
    return nearest, _NO_FACE


@inlined
def _of_tint(value: F, tint: F) -> F:
    """Return how much of a card's pixel has a tint: the pixel is its tint's number and, after the point, its share."""
    return value - tint if (value >= tint) & (value < tint + _ONE) else _ZERO


@inlined
def _mean(u: F, v: F, a: F, b: F, c: F, d: F) -> F:
    above = (_ONE - u) * a + u * b
    return above + v * ((_ONE - u) * c + u * d - above)


@inlined
def meet_card(shapes: Shapes, p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a camera's ray with the places of one tint in the picture of a prop, at the prop's own depth.

    The picture is on a plane through the prop's foot. p = pixels per canvas height, the pixel of the world's origin,
    the plane's depth, the tint, the picture's side in canvas heights and the level of the ground, then 20 to 23 as in
    `meet_upright`. The right half of the image has the depths, in sides of the picture.
    """
    half = np.int64(p[23])
    # A camera's rays go 1 away along z.
    t = oz - p[3]
    x = ox + t * dx
    y = oy + t * dy
    column = (x * p[20] + y * p[21]) * p[0] + p[1] - _HALF
    row = p[2] - (y * p[20] - x * p[21]) * p[0] - _HALF
    inside = (column >= _ZERO) & (column < p[23] - _ONE) & (row >= _ZERO) & (row < p[23] - _ONE) & (t > _NEAR)
    if not inside:
        return _INF, _NO_FACE
    c, r = np.int64(column), np.int64(row)
    u, v = column - np.float32(c), row - np.float32(r)
    r += np.int64(p[22])
    a, b, d, e = shapes.image[r, c], shapes.image[r, c + 1], shapes.image[r + 1, c], shapes.image[r + 1, c + 1]
    whole = _mean(u, v, a - np.floor(a), b - np.floor(b), d - np.floor(d), e - np.floor(e))
    if whole <= _COVERED:
        return _INF, _NO_FACE
    mine = _mean(u, v, _of_tint(a, p[4]), _of_tint(b, p[4]), _of_tint(d, p[4]), _of_tint(e, p[4]))
    nearest = (e if u > _HALF else d) if v > _HALF else (b if u > _HALF else a)
    # Where thin tints meet, none has half of a place: it is the nearest pixel's, but a tint that has half comes first.
    most = mine > _HALF * whole
    if not (most | (_of_tint(nearest, p[4]) > _ZERO)):
        return _INF, _NO_FACE
    t -= shapes.image[r, c + half] * p[5] - (_ZERO if most else _TOUCH)
    # Seen from a little higher or lower than baked, its foot would be under the ground.
    ground = (p[6] - oy) / dy if dy < _ZERO else _INF
    return min(t, ground - _NEAR - _NEAR), _NO_FACE


@inlined
def meet_flat(shapes: Shapes, p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a flat product: slices of its silhouette, parallel to the picture.

    p = the aspect, the camera's x, y and z, the number of slices, their heights (one fewer than SLICES at most), the
    horizon's share of the picture's height, then the slices' least depths inside the silhouette.
    """
    height, width = shapes.image.shape
    nearest = _INF
    for slice_at in range(np.int64(p[4])):
        z = p[5 + slice_at]
        t = (z - oz) / dz
        # In the camera's perspective, each slice is exactly behind the product's image.
        scale = p[3] / (p[3] - z)
        x = p[0] * np.float32(0.5) + (ox + t * dx - p[1]) * scale
        y = p[4 + SLICES] - (oy + t * dy - p[2]) * scale
        column = x * (np.float32(width) / p[0])
        row = y * np.float32(height)
        inside = (t > _NEAR) & (row >= _ZERO) & (row < np.float32(height))
        inside = inside & (column >= _ZERO) & (column < np.float32(width))
        r = np.int64(row if inside else _ZERO)
        c = np.int64(column if inside else _ZERO)
        nearest = t if inside & (shapes.image[r, c] > p[5 + SLICES + slice_at]) & (t < nearest) else nearest
    return nearest, _NO_FACE
