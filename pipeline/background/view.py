"""Estimate where a picture's horizon is, whether it is seen from above, and the side from which it is lit.

Three ridge regressions read the tones, edges and colours of a coarse grid, and the points where edges meet. They were
fitted and judged out of fold, on renders of known layouts and on crops of panoramas (`scripts/ground/fit.py`). Light
from the front or from behind, and its softness, were not predicted better than by a constant, so they are left out.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import LUMINANCE, srgb_to_linear
from pipeline.core.resample import resize
from pipeline.core.types import Rgb8
from pipeline.geometry.ray import Field

#: Rows and columns of the grid of means, and the longer side in pixels of the picture that it is taken from.
ROWS, COLUMNS, SIDE = 12, 6, 96
#: Longer side in pixels of the picture whose edges are examined, and the most edges.
EDGE_SIDE, MOST_EDGES = 160, 1500
#: Places of possible vanishing points, in shares of width and height.
ACROSS, DOWN = np.linspace(-1.0, 2.0, 25), np.linspace(-0.6, 1.1, 35)
#: Edges closer to level or upright than this, in degrees, belong to no vanishing point.
LEVEL, UPRIGHT = 7.0, 80.0


@dataclass(frozen=True)
class View:
    """What a picture shows of its camera and of its light."""

    #: Height of the horizon in shares of the picture's height, from the top; negative above the picture.
    horizon: float
    #: 0–1, how much surer than a guess.
    horizon_confidence: float
    #: Probability, 0–1, that it was taken from straight above.
    above: float
    #: -1: lit from the left, 1: lit from the right.
    side: float
    side_confidence: float


def view_of(rgb: Rgb8) -> View:
    """Estimate the view of an H×W×3 sRGB picture."""
    even, odd = features(rgb)
    fitted = _fitted()
    horizon, above, side = (
        float(one @ fitted[f"{name}_weights"] + fitted[f"{name}_base"])
        for name, one in (("horizon", even), ("above", even), ("side", odd))
    )
    # Calibrated on out-of-fold predictions for panoramas: how much better than a guess they are.
    certain = float(np.clip(fitted["horizon_sure"] @ [1.0, even[MEETING]], 0, 1))
    chance = 1 / (1 + np.exp(-float(fitted["above_sure"] @ [1.0, above])))
    right = 2 / (1 + np.exp(-float(fitted["side_sure"]) * abs(side))) - 1
    return View(
        horizon=round(float(np.clip(horizon, -0.4, 0.9)), 3),
        horizon_confidence=round(certain, 2),
        above=round(chance, 2),
        side=round(float(np.clip(side / fitted["side_scale"], -1, 1)), 2),
        side_confidence=round(right, 2),
    )


#: The feature that says how clearly edges meet in one point.
MEETING = -4


def features(rgb: Rgb8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the features of an H×W×3 sRGB picture: those that its mirror image shares, and those that change sign."""
    small = _reduced(rgb, SIDE)
    linear = srgb_to_linear(small)
    luminance = linear @ LUMINANCE
    tone = np.log2(luminance + np.float32(0.02))
    tone -= np.median(tone)
    down, across = np.gradient(tone)
    across[:, [0, -1]] = down[[0, -1]] = 0
    total = linear.sum(axis=-1) + np.float32(0.03)
    clipped = (small.min(axis=-1) > 0.94).astype(np.float32)
    warm = (linear[..., 0] - linear[..., 2]) / total
    green = (2 * linear[..., 1] - linear[..., 0] - linear[..., 2]) / total
    rough = [_means(np.abs(slope)) for slope in (across, down)]
    shared = [_means(one) for one in (tone, clipped, np.clip(down, -0.3, 0.3), warm, green)]
    shared += [*rough, *(np.log(one + 0.003) for one in rough)]
    aspect = rgb.shape[1] / rgb.shape[0]
    half = COLUMNS // 2
    even = [((one + one[:, ::-1])[:, :half] / 2).ravel() for one in shared]
    odd = [((one - one[:, ::-1])[:, half:] / 2).ravel() for one in shared[:2]]
    return np.concatenate([[aspect, 1 / aspect], *even, _meeting(rgb)]), np.concatenate(odd)


def _meeting(rgb: Rgb8) -> NDArray[np.float64]:
    """Return how well the picture's edges meet in points at each height, and where they meet best."""
    grey = _reduced(rgb, EDGE_SIDE).mean(axis=-1)
    down, across = np.gradient(gaussian_filter(np.log2(grey + 0.1), 0.8))
    steep = np.hypot(across, down)
    y, x = np.nonzero(steep > max(float(np.quantile(steep, 0.85)), 0.02))
    across, down, steep = across[y, x] / steep[y, x], down[y, x] / steep[y, x], np.minimum(steep[y, x], 0.4)
    turn = np.degrees(np.arctan2(np.abs(across), np.abs(down)))
    chosen = np.flatnonzero((turn > LEVEL) & (turn < UPRIGHT))
    chosen = chosen[:: max(1, -(-chosen.size // MOST_EDGES))]
    height, width = grey.shape
    votes = np.zeros((DOWN.size, ACROSS.size))
    if chosen.size >= 30:
        x, y, across, down, steep = np.stack([x, y, across, down, steep]).astype(np.float32)[:, chosen]
        points = np.stack(np.meshgrid(ACROSS * width, DOWN * height), axis=-1).reshape(-1, 2, 1).astype(np.float32)
        to_x, to_y = points[:, 0] - x, points[:, 1] - y
        way = np.hypot(to_x, to_y) + np.float32(1e-6)
        far = np.clip(way / np.float32(0.15 * EDGE_SIDE), 0, 1)
        # The same edges mirrored show how many would meet there by chance.
        met, chance = (
            np.exp(-np.square((sign * to_x * across + to_y * down) / way / np.float32(0.05))) * far for sign in (1, -1)
        )
        votes = ((met - chance) @ (steep / steep.sum())).reshape(votes.shape).clip(0)
    most, power = votes.max(axis=1), np.sqrt(np.square(votes).sum(axis=1))
    best = int(most.argmax())
    share = np.exp(25 * most)
    place = float(share @ DOWN / share.sum())
    summary = [DOWN[best], 5 * most[best], 10 * DOWN[best] * most[best], place, chosen.size / MOST_EDGES]
    return np.concatenate([5 * most[::2], 3 * power[::2], summary])


def _reduced(rgb: Rgb8, side: int) -> Field:
    """Return the picture as sRGB in [0, 1], its longer side `side` pixels; small pictures are enlarged."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    size = max(2 * COLUMNS, round(width * scale)), max(2 * ROWS, round(height * scale))
    filtered = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(rgb).resize(size, filtered, reducing_gap=2.0), np.float32) / np.float32(255)


def _means(field: Field) -> Field:
    """Return ROWS×COLUMNS means of the cells of an h×w field."""
    return resize(field, COLUMNS, ROWS, Image.Resampling.BOX)


@cache
def _fitted() -> dict[str, NDArray[np.float64]]:
    text = files("pipeline.background").joinpath("view.json").read_text("utf-8")
    return {name: np.array(value, np.float64) for name, value in json.loads(text).items()}
