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
FLOOR, WALL, OPEN_WALL, RECESS, SWEEP, PANEL, ELLIPSOID, DRUM, BLOCK, SLAB, LEAVES, DUNES, UPRIGHT, FLAT = range(14)
ROUNDED, LATHED = 14, 15
NUMBERS = 24
#: The most sides of a slab.
SIDES = 7
#: The most control values of a lathed solid's profile.
CONTROLS = 15
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
#: Newton's steps towards a rounded solid, their greatest final error, and the error at which they stop; errors are
#: shares of its rounding.
_STEPS, _CLOSE, _EXACT = 8, np.float32(2e-3), np.float32(1e-5)
_HALF, _TWO = np.float32(0.5), np.float32(2)
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
    #: Edges of all leaves, m×4 float32: x, y of both ends.
    edge: NDArray[np.float32]
    #: l×12 float32, for each leaf: left, bottom, right, top (0–3), the range of its edges (4, 5), the ends of its rib
    #: (6–9). Last are its reach to the right of the rib, negative, and to the left, times the rib's length.
    leaf: NDArray[np.float32]
    #: h×w float32 silhouette of a shadow proxy, 1×1 if there is none. Values are the depth inside it, or a bit for each
    #: slice that contains the place.
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
    """Intersect a ray with an ellipsoid, p = centre, cosine and sine of its turn about z, 1 / each half axis."""
    x = ox - p[0]
    y = oy - p[1]
    ou = (p[3] * x + p[4] * y) * p[5]
    ov = (p[3] * y - p[4] * x) * p[6]
    ow = (oz - p[2]) * p[7]
    du = (p[3] * dx + p[4] * dy) * p[5]
    dv = (p[3] * dy - p[4] * dx) * p[6]
    dw = dz * p[7]
    a = du * du + dv * dv + dw * dw
    b = ou * du + ov * dv + ow * dw
    root = b * b - a * (ou * ou + ov * ov + ow * ow - _ONE)
    half = np.sqrt(root if root > _ZERO else _ZERO)
    t = (-b - half) / a
    # A ray that starts inside, such as from the floor close to the foot, meets the far side.
    t = t if t > _NEAR else (-b + half) / a
    return (t if (root > _ZERO) & (t > _NEAR) else _INF), _NO_FACE


@inlined
def beyond(q: F, half: F, more: F, less: F) -> F:
    """Return a place's signed distance beyond a core's side along one axis, in units of the rounding there."""
    return (q - half) * more if q > half else ((q + half) * less if q < -half else _ZERO)


