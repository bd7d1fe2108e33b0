"""Silhouettes of things that enclose what is behind them: scissors, headphones, bags, cups, wheels, lattices.

Segmenters fill their openings. As in `scripts.cutout.shapes`: masks from back to front, nothing taken from a picture.
"""

import numpy as np
from PIL import ImageDraw

from scripts.cutout.drawing import Mask, Point, Shape, arc, bounds, canvas, polygon, stroke, turned

FULL = (0.0, 2 * np.pi)


def scissors(rng: np.random.Generator, side: int) -> list[Mask]:
    """Two blades that cross, each with a loop; pliers where the blades are short."""
    turn, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.3)
    blade, shank = rng.uniform(0.12, 0.42), rng.uniform(0.1, 0.2)
    masks: list[Mask] = []
    for way in (1, -1):
        lean = way * spread
        tip = (0.5 - way * 0.01 + np.sin(lean) * blade, 0.5 - np.cos(lean) * blade)
        foot = (0.5 - np.sin(lean) * shank, 0.5 + np.cos(lean) * shank)
        wide = rng.uniform(0.015, 0.035)
        across = (np.cos(lean) * wide, np.sin(lean) * wide)
        outline = [tip, (0.5 + across[0], 0.5 + across[1]), foot, (0.5 - across[0], 0.5 - across[1])]
        masks.append(polygon(turned([(float(x), float(y)) for x, y in outline], turn), side))
        radius = (rng.uniform(0.045, 0.09), rng.uniform(0.07, 0.14))
        loop = arc((foot[0] - way * 0.03, foot[1] + radius[1] * 0.8), radius, FULL, -lean, rng.choice([1.0, 0.7]))
        masks.append(stroke(turned(loop, turn), rng.uniform(0.014, 0.04), side))
    return masks


def headphones(rng: np.random.Generator, side: int) -> list[Mask]:
    """A bow with a cup at each end, or two: what is between is behind."""
    x, y = rng.uniform(0.45, 0.55), rng.uniform(0.4, 0.55)
    rx, ry, lean = rng.uniform(0.17, 0.32), rng.uniform(0.2, 0.34), rng.normal(0, 0.15)
    reach = rng.uniform(-0.3, 0.25)
    bow = arc((x, y), (rx, ry), (np.pi - reach, 2 * np.pi + reach), lean)
    masks = [stroke(bow, rng.uniform(0.012, 0.07), side)]
    if rng.random() < 0.4:
        masks.append(stroke(arc((x, y), (rx, ry * 0.8), (np.pi, 2 * np.pi), lean), rng.uniform(0.01, 0.03), side))
    for end, way in ((bow[0], 1), (bow[-1], -1)):
        cup = rng.uniform(0.05, 0.12), rng.uniform(0.08, 0.17)
        middle = end[0] + way * rng.uniform(-0.02, 0.05), end[1] + rng.uniform(0, 0.05)
        masks.append(polygon(arc(middle, cup, FULL, lean + way * rng.uniform(0, 0.4), rng.choice([1.0, 0.6])), side))
        if rng.random() < 0.5:
            masks.append(
                polygon(arc((middle[0] + way * 0.02, middle[1]), (cup[0] * 0.8, cup[1] * 0.9), FULL, lean), side)
            )
    return masks


def handled(rng: np.random.Generator, side: int) -> list[Mask]:
    """A bag, a basket, a kettle, a case: a body under a bow."""
    w, h = rng.uniform(0.14, 0.34), rng.uniform(0.14, 0.3)
    foot = rng.uniform(0.78, 0.9)
    top, taper = foot - 2 * h, rng.uniform(0.6, 1.2)
    if rng.random() < 0.5:
        body = [(0.5 - w * taper, top), (0.5 + w * taper, top), (0.5 + w, foot), (0.5 - w, foot)]
    else:
        body = arc((0.5, foot - h), (w, h), FULL, 0, rng.choice([1.0, 0.5, 0.7]))
        taper = rng.uniform(0.4, 0.8)
    reach, high = w * taper * rng.uniform(0.4, 0.98), rng.uniform(0.06, 0.28)
    thick = rng.uniform(0.008, 0.05)
    masks: list[Mask] = []
    for shift in (0.0, rng.normal(0, 0.03)) if rng.random() < 0.4 else (0.0,):
        at = 0.5 + shift, top + rng.uniform(0, 0.04)
        masks.append(
            stroke(arc(at, (reach, high), (np.pi, 2 * np.pi), rng.normal(0, 0.1), rng.choice([1.0, 0.5])), thick, side)
        )
    return [*masks[1:], polygon(body, side), *masks[:1]]


