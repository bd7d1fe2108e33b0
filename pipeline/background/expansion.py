"""Object expansion: how much of the product a network painted on beyond its outline, where it saw the product.

Two measures. That by colour is ours, and decides: a few pixels beyond the product's outline, where the drawing's
colour and that of the product's edge can be told apart, it is the share of pixels that are nearer to the edge's. What
the network did to tone and colour of its scene is read farther off, and taken out before. That by a segmenter is told
beside it, after arXiv:2404.10157: the area of what it finds in the picture together with the product, less the
product's and what it finds in the drawing already; alone it takes busy scenes for expansion, and small growth for none.

On 22 products with exact alpha, one scene each at 512 to 1024 pixels, repainted in other tone, colour, grain and
shadow as `benchmarks/picture/repainted.py` does (2026-11-27): grown by 3, 6 and 12 % it is told in 264 of 264 pictures,
not grown in 0 of 176. With the limit chosen on the other 21 products by turns: 86 of 88 at 3 %, 88 and 88 of 88, and
0 of 176. Where both measures had to agree, it was told in 81, 87 and 96 of 100, not grown in 3. Never tried on what a
real model paints.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter, label

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.networks import Segmenter
from pipeline.core.resample import resize, tight_box
from pipeline.core.types import Alpha, Rgb

#: Longer side in pixels of the pictures that are compared.
SIDE = 512
#: Share of what surrounds the product, above which it has grown.
COLOUR = 0.035
#: Pixels from the outline that colours are compared at, beyond its soft edge, where alpha is at most CLEAR.
RIM, REACH, CLEAR = 2, 6, 0.02
#: Pixels from the outline that the scene's own drift in tone and colour is read at.
FAR = (14, 60)
#: Least ΔE*ab between the product's edge and the drawing beside it: less tells nothing. Fewest pixels that tell.
APART, ENOUGH = 12.0, 30
#: How far a colour may lie off the way from the drawing's to the edge's, a share of that way.
ASTRAY = 0.6
#: Standard deviations in pixels of the low-pass of pictures, and of the product's colours inside its edge.
SOFT, INSIDE = 1.0, 2.0
#: Pixels inside the outline that the product's edge colours are taken from.
CORE = 2

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Expansion:
    """How much of a product was painted on."""

    #: By the segmenter, a share of the product's area.
    area: float
    #: By colour, a share of what surrounds it.
    colour: float

    def row(self) -> dict[str, Any]:
        """Return what the report says of it."""
        return {"area": round(self.area, 4), "colour": round(self.colour, 4), "grew": self.grew}

    @property
    def grew(self) -> bool:
        """Whether the product has grown: its colours say so."""
        return self.colour > COLOUR


def expansion(picture: Rgb, drawing: Rgb, alpha: Alpha, segmenter: Segmenter) -> Expansion:
    """Measure the expansion in a picture, H×W×3 sRGB in [0, 1] with the product's own pixels in it.

    `drawing` is what the network was shown, the product in it, of the same shape; `alpha` the product's H×W coverage.
    """
    height, width = alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    small = max(2, round(width * scale)), max(2, round(height * scale))
    box = Image.Resampling.BOX
    covered = np.clip(resize(alpha, *small, box), 0, 1)
    product = np.asarray(covered > 0.5)
    if not product.any():
        return Expansion(0.0, 0.0)
    seen, shown = (np.clip(resize(one, *small, box), 0, 1).astype(np.float32) for one in (picture, drawing))
    found, there = (_beyond(_segmented(one, segmenter) | product, product) for one in (seen, shown))
    return Expansion(max(0.0, found - there), _by_colour(seen, shown, covered))


def _segmented(picture: Rgb, segmenter: Segmenter) -> Mask:
    return np.asarray(segmenter((picture * 255 + 0.5).astype(np.uint8)) > 0.5)


def _beyond(mask: Mask, product: Mask) -> float:
    """Return the area of what hangs together with the product in h×w, less the product's, as a share of it."""
    labels, _ = label(mask)
    own = np.unique(labels[product])
    grown = np.isin(labels, own[own > 0])
    return float((grown.sum() - product.sum()) / product.sum())


def _by_colour(picture: Rgb, drawing: Rgb, alpha: Alpha) -> float:
    """Return the share of what surrounds the product that has its edge's colour rather than the drawing's."""
    product = alpha > 0.5
    left, top, right, bottom = tight_box(product) or (0, 0, 1, 1)
    around = np.s_[max(0, top - FAR[1]) : bottom + FAR[1], max(0, left - FAR[1]) : right + FAR[1]]
    picture, drawing, product, beside = picture[around], drawing[around], product[around], alpha[around] <= CLEAR
    core = binary_erosion(product, iterations=CORE)
    if not core.any():
        return 0.0
    outside = distance_transform_edt(~product)
    seen, shown = _lab(picture), _lab(drawing)
    # what the network did to tone and colour of the scene is known from farther off
    drift = _blurred(seen - shown, (outside > FAR[0]) & (outside <= FAR[1]), float(FAR[0]))
    _, nearest = distance_transform_edt(~core, return_indices=True)
    edge = _blurred(seen, core, INSIDE)[nearest[0], nearest[1]]
    moved = _blurred(seen, beside, SOFT) - _blurred(shown, beside, SOFT) - drift
    way = edge - _blurred(shown, beside, SOFT) - drift
    apart = np.linalg.norm(way, axis=-1)
    # 0 where the drawing's colour is, 1 where the edge's is
    share = (moved * way).sum(-1) / np.maximum(apart**2, 1)
    astray = np.linalg.norm(moved - share[..., None] * way, axis=-1)
    told = beside & (outside > RIM) & (outside <= REACH) & (apart > APART)
    if told.sum() < ENOUGH:
        return 0.0
    return float(((share > 0.5) & (astray < ASTRAY * apart))[told].mean())


def _blurred(values: NDArray[np.float64], where: Mask, sigma: float) -> NDArray[np.float64]:
    """Return h×w×3 blurred over `where` alone: what lies outside has no say."""
    weight = np.maximum(gaussian_filter(where.astype(np.float64), sigma), 1e-4)
    return np.stack([gaussian_filter(values[..., c] * where, sigma) / weight for c in range(3)], -1)


def _lab(picture: Rgb) -> NDArray[np.float64]:
    return srgb_to_lab(np.asarray(picture, np.float32)).astype(np.float64)
