"""Lights far out of focus."""

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.harmony import to_oklab, tone
from pipeline.core.parallel import by_rows
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.discs import enlarge_onto, paint_discs
from pipeline.scene.layout import Colour, Layout

#: Rows that it is drawn at: nothing in it is sharper than this shows.
ROWS = 900
#: OKLab distance from which a colour is seen as a light on another.
APART = 0.2


def lights(layout: Layout, width: int, height: int) -> Field:
    """Return H×W×3 linear: soft clouds in tones of the first colour, and discs in the third and further ones.

    Only what is above the layout's edge is drawn.
    """
    out = np.empty((height, width, 3), np.float32)
    _draw(layout, np.zeros((height, width), np.uint16), np.ones(1, bool), out)
    return out


def draw_lights(layout: Layout, part: NDArray[np.uint16], out: Field) -> None:
    """Draw the lights of a layout, as `lights` has them, onto those of its H×W parts that are far; `out` is H×W×3."""
    _draw(layout, part, np.array([thing.role == "far" for thing in layout.parts]), out)


def _draw(layout: Layout, part: NDArray[np.uint16], shown: NDArray[np.bool_], out: Field) -> None:
    height, width = part.shape
    scale = min(1.0, ROWS / height)
    canvas = np.empty((3, max(2, round(height * scale)), max(2, round(width * scale))), np.float32)
    canvas[:] = layout.colours[0][:, None, None]
    discs = _discs(layout)
    by_rows(canvas.shape[1], lambda top, bottom: paint_discs(discs, canvas, top, bottom))
    across, shares = _cubic(canvas.shape[2], width)
    down, weights = _cubic(canvas.shape[1], height)
    across, shares = np.ascontiguousarray(across.T), np.ascontiguousarray(shares.T)

    def work(top: int, bottom: int) -> None:
        rows = slice(top, bottom)
        enlarge_onto(canvas, across, shares, down[rows], weights[rows], shown, part[rows], out[rows])

    by_rows(height, work)


def _discs(layout: Layout) -> Field:
    """Return N×8: middle x and y, radius, width of the soft edge, strength, linear colour; the farthest first."""
    rng = np.random.default_rng(layout.seed + 3)
    wall, surface = layout.colours[0], layout.colours[1]
    asked = layout.colours[2 : layout.asked]
    # Tones are paler than what they are of, and faint lights of them turn grey.
    own = surface if _apart(wall, surface) else tone(surface, 1.6)
    colours = asked or (tone(wall, 1.6), own, tone(wall, 0.8))
    out: list[Field] = []

    def disc(colour: Colour, size: float, y: float, soft: float, strength: float) -> None:
        x = float(rng.uniform(-0.05, layout.aspect + 0.05))
        out.append(np.array([x, y, size, soft * size, strength, *colour], np.float32))

    wide = max(1.0, layout.aspect)
    # What is behind, farthest out of focus: broad clouds of lighter and darker tones.
    for index in range(int(26 * wide)):
        cloud = tone(wall, float(rng.uniform(0.2, 0.9)) * (1 if index % 2 else -1))
        disc(cloud, float(rng.uniform(0.1, 0.24)), layout.edge * float(rng.uniform(0, 1.05)), 1.4, 0.5)
    # Lights: few large and faint ones, then the ones that give the picture its colours, then small bright ones.
    for count, low, high, weight in ((8, 0.08, 0.13, 0.35), (30, 0.038, 0.074, 0.97), (10, 0.012, 0.028, 0.95)):
        for index in range(int(count * wide)):
            y = layout.edge * (0.04 + 0.92 * float(rng.beta(1.5, 1.5)))
            colour = colours[index % len(colours)]
            colour = tone(colour, 0.9) if high < 0.03 else colour
            disc(colour, float(rng.uniform(low, high)), y, 0.16, weight * float(rng.uniform(0.75, 1.0)))
    return np.stack(out)


def _cubic(source: int, target: int) -> tuple[NDArray[np.int64], Field]:
    """Return target×4 which of `source` samples each place lies between, and their weights: cubic, a = -0.5."""
    middle = (np.arange(target)[:, None] + 0.5) * (source / target) - 0.5
    samples = np.floor(middle).astype(np.int64) + np.arange(-1, 3)
    far = np.abs(samples - middle)
    near = (1.5 * far - 2.5) * far * far + 1
    weights = np.where(far < 1, near, ((-0.5 * far + 2.5) * far - 4) * far + 2)
    weights *= (samples >= 0) & (samples < source)
    weights /= weights.sum(1, keepdims=True)
    return np.clip(samples, 0, source - 1), weights.astype(np.float32)


def _apart(one: Colour, other: Colour) -> bool:
    return float(np.linalg.norm(to_oklab(one) - to_oklab(other))) > APART
