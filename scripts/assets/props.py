"""Models of the props that `scripts.assets.bake` bakes, our own geometry."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from scripts.assets.shapes import (
    Array,
    Paint,
    Piece,
    about,
    blob,
    even,
    lathe,
    leaf,
    mottled,
    noise,
    slab,
    smooth_line,
    speckled,
    tube,
)

Rng = np.random.Generator
Model = Callable[[Rng], list[Piece]]


def _leafy(base: tuple[float, float, float], under: float = 1.25, rib: float = 0.35) -> Paint:
    """Return a leaf's paint: each its own lightness, a paler rib, veins, a darker rim."""

    def paint(at: Array, own: Array) -> Array:
        along, across, which = own.T
        one = np.sin(which * 12.9898) * 43758.5453
        tone = 0.82 + 0.36 * (one - np.floor(one))
        line = np.exp(-((across / 0.07) ** 2)) * rib
        veins = 0.05 * np.sin(38 * (along - 0.35 * np.abs(across)))
        rim = -0.12 * np.abs(across) ** 4
        light = tone * (1 + line + veins + rim + 0.08 * noise(at, 9, 3, 5))
        warm = 0.10 * (one * 7.13 - np.floor(one * 7.13) - 0.5)
        return np.asarray(light[:, None] * np.array(base) * np.exp(warm[:, None] * np.array([1.0, 0.2, -0.8])))

    return paint


def _round_leaf(t: Array) -> Array:
    return np.asarray(np.sqrt(np.clip(1 - (2 * np.clip((t - 0.06) / 0.94, 0, 1) - 1) ** 2, 0, 1)) + 0.02 * (t < 0.1))


def _branch(
    rng: Rng, foot: Array, way: Array, length: float, *, pairs: int, size: float, broad: float, paint: Paint,
    bark: Paint, round_: bool = False, droop: float = 0.5, first: float = 0.25, thick: float = 0.012, number: int = 0,
) -> list[Piece]:  # fmt: skip
    """Return a stem with leaves in pairs, which leans over."""
    way = way / np.linalg.norm(way)
    aside = way * [1, 0, 1]
    key = [foot, foot + 0.5 * length * way]
    key.append(foot + length * (way + droop * 0.35 * aside - [0, droop * 0.18, 0]))
    line = smooth_line(np.array(key) + rng.normal(0, 0.01 * length, (3, 3)) * [[0], [1], [1]], 30)
    out = [tube(line, np.linspace(thick, 0.35 * thick, 30), "leaf", bark)]
    for k in range(pairs):
        t = first + (1 - first) * k / max(pairs - 1, 1)
        at = line[min(int(t * 29), 29)]
        ahead = line[min(int(t * 29) + 1, 29)] - line[max(int(t * 29) - 1, 0)]
        ahead = ahead / np.linalg.norm(ahead)
        turn = rng.uniform(0, np.pi) if k else 0.0
        for side in (-1.0, 1.0):
            out_ = np.array([np.cos(turn) * side, 0.15, np.sin(turn) * side + 0.25])
            out_ -= (out_ @ ahead) * ahead
            go = out_ / np.linalg.norm(out_) + rng.uniform(0.35, 0.8) * ahead + rng.normal(0, 0.12, 3)
            up = ahead * 0.7 + [0, 0.5, 0.55] + rng.normal(0, 0.25, 3)
            big = size * rng.uniform(0.8, 1.15) * (1.1 - 0.55 * t)
            out.append(
                leaf(at, go, up, big, broad * rng.uniform(0.9, 1.1), paint, number=number + 2 * k + (side > 0),
                     bend=rng.uniform(0.1, 0.6), fold=rng.uniform(0.05, 0.25), outline=_round_leaf if round_ else None)
            )  # fmt: skip
    top = line[-1] - line[-3]
    out.append(leaf(line[-1], top, np.array([0, 0.4, 1.0]), size * 0.6, broad, paint, number=number + 99,
                    outline=_round_leaf if round_ else None))  # fmt: skip
    return out


