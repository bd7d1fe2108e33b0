"""Triangle meshes of props, and the colours and reliefs of their surfaces, for `scripts.assets.props`.

A prop stands on y = 0, its front towards +z, lengths in any unit: the baker fits it to its frame.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Returns k×3 factors of the tint's colour at k×3 places with k×3 attributes of their own.
Paint = Callable[[Array, Array], Array]
#: Returns k heights at k×3 places.
Relief = Callable[[Array], Array]


@dataclass(frozen=True)
class Piece:
    """A mesh of one tint: n×3 vertices, m×3 faces, n×3 attributes (along, across, which one)."""

    points: Array
    faces: NDArray[np.int64]
    own: Array
    tint: str
    paint: Paint
    relief: Relief | None = None
    #: A sheet without an inside, such as a leaf.
    thin: bool = False
    #: Its points before it was moved, which its paint sees; None: it was not.
    first: Array | None = None

    def moved(self, by: tuple[float, float, float] = (0, 0, 0), turn: Array | None = None) -> "Piece":
        """Return it turned, then moved."""
        points = self.points if turn is None else self.points @ turn.T
        return replace(self, points=points + np.asarray(by), first=self.local)

    @property
    def local(self) -> Array:
        """Its points before it was moved."""
        return self.points if self.first is None else self.first


def about(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """Return the 3×3 turn: a roll about z, then a pitch about x, then a yaw about y, radians."""
    (cy, cp, cr), (sy, sp, sr) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    return np.asarray(
        np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    )


def noise(at: Array, scale: float, octaves: int = 4, seed: int = 0) -> Array:
    """Return k smooth values around 0, about -1 to 1, at k×3 places: value noise in octaves."""
    total, weight, sum_ = np.zeros(len(at)), 1.0, 0.0
    table = np.random.default_rng(seed).uniform(-1, 1, 4096)
    for octave in range(octaves):
        place = at * (scale * 2**octave) + 17.3 * octave + 100
        cell = np.floor(place).astype(np.int64)
        t = place - cell
        t = t * t * (3 - 2 * t)
        value = np.zeros(len(at))
        for corner in range(8):
            step = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
            key = (cell + step) @ np.array([73856093, 19349663, 83492791])
            share = np.where(step, t, 1 - t).prod(1)
            value += share * table[(key ^ key >> 13) & 4095]
        total += weight * value
        sum_, weight = sum_ + weight, 0.5 * weight
    return np.asarray(1.6 * total / sum_)


def even(red: float = 1.0, green: float | None = None, blue: float | None = None) -> Paint:
    """Return a paint of one colour."""
    colour = np.array([red, red if green is None else green, red if blue is None else blue])
    return lambda at, own: np.broadcast_to(colour, at.shape)


def mottled(amount: float, scale: float, seed: int = 0, base: tuple[float, float, float] = (1, 1, 1)) -> Paint:
    """Return a paint whose lightness varies smoothly by `amount`."""

    def paint(at: Array, own: Array) -> Array:
        return np.asarray(np.array(base) * np.exp(amount * noise(at, scale, 4, seed))[:, None])

    return paint


def speckled(amount: float, scale: float, seed: int, dark: float = 0.45, share: float = 0.35) -> Paint:
    """Return a glaze with dark specks on a mottled ground."""
    ground = mottled(amount, 6, seed)

    def paint(at: Array, own: Array) -> Array:
        speck = np.clip((noise(at, scale, 2, seed + 1) - 1 + share) * 9, 0, 1)[:, None]
        return np.asarray(ground(at, own) * (1 - (1 - dark) * speck))

    return paint


def sheet(points: Array, own: Array, *, ring: bool = False) -> tuple[Array, NDArray[np.int64], Array]:
    """Return vertices, faces and attributes of an h×w grid of points; `ring` joins its last column to its first."""
    h, w = points.shape[:2]
    at = np.arange(h * w).reshape(h, w)
    if ring:
        at = np.concatenate([at, at[:, :1]], 1)
    a, b, c, d = at[:-1, :-1].ravel(), at[:-1, 1:].ravel(), at[1:, 1:].ravel(), at[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return points.reshape(-1, 3), faces, own.reshape(-1, 3)


def smooth_line(points: Array, count: int) -> Array:
    """Return `count` places along the Catmull-Rom curve through k×d points (centripetal ends by reflection)."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, len(points) - 1, count)
    at = np.minimum(t.astype(int), len(points) - 2)
    t = (t - at)[:, None]
    a, b, c, d = (p[at + k] for k in range(4))
    return np.asarray(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))


