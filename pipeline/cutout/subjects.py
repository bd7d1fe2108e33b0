"""Subjects: the parts of a mask that are worth a name, and a mask with only some of them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, find_objects, label

from pipeline.core.resample import Box, tight_box

#: Longer side in pixels, or up to twice that, at which parts are told from each other.
SIDE = 640
#: Coverage from which on a pixel holds parts together: less is a veil between two.
HOLDS = 0.3
#: A part smaller than this share of the largest is not worth a name; it goes with the nearest that is.
WORTH_NAMING = 0.01


@dataclass(frozen=True)
class Subject:
    """One part of a mask."""

    #: From 1 on, by size, the largest first.
    id: int
    #: Left, top, right, bottom in the photo's pixels, right and bottom exclusive.
    box: Box
    #: Share of all coverage of the mask's subjects, 0–1.
    share: float


@dataclass(frozen=True)
class Subjects:
    """The subjects of one H×W mask."""

    found: tuple[Subject, ...]
    #: h×w: the id of the subject that is nearest to each block of `step`×`step` pixels; 0 everywhere where none is.
    nearest: NDArray[np.int32]
    step: int

    def only(self, codes: NDArray[np.uint8], kept: Collection[int]) -> NDArray[np.uint8]:
        """Return the H×W mask of codes 0–255 without the subjects that are not among these ids.

        Each pixel goes with the subject that is nearest to it, so that soft edges go along.
        """
        height, width = codes.shape
        keep = np.isin(self.nearest, list(kept)).view(np.uint8)
        whole = keep.repeat(self.step, axis=0)[:height].repeat(self.step, axis=1)[:, :width]
        return codes * whole


def subjects_of(codes: NDArray[np.uint8]) -> Subjects:
    """Return the subjects of an H×W mask of codes 0–255: its connected components (8 neighbours), by size.

    Looked for at some SIDE pixels; the boxes are tight to the pixel around what is covered by more than half.
    """
    step = max(1, max(codes.shape) // SIDE)
    cover = np.asarray(Image.fromarray(codes).reduce(step), np.float32) / np.float32(255)
    labels, count = label(cover > HOLDS, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), weights=cover.ravel(), minlength=count + 1)
    areas[0] = 0
    named = [part for part in np.argsort(-areas, kind="stable") if areas[part] >= WORTH_NAMING * areas.max() > 0]
    if not named:
        return Subjects((), np.zeros(cover.shape, np.int32), step)
    ids = np.zeros(count + 1, np.int32)
    ids[named] = np.arange(1, len(named) + 1)
    seeds = ids[labels]
    rows, columns = distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    nearest: NDArray[np.int32] = seeds[rows, columns]
    total, places = float(areas[named].sum()), find_objects(seeds)
    found = tuple(
        Subject(number, _tight(codes, nearest == number, place, step), round(float(areas[part]) / total, 4))
        for number, (part, place) in enumerate(zip(named, places, strict=True), 1)
    )
    return Subjects(found, nearest, step)


def _tight(codes: NDArray[np.uint8], own: NDArray[np.bool_], place: tuple[slice, slice], step: int) -> Box:
    """Return the box of what is covered by more than half in a subject's blocks, or of its place among these.

    `own`: h×w, the blocks that are nearest to it; a block around its place may hold the last of its pixels.
    """
    rows, columns = (slice(max(0, part.start - 1), part.stop + 1) for part in place)
    top, left = rows.start * step, columns.start * step
    inside = codes[top : rows.stop * step, left : columns.stop * step]
    whole = own[rows, columns].repeat(step, axis=0)[: inside.shape[0]].repeat(step, axis=1)[:, : inside.shape[1]]
    box = tight_box((inside > 127) & whole) or (0, 0, inside.shape[1], inside.shape[0])
    return box[0] + left, box[1] + top, box[2] + left, box[3] + top