def vase_eucalyptus(rng: Rng) -> list[Piece]:
    """A round stoneware vase with eucalyptus."""
    body = lathe(
        [(0, 0), (0.2, 0.0), (0.27, 0.03), (0.36, 0.2), (0.4, 0.38), (0.34, 0.56), (0.2, 0.68), (0.125, 0.75),
         (0.12, 0.82), (0.15, 0.88), (0.14, 0.885), (0.105, 0.82), (0.1, 0.7), (0, 0.6)],
        "own", speckled(0.05, 60, 3), relief=lambda p: 0.0015 * np.sin(120 * p[:, 1]) + 0.002 * noise(p, 12, 3, 4),
    )  # fmt: skip
    out = [body]
    paint = _leafy((0.95, 1.0, 1.02), rib=0.2)
    bark = even(0.9, 0.7, 0.55)
    for k, (x, z) in enumerate(((-0.5, 0.15), (0.12, 0.25), (0.6, -0.1), (-0.1, -0.25))):
        out += _branch(
            rng, np.array([0.03 * k - 0.05, 0.72, 0.02]), np.array([x, 1.05, z]), rng.uniform(1.15, 1.45), pairs=9,
            size=0.25, broad=0.47, paint=paint, bark=bark, round_=True, number=100 * k, thick=0.011,
        )  # fmt: skip
    return out


def _river(seed: int, dark: float) -> Paint:
    """Return a worn stone's paint: speckles, clouds, and a pale vein now and then."""

    def paint(at: Array, own: Array) -> Array:
        cloud = 0.12 * noise(at, 3, 4, seed) + 0.1 * noise(at, 45, 2, seed + 1)
        turn = about(seed, 0.6 * seed, 0.3)[0]
        vein = np.exp(-(((at @ turn + 0.06 * noise(at, 4, 3, seed + 2) - 0.05) / 0.012) ** 2)) * (seed % 3 == 0)
        warm = 0.04 * noise(at, 2, 2, seed + 3)
        return np.asarray(dark * np.exp(cloud + 0.5 * vein)[:, None] * np.exp(warm[:, None] * [1, 0, -1]))

    return paint


def _stone(rng: Rng, size: float, flat: float, seed: int, dark: float = 1.0) -> Piece:
    return blob(
        (size, flat * size, rng.uniform(0.72, 0.92) * size), "stone", _river(seed, dark), bumps=0.09, scale=0.9,
        seed=seed, power=2.25, relief=lambda p: 0.002 * noise(p, 40, 3, seed),
    )  # fmt: skip


def stone_stack(rng: Rng) -> list[Piece]:
    """Flat stones on top of each other."""
    out, y = list[Piece](), 0.0
    for k, (size, tone) in enumerate(((0.5, 0.95), (0.37, 1.15), (0.25, 0.75), (0.15, 1.05))):
        one = _stone(rng, size, rng.uniform(0.36, 0.46), 11 + k, tone)
        top = one.points[:, 1].max()
        out.append(one.moved((rng.normal(0, 0.05 * size), y, rng.normal(0, 0.03 * size)), about(rng.uniform(0, 6))))
        y += 0.93 * top
    return out


def _pores(scale: float, deep: float, seed: int) -> Callable[[Array], Array]:
    return lambda p: -deep * np.clip(noise(p, scale, 2, seed) - 0.1, 0, 1)


def _skin(base: tuple[float, float, float], tip: tuple[float, float, float], seed: int, spots: float = 0.04) -> Paint:
    """Return a fruit's paint from its body's colour to that at its ends."""

    def paint(at: Array, own: Array) -> Array:
        end = np.clip((np.abs(own[:, 0]) - 0.75) * 4, 0, 1)[:, None]
        tone = np.exp(spots * noise(at, 5, 4, seed) + 0.5 * spots * noise(at, 60, 2, seed))[:, None]
        return np.asarray((np.array(base) * (1 - end) + np.array(tip) * end) * tone)

    return paint


