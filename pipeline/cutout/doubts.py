"""Doubts: where several looks at a photo differ, its cut-out may be wrong.

`scripts/cutout/doubts.py` chose the features and fitted the coefficients, by folds, on real photos with masks.
`models/cutout/README.md` reports what they are worth.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from scipy.special import expit

from pipeline.core.resample import Box
from pipeline.core.types import Alpha, Doubts, Piece, Rgb8
from pipeline.cutout.given import codes_of
from pipeline.cutout.warnings import Mask, half_inside, half_inside_share

#: Looks differ at a pixel if their greatest and smallest alpha there differ by more than this.
DIFFER = 0.3
#: Smallest piece, as a share of the product's area.
LEAST = 0.005
#: Least probability that a piece is wrong, times its share of the product, for an owner to be asked about it: on right
#: cut-outs that is one piece on average. And the most pieces to ask about.
WORTH, MOST = 0.0065, 8
#: Pixels of a look by which an answer reaches beyond its piece, so that the photo's edges can end it.
REACH = 3
#: Bins of a colour histogram for each channel, and its blur in bins.
BINS, BLUR = 16, 1.2
#: A part of the product may be a gap if the ground near by has its colours e times as often as the product has.
GROUND = 1.0
#: Parts in the ground's colours are one piece if their mean colours differ by less than this, in codes.
ALIKE = 25.0
#: Logistic regression of "this piece is wrong": a constant and `evidence`. For areas outside the cut-out, in it, and
#: for parts in the ground's colours.
WRONG = ((-1.93, 0.17, 4.64), (-2.31, 0.52, 4.3), (-2.88, 0.0, 0.0))
#: Logistic regression of "the intersection over union with the truth is 0.9 or more", by the number of looks: a
#: constant and `features_of`.
RIGHT = {
    5: (-4.28, -1.1, -1.79, -0.68, -0.5, -0.94),
    4: (-5.04, -1.32, -2.93, -0.89, -0.37, -0.93),
    2: (1.46, 0.03, -3.32, -0.38, -0.63, -0.94),
}
#: Kinds of areas, the rows of WRONG.
OUTSIDE, INSIDE, GROUND_COLOURED = range(3)


@dataclass(frozen=True)
class Areas:
    """Where the looks at a photo differ, h×w, at their size."""

    #: Number of the area at each pixel; 0: none.
    labels: NDArray[np.int32]
    #: By number, from 1: its kind, its box, and its share of the product's area.
    kinds: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()
    shares: tuple[float, ...] = ()

    def kept(self, number: int) -> bool:
        """Return whether the cut-out has the area."""
        return self.kinds[number - 1] != OUTSIDE


def areas_of(looks: Sequence[Alpha], alpha: Alpha, rgb: Rgb8 | None = None) -> Areas:
    """Return the connected areas where h×w looks differ, those in the h×w cut-out apart from those outside it.

    With the photo at that size, h×w×3, there are also parts of the cut-out in the colours of the ground near by.
    """
    differ = ndimage.binary_opening(np.max(looks, axis=0) - np.min(looks, axis=0) > DIFFER)
    product = alpha > 0.5
    size = max(1, int(product.sum()))
    sources = [(OUTSIDE, differ & ~product), (INSIDE, differ & product)]
    if rgb is not None:
        around = ndimage.binary_dilation(product, iterations=4 + int(0.15 * np.sqrt(size))) & (
            np.max(looks, axis=0) < 0.3
        )
        alike = ndimage.uniform_filter(-colours(rgb, product, around, 1e-4), 3) > GROUND
        sources.append((GROUND_COLOURED, ndimage.binary_opening(alike & product)))
    labels = np.zeros(alpha.shape, np.int32)
    found: list[tuple[int, Box, float]] = []
    for kind, part in sources:
        parts, count = ndimage.label(part)
        if kind == GROUND_COLOURED and rgb is not None and count:
            parts = _joined(parts, count, rgb)
        for number, place in enumerate(ndimage.find_objects(parts), 1):
            if place is None:
                continue
            own = parts[place] == number
            share, free = own.sum() / size, own & (labels[place] == 0)
            if share >= LEAST and free.sum() > 0.7 * own.sum():
                rows, columns = place
                found.append((kind, (columns.start, rows.start, columns.stop, rows.stop), float(share)))
                labels[place][free] = len(found)
    return Areas(labels, *map(tuple, zip(*found, strict=True)))


def _joined(parts: NDArray[np.int32], count: int, rgb: Rgb8) -> NDArray[np.int32]:
    """Return h×w numbers in which parts of nearly one colour are one, so that one answer says what all gaps are."""
    colour = np.stack([ndimage.mean(rgb[..., i], parts, range(1, count + 1)) for i in range(3)], axis=1)
    first = np.arange(count + 1, dtype=np.int32)
    for part in range(1, count):
        alike = np.linalg.norm(colour[part:] - colour[part - 1], axis=1) < ALIKE
        later = part + 1 + np.flatnonzero(alike)
        first[later[first[later] == later]] = first[part]
    return first[parts]


def features_of(looks: Sequence[Alpha], alpha: Alpha) -> list[float]:
    """Return what the probability of an h×w cut-out depends on; `looks` are h×w.

    The logarithm of its mean disagreement with a look, its smallest agreement (intersections over union), the
    logarithms of the share that is half transparent inside, of the share where the looks differ, and of the number of
    its parts.
    """
    differ = ndimage.binary_opening(np.max(looks, axis=0) - np.min(looks, axis=0) > 0.25)
    product = alpha > 0.5
    agreed = [overlap(product, look > 0.5) for look in looks]
    sizes = np.bincount(ndimage.label(product)[0].ravel())[1:]
    return [
        float(np.log(1.01 - np.mean(agreed))),
        min(agreed),
        float(np.log(half_inside_share(alpha, half_inside(alpha)) + 0.01)),
        float(np.log(differ.sum() / max(1, product.sum()) + 0.003)),
        float(np.log(max(1, (sizes >= 0.01 * sizes.max(initial=0)).sum()))),
    ]


def right(looks: Sequence[Alpha], alpha: Alpha) -> float:
    """Return the probability, 0–1, that an h×w cut-out has an intersection over union of 0.9 or more with the truth."""
    constant, *weights = RIGHT[min(RIGHT, key=lambda count: abs(count - len(looks)))]
    return round(float(expit(constant + np.dot(weights, features_of(looks, alpha)))), 3)


def overlap(one: Mask, two: Mask) -> float:
    """Return the intersection over union of two h×w masks, 0–1."""
    return float((one & two).sum() / max(1, int((one | two).sum())))


def colours(rgb: Rgb8, product: Mask, ground: Mask, floor: float) -> NDArray[np.float64]:
    """Return h×w logarithms: how many times as often the product has a pixel's colour as the ground has.

    `floor` is added to both shares, so that a colour that neither has gives 0.
    """
    places = (rgb.astype(np.int64) * BINS // 256) @ (BINS * BINS, BINS, 1)

    def shares(mask: Mask) -> NDArray[np.float64]:
        counts = np.bincount(places[mask], minlength=BINS**3).reshape(BINS, BINS, BINS)
        blurred: NDArray[np.float64] = ndimage.gaussian_filter(counts.astype(np.float64), BLUR, mode="constant").ravel()
        return blurred / max(1e-9, float(blurred.sum())) + floor

    ratio: NDArray[np.float64] = np.log(shares(product) / shares(ground))[places]
    return ratio


def evidence(looks: Sequence[Alpha], areas: Areas, rgb: Rgb8) -> NDArray[np.float64]:
    """Return n×2 numbers on which it depends whether an area is wrong; `rgb` is the photo at the looks' size, h×w×3.

    Where looks differ: how much more its colours are those of the other side than of its own, as all looks see them
    (`colours`), and the mean share of the looks against it. In the ground's colours: zeros, since its edges, its
    shape and its range of colours explain nothing out of fold.
    """
    ratio = colours(rgb, ndimage.binary_erosion(np.min(looks, axis=0) > 0.5), np.max(looks, axis=0) < 0.3, 2e-4)
    mean = np.mean(looks, axis=0)
    found = np.zeros((len(areas.kinds), 2))
    for row, kind in enumerate(areas.kinds):
        own = areas.labels == row + 1
        sign = 1 if kind == OUTSIDE else -1
        if kind != GROUND_COLOURED:
            found[row] = sign * ratio[own].mean(), (kind == INSIDE) + sign * mean[own].mean()
    return found


def asked(areas: Areas, numbers: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Return the areas to ask an owner about and the probability that each is wrong, the weightiest first.

    `numbers` are their `evidence`.
    """
    terms = np.array(WRONG)[list(areas.kinds)]
    wrong = expit(terms[:, 0] + (terms[:, 1:] * numbers).sum(axis=1))
    weight = wrong * np.array(areas.shares)
    order = np.argsort(-weight, kind="stable")[:MOST]
    return [(int(row) + 1, round(float(wrong[row]), 3)) for row in order if weight[row] >= WORTH]


