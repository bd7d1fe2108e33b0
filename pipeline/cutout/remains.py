"""Remains of the old ground at a cut-out's edge: smears of a shadow or a mirror image that the mask half covers.

A logistic regression decides from the colours of soft pixels whether they are ground. It was fitted in five folds on
photos of ECSSD, composites with drawn shadows and mirror images, and the 35 pictures with exact alpha.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter
from scipy.special import expit

from pipeline.core.parallel import by_rows
from pipeline.core.resample import reduced, resize
from pipeline.core.types import Alpha, Rgb8
from pipeline.kernels.image.resampling import enlarge

#: Longer side in pixels at which colours are compared, and the window of the ground near by, as a share of it.
SIDE, WINDOW = 400, 0.12
#: Alpha between these is examined: below is background, above product.
SOFT = (0.02, 0.8)
#: Weights of `evidence`, the constant first.
WEIGHTS = (0.16, 2.63, -1.51, -0.91, -0.48, 0.37, 0.22)
#: Probability of product below which a pixel goes, and from which it stays; largest share of the cut-out that may go.
GROUND, PRODUCT, MOST = 0.15, 0.4, 0.02


def clear_remains(guide: Rgb8, alpha: Alpha) -> None:
    """Lower H×W alpha in place where the photo `guide` (h×w×3 sRGB, the same view) shows ground. 1 stays 1."""
    small = reduced(guide, SIDE)
    cover = resize(alpha, small.shape[1], small.shape[0], Image.Resampling.BOX)
    soft = (cover > SOFT[0]) & (cover < SOFT[1])
    kept = np.ones_like(cover)
    likely = expit(evidence(small, cover, soft) @ np.array(WEIGHTS, np.float32))
    kept[soft] = np.clip((likely - GROUND) / (PRODUCT - GROUND), 0, 1)
    # where more would go, the mask is in doubt about the product itself
    if not 0 < (cover * (1 - kept)).sum() < MOST * cover.sum():
        return

    def work(top: int, bottom: int) -> None:
        strip, its = np.empty((bottom - top, alpha.shape[1], 1), np.float32), alpha[top:bottom]
        enlarge(kept[..., None], len(alpha), top, strip)
        its *= np.clip(np.maximum(strip[..., 0], 10 * its - 9), 0, 1)

    by_rows(len(alpha), work)


def evidence(rgb: Rgb8, cover: Alpha, where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return N×7 terms for the N pixels `where` of h×w×3 sRGB and h×w alpha.

    A constant, alpha, its local mean, the distance from the ground's colour near by (0–√3), the shade of the ground
    that explains the colour best (1: its own), the logarithm of the ground's spread, and the distance in spreads.
    """
    window = 2 * round(WINDOW / 2 * max(cover.shape)) + 1
    colours = np.moveaxis(rgb, -1, 0) / np.float32(255)
    ground = (cover < SOFT[0]).astype(np.float32)

    def near(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(uniform_filter(plane * ground, window, mode="constant")[where], np.float32)

    count = near(ground) + np.float32(1e-6)
    mean = np.stack([near(plane) / count for plane in colours])
    spread = np.sqrt(np.maximum(near((colours * colours).mean(0)) / count - (mean * mean).mean(0), 0) + 1e-5)
    own, around = colours[:, where], uniform_filter(cover, window // 2 | 1)[where]
    away = np.sqrt(np.square(own - mean).sum(0))
    shade = np.clip((own * mean).sum(0) / ((mean * mean).sum(0) + 1e-4), 0, 2)
    terms = (cover[where], around, away, shade, np.log(spread), np.minimum(away / (spread + 0.01), 6))
    return np.stack((np.ones_like(away), *terms), -1)
