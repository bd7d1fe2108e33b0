"""Subjects: the numbered parts of a mask, and the mask of some of them, by number or by place."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, find_objects, label

from pipeline.core.errors import NoSubject, SubjectNotFound
from pipeline.core.order import PhotoPlace
from pipeline.core.resample import Box, grown_box, tight_box
from pipeline.core.types import Photo, Segmentation
from pipeline.cutout.given import codes_of, coverage

#: Parts are separated at this longer side in pixels, or at up to twice that.
SIDE = 640
#: Minimum coverage that connects two parts: less is a veil between them.
HOLDS = 0.3
#: A part smaller than this share of the largest gets no number and joins the nearest numbered part.
WORTH_NAMING = 0.01
#: A point also hits a part this near, as a share of the photo's longer side: thin parts are hard to hit.
REACH = 0.01
#: Sides of the squares around a point, tried until one shows a whole thing there, as shares of the photo's longer side.
#: A small square tried first would show a part of the thing, as a flower pot without its tree.
SQUARES = (0.6, 0.4, 0.25)
#: Margin around a box for the look at it, as a share of its longer side, as in `pipeline.cutout.segment`. The result
#: keeps a rim of the second share around the box, so that a tight box crops no soft edge.
MARGIN, RIM = 0.12, 0.02
#: Minimum intersection over union of the box and of what the networks found in it, for that to be used. On 18 pairs of
#: things side by side its mean IoU was 0.92, with any value from 0 to 0.85 here. A closer look's was 0.90.
FILLS = 0.5

Codes = NDArray[np.uint8]


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

    def only(self, codes: Codes, kept: Collection[int]) -> Codes:
        """Return the H×W mask of codes 0–255 with only the subjects of these ids.

        Each pixel belongs to the nearest subject, so soft edges stay with theirs.
        """
        height, width = codes.shape
        keep = np.isin(self.nearest, list(kept)).view(np.uint8)
        whole = keep.repeat(self.step, axis=0)[:height].repeat(self.step, axis=1)[:, :width]
        return codes * whole

    def at(self, codes: Codes, x: float, y: float) -> Subject | None:
        """Return the subject at a point, or very near it, or None. x, y: shares 0–1 of width and height."""
        height, width = codes.shape
        column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
        reach = max(1, round(REACH * max(height, width)))
        around = codes[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
        if not self.found or around.max() <= 255 * HOLDS:
            return None
        return self.found[int(self.nearest[row // self.step, column // self.step]) - 1]


@dataclass(frozen=True)
class Choice:
    """The product at a caller's place."""

    #: H×W coverage 0–255.
    codes: Codes
    #: Origin of the mask: given by the caller, found by the networks in the photo, or looked for at the place.
    source: Literal["given", "found", "looked"]
    #: The subject's number, for a point in a given or found mask.
    number: int | None = None
    #: The whole result of a new look, in the photo's coordinates.
    seen: Segmentation | None = None


@dataclass(frozen=True)
class Masks:
    """Sources of a chosen product."""

    photo: Photo
    #: Returns the mask of the networks, H×W codes 0–255; None where nothing stands out.
    found: Callable[[], Codes | None]
    #: Segments a part of the photo.
    look: Callable[[Photo], Segmentation]
    #: The caller's mask, if there is one.
    given: Codes | None = None


def choose(place: PhotoPlace, masks: Masks) -> Choice:
    """Return the product at a place in the photo.

    A point means the subject there, in the given mask or among the found. If neither has a subject there, the networks
    look at squares around the point. A box means its content: in a given mask, among the found where that fills the
    box, else in a new look. Raises SubjectNotFound, and any error of `look`.
    """
    kind = "point" if len(place) == 2 else "box"
    at = _at_point if kind == "point" else _in_box
    chosen = at(place, masks)
    if chosen is None or not (chosen.codes > 127).any():
        remedy = "the middle of the product" if kind == "point" else "a box around the product"
        raise SubjectNotFound(
            f"Nothing stands out at the {kind} {', '.join(f'{share:g}' for share in place)} in subject. Give"
            f" {remedy}, or give a mask."
        )
    return chosen


def _at_point(place: PhotoPlace, masks: Masks) -> Choice | None:
    x, y = place
    if masks.given is not None and (chosen := _part(masks.given, x, y, "given")) is not None:
        return chosen
    seen = masks.found()
    if seen is not None and (chosen := _part(seen, x, y, "found")) is not None:
        return chosen
    if masks.photo.alpha is not None:  # the file's own alpha is final
        return None
    height, width = masks.photo.rgb.shape[:2]
    for share in SQUARES:
        side = share * max(width, height)
        across, down = min(side, width), min(side, height)
        left, top = (
            int(np.clip(centre - 0.5 * length, 0, whole - length))
            for centre, length, whole in ((x * width, across, width), (y * height, down, height))
        )
        square = (left, top, round(left + across), round(top + down))
        looked = _looked(masks, square)
        if looked is None:
            continue
        subjects = subjects_of(looked.codes)
        part = subjects.at(looked.codes, x, y)
        if part is not None and _whole_in(part.box, square, width, height):
            return replace(looked, codes=subjects.only(looked.codes, {part.id}))
    return None