def other_mask(looks: Sequence[Alpha], mask: Alpha, areas: Areas, numbers: Sequence[int]) -> Alpha:
    """Return the h×w mask in which each of these areas is answered the other way."""
    other = mask.copy()
    most, least = np.max(looks, axis=0), np.min(looks, axis=0)
    for number in numbers:
        own = areas.labels == number
        near = ndimage.binary_dilation(own, iterations=REACH)
        kept = areas.kept(number)
        other[near] = np.minimum(other, least)[near] if kept else np.maximum(other, most)[near]
        other[own] = 0.0 if kept else 1.0
    return other


def doubts_of(
    looks: Sequence[Alpha], mask: Alpha, areas: Areas, rgb: Rgb8, alpha: Alpha, full: Callable[[Alpha], Alpha]
) -> Doubts:
    """Return the doubtful pieces, among `areas`, of an H×W alpha in [0, 1] that was made from an h×w mask.

    `looks` are h×w, `rgb` is the photo at their size, h×w×3 sRGB, `full` makes an H×W alpha of such a mask.
    """
    chosen = asked(areas, evidence(looks, areas, rgb))
    if not chosen:
        return Doubts()
    numbers = [number for number, _ in chosen]
    pieces = tuple(
        Piece(
            rank,
            in_photo(areas.boxes[number - 1], mask.shape, alpha.shape),
            round(areas.shares[number - 1], 4),
            areas.kept(number),
            wrong,
        )
        for rank, (number, wrong) in enumerate(chosen, 1)
    )
    return Doubts(pieces, _layer(alpha, full(other_mask(looks, mask, areas, numbers)), areas, numbers))