def _lemon(seed: int, size: float) -> Piece:
    def shape(p: Array) -> Array:
        y = p[:, 1:2]
        long = y * 1.22 + np.sign(y) * 0.16 * np.clip(np.abs(y) - 0.82, 0, 1) ** 0.7 * 1.9
        thin = 1 - 0.1 * y**2
        return np.concatenate([p[:, :1] * thin, long, p[:, 2:] * thin], 1)

    return blob((size, size, size), "as_is", _skin((0.82, 0.56, 0.045), (0.66, 0.55, 0.08), seed), bumps=0.03,
                seed=seed, shape=shape, relief=_pores(40, 0.0022, seed))  # fmt: skip


def _laid(piece: Piece, yaw: float, at: tuple[float, float, float], lean: float = np.pi / 2) -> Piece:
    turned = piece.moved(turn=about(yaw, lean, 0.0))
    low = turned.points[:, 1].min()
    middle = (turned.points.max(0) + turned.points.min(0)) / 2
    return turned.moved((at[0] - middle[0], at[1] - low, at[2] - middle[2]))


def bowl_lemons(rng: Rng) -> list[Piece]:
    """A stoneware bowl of lemons."""
    bowl = lathe(
        [(0, 0), (0.21, 0.0), (0.23, 0.02), (0.22, 0.05), (0.34, 0.1), (0.46, 0.22), (0.525, 0.38), (0.54, 0.43),
         (0.53, 0.445), (0.512, 0.43), (0.49, 0.38), (0.42, 0.24), (0.3, 0.13), (0, 0.1)],
        "own", speckled(0.05, 55, 8), relief=lambda p: 0.003 * noise(p * [0.3, 3, 0.3], 9, 2, 4),
    )  # fmt: skip
    out = [bowl]
    spots = ((-0.22, 0.2, 0.14), (0.2, 0.2, 0.17), (0.0, 0.2, -0.2), (-0.02, 0.37, 0.06), (0.29, 0.3, -0.12))
    for k, at in enumerate(spots):
        out.append(_laid(_lemon(20 + k, 0.165), rng.uniform(0, 6), at, np.pi / 2 + rng.uniform(-0.4, 0.4)))
    paint = _leafy((0.9, 1.0, 0.8))
    for k, yaw in enumerate((0.5, 2.4)):
        out.append(leaf(np.array([0.1, 0.62, 0.12]), np.array([np.sin(yaw), 0.1, np.cos(yaw)]), np.array([0, 1.0, 0.3]),
                        0.3, 0.24, paint, number=k, bend=0.7))  # fmt: skip
    return out


def _linen(seed: int, scale: float = 1.0) -> Paint:
    """Return cloth: clouds and slubs, too fine threads left out."""

    def paint(at: Array, own: Array) -> Array:
        slub = noise(at * [4, 40, 40], 2 * scale, 2, seed) + noise(at * [40, 40, 4], 2 * scale, 2, seed + 1)
        return np.asarray(np.exp(0.03 * slub + 0.04 * noise(at, 4, 3, seed))[:, None] * np.ones(3))

    return paint


def _pages(at: Array, own: Array) -> Array:
    lines = 0.07 * np.sin(at[:, 1] * 700 + 4 * noise(at, 3, 2, 9))
    return np.asarray(np.exp(lines)[:, None] * np.ones(3))


def _book(half: tuple[float, float], high: float, tint: str, seed: int) -> list[Piece]:
    """A book that lies, its pages to the front."""
    board, paint = 0.018, _linen(seed)
    w, d = half
    cover = slab((w, d), board, tint, paint, soft=0.008)
    spine = slab((w, board / 2), high, tint, paint, soft=0.008).moved((0, 0, board / 2 - d))
    block = slab((w - 0.014, d - 0.01), high - 2 * board, "page", _pages, soft=0.004)
    return [cover, cover.moved((0, high - board, 0)), block.moved((0, board, -0.002)), spine]


def _stacked(rng: Rng, sizes: tuple[tuple[float, float, float, str], ...]) -> list[Piece]:
    out, y = list[Piece](), 0.0
    for k, (w, d, high, tint) in enumerate(sizes):
        turn, x = about(rng.uniform(-0.12, 0.12)), rng.normal(0, 0.02)
        out += [piece.moved((x, y, 0.0), turn) for piece in _book((w, d), high, tint, 40 + k)]
        y += high
    return out


