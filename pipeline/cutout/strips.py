"""Thin strips of a cut-out that run on to the photo's border: a joint between tiles, a string, a cable.

Both networks take the joint that a shoe stands on for a part of it. A product's own cable looks the same, so a strip is
told, not cut off.
"""

import numpy as np
from scipy.ndimage import binary_dilation, find_objects, label, maximum_filter, minimum_filter

from pipeline.core.resample import Box
from pipeline.core.types import Alpha

#: What an opening of this width takes away is thin; a strip is at most this wide on average, and at least this long.
#: Shares of the longer side. Of 141 photos one has such strips, two joints between tiles (.17 and .30 long, .004 and
#: .006 wide); the nearest others are .07 long or .016 wide. Chosen by them, on 2026-11-26, so not cross-validated.
THIN, WIDEST, SHORTEST = 0.025, 0.009, 0.12
#: Coverage from which on a pixel of a thin part belongs to it.
COVERED = 0.4


def strips_to_border(cover: Alpha) -> list[Box]:
    """Return the boxes of the strips of h×w coverage, some 320 pixels: left, top, right, bottom."""
    side = max(cover.shape)
    width = max(5, round(THIN * side) | 1)
    part = np.pad(cover > COVERED, width, mode="edge")
    opened = maximum_filter(minimum_filter(part.view(np.uint8), width), width)[width:-width, width:-width]
    labels, _ = label((cover > COVERED) & ~binary_dilation(opened > 0, iterations=2), np.ones((3, 3), bool))
    found = []
    for index, (rows, columns) in enumerate(find_objects(labels), 1):
        ends = (rows.start, columns.start, cover.shape[0] - rows.stop, cover.shape[1] - columns.stop)
        length = float(np.hypot(rows.stop - rows.start, columns.stop - columns.start))
        area = int((labels[rows, columns] == index).sum())
        if min(ends) == 0 and length >= SHORTEST * side and area <= WIDEST * side * length:
            found.append((columns.start, rows.start, columns.stop, rows.stop))
    return found
