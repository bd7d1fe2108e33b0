"""The colours of a background: found by clustering, and compared with the asked colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.asked import AskedColours
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import delta_e00, lab_to_srgb, srgb_to_lab
from pipeline.kernels.colour.lab import assign, differences
from pipeline.report import ColourMatch, FoundColour, PaletteReport

#: More than the six that a caller may ask for, so that shade and highlight of a colour need not share a cluster.
CLUSTERS = 8
#: Clusters nearer to each other than this (CIEDE2000) look like one colour in a backdrop, and are merged.
MERGE_BELOW = 3.0
#: Minimum share of the background of a dominant colour.
MIN_SHARE = 0.005
#: Longest side of the reduced picture on which colours are clustered, pixels.
MEASURED_SIDE = 192
#: Clusters have settled once a round changes the mean distance to them by no more than this, in Lab units.
SETTLED = 1e-4
#: With at least MANY pixels, every `STRIDE`th pixel is enough for the clusters' starting points.
MANY, STRIDE = 1024, 4
#: Limits on the background's colours, CIEDE2000, that the service promises. A single colour may miss by twice the
#: mean, because a colour in the shade is measured with its shade.
MEAN_BAR = 5.0
WORST_BAR = 10.0


@dataclass(frozen=True)
class PaletteControl:
    """What a background takes on for the asked colours, once it is painted."""

    #: The finished background is shifted towards them.
    transfer: bool = True
    #: Number of further seeds to try while the background misses the limits, or shows too little of a colour.
    retries: int = 2


ALL_STAGES = PaletteControl()


def meets_bars(deltas: Sequence[float]) -> bool:
    """Return whether the CIEDE2000 of the asked colours meet MEAN_BAR and WORST_BAR; true for no colours."""
    return not len(deltas) or (float(np.mean(deltas)) <= MEAN_BAR and max(deltas) <= WORST_BAR)


def background_pixels(rgb: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return N×3 sRGB in [0, 1]: the reduced H×W×3 bytes outside the product (H×W alpha).

    They are means of blocks and not single pixels, because grain is not a colour of the background.
    """
    free, step = free_blocks(alpha)
    rows, columns = free.shape
    # drop partial blocks at the edges
    means = np.asarray(Image.fromarray(rgb[: rows * step, : columns * step]).reduce(step))
    return np.asarray(means[free] / np.float32(255.0), np.float32)