def books(rng: Rng) -> list[Piece]:
    """Three books on top of each other."""
    return _stacked(rng, ((0.5, 0.36, 0.13, "own"), (0.46, 0.34, 0.1, "other"), (0.4, 0.3, 0.12, "own")))


def books_and_cup(rng: Rng) -> list[Piece]:
    """Two books, a small cup on them."""
    out = _stacked(rng, ((0.5, 0.37, 0.13, "own"), (0.46, 0.33, 0.11, "own")))
    return out + [piece.moved((0.12, 0.24, 0.02)) for piece in _cup(0.17, 0.2, "other", 3)]


def _cup(radius: float, high: float, tint: str, seed: int, handle: bool = True) -> list[Piece]:
    r, h = radius, high
    paint = speckled(0.04, 70 / (4 * r), seed)
    body = lathe([(0, 0), (0.6 * r, 0), (0.72 * r, 0.03 * h), (0.95 * r, 0.3 * h), (r, 0.7 * h), (0.98 * r, 0.97 * h),
                  (0.96 * r, h), (0.91 * r, 0.97 * h), (0.92 * r, 0.6 * h), (0.8 * r, 0.2 * h), (0, 0.12 * h)],
                 tint, paint)  # fmt: skip
    if not handle:
        return [body]
    turn = np.linspace(-1.62, 1.5, 30)
    ring = np.stack([0.9 * r + 0.55 * r * np.cos(turn), 0.52 * h + 0.3 * h * np.sin(turn), 0 * turn], 1)
    return [body, tube(ring, 0.085 * r, tint, paint).moved(turn=about(0.5))]


def cup(rng: Rng) -> list[Piece]:
    """A cup on a saucer."""
    saucer = lathe([(0, 0), (0.24, 0), (0.27, 0.015), (0.42, 0.06), (0.46, 0.085), (0.455, 0.095), (0.41, 0.08),
                    (0.26, 0.035), (0, 0.03)], "own", speckled(0.04, 60, 5))  # fmt: skip
    coffee = lathe([(0, 0.3), (0.225, 0.3), (0.225, 0.305), (0, 0.305)], "as_is", even(0.09, 0.042, 0.02), soft=False)
    return [saucer, coffee, *(piece.moved((0, 0.035, 0)) for piece in _cup(0.25, 0.32, "own", 6))]


def cups_stacked(rng: Rng) -> list[Piece]:
    """Two cups, one in the other, beside a third."""
    one = [piece.moved((-0.2, 0, 0)) for piece in _cup(0.24, 0.3, "own", 7, False)]
    two = [piece.moved((-0.19, 0.13, 0), about(0, 0, 0.04)) for piece in _cup(0.24, 0.3, "other", 8, False)]
    return one + two + [piece.moved((0.34, 0, 0.1)) for piece in _cup(0.23, 0.28, "own", 9, False)]


def jug(rng: Rng) -> list[Piece]:
    """A tall jug with a handle and a spout."""
    paint = speckled(0.05, 55, 12)

    def spout(angle: Array, y: Array) -> Array:
        near = np.exp(-(((np.mod(angle + np.pi / 2 + np.pi, 2 * np.pi) - np.pi) / 0.35) ** 2))
        return np.asarray(1 + 0.4 * near * np.clip((y - 0.75) / 0.25, 0, 1) ** 1.5)

    body = lathe([(0, 0), (0.24, 0), (0.28, 0.03), (0.33, 0.2), (0.33, 0.4), (0.26, 0.6), (0.2, 0.76), (0.2, 0.9),
                  (0.23, 1.0), (0.22, 1.01), (0.18, 0.9), (0.18, 0.75), (0.24, 0.58), (0.3, 0.38), (0, 0.1)],
                 "own", paint, round_=spout, relief=lambda p: 0.002 * noise(p * [1, 4, 1], 9, 2, 4))  # fmt: skip
    turn = np.linspace(-1.72, 1.72, 30)
    ring = np.stack([0.22 + 0.24 * np.cos(turn), 0.62 + 0.27 * np.sin(turn), 0 * turn], 1)
    return [body, tube(ring, np.linspace(0.03, 0.035, 30), "own", paint)]