def _layer(alpha: Alpha, other: Alpha, areas: Areas, numbers: Sequence[int]) -> bytes:
    """Return the layer of `pipeline.core.types.Doubts` from the H×W alphas of both answers."""
    ranks = np.zeros(len(areas.kinds) + 1, np.uint8)
    ranks[list(numbers)] = np.arange(1, len(numbers) + 1)
    near = ranks[areas.labels]
    for _ in range(REACH):  # an area ends where its neighbour begins
        near = np.where(near == 0, ndimage.grey_dilation(near, footprint=ndimage.generate_binary_structure(2, 1)), near)
    piece = np.array(Image.fromarray(near).resize(alpha.shape[::-1], Image.Resampling.NEAREST))
    piece[np.abs(other - alpha) < 1 / 255] = 0
    codes = codes_of(other, (0, 0), *alpha.shape[::-1])
    codes[piece == 0] = 0
    file = io.BytesIO()
    Image.merge("LA", [Image.fromarray(piece), Image.fromarray(codes)]).save(file, "PNG", compress_level=1)
    return file.getvalue()


def in_photo(box: Box, small: tuple[int, ...], shape: tuple[int, ...]) -> Box:
    """Return a box on a picture of h×w in the pixels of the H×W photo: left, top, right, bottom."""
    y, x = shape[0] / small[0], shape[1] / small[1]
    left, top, right_, bottom = box
    return int(left * x), int(top * y), round(right_ * x), round(bottom * y)
