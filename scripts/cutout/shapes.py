"""Silhouettes of things that look like products: bottles, boxes, rings, chairs, leaves, letters, each with its holes.

Every function draws on a square canvas and returns masks from back to front, uint8 0–255, at SUPER times the picture's
size; what is drawn in 255 is there, holes are cut again with 0. Nothing here was taken from a picture.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

#: Masks are drawn this much larger than the picture, for smooth edges.
SUPER = 2
#: Letters on things.
WORDS = "ABDEGHKMNOPQRSXabdegopq0689&@%#"

Mask = NDArray[np.uint8]
Point = tuple[float, float]
Shape = Callable[[np.random.Generator, int], list[Mask]]


def lathe(rng: np.random.Generator, side: int) -> list[Mask]:
    """A turned body (bottle, vase, cup, lamp), sometimes with a handle or a cap."""
    knots = int(rng.integers(3, 7))
    radius = rng.uniform(0.06, 0.32) * rng.uniform(0.35, 1.0, knots)
    if rng.random() < 0.4:
        radius[:] = radius.max() * rng.uniform(0.92, 1.0, knots)
    top, bottom = rng.uniform(0.08, 0.4), rng.uniform(0.75, 0.93)
    rows = np.linspace(0, 1, 60)
    width = np.interp(rows, np.linspace(0, 1, knots), radius)
    if rng.random() < 0.6:
        width = np.convolve(np.pad(width, 6, "edge"), np.ones(13) / 13, "valid")
    centre, tilt = rng.uniform(0.42, 0.58), rng.uniform(0.0, 0.14)
    y = top + rows * (bottom - top)
    outline = [(centre - w, v) for w, v in zip(width, y, strict=True)]
    outline += [(centre + w, v) for w, v in zip(width[::-1], y[::-1], strict=True)]
    body = _canvas(side)
    draw = ImageDraw.Draw(body)
    draw.polygon(_scaled(outline, side), fill=255)
    for w, v in ((width[0], top), (width[-1], bottom)):
        draw.ellipse(_box(centre - w, v - w * tilt, centre + w, v + w * tilt, side), fill=255)
    masks = [np.asarray(body)]
    if rng.random() < 0.4:
        turn = 1 if rng.random() < 0.5 else -1
        middle, reach = rng.uniform(0.35, 0.65), rng.uniform(0.05, 0.16)
        at = centre + turn * float(np.interp(middle, rows, width)) * 0.9
        high = rng.uniform(0.12, 0.26)
        v = top + middle * (bottom - top)
        arc = [(at + turn * reach * np.cos(t), v + high * np.sin(t)) for t in np.linspace(-np.pi / 2, np.pi / 2, 40)]
        masks.insert(0, _stroke(arc, rng.uniform(0.012, 0.045), side))
    if rng.random() < 0.4:
        cap = _canvas(side)
        w, h = float(width[0]) * rng.uniform(0.8, 1.2), rng.uniform(0.03, 0.12)
        ImageDraw.Draw(cap).rounded_rectangle(_box(centre - w, top - h, centre + w, top + 0.01, side), 6, fill=255)
        masks.append(np.asarray(cap))
    return masks


def box(rng: np.random.Generator, side: int) -> list[Mask]:
    """A box seen over a corner, or from the front: up to three faces."""
    w, h, d = rng.uniform(0.18, 0.6), rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.3)
    x, y = 0.5 - w / 2, 0.85 - h
    turn = 1 if rng.random() < 0.5 else -1
    rise = d * rng.uniform(0.1, 0.7)
    taper = rng.uniform(-0.03, 0.03)
    front = [(x, y), (x + w, y + taper), (x + w, y + h - taper), (x, y + h)]
    edge = (front[1], front[2]) if turn > 0 else (front[0], front[3])
    far = [(p + turn * d, q - rise) for p, q in edge]
    faces = [front]
    if rng.random() < 0.75:
        faces = [[edge[0], far[0], far[1], edge[1]], front]
        if rng.random() < 0.8:
            other = front[0] if turn > 0 else front[1]
            faces.insert(0, [other, edge[0], far[0], (other[0] + turn * d, other[1] - rise)])
    return [_polygon(face, side) for face in faces]


def rings(rng: np.random.Generator, side: int) -> list[Mask]:
    """Rings, scissors' handles, headphones, frames of glasses: thick outlines round open holes."""
    masks = []
    for _ in range(int(rng.integers(1, 4))):
        rx, ry = rng.uniform(0.07, 0.32), rng.uniform(0.07, 0.32)
        x, y = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)
        start, span = rng.uniform(0, 2 * np.pi), rng.choice([2 * np.pi, 2 * np.pi, rng.uniform(2.5, 5)])
        turn, square = rng.uniform(0, np.pi), rng.choice([1.0, 1.0, 0.5])
        t = np.linspace(start, start + span, 80)
        u = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** square * rx
        v = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** square * ry
        path = [
            (x + a * np.cos(turn) - b * np.sin(turn), y + a * np.sin(turn) + b * np.cos(turn))
            for a, b in zip(u, v, strict=True)
        ]
        masks.append(_stroke(path, rng.uniform(0.012, 0.07), side))
    if rng.random() < 0.6:
        masks += blob(rng, side) if rng.random() < 0.4 else _bars(rng, side, 2)
    return masks