def bowl(rng: Rng) -> list[Piece]:
    """An empty bowl beside a small one."""
    out = [lathe([(0, 0), (0.2, 0), (0.23, 0.03), (0.38, 0.13), (0.46, 0.3), (0.47, 0.4), (0.46, 0.41), (0.44, 0.38),
                  (0.42, 0.3), (0.34, 0.16), (0, 0.08)], "own", speckled(0.05, 50, 19),
                 relief=lambda p: 0.003 * noise(p * [0.3, 3, 0.3], 9, 2, 4))]  # fmt: skip
    return out + [piece.moved((0.62, 0, 0.2)) for piece in _cup(0.2, 0.17, "other", 20, False)]


def vase_olive(rng: Rng) -> list[Piece]:
    """A slim bottle vase with olive branches."""
    body = lathe([(0, 0), (0.17, 0), (0.2, 0.02), (0.23, 0.2), (0.21, 0.42), (0.1, 0.58), (0.065, 0.7), (0.065, 0.85),
                  (0.085, 0.89), (0.075, 0.9), (0.05, 0.84), (0.05, 0.7), (0, 0.55)], "own", mottled(0.05, 7, 3),
                 relief=lambda p: 0.002 * noise(p * [1, 2, 1], 14, 3, 4))  # fmt: skip
    out, paint = [body], _leafy((1.0, 1.0, 0.92), rib=0.3)
    for k, (x, z) in enumerate(((-0.55, 0.1), (0.5, 0.2), (0.05, -0.1))):
        out += _branch(rng, np.array([0.01 * (k - 1), 0.84, 0.0]), np.array([x, 1.0, z]), rng.uniform(0.75, 0.95),
                       pairs=10, size=0.24, broad=0.13, paint=paint, bark=even(0.9, 0.75, 0.6), number=60 * k,
                       droop=0.9, thick=0.009)  # fmt: skip
    return out


def _plume(rng: Rng, line: Array, size: float, tone: float, count: int = 420) -> list[Piece]:
    """A dried plume along a line: fine hairs, each a narrow leaf."""
    tone_ = np.array([0.62, 0.5, 0.34]) * tone
    out = list[Piece]()
    for _k in range(count):
        t = rng.uniform(0.42, 1.0)
        at = line[int(t * (len(line) - 1))]
        ahead = line[min(int(t * (len(line) - 1)) + 1, len(line) - 1)] - line[max(int(t * (len(line) - 1)) - 1, 0)]
        ahead = ahead / np.linalg.norm(ahead)
        out_ = rng.normal(0, 1, 3)
        go = ahead * 1.3 + 0.75 * out_ / np.linalg.norm(out_)
        long = size * (0.35 + 0.9 * np.sin(np.pi * np.clip((t - 0.36) / 0.68, 0, 1)) ** 0.7) * rng.uniform(0.6, 1.1)
        paint = even(*(tone_ * rng.uniform(0.75, 1.2)))
        out.append(leaf(at, go, np.array([0.1, 0.3, 1.0]) + rng.normal(0, 0.5, 3), long, 0.035, paint, bend=0.5,
                        tint="as_is"))  # fmt: skip
    return out


def vase_pampas(rng: Rng) -> list[Piece]:
    """A wide vase with dried grass."""
    body = lathe([(0, 0), (0.16, 0), (0.2, 0.03), (0.27, 0.2), (0.27, 0.36), (0.16, 0.5), (0.12, 0.56), (0.14, 0.62),
                  (0.13, 0.625), (0.1, 0.56), (0, 0.45)], "own", speckled(0.05, 60, 44))  # fmt: skip
    out = [body]
    for k, (x, z) in enumerate(((-0.42, 0.1), (0.05, 0.2), (0.5, 0.0), (-0.12, -0.15))):
        tip = np.array([0.85 * x, 1.55 + 0.12 * (k % 2), z])
        line = smooth_line(np.array([[0.02 * k - 0.03, 0.5, 0], [0.35 * x, 1.05, 0.5 * z], tip]), 40)
        out += [tube(line, 0.007, "as_is", even(0.45, 0.36, 0.2)), *_plume(rng, line, 0.24, 0.9 + 0.1 * k)]
    return out


