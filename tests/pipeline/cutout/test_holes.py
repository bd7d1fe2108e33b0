"""Holes that a segmenter filled are opened where the photo proves them, and nowhere else."""

import numpy as np
import pytest

from pipeline.core.networks import FunctionSegmenter
from pipeline.core.types import Alpha, Rgb8
from pipeline.cutout.holes import seen_through
from pipeline.cutout.segment import segment
from testkit.still_life import photo

SIDE = 600
Y, X = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
#: A ring; the area inside it; and both, as a segmenter sees them.
RING = (np.hypot(X, Y) < 0.6) & (np.hypot(X, Y) > 0.35)
HOLE = np.hypot(X, Y) <= 0.35
FILLED = np.asarray(RING | HOLE, np.float32)


def ring(wall: np.ndarray, inside: np.ndarray | None = None, grain: float = 0.004) -> Rgb8:
    """A dark blue ring before a wall (SIDE×SIDE grey in [0, 1]), with `inside` in it, and a photo's grain."""
    grey = wall if inside is None else np.where(HOLE, inside, wall)
    rgb = np.where(RING[..., None], [0.1, 0.15, 0.4], grey[..., None])
    rgb = rgb + np.random.default_rng(3).normal(0, grain, rgb.shape)
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


#: Lit from one corner, darker towards the floor.
GRADIENT = 0.85 + 0.05 * X - 0.06 * Y - 0.03 * X * Y


def opened(rgb: Rgb8, mask: Alpha = FILLED) -> np.ndarray:
    through = seen_through(rgb, mask)
    return np.zeros(mask.shape, bool) if through is None else through > 0.5


def test_a_filled_hole_before_a_plain_wall_is_opened_to_its_rim() -> None:
    found = opened(ring(GRADIENT))
    assert found[HOLE].mean() > 0.93
    assert found[~HOLE].mean() < 0.01


def test_a_bow_that_the_mask_closed_below_is_opened_too() -> None:
    gap = (np.abs(X) < 0.12) & (Y > 0)
    rgb = ring(GRADIENT)
    wall = ring(GRADIENT, inside=GRADIENT)
    rgb[gap] = np.where(RING[gap][:, None], np.roll(wall, SIDE // 2, 0)[gap], rgb[gap])
    rgb[gap & RING] = (GRADIENT[gap & RING] * 255 + 0.5).astype(np.uint8)[:, None]
    found = opened(rgb)
    assert found[HOLE].mean() > 0.9


@pytest.mark.parametrize("off", [-0.03, 0.03, 0.1])
def test_a_label_slightly_lighter_or_darker_than_the_wall_belongs_to_the_product(off: float) -> None:
    assert not opened(ring(GRADIENT, inside=GRADIENT + off)).any()


def test_a_flat_label_a_pattern_and_a_full_picture_prove_nothing() -> None:
    assert not opened(ring(GRADIENT, inside=np.full_like(GRADIENT, 0.85))).any()
    for tone in (1.2, -0.2):
        assert not opened(ring(np.full_like(GRADIENT, tone), grain=0.0)).any()
    assert not opened(ring(GRADIENT + 0.08 * np.sign(np.sin(20 * X) * np.sin(20 * Y)))).any()
    assert seen_through(ring(GRADIENT), np.ones((SIDE, SIDE), np.float32)) is None


@pytest.mark.parametrize("shape", [(2, 320), (320, 1)])
def test_a_strip_of_a_photo_proves_nothing_and_breaks_nothing(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, np.float32)
    mask[: shape[0] // 3 + 1, 100 if shape[1] > 1 else 0] = 1
    assert seen_through(np.full((*shape, 3), 200, np.uint8), mask) is None


def test_a_cutout_has_the_hole_that_its_network_filled() -> None:
    @FunctionSegmenter
    def filling(image: np.ndarray) -> Alpha:
        y, x = np.mgrid[: image.shape[0], : image.shape[1]]
        dark = np.argwhere(image[..., 0] < 90)
        (top, left), (bottom, right) = dark.min(0), dark.max(0)
        middle, radius = ((top + bottom) / 2, (left + right) / 2), (bottom - top) / 2
        return np.asarray(np.hypot(y - middle[0], x - middle[1]) <= radius, np.float32)

    found = segment(photo(ring(GRADIENT)), filling)
    assert (found.alpha[HOLE] < 0.5).mean() > 0.97
    assert (found.alpha[RING] > 0.5).mean() > 0.97