def frame(rng: np.random.Generator, side: int) -> list[Mask]:
    """Chairs, stands, racks, bicycles: bars between a few points, some curved, with a seat or a plate."""
    masks = _bars(rng, side, int(rng.integers(3, 12)))
    if rng.random() < 0.6:
        x, y, w, h = rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.45), rng.uniform(0.03, 0.3)
        lean = rng.uniform(-0.1, 0.1)
        masks.append(_polygon([(x, y), (x + w, y + lean), (x + w, y + h + lean), (x, y + h)], side))
    return masks


def blob(rng: np.random.Generator, side: int) -> list[Mask]:
    """One to four round bodies: shoes, fruit, toys, animals."""
    masks = []
    for _ in range(int(rng.integers(1, 5))):
        t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        r = 1 + sum(rng.normal(0, 0.25 / k) * np.cos(k * t + rng.uniform(0, 6.3)) for k in range(1, 6))
        r = np.clip(r, 0.35, 2) * rng.uniform(0.08, 0.26)
        sx, sy = rng.uniform(0.7, 1.4), rng.uniform(0.7, 1.4)
        x, y = rng.uniform(0.38, 0.62), rng.uniform(0.38, 0.68)
        masks.append(_polygon(list(zip(x + sx * r * np.cos(t), y + sy * r * np.sin(t), strict=True)), side))
    return masks


def plate(rng: np.random.Generator, side: int) -> list[Mask]:
    """A flat thing with holes cut through: gears, grids, tools, brackets."""
    image = _canvas(side)
    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = rng.uniform(0.12, 0.35, 2).tolist() + rng.uniform(0.65, 0.9, 2).tolist()
    kind = rng.integers(3)
    if kind == 0:
        draw.rounded_rectangle(_box(x0, y0, x1, y1, side), rng.uniform(0, 0.1) * side * SUPER, fill=255)
    elif kind == 1:
        draw.ellipse(_box(x0, y0, x1, y1, side), fill=255)
    else:
        teeth = int(rng.integers(5, 20))
        t = np.linspace(0, 2 * np.pi, teeth * 4, endpoint=False)
        r = np.where(np.arange(teeth * 4) % 4 < 2, 0.36, rng.uniform(0.18, 0.34))
        draw.polygon(_scaled(list(zip(0.5 + r * np.cos(t), 0.5 + r * np.sin(t), strict=True)), side), fill=255)
    for _ in range(int(rng.integers(0, 7))):
        w, h = rng.uniform(0.02, 0.14, 2)
        x, y = rng.uniform(x0, x1 - w), rng.uniform(y0, y1 - h)
        hole = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        hole(_box(x, y, x + w, y + h, side), fill=0)
    return [np.asarray(image)]


def foliage(rng: np.random.Generator, side: int) -> list[Mask]:
    """A plant: leaves on stems, mostly out of a pot."""
    masks, leaves = [], _canvas(side)
    draw = ImageDraw.Draw(leaves)
    root = (rng.uniform(0.45, 0.55), rng.uniform(0.6, 0.75))
    thin = rng.uniform(0.12, 0.5)
    for _ in range(int(rng.integers(5, 40))):
        angle = rng.uniform(-np.pi * 0.95, -0.05 * np.pi)
        reach, size = rng.uniform(0.1, 0.48), rng.uniform(0.05, 0.2)
        tip = root[0] + reach * np.cos(angle), root[1] + reach * np.sin(angle)
        draw.line(_scaled([root, tip], side), fill=255, width=max(1, round(0.006 * side * SUPER)))
        turn = angle + rng.normal(0, 0.6)
        t = np.linspace(0, np.pi, 12)
        along, across = size * (1 - np.cos(t)) / 2, size * thin * np.sin(t) / 2
        outline = [(a, b) for a, b in zip(along, across, strict=True)]
        outline += [(a, -b) for a, b in zip(along[::-1], across[::-1], strict=True)]
        c, s = np.cos(turn), np.sin(turn)
        draw.polygon(_scaled([(tip[0] + a * c - b * s, tip[1] + a * s + b * c) for a, b in outline], side), fill=255)
    masks.append(np.asarray(leaves))
    if rng.random() < 0.7:
        w, h = rng.uniform(0.08, 0.2), rng.uniform(0.12, 0.24)
        x, y = root
        masks.append(_polygon([(x - w, y), (x + w, y), (x + w * 0.75, y + h), (x - w * 0.75, y + h)], side))
    return masks


