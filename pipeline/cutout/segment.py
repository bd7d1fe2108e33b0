"""Segment the product: combine what two looks at the photo agree on with the photo's own edges.

The rule was chosen by ten folds on 921 real photos with masks (of ECSSD, without the 79 held out). It was checked on
35 pictures with exact alpha. `models/cutout/README.md` reports the value of each rule, and the rejected rules.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label

from pipeline.core.codes import resized
from pipeline.core.errors import ModelFailed, NoSubject
from pipeline.core.lasting import lasting
from pipeline.core.networks import Segmenter
from pipeline.core.parallel import together
from pipeline.core.resample import Box, grown_box, reduced, resize, tight_box
from pipeline.core.types import Alpha, Doubts, Photo, Segmentation
from pipeline.cutout.doubts import GROUND_COLOURED, areas_of, doubts_of, in_photo, overlap, right
from pipeline.cutout.guided_filter import guide_of, guided_upsample
from pipeline.cutout.holes import SIDE, seen_through
from pipeline.cutout.remains import clear_remains
from pipeline.cutout.warnings import undecided_share

#: The photo's edges sharpen the mask in the product's box and in a margin, this share of the box's longer side.
MARGIN = 0.12
#: Minimum intersection over union of both segmenters; below it the first looks twice more. From 0.88 to 0.95 the error
#: is the same within 1 %, and below 0.85 more cut-outs fail.
ALIKE = 0.92
#: The look at the product's box has this margin, as a share of the box's longer side.
NEAR_MARGIN = 0.15
#: Longer side in pixels at which the guided filter is solved, its radius there and its regularisation.
GUIDE_SIDE, RADIUS, EPS = 800, 3, 1e-3
#: Alpha below the first is background, above the second product, stretched between. On real photos the error is 0.7 %
#: less than with 0.25 and 0.75, on synthetic photos it is the same.
LEVELS = (0.3, 0.7)

#: Networks always stretch their mask to 0–1, so only its shape shows whether there is a product. On 71 product photos
#: the sure part (alpha > 0.85) covered at least 0.046 of the frame. The undecided part was at most 0.71 of the
#: foreground. On plain walls, gradients and noise they were at most 0.002 and at least 0.84.
MIN_SURE_AREA = 0.004
MAX_AMBIGUOUS = 0.8
#: A texture that fills the frame (bricks: 0.64) reaches all four sides; a cluttered product does not.
MAX_AMBIGUOUS_FULL_FRAME = 0.5

_NO_SUBJECT = "No product stands out in this photo. Use a photo of one product against a calmer background."


def segment(
    photo: Photo,
    segmenter: Segmenter,
    second: Segmenter | None = None,
    *,
    witness: Segmenter | None = None,
    doubts: bool = False,
) -> Segmentation:
    """Find the product. A file's own alpha is used as it is.

    `second` is a second segmenter, called once. `doubts`: look up to three times more, and find the doubtful pieces.
    The mask is the same. A `witness` then looks too. Raises NoSubject where nothing stands out, and ModelFailed where a
    network returns an invalid mask.
    """
    if photo.alpha is not None:
        if not (photo.alpha > 0.5).any():
            raise NoSubject("This photo is transparent everywhere. Use a photo that shows the product.")
        return Segmentation(photo.alpha, doubts=Doubts() if doubts else None)
    looks = looks_of(photo.rgb, segmenter, second)
    mask = _agreed(looks)
    _check(mask)
    box, seen = _region(photo.rgb, mask)
    alpha = lasting(photo.rgb.shape[:2], np.float32)  # only the pages of the product's box get memory
    inside = _cropped(alpha, box)
    clear_remains(_sharpened(_cropped(photo.rgb, box), _cropped(mask, seen), inside), inside)
    if not (inside > 0.5).any():
        raise NoSubject(_NO_SUBJECT)
    small = np.zeros(mask.shape, np.float32)
    small_inside = _cropped(small, seen)
    small_inside[:] = resize(inside, small_inside.shape[1], small_inside.shape[0], Image.Resampling.BOX)
    if doubts:
        looks = looked_again(photo.rgb, looks, segmenter, second)
    sure = right(looks, small)
    if doubts and witness is not None:
        looks = [*looks, _brought(_look(photo.rgb, witness), mask)]
    rgb = resized(photo.rgb, *mask.shape[::-1]) if doubts else None
    areas, found = areas_of(looks, small, rgb), None
    if rgb is not None:
        found = doubts_of(looks, mask, areas, rgb, alpha, lambda answered: _at_full_size(photo.rgb, answered))
    disputed = zip(areas.kinds, areas.boxes, strict=True)
    boxes = tuple(in_photo(box, mask.shape, alpha.shape) for kind, box in disputed if kind != GROUND_COLOURED)
    return Segmentation(alpha, sure, boxes, found)


def _at_full_size(rgb: NDArray[np.uint8], mask: Alpha) -> Alpha:
    """Return an h×w mask at the H×W of its photo, with the photo's edges."""
    alpha = np.zeros(rgb.shape[:2], np.float32)
    if not (mask > 0.5).any():  # every part of the product is a doubt, and answered so
        return alpha
    box, seen = _region(rgb, mask)
    _sharpened(_cropped(rgb, box), _cropped(mask, seen), _cropped(alpha, box))
    return alpha