def _pot(tint: str, seed: int) -> list[Piece]:
    body = lathe([(0, 0), (0.25, 0), (0.27, 0.02), (0.33, 0.25), (0.36, 0.45), (0.36, 0.5), (0.345, 0.51),
                  (0.325, 0.48), (0.3, 0.3), (0, 0.3)], tint, mottled(0.05, 6, seed),
                 relief=lambda p: 0.002 * noise(p * [1, 3, 1], 12, 3, seed))  # fmt: skip
    earth = lathe([(0, 0.44), (0.33, 0.43), (0.33, 0.4), (0, 0.4)], "earth", mottled(0.3, 30, 3), soft=False,
                  relief=lambda p: 0.012 * noise(p, 30, 3, 2))  # fmt: skip
    return [body, earth]


def _frond(rng: Rng, line: Array, size: float, paint: Paint, number: int, up: Array) -> list[Piece]:
    """A fern's frond: leaflets in pairs along a line, shorter towards its tip."""
    out = [tube(line, np.linspace(0.008, 0.002, len(line)), "leaf", even(0.8, 0.8, 0.5))]
    n = len(line)
    for k in range(2, n - 1):
        t = k / (n - 1)
        ahead = line[k + 1] - line[k - 1]
        ahead /= np.linalg.norm(ahead)
        side = np.cross(ahead, up)
        side /= np.linalg.norm(side)
        long = size * np.sin(np.pi * min(0.12 + 0.88 * t, 1.0)) ** 0.8 + 0.012
        for sign in (-1.0, 1.0):
            go = sign * side + 0.45 * ahead + rng.normal(0, 0.06, 3)
            out.append(leaf(line[k], go, up + rng.normal(0, 0.1, 3), long, 0.13, paint, number=number + k, bend=0.4))
    return out


def fern(rng: Rng) -> list[Piece]:
    """A pot with a fern."""
    out, paint = _pot("own", 48), _leafy((0.95, 1.0, 0.7), rib=0.2)
    for k in range(13):
        angle = 2 * np.pi * k / 13 + rng.uniform(-0.2, 0.2)
        reach, rise = rng.uniform(0.55, 0.8), rng.uniform(0.35, 0.85)
        x, z = reach * np.sin(angle), reach * np.cos(angle)
        key = np.array([[0.1 * x, 0.42, 0.1 * z], [0.5 * x, 0.45 + rise, 0.5 * z], [x, 0.4 + 0.75 * rise, z]])
        up = np.array([-0.3 * x, 1.0, -0.3 * z + 0.3])
        out += _frond(rng, smooth_line(key, 30), 0.13, paint, 40 * k, up)
    return out


def amphora(rng: Rng) -> list[Piece]:
    """A tall empty vase with two handles."""
    paint = mottled(0.06, 6, 50)
    grain: Callable[[Array], Array] = lambda p: 0.004 * noise(p, 22, 3, 51)  # noqa: E731  # used twice
    body = lathe([(0, 0), (0.13, 0), (0.16, 0.03), (0.28, 0.3), (0.32, 0.5), (0.26, 0.68), (0.13, 0.78), (0.1, 0.88),
                  (0.15, 0.98), (0.14, 0.99), (0.08, 0.88), (0, 0.7)], "own", paint, relief=grain)  # fmt: skip
    out = [body]
    for sign in (-1, 1):
        key = np.array([[0.1, 0.9, 0], [0.25, 0.93, 0], [0.31, 0.8, 0], [0.25, 0.64, 0]]) * [sign, 1, 1]
        out.append(tube(smooth_line(key, 30), 0.032, "own", paint, sides=16).moved(turn=about(0.35)))
    return out


