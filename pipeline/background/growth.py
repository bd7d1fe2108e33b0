"""Object growth: how much a network that saw the product enlarged it beyond its outline.

There are two measures. The measure by colour is Backdrop's own, and decides. It compares a few pixels beyond the
outline, where the drawing's colour and the colour of the product's edge differ. The measure is how far the picture's
colour has moved from the first to the second, on average. Moves in other directions count little, so blotches of other
colours are no growth. Moves towards and away from the edge's colour cancel out. The network's own change of tone and
colour is measured a little farther away, and subtracted first.

The measure by a segmenter is only reported (after arXiv:2404.10157). It is the area of the segment that contains the
product, less the product's area and less the same in the drawing. On its own it mistakes busy scenes for growth, and
misses small growth.

Tested on 2026-11-27 with simulated paintings of 35 products with exact alpha, at 512 to 1024 pixels, in two scenes
each. Growth by 3, 6 and 12 % is found in 275, 280 and 280 of 280 paintings, and falsely in 4 of 420. COLOUR and the
distances were chosen on paintings of a tiny trained network at 128 pixels. A picture blurred by 2 pixels at 512 and
more may count as growth.
Never tested on paintings of a full-size model.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter, label

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.networks import Segmenter
from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha, Rgb
from pipeline.report import ExpansionReport

#: Longer side in pixels of the compared pictures.
SIDE = 512
#: Minimum move of the surroundings towards the edge's colour, 0 to about 1, that counts as growth.
COLOUR = 0.07
#: Colours are compared between these distances from the outline, in pixels at SIDE, fewer on a smaller picture. Alpha
#: there is at most CLEAR, so that the soft edge is left out.
RIM, REACH, CLEAR = 2, 6, 0.02
#: Distances from the outline, in pixels at SIDE, for the scene's own drift in tone and colour.
FAR = (10, 40)
#: Pixels are compared from this ΔE*ab between the product's edge and the drawing near it. Their weight stops growing
#: at PLAIN, and at least ENOUGH of them are needed.
APART, PLAIN, ENOUGH = 12.0, 40.0, 30
#: Width of the Gaussian that weighs moves in other directions, as a share of the drawing's distance to the edge.
ASTRAY = 0.5
#: Limits on a move towards the edge's colour, backwards and forwards, as a share of that distance.
FARTHEST = (-1.0, 1.5)
#: Standard deviations, in pixels at SIDE, of the low-pass of pictures and of the product's colours inside its edge.
SOFT, INSIDE = 1.0, 2.0
#: Distance inside the outline, in pixels at SIDE, at which the product's edge colours are read.
CORE = 2

Mask = NDArray[np.bool_]


def growth(picture: Rgb, drawing: Rgb, alpha: Alpha, segmenter: Segmenter) -> ExpansionReport:
    """Measure the growth in a picture, H×W×3 sRGB in [0, 1] with the product's own pixels in it.

    `drawing` is the network's input, with the product in it, of the same shape; `alpha` the product's H×W coverage.
    """
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    small = max(2, round(width * scale)), max(2, round(height * scale))
    box = Image.Resampling.BOX
    covered = np.clip(resize(alpha, *small, box), 0, 1)
    product = np.asarray(covered > 0.5)
    if not product.any():
        return ExpansionReport(0.0, 0.0, grew=False)
    seen, shown = (np.clip(resize(one, *small, box), 0, 1).astype(np.float32) for one in (picture, drawing))
    found, there = (_beyond(_segmented(one, segmenter) | product, product) for one in (seen, shown))
    moved = _by_colour(seen, shown, covered)
    return ExpansionReport(round(max(0.0, found - there), 4), round(moved, 4), moved > COLOUR)


def _segmented(picture: Rgb, segmenter: Segmenter) -> Mask:
    return np.asarray(segmenter((picture * 255 + 0.5).astype(np.uint8)) > 0.5)


def _beyond(mask: Mask, product: Mask) -> float:
    """Return the area of the h×w segment that contains the product, less the product's own, as a share of it."""
    labels, _ = label(mask)
    own = np.unique(labels[product])
    grown = np.isin(labels, own[own > 0])
    return float((grown.sum() - product.sum()) / product.sum())


def _by_colour(picture: Rgb, drawing: Rgb, alpha: Alpha) -> float:
    """Return how far the product's surroundings moved from the drawing's colour, 0, to its edge's, 1."""
    unit = max(alpha.shape) / SIDE
    near, far = FAR[0] * unit, FAR[1] * unit
    product = alpha > 0.5
    left, top, right, bottom = tight_box(product) or (0, 0, 1, 1)
    margin = FAR[1]
    around = np.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    picture, drawing, product, beside = picture[around], drawing[around], product[around], alpha[around] <= CLEAR
    core = binary_erosion(product, iterations=max(1, round(CORE * unit)))
    if not core.any():
        return 0.0
    outside = distance_transform_edt(~product)
    seen, shown = _lab(picture), _lab(drawing)
    _, nearest = distance_transform_edt(~core, return_indices=True)
    edge = _blurred(seen, core, INSIDE * unit)[nearest[0], nearest[1]]
    # the network's own change of tone and colour shows farther away
    drift = _drift(seen - shown, edge - shown, (outside > near) & (outside <= far), near)
    before = _blurred(shown, beside, SOFT * unit) + drift
    moved, way = _blurred(seen, beside, SOFT * unit) - before, edge - before
    apart = np.linalg.norm(way, axis=-1)
    measured = beside & (outside > RIM * unit) & (outside <= REACH * unit) & (apart > APART)
    if measured.sum() < ENOUGH:
        return 0.0
    moved, way, apart = moved[measured], way[measured], apart[measured]
    share = (moved * way).sum(-1) / apart**2  # 0 at the drawing's colour, 1 at the edge's
    astray = np.linalg.norm(moved - share[:, None] * way, axis=-1) / apart
    weight = np.minimum(apart, PLAIN) ** 2
    return float((np.clip(share, *FARTHEST) * np.exp(-((astray / ASTRAY) ** 2)) * weight).sum() / weight.sum())


def _drift(moved: NDArray[np.float64], way: NDArray[np.float64], where: Mask, sigma: float) -> NDArray[np.float64]:
    """Return h×w×3, the drift of the scene's colours, measured where they have not become the edge's.

    `way` leads from the drawing's colours to the edge's.
    """
    if not where.any():
        return np.zeros_like(moved)
    usual = np.median(moved[where], 0)
    on, whole = moved - usual, way - usual
    apart = np.linalg.norm(whole, axis=-1)
    grown = (apart > APART) & ((on * whole).sum(-1) > 0.5 * apart**2)
    return _blurred(moved, where & ~grown, sigma)


def _blurred(values: NDArray[np.float64], where: Mask, sigma: float) -> NDArray[np.float64]:
    """Return h×w×3 blurred over `where` only: other pixels have no weight."""
    weight = np.maximum(gaussian_filter(where.astype(np.float64), sigma), 1e-4)
    return np.stack([gaussian_filter(values[..., c] * where, sigma) / weight for c in range(3)], -1)


def _lab(picture: Rgb) -> NDArray[np.float64]:
    return srgb_to_lab(np.asarray(picture, np.float32)).astype(np.float64)