def _sharpened(rgb: NDArray[np.uint8], mask: Alpha, out: Alpha) -> NDArray[np.uint8]:
    """Write h×w `mask` with the edges of an H×W×3 photo into H×W `out`, without the holes that show the ground.

    Returns the photo as `guide_of` reduces it.
    """
    rgb = np.ascontiguousarray(rgb)  # only here: of a large photo it takes 100 MB
    guide: NDArray[np.uint8]
    through, guide = together(lambda: seen_through(reduced(rgb, SIDE), mask), lambda: guide_of(rgb, GUIDE_SIDE))
    if through is not None:
        mask = np.minimum(mask, 1 - through)
    guided_upsample(rgb, mask, out, guide=guide, radius=RADIUS, eps=EPS, levels=LEVELS)
    return guide


def looks_of(rgb: NDArray[np.uint8], segmenter: Segmenter, second: Segmenter | None) -> list[Alpha]:
    """Return h×w looks at an H×W×3 sRGB photo.

    The looks are those of the segmenter and of the `second` segmenter. If they disagree, or there is no `second`, the
    segmenter also looks at the mirror image and at the photo padded to a square.
    """
    small = np.ascontiguousarray(reduced(rgb, segmenter.side))
    looks = [_seen(small, segmenter)]
    if second is not None:
        same = second.side == segmenter.side
        looks.append(_brought(_seen(small, second) if same else _look(rgb, second), looks[0]))
        if overlap(looks[0] > 0.5, looks[1] > 0.5) >= ALIKE:
            return looks
    return [*looks, *_looked_otherwise(rgb, looks[0], segmenter)]


def _looked_otherwise(rgb: NDArray[np.uint8], first: Alpha, segmenter: Segmenter) -> list[Alpha]:
    mirrored = _look(np.ascontiguousarray(rgb[:, ::-1]), segmenter)[:, ::-1]
    return [mirrored, _unsqueezed(rgb, first, segmenter)]


def looked_again(
    rgb: NDArray[np.uint8], looks: list[Alpha], segmenter: Segmenter, second: Segmenter | None
) -> list[Alpha]:
    """Return all looks of `looks_of`, and one at the product's box, where thin parts are twice as large."""
    first = looks[0]
    more = _looked_otherwise(rgb, first, segmenter) if len(looks) == 2 and second is not None else []
    height, width = first.shape
    box = tight_box(first > 0.5) or (0, 0, width, height)
    seen = grown_box(box, NEAR_MARGIN * max(box[2] - box[0], box[3] - box[1]), width, height)
    near = first.copy()
    inside = _cropped(near, seen)
    inside[:] = _brought(
        _look(np.ascontiguousarray(_cropped(rgb, in_photo(seen, near.shape, rgb.shape))), segmenter), inside
    )
    return [*looks, *more, near]