def free_blocks(alpha: NDArray[np.float32]) -> tuple[NDArray[np.bool_], int]:
    """Return which square blocks of the picture are clear of the product (H×W alpha), and their side in pixels."""
    height, width = alpha.shape
    step = max(1, -(-max(height, width) // MEASURED_SIDE))
    whole = alpha[: height // step * step, : width // step * step]
    rows = reduce(np.maximum, (whole[y::step] for y in range(step)))
    most = reduce(np.maximum, (rows[:, x::step] for x in range(step)))
    covered = most >= 0.01
    touched = covered.copy()
    touched[1:] |= covered[:-1]
    touched[:-1] |= covered[1:]
    touched[:, 1:] |= covered[:, :-1]
    touched[:, :-1] |= covered[:, 1:]
    return ~touched, step


def dominant_colours(
    lab: NDArray[np.float32], count: int = CLUSTERS
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return up to `count` dominant colours of N×3 Lab pixels: K×3 Lab float32, and their shares, largest first.

    k-means in Lab (Euclidean, Lloyd's algorithm), seeded by binary splitting, so that nearly equal pixels give nearly
    equal results. Then near clusters are merged and tiny clusters dropped. The pixels of dropped clusters count for no
    colour. Empty for no pixel.
    """
    if len(lab) == 0:
        return np.empty((0, 3), np.float32), np.empty(0)
    planes = np.ascontiguousarray(lab.T, np.float64)
    centres, weights = _merged(*_clusters(planes, _seeds(planes, count)))
    shares = weights / len(lab)
    order = [index for index in np.argsort(-shares, kind="stable") if shares[index] >= MIN_SHARE]
    return centres[order].astype(np.float32), shares[order]


def compare_palette(pixels: NDArray[np.float32], asked: AskedColours) -> PaletteReport:
    """Compare N×3 sRGB background pixels in [0, 1] with the asked colours; the mean over them is unweighted."""
    lab = srgb_to_lab(pixels)
    centres, shares = dominant_colours(lab)
    names = [rgb_to_hex(lab_to_srgb(centre)) for centre in centres]
    found = [FoundColour(name, round(float(s), 4)) for name, s in zip(names, shares, strict=True)]
    rows: list[ColourMatch] = []
    if found and asked.hex:
        wanted = asked.lab
        to_found = delta_e00(wanted[:, None], centres[None])
        apart = np.empty((len(wanted), len(lab)), np.float32)
        for colour, row in zip(wanted, apart, strict=True):
            differences(lab.reshape(-1), colour, row)
        owners = np.argmin(apart, axis=0)
        owned = np.bincount(owners, minlength=len(wanted)) / len(lab)
        for index, colour in enumerate(asked.hex):
            nearest = int(np.argmin(to_found[index]))
            difference, share = round(float(to_found[index, nearest]), 2), round(float(owned[index]), 4)
            rows.append(ColourMatch(colour, names[nearest], difference, share))
    mean = round(float(np.mean([row.delta_e00 for row in rows])), 2) if rows else None
    return PaletteReport(rows, found, mean)


@dataclass(frozen=True, eq=False)
class _Group:
    """A group of 3×N pixels, and their variation about the mean."""

    pixels: NDArray[np.float64]
    mean: NDArray[np.float64]
    #: Axis of the greatest variation, and the sum of squared distances from the mean along it.
    axis: NDArray[np.float64]
    spread: float

    @classmethod
    def of(cls, pixels: NDArray[np.float64]) -> "_Group":
        mean = pixels.mean(1)
        away = pixels - mean[:, None]
        spreads, axes = np.linalg.eigh(away @ away.T)
        return cls(pixels, mean, axes[:, -1], float(spreads[-1]))

    def halves(self) -> tuple["_Group", "_Group"]:
        beyond = self.axis @ (self.pixels - self.mean[:, None]) > 0
        return _Group.of(self.pixels[:, ~beyond]), _Group.of(self.pixels[:, beyond])


def _seeds(planes: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the means of up to `count` groups of 3×N pixels: binary splitting (Orchard and Bouman 1991), K×3.

    The group that varies most is split at its mean. Random seeds, as in k-means++, would differ for pixels that differ
    in their last bit.
    """
    groups = [_Group.of(planes[:, :: STRIDE if planes.shape[1] >= MANY else 1])]
    while len(groups) < count:
        at = max(range(len(groups)), key=lambda index: groups[index].spread)
        if groups[at].spread < 1e-6:
            break
        groups[at : at + 1] = groups[at].halves()
    return np.stack([group.mean for group in groups])


def _clusters(
    planes: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move K×3 centres until the 3×N pixels' mean distance to them settles; return non-empty centres, and counts."""
    labels = np.empty(planes.shape[1], np.int32)
    before, settled = np.inf, False
    while True:
        sums = np.empty((len(centres), 4))
        mean = assign(planes, centres, labels, sums) / planes.shape[1]
        held = sums[:, 3] > 0
        if settled:
            return centres[held], sums[held, 3]
        centres = sums[held, :3] / sums[held, 3:]
        before, settled = mean, abs(before - mean) <= SETTLED


def _merged(
    centres: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Merge the nearest two clusters, weighted, until none are within MERGE_BELOW."""
    while len(centres) > 1:
        apart = delta_e00(centres[:, None], centres[None]) + np.diag(np.full(len(centres), np.inf))
        one, two = np.unravel_index(int(np.argmin(apart)), apart.shape)
        if apart[one, two] >= MERGE_BELOW:
            break
        total = weights[one] + weights[two]
        centres[one] = (centres[one] * weights[one] + centres[two] * weights[two]) / total
        weights[one] = total
        centres, weights = np.delete(centres, two, axis=0), np.delete(weights, two)
    return centres, weights
