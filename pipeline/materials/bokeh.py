"""Backgrounds far out of focus (bokeh): draws the blurs of a layout."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.harmony import tone
from pipeline.core.parallel import by_rows
from pipeline.core.resample import resize
from pipeline.geometry.ray import Field
from pipeline.kernels.texture.discs import enlarge_onto, paint_blurs
from pipeline.scene.layout import Blur, Colour, Layout

#: Rows at which it is drawn: nothing in it is sharper than this.
ROWS = 900
#: Leading blurs whose edges are all softer than SOFT canvas heights are drawn at 1 / COARSE of the rows.
COARSE, SOFT = 4, 0.03


def draw_lights(layout: Layout, part: NDArray[np.uint16], out: Field) -> None:
    """Draw the blurs of a layout onto those of its H×W parts that are far; `out` is H×W×3 linear."""
    tones: dict[tuple[int, float], Colour] = {}

    def colour(blur: Blur) -> Colour:
        # Tones are computed once for each quarter of a step.
        key = blur.slot, round(4 * blur.steps) / 4
        if key not in tones:
            tones[key] = tone(layout.colours[blur.slot], key[1]) if key[1] else layout.colours[blur.slot]
        return tones[key]

    shown = np.array([thing.role == "far" for thing in layout.parts])
    _draw(layout, layout.colours[layout.behind], np.stack([colour(blur) for blur in layout.blurs]), part, shown, out)


def share_of(layout: Layout, slot: int, width: int, height: int) -> Field:
    """Return H×W: the share, 0–1, of the defocused background at each place that is drawn in a slot's colour."""
    out = np.empty((height, width, 3), np.float32)
    white, black = np.ones(3, np.float32), np.zeros(3, np.float32)
    # Additive light can come to more than 1.
    colours = np.stack([white if blur.slot == slot and abs(blur.steps) < 0.5 else black for blur in layout.blurs])
    ground = white if slot == layout.behind else black
    _draw(layout, ground, colours, np.zeros((height, width), np.uint16), np.ones(1, bool), out)
    return out[..., 0]


def _draw(
    layout: Layout, ground: Colour, colours: Field, part: NDArray[np.uint16], shown: NDArray[np.bool_], out: Field
) -> None:
    height, width = part.shape
    scale = min(1.0, ROWS / height)
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    blurs = np.array([_numbers(blur) for blur in layout.blurs], np.float32).reshape(-1, 12)
    records = np.concatenate([blurs, colours], 1).astype(np.float32)
    soft = next((at for at, blur in enumerate(layout.blurs) if blur.soft < SOFT), len(layout.blurs))
    small = np.empty((3, max(2, rows // COARSE), max(2, columns // COARSE)), np.float32)
    small[:] = ground[:, None, None]
    _painted(records[:soft], small)
    canvas = np.stack([resize(plane, columns, rows, Image.Resampling.BILINEAR) for plane in small])
    _painted(records[soft:], canvas)
    across, shares = _cubic(columns, width)
    down, weights = _cubic(rows, height)
    across, shares = np.ascontiguousarray(across.T), np.ascontiguousarray(shares.T)

    def work(top: int, bottom: int) -> None:
        rows = slice(top, bottom)
        enlarge_onto(canvas, across, shares, down[rows], weights[rows], shown, part[rows], out[rows])

    by_rows(height, work)


def _painted(records: Field, canvas: Field) -> None:
    by_rows(canvas.shape[1], lambda top, bottom: paint_blurs(records, canvas, top, bottom))


def _numbers(blur: Blur) -> tuple[float, ...]:
    """Return the numbers of a blur for `paint_blurs`, without its colour."""
    cos, sin = float(np.cos(blur.turn)), float(np.sin(blur.turn))
    shape = blur.long, blur.wide, blur.radius, blur.apart, blur.soft, blur.rim, blur.strength, blur.hides
    return blur.x, blur.y, cos, sin, *shape


def _cubic(source: int, target: int) -> tuple[NDArray[np.int64], Field]:
    """Return target×4 indices of the `source` samples around each place, and their cubic weights (a = -0.5)."""
    middle = (np.arange(target)[:, None] + 0.5) * (source / target) - 0.5
    samples = np.floor(middle).astype(np.int64) + np.arange(-1, 3)
    far = np.abs(samples - middle)
    near = (1.5 * far - 2.5) * far * far + 1
    weights = np.where(far < 1, near, ((-0.5 * far + 2.5) * far - 4) * far + 2)
    weights *= (samples >= 0) & (samples < source)
    weights /= weights.sum(1, keepdims=True)
    return np.clip(samples, 0, source - 1), weights.astype(np.float32)