def _agreed(looks: Sequence[Alpha]) -> Alpha:
    """Return the h×w alpha from several looks: the mean of two, else the second largest value of each pixel.

    Networks miss parts more often than they add some, and rarely miss the same part twice.
    """
    if len(looks) == 2:
        return np.asarray((looks[0] + looks[1]) / 2, np.float32)
    return np.asarray(np.sort(looks, axis=0)[-2], np.float32)


def _unsqueezed(rgb: NDArray[np.uint8], like: Alpha, segmenter: Segmenter) -> Alpha:
    """Return a look at the photo padded to a square by its border pixels, cropped to the h×w of `like`.

    The networks squeeze a photo into a square. A look that is not squeezed makes other errors.
    """
    height, width = like.shape
    small = reduced(rgb, segmenter.side)
    side = max(small.shape)
    top, left = ((side - length) // 2 for length in small.shape[:2])
    around = ((top, side - small.shape[0] - top), (left, side - small.shape[1] - left), (0, 0))
    mask = _look(np.pad(small, around, mode="edge"), segmenter)
    return mask[top : top + height, left : left + width]


def _look(rgb: NDArray[np.uint8], segmenter: Segmenter) -> Alpha:
    return _seen(np.ascontiguousarray(reduced(rgb, segmenter.side)), segmenter)


def _seen(small: NDArray[np.uint8], segmenter: Segmenter) -> Alpha:
    mask = np.asarray(segmenter(small), np.float32)
    if mask.shape != small.shape[:2] or not np.isfinite(mask).all():
        raise ModelFailed("The segmentation network returned a mask of the wrong size or with non-finite values.")
    return np.clip(mask, 0, 1)


def _check(mask: Alpha) -> None:
    """Raise NoSubject where an h×w mask has too little that is sure, or too much that is undecided."""
    touched = mask > 0.5
    full_frame = all(side.any() for side in (touched[0], touched[-1], touched[:, 0], touched[:, -1]))
    limit = MAX_AMBIGUOUS_FULL_FRAME if full_frame else MAX_AMBIGUOUS
    if float((mask > 0.85).mean()) < MIN_SURE_AREA or undecided_share(mask) > limit or not touched.any():
        raise NoSubject(_NO_SUBJECT)


def _brought(mask: Alpha, like: Alpha) -> Alpha:
    """Return a mask at the size of another."""
    return np.clip(resize(mask, like.shape[1], like.shape[0]), 0, 1)


def _cropped(picture: NDArray[Any], box: Box) -> NDArray[Any]:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def _region(rgb: NDArray[np.uint8], mask: Alpha) -> tuple[Box, Box]:
    """Return the box around the product of an h×w mask, in the photo's pixels and in the mask's.

    Left, top, right, bottom. Some of the mask is above 0.5.
    """
    height, width = mask.shape
    full_height, full_width = rgb.shape[:2]
    box = tight_box(_large_parts(mask > 0.5))
    assert box is not None  # some of the mask is above 0.5
    left, top, right, bottom = grown_box(box, MARGIN * max(box[2] - box[0], box[3] - box[1]), width, height)
    if (right - left) * (bottom - top) >= 0.9 * width * height:
        left, top, right, bottom = 0, 0, width, height
    x, y = full_width / width, full_height / height
    return (round(left * x), round(top * y), round(right * x), round(bottom * y)), (left, top, right, bottom)


def _large_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop parts smaller than 2 % of the largest, so that a speck in a corner doesn't widen the box."""
    labels, count = label(mask, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= 0.02 * areas.max())[labels] & mask
    return kept