def lathe(
    profile: list[tuple[float, float]],
    tint: str,
    paint: Paint,
    *,
    soft: bool = True,
    relief: Relief | None = None,
    round_: Callable[[Array, Array], Array] | None = None,
    steps: int = 160,
) -> Piece:
    """Return a solid of revolution of (radius, height) from the foot's middle, outside and back inside.

    `soft` runs a smooth curve through them. `round_(angle, height)` returns factors of the radius.
    """
    line = np.array(profile, float)
    line = smooth_line(line, 24 * len(line)) if soft else _dense(line)
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    r, y = np.maximum(line[:, :1], 1e-5), np.broadcast_to(line[:, 1:], (len(line), steps))
    r = r * (1 if round_ is None else round_(np.broadcast_to(angle, y.shape), y))
    points = np.stack([r * np.sin(angle), y, r * np.cos(angle)], -1)
    along = np.broadcast_to(np.linspace(0, 1, len(line))[:, None], y.shape)
    own = np.stack([along, np.broadcast_to(angle, y.shape), 0 * y], -1)
    return Piece(*sheet(points, own, ring=True), tint, paint, relief)


def _dense(line: Array) -> Array:
    """Return a line with bevelled corners: points near each corner keep its sides straight."""
    out = [line[0]]
    for one, two in pairwise(line):
        length = float(np.linalg.norm(two - one))
        inset = min(0.3, 0.012 / max(length, 1e-6))
        out += [one + (two - one) * t for t in (inset, 0.5, 1 - inset)]
    return np.array([*out, line[-1]])


def blob(
    half: tuple[float, float, float],
    tint: str,
    paint: Paint,
    *,
    bumps: float = 0.06,
    scale: float = 1.3,
    seed: int = 0,
    power: float = 2.0,
    relief: Relief | None = None,
    shape: Callable[[Array], Array] | None = None,
) -> Piece:
    """Return a round body on y = 0: a superellipsoid with smooth bumps; `shape` moves its points, unit ball."""
    up = np.linspace(-np.pi / 2, np.pi / 2, 90)[:, None]
    around = np.linspace(0, 2 * np.pi, 150, endpoint=False)
    way = np.stack([np.cos(up) * np.sin(around), np.sin(up) + 0 * around, np.cos(up) * np.cos(around)], -1)
    r = (np.abs(way) ** power).sum(-1) ** (-1 / power)
    points = way * r[..., None]
    points = points * (1 + bumps * noise(way.reshape(-1, 3), scale, 3, seed).reshape(r.shape))[..., None]
    if shape is not None:
        points = shape(points.reshape(-1, 3)).reshape(points.shape)
    points = points * np.array(half)
    points[..., 1] -= points[..., 1].min()
    own = np.stack([way[..., 1], np.arctan2(way[..., 0], way[..., 2]), 0 * r], -1)
    return Piece(*sheet(points, own, ring=True), tint, paint, relief)