def vases(rng: Rng) -> list[Piece]:
    """Two empty vases, a round and a slim one."""
    round_ = lathe([(0, 0), (0.14, 0), (0.24, 0.06), (0.3, 0.22), (0.24, 0.38), (0.09, 0.46), (0.07, 0.5),
                    (0.085, 0.53), (0.075, 0.535), (0.05, 0.48), (0, 0.4)], "own", mottled(0.05, 6, 53))  # fmt: skip
    slim = lathe([(0, 0), (0.13, 0), (0.16, 0.02), (0.165, 0.3), (0.15, 0.6), (0.07, 0.72), (0.055, 0.86),
                  (0.075, 0.9), (0.065, 0.905), (0.04, 0.85), (0, 0.6)], "other", speckled(0.04, 60, 54))  # fmt: skip
    return [round_.moved((-0.2, 0, 0.12)), slim.moved((0.22, 0, -0.08))]


def pebbles(rng: Rng) -> list[Piece]:
    """Three stones next to each other."""
    out = list[Piece]()
    for k, (size, at) in enumerate(((0.36, (-0.15, -0.12)), (0.22, (0.38, 0.05)), (0.14, (0.08, 0.3)))):
        one = _stone(rng, size, rng.uniform(0.5, 0.62), 61 + k, (0.9, 1.15, 0.75)[k])
        out.append(one.moved((at[0], 0, at[1]), about(rng.uniform(0, 6))))
    return out


def candles(rng: Rng) -> list[Piece]:
    """Three candles of different heights."""
    out = list[Piece]()
    for k, (x, z, r, h) in enumerate(((-0.2, -0.05, 0.14, 0.62), (0.14, -0.1, 0.16, 0.42), (0.02, 0.24, 0.15, 0.26))):
        tint = ("own", "own", "other")[k]
        line = [(0, 0), (r, 0), (r, 0.5 * h), (r, h), (0.93 * r, h + 0.012), (0.8 * r, h - 0.012), (0.3 * r, h - 0.02),
                (0, h - 0.02)]  # fmt: skip
        out.append(lathe(line, tint, mottled(0.03, 8, 100 + k), soft=False).moved((x, 0, z)))
        wick = smooth_line(np.array([[x, h - 0.03, z], [x, h + 0.03, z], [x + 0.02, h + 0.07, z]]), 10)
        out.append(tube(wick, 0.005, "as_is", even(0.03, 0.025, 0.02)))
    return out


def candlesticks(rng: Rng) -> list[Piece]:
    """Two candlesticks with slim candles."""
    out = list[Piece]()
    for _k, (x, z, s) in enumerate(((-0.15, 0.05, 1.0), (0.17, -0.08, 0.72))):
        h = 0.42 * s
        line = [(0, 0), (0.15, 0), (0.15, 0.02), (0.06, 0.045), (0.022, 0.1), (0.02, 0.5 * h), (0.032, 0.55 * h),
                (0.02, 0.6 * h), (0.022, 0.9 * h), (0.06, h), (0.06, h + 0.05), (0.03, h + 0.05), (0, h)]  # fmt: skip
        out.append(lathe(line, "own", mottled(0.03, 8, 103)).moved((x, 0, z)))
        candle = [(0, h), (0.031, h), (0.026, h + 0.52 * s), (0.01, h + 0.55 * s), (0, h + 0.55 * s)]
        out.append(lathe(candle, "page", mottled(0.02, 8, 104), soft=False).moved((x, 0, z)))
        wick = np.array([[x, h + 0.54 * s, z], [x + 0.003, h + 0.57 * s, z], [x + 0.008, h + 0.6 * s, z]])
        out.append(tube(wick, 0.004, "as_is", even(0.03, 0.025, 0.02)))
    return out


def _woven(seed: int, rows: float, strands: float) -> tuple[Paint, Callable[[Array], Array]]:
    """Return the paint and relief of a round basket: strands over and under ribs."""

    def height(at: Array) -> Array:
        angle = np.arctan2(at[:, 0], at[:, 2]) * strands
        row = at[:, 1] * rows
        lap = np.sin(angle + np.pi * np.floor(row))
        return np.asarray((0.6 + 0.4 * lap) * np.abs(np.sin(np.pi * row)) ** 0.6)

    def paint(at: Array, own: Array) -> Array:
        tone = 0.55 + 0.6 * height(at)
        fibre = 0.18 * noise(at * [1, 12, 1], 30, 2, seed)
        return np.asarray((tone * np.exp(fibre))[:, None] * np.ones(3))

    return paint, lambda at: 0.02 * height(at)