@inlined
def meet_rounded(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a rounded solid: all places at most 1 from a box, its core.

    Each side of each axis has its own unit. The distance is convex along a ray, so Newton's steps from the box around
    the solid never pass the surface. p contains, in this order:

    - the centre, and three axes of length 1;
    - half the core's sides;
    - 1 / the rounding, on the plus and the minus side of each axis;
    - the squared radius of a ball around the solid.
    """
    x = ox - p[0]
    y = oy - p[1]
    z = oz - p[2]
    # Most rays of a dome miss even the surrounding ball.
    outside = x * x + y * y + z * z - p[21]
    towards = x * dx + y * dy + z * dz
    if (outside > _ZERO) & ((towards >= _ZERO) | (towards * towards < outside * (dx * dx + dy * dy + dz * dz))):
        return _INF, _NO_FACE
    ou = p[3] * x + p[4] * y + p[5] * z
    ov = p[6] * x + p[7] * y + p[8] * z
    ow = p[9] * x + p[10] * y + p[11] * z
    du = p[3] * dx + p[4] * dy + p[5] * dz
    dv = p[6] * dx + p[7] * dy + p[8] * dz
    dw = p[9] * dx + p[10] * dy + p[11] * dz
    u0, u1 = slab(ou, du, -p[12] - _ONE / p[16], p[12] + _ONE / p[15])
    v0, v1 = slab(ov, dv, -p[13] - _ONE / p[18], p[13] + _ONE / p[17])
    w0, w1 = slab(ow, dw, -p[14] - _ONE / p[20], p[14] + _ONE / p[19])
    enter = u0 if u0 > v0 else v0
    enter = enter if enter > w0 else w0
    leave = u1 if u1 < v1 else v1
    leave = leave if leave < w1 else w1
    # Most remaining rays miss its box: a jump costs them less than steps in all lanes.
    if (enter >= leave) | (leave <= _NEAR):
        return _INF, _NO_FACE
    eu = beyond(ou, p[12], p[15], p[16])
    ev = beyond(ov, p[13], p[17], p[18])
    ew = beyond(ow, p[14], p[19], p[20])
    # From inside, such as from the floor close to its foot, a ray meets the far side.
    inside = eu * eu + ev * ev + ew * ew < _ONE
    enter = enter if enter > _ZERO else _ZERO
    t = leave if inside else enter
    off = _ONE
    for _ in range(_STEPS):
        eu = beyond(ou + t * du, p[12], p[15], p[16])
        ev = beyond(ov + t * dv, p[13], p[17], p[18])
        ew = beyond(ow + t * dw, p[14], p[19], p[20])
        far = np.sqrt(eu * eu + ev * ev + ew * ew)
        speed = eu * du * (p[15] if eu > _ZERO else p[16])
        speed += ev * dv * (p[17] if ev > _ZERO else p[18])
        speed += ew * dw * (p[19] if ew > _ZERO else p[20])
        off = far - _ONE
        if off < _EXACT:
            break
        # A ray that has passed its nearest place to the solid misses it.
        if (speed == _ZERO) | ((not inside) & (off > _CLOSE) & (speed >= _ZERO)):
            return _INF, _NO_FACE
        t -= off * far / speed
    if off >= _CLOSE:
        return _INF, _NO_FACE
    # A ray that enters so close hits at once; a ray that leaves from there misses.
    near = _INF if inside else _NEAR + _NEAR
    return (t if t > _NEAR else near), _NO_FACE


@inlined
def profile(p: Numbers, at: np.int64, s: F) -> F:
    """Return the squared radius of a lathed solid in its piece `at`, at s from 0 to 1: a quadratic B-spline."""
    one, two, three = p[8 + at], p[9 + at], p[10 + at]
    return _HALF * (one + two) + s * (two - one) + _HALF * s * s * (one - _TWO * two + three)


@inlined
def meet_lathed(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a solid of revolution that may be hollow from above: outside, rim, inside and its floor.

    The ray meets each piece of the profile at the roots of a quadratic equation. p contains the foot's centre, 1 if the
    axis runs towards the camera (0: upwards), the height and the number of control values. Then follow the hollow's
    share of the squared radius (0: none), the height of its floor, the control values and the greatest squared radius.
    """
    lying = p[3] > _HALF
    x = ox - p[0]
    y = (oz - p[2]) if lying else (oy - p[1])
    z = (oy - p[1]) if lying else (oz - p[2])
    up = dz if lying else dy
    ahead = dy if lying else dz
    pieces = np.int64(p[5]) - 2
    scale = np.float32(pieces) / p[4]
    a = dx * dx + ahead * ahead
    b = x * dx + z * ahead
    c = x * x + z * z
    # Most remaining rays miss the surrounding cylinder.
    first, last = circle(x, z, dx, ahead, np.sqrt(p[23]))
    low, high = slab(y, up, _ZERO, p[4])
    first = low if low > first else first
    last = high if high < last else last
    if (a > _ZERO) & ((first > last) | (last < _ZERO)):
        return _INF, _NO_FACE
    best, face = _INF, _NO_FACE
    level = up == _ZERO
    by = _ONE if level else up
    speed = up * scale
    for at in range(pieces):
        one, two, three = p[8 + at], p[9 + at], p[10 + at]
        s = y * scale - np.float32(at)
        bend = _HALF * (one - _TWO * two + three)
        slope = two - one
        here = _HALF * (one + two) + s * (slope + s * bend)
        tilt = _HALF * speed * (slope + _TWO * s * bend)
        curve = speed * speed * bend
        for layer in range(2):
            share = _ONE if layer == 0 else p[6]
            if share == _ZERO:
                continue
            qa = a - share * curve
            qb = b - share * tilt
            qc = c - share * here
            root = qb * qb - qa * qc
            if root <= _ZERO:
                continue
            half = np.sqrt(root)
            # This form of the two roots avoids cancellation.
            big = -qb - half if qb > _ZERO else -qb + half
            for which in range(2):
                over = qa if which == 0 else big
                t = (big if which == 0 else qc) / over if over != _ZERO else _INF
                place = s + t * speed
                found = (t > _NEAR) & (t < best) & (place >= _ZERO) & (place <= _ONE)
                if found & ((layer == 0) | (y + t * up > p[7])):
                    best = t
                    face = np.int32(2 * layer)
    if not level:
        top = (p[4] - y) / by
        r = c + top * (_TWO * b + top * a)
        rim = profile(p, pieces - 1, _ONE)
        if (top > _NEAR) & (top < best) & (r <= rim) & (r >= p[6] * rim):
            best = top
            face = np.int32(1)
        low = -y / by
        r = c + low * (_TWO * b + low * a)
        if (low > _NEAR) & (low < best) & (r <= profile(p, np.int64(0), _ZERO)):
            best = low
            face = np.int32(4)
        if p[6] > _ZERO:
            t = (p[7] - y) / by
            r = c + t * (_TWO * b + t * a)
            place = p[7] * scale
            piece = min(np.int64(place), pieces - 1)
            if (t > _NEAR) & (t < best) & (r <= p[6] * profile(p, piece, place - np.float32(piece))):
                best = t
                face = np.int32(3)
    return best, face


@inlined
def meet_drum(p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with an upright cylinder that may be hollow from above.

    p = the foot's centre, the radius, the height, the hollow's radius (0 for none) and its floor's height.
    """
    enter, leave = circle(ox - p[0], oz - p[2], dx, dz, p[3])
    low, high = slab(oy, dy, p[1], p[1] + p[4])
    top = low > enter
    t = low if top else enter
    end = leave if leave < high else high
    # A ray that starts inside, such as from the floor close to the foot, meets the far side.
    outer = t if t > _NEAR else end
    outer = outer if (t < end) & (outer > _NEAR) else _INF
    # Through the open top, or from within, a ray meets the hollow's side, its floor or nothing.
    first, rim = circle(ox - p[0], oz - p[2], dx, dz, p[5])
    above, under = slab(oy, dy, p[1] + p[6], p[1] + p[4])
    first = above if above > first else first
    end = rim if rim < under else under
    within = (p[5] > _ZERO) & (first < end) & (end > _NEAR) & (first <= (t if t > _ZERO else _ZERO) + _NEAR)
    floor = under <= rim
    inner = end if (not floor) | (dy < _ZERO) else _INF
    face = np.int32(1) if top else np.int32(0)
    return (inner if within else outer), ((np.int32(3) if floor else np.int32(2)) if within else face)


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
    enter, leave, face = meet_side(p[14], p[15], p[16], np.int32(5), enter, leave, face, ox, oy, dx, dy)
    enter, leave, face = meet_side(p[17], p[18], p[19], np.int32(6), enter, leave, face, ox, oy, dx, dy)
    enter, leave, face = meet_side(p[20], p[21], p[22], np.int32(7), enter, leave, face, ox, oy, dx, dy)
    # From inside, such as close to its edge, a ray meets the far side.
    t = enter if enter > _NEAR else leave
    return (t if (enter < leave) & (t > _NEAR) else _INF), face


@inlined
def meet_upright(shapes: Shapes, p: Numbers, ox: F, oy: F, oz: F, dx: F, dy: F, dz: F) -> Meeting:
    """Intersect a ray with a standing product: upright slices, each a bit of its silhouette's pixels.

    p = pixels per canvas height, the foot's pixel, the number of slices, then their depths. Each ray moves the slices
    back by a pseudo-random share of the distance between two. Otherwise their edges would show as stairs and combs.
    """
    height, width = shapes.image.shape
    nearest = _INF
    chance = (ox * _MIX[0] + oy * _MIX[1] + oz * _MIX[2]) + (dx * _MIX[3] + dy * _MIX[4] + dz * _MIX[5])
    back = (chance - np.floor(chance)) * (p[5] - p[4])
    for slice_at in range(np.int64(p[3])):
        t = (p[4 + slice_at] - back - oz) / dz
        column = (ox + t * dx) * p[0] + p[1]
        row = p[2] - (oy + t * dy) * p[0]
        inside = (t > _NEAR) & (row >= _ZERO) & (row < np.float32(height))
        inside = inside & (column >= _ZERO) & (column < np.float32(width))
        r = np.int64(row if inside else _ZERO)
        c = np.int64(column if inside else _ZERO)
        held = (np.int64(shapes.image[r, c]) >> slice_at) & 1
        nearest = t if inside & (held == 1) & (t < nearest) else nearest
    return nearest, _NO_FACE


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