def _part(codes: Codes, x: float, y: float, source: Literal["given", "found"]) -> Choice | None:
    subjects = subjects_of(codes)
    part = subjects.at(codes, x, y)
    return None if part is None else Choice(subjects.only(codes, {part.id}), source, part.id)


def _whole_in(box: Box, seen: Box, width: int, height: int) -> bool:
    """Return whether a box ends inside the seen part of a photo, or at the photo's own border."""
    reach = REACH * max(seen[2] - seen[0], seen[3] - seen[1])
    starts = all(own > edge + reach or edge == 0 for own, edge in zip(box[:2], seen[:2], strict=True))
    ends = all(
        own < edge - reach or edge == last for own, edge, last in zip(box[2:], seen[2:], (width, height), strict=True)
    )
    return starts and ends


def _in_box(place: PhotoPlace, masks: Masks) -> Choice | None:
    height, width = masks.photo.rgb.shape[:2]
    left, top, right, bottom = place
    box = (int(left * width), int(top * height), int(np.ceil(right * width)), int(np.ceil(bottom * height)))
    longer = max(box[2] - box[0], box[3] - box[1])
    kept = grown_box(box, RIM * longer, width, height)

    def inside(codes: Codes) -> Codes:
        only = np.zeros_like(codes)
        part = slice(kept[1], kept[3]), slice(kept[0], kept[2])
        only[part] = codes[part]
        return only

    if masks.given is not None and ((chosen := inside(masks.given)) > 127).any():
        return Choice(chosen, "given")
    seen = masks.found()
    seen = None if seen is None else inside(seen)
    if seen is not None and (masks.photo.alpha is not None or _overlap(tight_box(seen > 127), box) >= FILLS):
        return Choice(seen, "found")
    if masks.photo.alpha is not None:  # the file's own alpha is final
        return None
    looked = _looked(masks, grown_box(box, MARGIN * longer, width, height))
    if looked is not None and ((chosen := inside(looked.codes)) > 127).any():
        return replace(looked, codes=chosen)
    return None if seen is None else Choice(seen, "found")


def _overlap(one: Box | None, two: Box) -> float:
    """Return the intersection over union of two boxes, 0–1; 0 where the first is None."""
    if one is None:
        return 0.0
    across, down = min(one[2], two[2]) - max(one[0], two[0]), min(one[3], two[3]) - max(one[1], two[1])
    shared = max(0, across) * max(0, down)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)) - shared)


def _looked(masks: Masks, box: Box) -> Choice | None:
    """Return the product that a look at a box of the photo finds; None where nothing stands out."""
    left, top, right, bottom = box
    try:
        part = np.ascontiguousarray(masks.photo.rgb[top:bottom, left:right])
        seen = masks.look(replace(masks.photo, rgb=part))
    except NoSubject:
        return None
    height, width = masks.photo.rgb.shape[:2]
    disputed = tuple((x0 + left, y0 + top, x1 + left, y1 + top) for x0, y0, x1, y1 in seen.disputed)
    codes = codes_of(seen.alpha, (left, top), width, height)
    return Choice(codes, "looked", seen=replace(seen, alpha=coverage(codes), disputed=disputed))


def subjects_of(codes: Codes) -> Subjects:
    """Return the subjects of an H×W mask of codes 0–255: its connected components (8 neighbours), by size.

    They are separated at about SIDE pixels. Their boxes fit, to the pixel, the area with coverage above one half.
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


def _tight(codes: Codes, own: NDArray[np.bool_], place: tuple[slice, slice], step: int) -> Box:
    """Return the box of coverage above one half in a subject's blocks; without any, the box of those blocks.

    `own`: h×w, the blocks nearest to it. The search goes one block beyond `place`, which may contain its last pixels.
    """
    rows, columns = (slice(max(0, part.start - 1), part.stop + 1) for part in place)
    top, left = rows.start * step, columns.start * step
    inside = codes[top : rows.stop * step, left : columns.stop * step]
    whole = own[rows, columns].repeat(step, axis=0)[: inside.shape[0]].repeat(step, axis=1)[:, : inside.shape[1]]
    box = tight_box((inside > 127) & whole) or (0, 0, inside.shape[1], inside.shape[0])
    return box[0] + left, box[1] + top, box[2] + left, box[3] + top
