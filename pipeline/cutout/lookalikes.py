"""Lookalikes: parts inside a cut-out that have the colours of the place around it and not those of the product.

What the product encloses and stayed filled (a handle's hole, a sheet under an arm) is one; so is now and then a print.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    binary_fill_holes,
    binary_opening,
    distance_transform_edt,
    find_objects,
    label,
)

from pipeline.core.resample import Box, eroded, reduced, resize, tight_box
from pipeline.core.types import Alpha, Rgb8
from pipeline.cutout.colour_likeness import LEAST_AROUND, ColourLikeness, colour_likeness

#: Least part of the product that counts, as a share of it, where two witnesses deny it.
MIN_DENIED = 0.003
#: What is warned of: at least the first share of the product, with colours e^1.2 times commoner around the product than
#: in it, that far in Lab from the product's right beside it, and no more spread than the last. Chosen by hits less
#: false alarms on the 96 photos of both sets whose truth can judge it, 7 of them with a hole that stayed filled. Chosen
#: anew in each of ten folds over both sets, three times over: on the held-out ones 3 said, each rightly, of 7. On all
#: it says 4, one of them (a plant) for another place than its hole. Nothing on 36 further photos. 2026-11-26.
MIN_PART, LIKENESS, CONTRAST, SPREAD = 0.02, 1.2, 13.0, 5.5
#: The colours of a part so large are not counted as the product's own: it would speak for itself. Of what is that large
#: on those photos, and is the product's own, the likest has e^1.15 within the spread.
BROAD = 0.2
#: Longer side in pixels that `contradicted` looks at.
SIDE = 320
#: What is opened: the second segmenter leaves it at most this much, and its colours are e^4 times commoner around the
#: product than in it. Of 141 photos two have such parts (a ring's inside, a sheet under an arm), each right; the
#: nearest wrong one, a print, has .06 and e^3.4. Chosen on all of them, 2026-11-26.
DENIED, FOREIGN = 0.03, 4.0
#: A part that is open to the outside is cut off where the second segmenter leaves it at most the first, its colours
#: are e^2 times commoner around the product than in it, and it hangs on a neck at most so wide against the root of
#: its area, or beside what was opened. The last two cross-validated, e^1 to e^3 or never and 1.5 to 3 or any, ten
#: folds over both sets, ten times: error on the held-out real photos 26.1 (26.1 to 26.3) for 26.4 without, on the
#: made-up ones 9.2 for 9.2. Of 105 with a mask three are cut, each rightly. Below e^1.6 one more was right, and a
#: carton lost its cap; with any neck a pale sole and a plaque's rim went. 2026-11-26.
UNSEEN, FOREIGN_RIM, NECK = 0.4, 2.0, 2.4
#: From this share of the product on, with this share of its surroundings outside the product.
MIN_RIM, OPEN = 0.003, 0.1
#: What is told of what a look at the product's box added: from the first share of the product on, with colours e^1.5
#: times commoner around it than in it. Chosen by hits less false alarms on the 105 photos with a mask, each left out in
#: turn, of e^1, e^1.5 and never: two said, rightly (at e^1 four, two of them wrong). 2026-11-27.
MIN_ADDED, FOREIGN_ADDED = 0.01, 1.5
#: A part with more of its surroundings outside the product than this isn't enclosed.
ENCLOSED = 0.15
#: What is looked at closely (chosen on the 105 photos with a mask, 2026-11-27; held out: `models/cutout/README.md`): at
#: least the first share of the product, no deeper in it than the second (of the root of its area), with at most the
#: third of its surroundings outside, and the last share of its rim so far in Lab from it.
LEAST_CLOSE, DEEPEST, AJAR, SET_OFF, ALL_ROUND = 0.002, 0.3, 0.2, 8.0, 0.8
#: Nine tenths of it have colours e^1 times commoner around the product than in it, where no such part counts as the
#: product's own, and the place within that share of the picture's longer side has them, so near in Lab. Where more than
#: the last share of the product would not count, its colours are the place's, and tell nothing.
COMMONER, NEAR_BY, WITHIN, LIKE_PLACE = 1.0, 0.2, 4.0, 0.28
#: It is opened where a look at it sees at most the first of it, and that much more of what is right around it. Beside
#: one that is, another needs no rim that is seen if its colours are e^2 times commoner around the product.
SEEN_CLOSELY, RIM_SEEN, ALONE = 0.25, 0.35, 2.0
#: Half the side of such a look, in longer sides of the part, and in the picture's; the most looks at one picture.
CLOSE, CLOSEST, MOST_LOOKS = 1.5, 0.12, 2

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


def contradicted(rgb: Rgb8, mask: Alpha, second: Alpha) -> Alpha | None:
    """Return h×w in [0, 1], 1 where the photo and a `second` segmenter both deny the h×w mask; None: nowhere.

    What they deny is enclosed by the product, or hangs on its rim. `rgb` is H×W×3 sRGB; `second` is that segmenter's
    alpha of it, at any size.
    """
    small = reduced(rgb, SIDE)
    height, width = small.shape[:2]
    cover, other = (np.clip(resize(one, width, height), 0, 1) for one in (mask, second))
    product = cover > 0.5
    seen = colour_likeness(np.asarray(small / np.float32(255), np.float32), cover, other)
    if seen is None:
        return None
    denied = np.zeros((height, width), bool)
    for part in _enclosed(seen, product, MIN_DENIED):
        if other[part.mask].mean() <= DENIED and part.likeness >= FOREIGN:
            # What was looked at is some pixels narrower, and the second segmenter says how far it goes.
            denied |= binary_dilation(part.mask, iterations=4) & (other < 0.5) & (cover > 0)
    opened = binary_dilation(denied, iterations=3)
    for rim, neck in _unseen_rim(product & ~denied, other):
        if seen.ratio[rim].mean() >= FOREIGN_RIM and (neck <= NECK or (rim & opened).any()):
            denied |= binary_dilation(rim, iterations=2) & (other < 0.5) & (cover > 0)
    if not denied.any():
        return None
    return np.clip(resize(denied.astype(np.float32), mask.shape[1], mask.shape[0]), 0, 1)


def doubted(rgb: Rgb8, mask: Alpha, first: Alpha, second: Alpha) -> list[Box]:
    """Return the boxes of what is in an h×w mask and may be the place's: left, top, right, bottom in pixels of `rgb`.

    `rgb` is H×W×3 sRGB; `first` and `second` are what two segmenters saw of it within the whole photo, at any size. It
    has the colours of the place, and either neither saw it, so that a closer look added it, or the first did not and it
    hangs on a narrow neck; what the second alone did not see is cut off (`contradicted`).
    """
    small = reduced(rgb, SIDE)
    height, width = small.shape[:2]
    cover, one, two = (np.clip(resize(look, width, height), 0, 1) for look in (mask, first, second))
    product, most = cover > 0.5, np.maximum(one, two)
    parts, count = label(binary_opening(product & (most < 0.5), np.ones((3, 3), bool)))
    each = (parts == index for index in range(1, count + 1))
    added = [part for part in each if part.sum() >= MIN_ADDED * product.sum()]
    rims = [rim for rim, neck in _unseen_rim(product, one) if neck <= NECK]
    if not added and not rims:
        return []
    seen = colour_likeness(np.asarray(small / np.float32(255), np.float32), cover, np.minimum(one, two))
    if seen is None:
        return []
    found = [part for part in added if seen.ratio[part].mean() >= FOREIGN_ADDED]
    found += [rim for rim in rims if seen.ratio[rim].mean() >= FOREIGN_RIM]
    y, x = rgb.shape[0] / height, rgb.shape[1] / width
    return [
        (round(columns.start * x), round(rows.start * y), round(columns.stop * x), round(rows.stop * y))
        for rows, columns in find_objects(label(np.any(found, axis=0))[0] if found else np.zeros((1, 1), int))
    ]


def denied_closely(rgb: Rgb8, small: Rgb8, mask: Alpha, look: Callable[[Rgb8], Alpha]) -> Alpha | None:
    """Return h×w in [0, 1], 1 in the holes of the h×w mask that the photo and a closer look deny; None: nowhere.

    Shown a handle alone, a segmenter sees what is between. `rgb` is H×W×3 sRGB, `small` the same at some 320 pixels;
    `look`, which is asked at most MOST_LOOKS times, returns the alpha of a part of it, at any size.
    """
    shape = small.shape[:2]
    cover = np.clip(resize(mask, shape[1], shape[0]), 0, 1)
    parts, alike = _place_seen_through(small, cover)
    y, x = rgb.shape[0] / shape[0], rgb.shape[1] / shape[1]
    proved, likely = np.zeros((2, *shape), bool)
    for part, commoner in parts[:MOST_LOOKS]:
        left, top, right, bottom = _around(part)
        crop = rgb[round(top * y) : round(bottom * y), round(left * x) : round(right * x)]
        seen = np.ones(shape, np.float32)
        seen[top:bottom, left:right] = resize(look(np.ascontiguousarray(crop)), right - left, bottom - top)
        near = binary_dilation(part, iterations=2)
        rim = binary_dilation(near, iterations=3) & ~near & (cover > 0.5) & ~alike
        rim[:top], rim[bottom:], rim[:, :left], rim[:, right:] = False, False, False, False
        here = seen[part].mean()
        if here <= SEEN_CLOSELY:
            # what was looked at is some pixels narrower; what is left within it hangs on nothing
            hole = binary_fill_holes(binary_dilation(part, iterations=4, mask=part | alike)) & (seen < 0.5)
            if rim.any() and seen[rim].mean() - here >= RIM_SEEN:
                proved |= hole
            elif commoner >= ALONE:
                likely |= hole
    if not proved.any():
        return None
    return np.clip(resize((proved | likely).astype(np.float32), mask.shape[1], mask.shape[0]), 0, 1)


def _place_seen_through(small: Rgb8, cover: Alpha) -> tuple[list[tuple[Mask, float]], Mask]:
    """Return what the product encloses that has the place's colours and not its own, h×w each, the largest first.

    With each the log of how much commoner nine tenths of it are around the product; and, h×w, where such colours are.
    """
    product = cover > 0.5
    seen = colour_likeness(np.asarray(small / np.float32(255), np.float32), cover)
    if seen is None:
        return [], product
    depth = distance_transform_edt(np.pad(product, 1, mode="edge"))[1:-1, 1:-1]
    area = int(product.sum())
    alike = binary_dilation((seen.ratio > 0.3) & (depth > 1))
    if seen.share_of_own(alike) > LIKE_PLACE:
        return [], alike
    ratio = seen.ratio_without(alike)
    parts, _ = label(binary_opening((ratio > 0.5) & (depth > 1)))
    found = []
    for index, where in enumerate(find_objects(parts), 1):
        window = tuple(slice(max(0, side.start - 8), side.stop + 8) for side in where)
        part, deep = parts[window] == index, depth[window]
        if part.sum() < LEAST_CLOSE * area or deep[part].max() > DEEPEST * area**0.5:
            continue
        near = binary_dilation(part, iterations=2)
        beyond = binary_dilation(near, iterations=3) & ~near
        rim = beyond & product[window]
        commoner = float(np.quantile(ratio[window][part], 0.1))
        if commoner < COMMONER or rim.sum() < max(1, (1 - AJAR) * beyond.sum()):
            continue
        colours = seen.lab[window][eroded(part, 1) if eroded(part, 1).any() else part]
        away = np.linalg.norm(seen.lab[window][rim] - np.median(colours, axis=0), axis=-1)
        if (away > SET_OFF).mean() >= ALL_ROUND and _from_place(colours, seen, where) <= WITHIN:
            whole = np.zeros_like(product)
            whole[window] = part
            found.append((whole, commoner))
    return sorted(found, key=lambda each: -int(each[0].sum())), (ratio > 0.5) & product


def _from_place(colours: NDArray[np.float32], seen: ColourLikeness, where: tuple[slice, slice]) -> float:
    """Return the mean distance of N×3 colours in Lab to the third nearest of the place near these rows and columns."""
    reach = NEAR_BY * max(seen.around.shape)
    near = tuple(slice(max(0, round(side.start - reach)), round(side.stop + reach)) for side in where)
    place = seen.lab[near][seen.around[near]]
    place = place if len(place) >= LEAST_AROUND else seen.lab[seen.around]
    # a few hundred of each tell it
    some, others = colours[:: max(1, len(colours) // 150)], place[:: max(1, len(place) // 400)]
    return float(np.partition(np.linalg.norm(some[:, None] - others, axis=-1), 2, axis=1)[:, 2].mean())


def _around(part: Mask) -> Box:
    """Return the box of a closer look at an h×w part: left, top, right, bottom, within h×w."""
    (height, width), (left, top, right, bottom) = part.shape, tight_box(part) or (0, 0, *part.shape[::-1])
    half = max(CLOSE * max(right - left, bottom - top), CLOSEST * max(height, width))
    x, y = (left + right) / 2, (top + bottom) / 2
    return max(0, int(x - half)), max(0, int(y - half)), min(width, int(x + half) + 1), min(height, int(y + half) + 1)


def _unseen_rim(product: Mask, other: Alpha) -> Iterator[tuple[Mask, float]]:
    """Yield the parts of the product, open to the outside, that the other segmenter doesn't see; all h×w.

    With each the width of the neck that it hangs on, against the root of its area.
    """
    parts, _ = label(binary_opening(product & (other < UNSEEN), np.ones((3, 3), bool)))
    for index, where in enumerate(find_objects(parts), 1):
        window = tuple(slice(max(0, side.start - 3), side.stop + 3) for side in where)
        part = parts[window] == index
        if part.sum() < MIN_RIM * product.sum():
            continue
        beyond = binary_dilation(part, iterations=3) & ~binary_dilation(part)
        held = (beyond & product[window]).sum()
        if held <= (1 - OPEN) * beyond.sum():
            whole = np.zeros_like(product)
            whole[window] = part
            yield whole, float(held / 2 / part.sum() ** 0.5)  # what is beyond is two pixels wide


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