def basket_eggs(rng: Rng) -> list[Piece]:
    """A low basket of eggs."""
    paint, relief = _woven(110, 26, 30)
    body = lathe([(0, 0), (0.34, 0), (0.42, 0.06), (0.48, 0.18), (0.5, 0.26), (0.48, 0.27), (0.45, 0.2), (0.36, 0.08),
                  (0, 0.06)], "wood", paint, relief=relief)  # fmt: skip
    out = [body]
    for k, (x, z, y) in enumerate(((-0.2, 0.14, 0.1), (0.1, 0.23, 0.1), (0.26, -0.04, 0.1), (0.02, -0.2, 0.1),
                                    (-0.25, -0.12, 0.1), (0.0, 0.02, 0.24))):  # fmt: skip
        egg = blob((0.13, 0.17, 0.13), "egg", speckled(0.03, 90, 112 + k, 0.75, 0.2), bumps=0.0,
                   shape=lambda p: p * [1, 1, 1] * (1 - 0.12 * p[:, 1:2] * [1, 0, 1]))  # fmt: skip
        out.append(_laid(egg, rng.uniform(0, 6), (x, y, z), rng.uniform(0.9, 1.5)))
    return out


def sprig_eucalyptus(rng: Rng) -> list[Piece]:
    """A branch of eucalyptus that lies."""
    return [piece.moved(turn=about(0, np.pi / 2, 0.0)) for piece in _branch(
        rng, np.zeros(3), np.array([0.12, 1.0, 0.0]), 1.0, pairs=11, size=0.2, broad=0.47,
        paint=_leafy((0.95, 1.0, 1.02), rib=0.2), bark=even(0.9, 0.7, 0.55), round_=True, first=0.12)]  # fmt: skip


def sprig_olive(rng: Rng) -> list[Piece]:
    """A branch of olive that lies."""
    return [piece.moved(turn=about(0, np.pi / 2, 0.0)) for piece in _branch(
        rng, np.zeros(3), np.array([-0.1, 1.0, 0.0]), 1.0, pairs=12, size=0.24, broad=0.13,
        paint=_leafy((1.0, 1.0, 0.92), rib=0.3), bark=even(0.9, 0.75, 0.6), first=0.12)]  # fmt: skip


def fern_frond(rng: Rng) -> list[Piece]:
    """A frond of fern that lies."""
    line = smooth_line(np.array([[0, 0.02, 0.5], [0.03, 0.05, 0.0], [0.14, 0.03, -0.5]]), 40)
    return _frond(rng, line, 0.2, _leafy((0.95, 1.0, 0.7), rib=0.2), 7, np.array([0.0, 1.0, 0.0]))


def pampas(rng: Rng) -> list[Piece]:
    """Two dried plumes that lie."""
    out = list[Piece]()
    for k, x in enumerate((-0.08, 0.1)):
        line = smooth_line(np.array([[0.6 * x, 0.03, 0.6], [x, 0.05, 0.0], [2.4 * x, 0.05, -0.5 + 0.1 * k]]), 40)
        out += [tube(line, 0.006, "as_is", even(0.45, 0.36, 0.2)), *_plume(rng, line, 0.2, 0.95 + 0.1 * k, 500)]
    return out


#: All models by name.
PROPS: Mapping[str, Model] = MappingProxyType({
    model.__name__: model
    for model in (
        vase_eucalyptus, vase_olive, vase_pampas, fern, amphora, vases, jug, stone_stack, pebbles, bowl,
        bowl_lemons, cup, cups_stacked, books, books_and_cup, candles, candlesticks, basket_eggs,
        sprig_eucalyptus, sprig_olive, fern_frond, pampas,
    )
})  # fmt: skip