def letters(rng: np.random.Generator, side: int) -> list[Mask]:
    """Big letters and figures, many with counters."""
    image = _canvas(side)
    text = "".join(rng.choice(list(WORDS), int(rng.integers(1, 4))))
    font = ImageFont.load_default(size=round(side * SUPER * rng.uniform(0.35, 0.6)))
    middle = side * SUPER / 2
    thick = round(side * SUPER * rng.uniform(0, 0.02))
    ImageDraw.Draw(image).text((middle, middle), text, fill=255, font=font, anchor="mm", stroke_width=thick)
    return [np.asarray(image.rotate(float(rng.normal(0, 12))))]


def garment(rng: np.random.Generator, side: int) -> list[Mask]:
    """Something like a shirt, a dress or trousers laid flat."""
    w, h, sleeve, reach = rng.uniform(0.14, 0.24), rng.uniform(0.4, 0.7), rng.uniform(0.08, 0.4), rng.uniform(0.06, 0.2)
    top, flare = rng.uniform(0.1, 0.22), rng.uniform(0.9, 1.5)
    half = [(0.06, top), (w, top + 0.03), (w + reach, top + sleeve), (w + reach * 0.5, top + sleeve + 0.06)]
    half += [(w * 0.95, top + 0.2), (w * flare, top + h)]
    if rng.random() < 0.3:
        half += [(w * 0.35, top + h), (0.0, top + h * 0.5)]
    else:
        half += [(0.0, top + h)]
    outline = [(0.5 + x, y) for x, y in half] + [(0.5 - x, y) for x, y in reversed(half)]
    jitter = rng.normal(0, 0.008, (len(outline), 2))
    return [_polygon([(x + a, y + b) for (x, y), (a, b) in zip(outline, jitter, strict=True)], side)]


SHAPES: tuple[Shape, ...] = (lathe, lathe, box, box, rings, frame, blob, plate, foliage, letters, garment)


def _bars(rng: np.random.Generator, side: int, count: int) -> list[Mask]:
    thick = rng.uniform(0.006, 0.04)
    points = rng.uniform(0.12, 0.88, (max(3, count // 2 + 1), 2))
    upright = rng.random() < 0.5
    masks = []
    for _ in range(count):
        a, b = points[rng.choice(len(points), 2, replace=False)]
        if upright and rng.random() < 0.7:
            b = np.array([a[0] + rng.normal(0, 0.02), b[1]])
        bend = rng.normal(0, 0.06) if rng.random() < 0.3 else 0.0
        t = np.linspace(0, 1, 24)[:, None]
        across = np.array([-(b - a)[1], (b - a)[0]])
        path = a + t * (b - a) + bend * np.sin(np.pi * t) * across * 4
        masks.append(_stroke([(float(x), float(y)) for x, y in path], thick * rng.uniform(0.7, 1.4), side))
    return masks


def _canvas(side: int) -> Image.Image:
    return Image.new("L", (side * SUPER, side * SUPER))


def _scaled(points: list[Point], side: int) -> list[Point]:
    return [(float(x) * side * SUPER, float(y) * side * SUPER) for x, y in points]


def _box(x0: float, y0: float, x1: float, y1: float, side: int) -> list[float]:
    return [float(v) * side * SUPER for v in (x0, y0, x1, y1)]


def _polygon(points: list[Point], side: int) -> Mask:
    image = _canvas(side)
    ImageDraw.Draw(image).polygon(_scaled(points, side), fill=255)
    return np.asarray(image)


def _stroke(points: list[Point], thick: float, side: int) -> Mask:
    image = _canvas(side)
    width = max(2, round(thick * side * SUPER))
    draw = ImageDraw.Draw(image)
    scaled = _scaled(points, side)
    draw.line(scaled, fill=255, width=width, joint="curve")
    for x, y in (scaled[0], scaled[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return np.asarray(image)