def cup(rng: np.random.Generator, side: int) -> list[Mask]:
    """A cup, a jug or a mug with an ear at its side, now and then on a saucer."""
    w, low, h = rng.uniform(0.12, 0.24), rng.uniform(0.5, 1.05), rng.uniform(0.2, 0.45)
    foot, centre = rng.uniform(0.72, 0.88), rng.uniform(0.42, 0.58)
    way, tilt = 1 if rng.random() < 0.5 else -1, rng.uniform(0.05, 0.3)
    masks: list[Mask] = []
    if rng.random() < 0.5:
        masks.append(polygon(arc((centre, foot), (w * rng.uniform(1.3, 1.9), w * tilt * 1.6), FULL), side))
    ear = rng.uniform(0.05, 0.12), h * rng.uniform(0.2, 0.42)
    at = centre + way * w * rng.uniform(0.85, 1.0), foot - h * rng.uniform(0.45, 0.65)
    masks.append(
        stroke(arc(at, ear, FULL, rng.normal(0, 0.15), rng.choice([1.0, 0.6])), rng.uniform(0.012, 0.04), side)
    )
    bulge = rng.uniform(0.4, 1.0)
    side_curve = [(w * (low + (1 - low) * t**bulge), foot - h * t) for t in np.linspace(0, 1, 20)]
    outline = [(float(centre + x), float(y)) for x, y in side_curve]
    outline += [(float(centre - x), float(y)) for x, y in reversed(side_curve)]
    masks.append(polygon(outline, side))
    masks.append(polygon(arc((centre, foot - h), (w, w * tilt), FULL), side))
    return masks


def wheels(rng: np.random.Generator, side: int) -> list[Mask]:
    """Wheels with spokes, joined by bars: a bicycle, a cart, a fan."""
    masks: list[Mask] = []
    count = int(rng.integers(1, 3))
    radius = rng.uniform(0.12, 0.34 / count + 0.03)
    squash = rng.uniform(0.5, 1.0)
    hubs: list[Point] = [
        (float(0.5 + (i - (count - 1) / 2) * rng.uniform(2.1, 2.8) * radius), 0.65) for i in range(count)
    ]
    rim, spoke, spokes = rng.uniform(0.008, 0.035), rng.uniform(0.003, 0.014), int(rng.integers(0, 24))
    for hub in hubs:
        masks.append(stroke(arc(hub, (radius * squash, radius), FULL), rim, side))
        for t in np.linspace(0, 2 * np.pi, spokes, endpoint=False):
            end = hub[0] + radius * squash * np.cos(t), hub[1] + radius * np.sin(t)
            masks.append(stroke([hub, (float(end[0]), float(end[1]))], spoke, side))
        masks.append(polygon(arc(hub, (0.025, 0.025), FULL), side))
    ends = [
        *hubs,
        *[(float(x), float(y)) for x, y in rng.uniform((0.2, 0.25), (0.8, 0.6), (int(rng.integers(1, 4)), 2))],
    ]
    bar = rng.uniform(0.01, 0.03)
    for a in range(len(ends)):
        for b in range(a + 1, len(ends)):
            if rng.random() < 0.7:
                masks.append(stroke([ends[a], ends[b]], bar, side))
    return masks


def lattice(rng: np.random.Generator, side: int) -> list[Mask]:
    """A cage, a rack, a chair's back, a birdcage: bars within a frame."""
    x0, y0, x1, y1 = rng.uniform(0.12, 0.3, 2).tolist() + rng.uniform(0.68, 0.9, 2).tolist()
    thick, bar = rng.uniform(0.012, 0.05), rng.uniform(0.005, 0.025)
    lean = rng.normal(0, 0.06)

    def bent(x: float, y: float) -> Point:
        return float(x + lean * (y - 0.5)), float(y + lean * (x - 0.5))

    corners = [bent(x0, y0), bent(x1, y0), bent(x1, y1), bent(x0, y1), bent(x0, y0)]
    masks = [stroke(corners, thick, side)]
    for x in np.linspace(x0, x1, int(rng.integers(0, 9)) + 2)[1:-1]:
        masks.append(stroke([bent(x, y0), bent(x, y1)], bar, side))
    for y in np.linspace(y0, y1, int(rng.integers(0, 5)) + 2)[1:-1]:
        masks.append(stroke([bent(x0, y), bent(x1, y)], bar, side))
    if rng.random() < 0.4:
        image = canvas(side)
        h = rng.uniform(0.05, 0.3) * (y1 - y0)
        ImageDraw.Draw(image).rectangle(bounds(x0, y1 - h, x1, y1, side), fill=255)
        masks.append(np.asarray(image))
    for x in (x0, x1) if rng.random() < 0.4 else ():
        masks.append(stroke([bent(x, y1), bent(x + rng.normal(0, 0.02), min(0.97, y1 + 0.15))], thick, side))
    return masks


LOOPS: tuple[Shape, ...] = (scissors, headphones, handled, cup, wheels, lattice)
