"""Lookalikes: parts inside a cut-out that have the colours of the place around it and not those of the product.

What the product encloses and stayed filled (a handle's hole, a sheet under an arm) is one; so is now and then a print.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    binary_opening,
    find_objects,
    label,
)

from pipeline.core.resample import Box
from pipeline.core.types import Alpha
from pipeline.cutout.colour_likeness import ColourLikeness, colour_likeness

#: What is warned of: at least the first share of the product, with colours e^1.2 times commoner around the product than
#: in it, that far in Lab from the product's right beside it, and no more spread than the last. Chosen by hits less
#: false alarms on the 96 photos of both sets whose truth can judge it, 7 of them with a hole that stayed filled. Chosen
#: anew in each of ten folds over both sets, three times over: on the held-out ones 3 said, each rightly, of 7. On all
#: it says 4, one of them (a plant) for another place than its hole. Nothing on 36 further photos. 2026-11-26.
MIN_PART, LIKENESS, CONTRAST, SPREAD = 0.02, 1.2, 13.0, 5.5
#: The colours of a part so large are not counted as the product's own: it would speak for itself. Of what is that large
#: on those photos, and is the product's own, the likest has e^1.15 within the spread.
BROAD = 0.2
#: A part with more of its surroundings outside the product than this isn't enclosed.
ENCLOSED = 0.15
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lookalike:
    """A part of the product that looks like the place around it."""

    #: h×w, where it is.
    mask: Mask
    #: Left, top, right, bottom in pixels of the mask.
    box: Box
    #: Its share of the product, 0–1.
    share: float
    #: Mean log of how much commoner its colours are around the product than in it.
    likeness: float
    #: Distance in Lab between its colour and the product's right around it; mean spread of its own colours.
    contrast: float
    spread: float

    @property
    def suspected(self) -> bool:
        """Whether it is to be warned of."""
        likely = self.share >= MIN_PART and self.likeness >= LIKENESS
        return likely and self.contrast >= CONTRAST and self.spread <= SPREAD


def lookalikes(rgb: NDArray[np.float32], cover: Alpha, *, least: float = MIN_PART) -> list[Lookalike]:
    """Return what the product encloses that looks like the place: h×w×3 sRGB in [0, 1] of some 320 pixels, h×w cover.

    `least`: the share of the product from which on a part counts.
    """
    seen = colour_likeness(rgb, cover)
    return [] if seen is None else _enclosed(seen, cover > 0.5, least)


def _enclosed(seen: ColourLikeness, product: Mask, least: float) -> list[Lookalike]:
    """Return the parts inside the product that are typical of the place."""
    area = int(product.sum())
    parts, _ = label(binary_opening(seen.typical, np.ones((3, 3), bool)))
    found = []
    for index, where in enumerate(find_objects(parts), 1):
        window = tuple(slice(max(0, side.start - 6), side.stop + 6) for side in where)
        part = parts[window] == index
        if part.sum() < least * area:
            continue
        near = binary_dilation(part, iterations=2)
        beyond = binary_dilation(near, iterations=2) & ~near
        if (beyond & ~product[window]).sum() > ENCLOSED * max(1, beyond.sum()):
            continue
        rim = binary_dilation(near, iterations=3) & ~near & product[window]
        colours = seen.lab[window]
        away = np.median(colours[part], axis=0) - (colours[rim].mean(axis=0) if rim.any() else 0)
        whole = np.zeros_like(product)
        whole[window] = part
        rows, columns = where
        broad = part.sum() >= BROAD * area
        ratio = seen.ratio_without(binary_dilation(whole, iterations=3)) if broad else seen.ratio
        found.append(
            Lookalike(
                mask=whole,
                box=(columns.start, rows.start, columns.stop, rows.stop),
                share=float(part.sum()) / area,
                likeness=float(ratio[whole].mean()),
                contrast=float(np.linalg.norm(away)),
                spread=float(colours[part].std(axis=0).mean()),
            )
        )
    return found