def tube(line: Array, radius: float | Array, tint: str, paint: Paint, *, sides: int = 10) -> Piece:
    """Return a tube along k×3 points, closed at its ends."""
    way = np.gradient(line, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    side, last = np.empty_like(way), np.eye(3)[np.abs(way[0]).argmin()]
    # Each ring's side is the last one's, turned as little as the bend asks, so that rings do not twist.
    for at, one in enumerate(way):
        last = last - (last @ one) * one
        last = side[at] = last / np.linalg.norm(last)
    up = np.cross(side, way)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    r = np.broadcast_to(np.asarray(radius, float), len(line)).copy()
    r = np.concatenate([[1e-5], r, [1e-5]])
    middle, side, up = (np.concatenate([one[:1], one, one[-1:]]) for one in (line, side, up))
    out = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    points = middle[:, None] + r[:, None, None] * out
    along = np.broadcast_to(np.linspace(0, 1, len(r))[:, None], points.shape[:2])
    own = np.stack([along, np.broadcast_to(angle, along.shape), 0 * along], -1)
    return Piece(*sheet(points, own, ring=True), tint, paint)


def leaf(
    foot: Array,
    way: Array,
    up: Array,
    length: float,
    broad: float,
    paint: Paint,
    *,
    number: float = 0.0,
    bend: float = 0.3,
    fold: float = 0.15,
    outline: Callable[[Array], Array] | None = None,
    tint: str = "leaf",
) -> Piece:
    """Return a leaf from its foot along `way`, its upper side to `up`, bent down towards its tip.

    `broad` is half its width over its length, `outline` half its width along it, 0 to 1.
    """
    t = np.linspace(0, 1, 25)
    way = way / np.linalg.norm(way)
    side = np.cross(way, up)
    side /= max(float(np.linalg.norm(side)), 1e-9)
    up = np.cross(side, way)
    angle = -bend * t
    step = np.stack([np.cos(angle), np.sin(angle)], 1) / (len(t) - 1)
    path = np.concatenate([np.zeros((1, 2)), np.cumsum(step[1:], 0)]) * length
    rib = foot + path[:, :1] * way + path[:, 1:] * up
    normal = np.sin(-angle)[:, None] * way + np.cos(angle)[:, None] * up
    half = length * broad * (np.sin(np.pi * t**0.8) ** 0.8 if outline is None else outline(t))
    s = np.linspace(-1, 1, 11)
    points = rib[:, None] + (half[:, None] * s)[..., None] * side
    points = points + (half[:, None] * fold * np.abs(s))[..., None] * normal[:, None]
    own = np.stack(np.broadcast_arrays(t[:, None], s[None], number), -1)
    return Piece(*sheet(points, own), tint, paint, thin=True)


def slab(
    half: tuple[float, float], high: float, tint: str, paint: Paint, *, soft: float = 0.02, relief: Relief | None = None
) -> Piece:
    """Return a box on y = 0 with rounded edges, half sides along x and z."""
    n = 20
    angle = np.linspace(0, 2 * np.pi, 8 * n, endpoint=False)
    soft = min(soft, 0.49 * high, *half)

    def ring(inset: float, y: float) -> Array:
        corner = np.minimum((angle / (np.pi / 2)).astype(int), 3)
        cx = np.array([1, -1, -1, 1])[corner] * (half[0] - soft)
        cz = np.array([1, 1, -1, -1])[corner] * (half[1] - soft)
        r = max(soft - inset, 1e-4)
        shrink = min(1.0, max(0.0, 1 - max(inset - soft, 0)))
        return np.stack(
            [shrink * (cx + r * np.cos(angle)), np.full(len(angle), y), shrink * (cz + r * np.sin(angle))], 1
        )

    turn = np.linspace(0, np.pi / 2, 7)
    rows = [ring(soft + 1 - 1e-3, 0.0)]
    rows += [ring(soft * (1 - np.sin(a)), soft * (1 - np.cos(a))) for a in turn]
    rows += [ring(soft * (1 - np.cos(a)), high - soft * (1 - np.sin(a))) for a in turn]
    rows += [ring(soft + 1 - 1e-3, high)]
    points = np.stack(rows)[:, ::-1]
    along = np.broadcast_to(np.linspace(0, 1, len(rows))[:, None], points.shape[:2])
    own = np.stack([along, np.broadcast_to(angle, along.shape), 0 * along], -1)
    return Piece(*sheet(points, own, ring=True), tint, paint, relief)
