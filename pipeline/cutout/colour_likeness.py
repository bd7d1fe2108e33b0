"""The likelihood ratio of colours: how much commoner each pixel's colour is around a product than in it.

Two histograms in Lab, one of the place around the product and one of the product itself; by the log of their ratio
Bayesian matting and GrabCut score a pixel.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from pipeline.colour.spaces import srgb_to_lab
from pipeline.core.resample import eroded
from pipeline.core.types import Alpha

#: Histogram cell of colours in Lab units; the rarest share of the place's pixels that isn't typical of it.
CELL, RARE = 6.0, 0.15
#: Fewer pixels than the first around the product tell nothing of the place; fewer than the second, nothing of it.
LEAST_AROUND, LEAST_OWN = 50, 100
#: Density of a colour that was not met.
_UNMET = 1e-5

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ColourLikeness:
    """What the colour of each pixel of an h×w photo says of it."""

    #: h×w×3, slightly blurred.
    lab: NDArray[np.float32]
    #: h×w: well inside the product, and typical of the place around it.
    typical: Mask
    #: h×w log of how much commoner the colour is around the product than in it.
    ratio: NDArray[np.float32]
    _cells: NDArray[np.intp]
    _place: NDArray[np.float32]
    _own: Mask

    def ratio_without(self, part: Mask) -> NDArray[np.float32]:
        """Return the ratio where an h×w part does not count as the product's own; `ratio` where too little is left."""
        own = self._own & ~part
        return self.ratio if own.sum() < LEAST_OWN else _log_ratio(self._place, _density(self._cells, own))


def colour_likeness(rgb: NDArray[np.float32], cover: Alpha) -> ColourLikeness | None:
    """Compare a product's colours with the place's: h×w×3 sRGB in [0, 1] of some 320 pixels, h×w coverage.

    None where hardly anything of the place is seen.
    """
    product = cover > 0.5
    outside = distance_transform_edt(~product)
    around = (outside > 2) & (outside <= max(8.0, 0.35 * float(product.sum()) ** 0.5)) & (cover < 0.05)
    if around.sum() < LEAST_AROUND:
        return None
    wider = np.pad(product, 1, mode="edge")
    inside = [eroded(wider, reach)[1:-1, 1:-1] for reach in (2.5, 3)]
    lab = srgb_to_lab(gaussian_filter(rgb, (0.7, 0.7, 0)))
    raw = ((lab + np.array([0, 110, 110], np.float32)) / np.float32(CELL)).astype(np.intp)
    cells = np.ravel_multi_index(tuple(np.moveaxis(raw, -1, 0)), _SHAPE, mode="clip")
    place = _density(cells, around)
    typical = inside[0] & (place >= max(float(np.quantile(place[around], RARE)), 1e-6))
    return ColourLikeness(lab, typical, _log_ratio(place, _density(cells, inside[1])), cells, place, inside[1])


#: Cells of the histogram along L*, a* and b*.
_SHAPE = int(100 / CELL) + 2, int(220 / CELL) + 2, int(220 / CELL) + 2


def _density(cells: NDArray[np.intp], where: Mask) -> NDArray[np.float32]:
    """Return at each pixel, in an h×w array of flat indices of cells, how common its colour is in a region, 0–1."""
    counts = np.bincount(cells[where], minlength=math.prod(_SHAPE)).astype(np.float32).reshape(_SHAPE)
    return np.asarray(gaussian_filter(counts, 1.0).ravel()[cells] / max(1, where.sum()), np.float32)


def _log_ratio(place: NDArray[np.float32], own: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log((place + _UNMET) / (own + _UNMET)), np.float32)
