"""Which pixels are the product: an ensemble of two segmenters or one that looks twice, and the photo's own edges.

The rules and the numbers were measured with `benchmarks/picture/quality.py` on the 70 real photos of `real_photos.txt`
beside it and on 35 made-up pictures with exact alpha; `models/cutout/README.md` has what they are worth.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from pipeline.core.codes import resized
from pipeline.core.errors import ModelFailed, NoSubject
from pipeline.core.networks import Refiner, Segmenter, looking_side
from pipeline.core.parallel import together
from pipeline.core.resample import Box, grown_box, reduced, resize, tight_box
from pipeline.core.types import Alpha, Photo, Rgb8
from pipeline.cutout.guided_filter import guide_of, guided_upsample
from pipeline.cutout.holes import seen_between, seen_through
from pipeline.cutout.lookalikes import SIDE, contradicted, denied_closely, doubted

#: The second look takes in the subject's box and this share of its longer side around it.
MARGIN = 0.12
#: A segmenter's second look counts where it agrees this well with the first (intersection over union).
AGREEMENT = 0.7
#: From this intersection over union on, two segmenters, or two looks of the second, show the same product: anything
#: from .8 to .9 gives the same mean errors within 3 %. From the next on, nothing is left for a second look to find.
SAME, ALIKE = 0.85, 0.99
#: A mask with less undecided in it than this share is sure: of the three such answers in which the second segmenter
#: contradicted the first, the second was right in all.
SURE = 0.1
#: What the first look was this sure of and the second lost is put back, a little less sure.
FIRST_SURE, PUT_BACK = 0.9, 0.7
#: Share of the refiner's mask, the rest is the segmenter's: on 35 photos with true alpha the band error is 61.6 % of
#: plain rembg's; a share above 0.6 costs squared error, and 0.8 harms an easy photo.
REFINED_SHARE = 0.6
#: The refiner adds to what the segmenter half sees within the first share of its side, and nothing beyond the second:
#: farther out it followed the joints between floor boards.
ADDS_WITHIN = (0.02, 0.03)
#: Longer side in pixels that the guided filter is solved at, its radius there and its regularisation.
GUIDE_SIDE, RADIUS, EPS = 800, 3, 1e-4
#: Alpha below the first is background, above the second product, stretched between: .15 and .85, and of the rest the
#: veil of 2 % that the guided filter leaves.
LEVELS = (0.164, 0.836)

#: Networks stretch their mask to 0–1 whatever they saw, so its height says nothing; its shape does. On 71 product
#: photos the sure part (alpha > .85) covered .046 of the frame or more and the undecided part at most .71 of all that
#: was not background; on plain walls, gradients and noise at most .002, and at least .84.
MIN_SURE_AREA = 0.004
MAX_AMBIGUOUS = 0.8
#: A texture that fills the frame (bricks: .64) is told from a cluttered product by reaching all four sides.
MAX_AMBIGUOUS_FULL_FRAME = 0.5

_NO_SUBJECT = "No product stands out in this photo. Use a photo of one product against a calmer background."


@dataclass(frozen=True)
class Segmentation:
    """The mask at the photo's size and how it came about."""

    #: H×W alpha in [0, 1].
    alpha: Alpha
    #: Share of the undecided part in all that isn't background, 0–1, in the first look of the segmenter that was
    #: believed; 0 where the file's own alpha was taken.
    ambiguous_share: float
    #: What may be a part of the place, not of the product: left, top, right, bottom in the photo's pixels.
    doubted: tuple[Box, ...] = ()


@dataclass(frozen=True)
class _Coarse:
    """What the networks say of one box of the photo."""

    #: Left, top, right, bottom, in the photo's pixels.
    box: Box
    #: h×w alpha in [0, 1] of that box, some hundred pixels large.
    mask: Alpha
    ambiguous_share: float
    #: What the first and the second segmenter said of the whole photo, where the first was believed.
    whole: tuple[Alpha, Alpha] | None = None


def segment(
    photo: Photo, segmenter: Segmenter, refiner: Refiner | None = None, second: Segmenter | None = None
) -> Segmentation:
    """Find the product. A file's own alpha is taken as it is.

    With a `second` segmenter the two are an ensemble (`_ensemble`); alone, the one looks twice. The refiner corrects
    the mask of either. Raises NoSubject where nothing stands out and ModelFailed where a network's answer is no mask.
    """
    if photo.alpha is not None:
        if not (photo.alpha > 0.5).any():
            raise NoSubject("This photo is transparent everywhere. Use a photo that shows the product.")
        return Segmentation(photo.alpha, 0.0)
    found = _two_looks(photo.rgb, segmenter) if second is None else _ensemble(photo.rgb, segmenter, second)
    mask, crop = found.mask, np.ascontiguousarray(_cropped(photo.rgb, found.box))

    def squeezed() -> Rgb8 | None:
        return None if refiner is None else resized(crop, refiner.side, refiner.side)

    small = reduced(crop, SIDE)
    through, square = together(lambda: seen_through(small, mask), squeezed)
    if through is not None:
        mask = np.minimum(mask, 1 - through)
    doubts: list[Box] = []
    if found.whole is not None:
        first, other = (_seen_in(look, found.box, photo.rgb) for look in found.whole)
        denied = contradicted(small, mask, other)
        if denied is not None:
            mask = np.minimum(mask, 1 - denied)
        closely = denied_closely(crop, small, mask, lambda part: _look(part, second)) if second is not None else None
        if closely is not None:
            mask = np.minimum(mask, 1 - closely)
        doubts = doubted(small, mask, first, other)
    coarse = mask

    def corrected(mask: Alpha) -> Alpha:
        return mask if refiner is None else _refined(square, mask, refiner)

    # The refiner leaves half of a core to others. Few photos have a gap: those it sees once more.
    mask, (guide, gaps) = together(
        lambda: corrected(coarse), lambda: (guide_of(crop, GUIDE_SIDE), seen_between(crop, coarse))
    )
    if gaps is not None:
        mask = corrected(np.minimum(coarse, 1 - gaps))
    alpha = np.zeros(photo.rgb.shape[:2], np.float32)
    inside = _cropped(alpha, found.box)
    guided_upsample(crop, mask, inside, guide=guide, radius=RADIUS, eps=EPS, levels=LEVELS)
    if not (inside > 0.5).any():
        raise NoSubject(_NO_SUBJECT)
    told = tuple(_in_photo(box, small, found.box) for box in doubts)
    return Segmentation(alpha, found.ambiguous_share, told)


def _two_looks(rgb: NDArray[np.uint8], segmenter: Segmenter) -> _Coarse:
    """Look at the photo, then at the product's box. Raises NoSubject and ModelFailed."""
    first = _look(rgb, segmenter)
    return _second_look(rgb, first, segmenter, _checked_share(first))


def _ensemble(rgb: NDArray[np.uint8], segmenter: Segmenter, second: Segmenter) -> _Coarse:
    """Have both segmenters look at the photo, and the first at the product's box where they don't see quite the same.

    Where that box is the whole photo, it looks at the photo mirrored: on the 15 such photos of both sets the error
    fell by 1.97 (×1000; 4.5 to -.1, bootstrap), on 9 of them, and rose on 6. It has no threshold, but whether to look
    was decided by these same photos.

    Where they contradict one another, the first counts, unless the second is sure, or says the same of its mirrored
    box: a network that guesses rarely guesses alike twice (horizontal-flip test-time augmentation). Whether there is a
    product at all is the first's to say. Raises NoSubject and ModelFailed.
    """
    first = _look(rgb, segmenter)
    ambiguous_share = _checked_share(first)
    other = _brought(_look(rgb, second), first)
    agreement = _overlap(first, other)
    if agreement < SAME and (other > 0.5).any():
        region, seen = _region(rgb, other)
        mask, same = _mirrored_look(_cropped(rgb, region), _cropped(other, seen), second)
        if same >= SAME or _ambiguous_share(other) < SURE:
            return _Coarse(region, mask, _ambiguous_share(other))
    if agreement >= ALIKE:
        region, seen = _region(rgb, first)
        return _Coarse(region, _cropped(first, seen), ambiguous_share, (first, other))
    return replace(_second_look(rgb, first, segmenter, ambiguous_share, mirrored=True), whole=(first, other))


def _second_look(
    rgb: NDArray[np.uint8], first: Alpha, segmenter: Segmenter, ambiguous_share: float, *, mirrored: bool = False
) -> _Coarse:
    """Look at the box of the product of an h×w `first` mask, and take that look where it agrees well enough with it.

    What the first look was sure of and this one lost is put back. A product that fills the photo is looked at no more,
    or, if asked for, `mirrored`: the mean of both looks counts where they agree.
    """
    region, seen = _region(rgb, first)
    crop = _cropped(rgb, region)
    if crop.shape == rgb.shape:  # it would see the same once more
        mask = _mirrored_look(crop, first, segmenter)[0] if mirrored else first
        return _Coarse(region, mask, ambiguous_share)
    second = _look(crop, segmenter)
    first = _brought(_cropped(first, seen), second)
    if _overlap(first, second) < AGREEMENT:
        return _Coarse(region, first, ambiguous_share)
    lost = (first > FIRST_SURE) & (second <= 0.5)
    mask = np.where(lost, np.maximum(second, PUT_BACK * first), second)
    return _Coarse(region, mask, ambiguous_share)


def _mirrored_look(crop: NDArray[np.uint8], before: Alpha, segmenter: Segmenter) -> tuple[Alpha, float]:
    """Return the mean of h×w `before` and of what the segmenter sees of the mirrored crop, and how well they agree.

    Where they don't (SAME), `before` is returned instead of the mean.
    """
    after = _look(np.ascontiguousarray(crop[:, ::-1]), segmenter)[:, ::-1]
    before = _brought(before, after)
    same = _overlap(before, after)
    return (0.5 * (before + after) if same >= SAME else before), same


def _look(rgb: NDArray[np.uint8], segmenter: Segmenter) -> Alpha:
    small = np.ascontiguousarray(reduced(rgb, looking_side(segmenter)))
    mask = np.asarray(segmenter(small), np.float32)
    if mask.shape != small.shape[:2] or not np.isfinite(mask).all():
        raise ModelFailed("The network that cuts the product out gave a mask that doesn't fit the photo.")
    return np.clip(mask, 0, 1)


def _checked_share(mask: Alpha) -> float:
    """Return the share of the undecided in all that isn't background. Raises NoSubject where it is too much."""
    ambiguous_share = _ambiguous_share(mask)
    touched = mask > 0.5
    full_frame = all(side.any() for side in (touched[0], touched[-1], touched[:, 0], touched[:, -1]))
    limit = MAX_AMBIGUOUS_FULL_FRAME if full_frame else MAX_AMBIGUOUS
    if float((mask > 0.85).mean()) < MIN_SURE_AREA or ambiguous_share > limit or not touched.any():
        raise NoSubject(_NO_SUBJECT)
    return ambiguous_share


def _ambiguous_share(mask: Alpha) -> float:
    sure, between = float((mask > 0.85).mean()), float(((mask > 0.15) & (mask <= 0.85)).mean())
    return between / max(between + sure, 1e-9)


def _overlap(one: Alpha, two: Alpha) -> float:
    """Return the intersection over union of two h×w masks cut at one half, 0–1."""
    either = (one > 0.5) | (two > 0.5)
    return float(((one > 0.5) & (two > 0.5)).sum() / max(1, either.sum()))


def _brought(mask: Alpha, like: Alpha) -> Alpha:
    """Return a mask at the size of another."""
    return np.clip(resize(mask, like.shape[1], like.shape[0]), 0, 1)


def _cropped(picture: NDArray[Any], box: Box) -> NDArray[Any]:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def _in_photo(box: Box, small: Rgb8, of: Box) -> Box:
    """Return a box in pixels of a small picture of the box `of` of the photo, in the photo's pixels."""
    (left, top, right, bottom), (x, y) = box, of[:2]
    across, down = (of[2] - x) / small.shape[1], (of[3] - y) / small.shape[0]
    return round(left * across) + x, round(top * down) + y, round(right * across) + x, round(bottom * down) + y


def _seen_in(mask: Alpha, box: Box, rgb: NDArray[np.uint8]) -> Alpha:
    """Return what an h×w mask of the whole photo says of a box in the photo's pixels."""
    y, x = mask.shape[0] / rgb.shape[0], mask.shape[1] / rgb.shape[1]
    left, top, right, bottom = round(box[0] * x), round(box[1] * y), round(box[2] * x), round(box[3] * y)
    return _cropped(mask, (left, top, max(right, left + 1), max(bottom, top + 1)))


def _region(rgb: NDArray[np.uint8], mask: Alpha) -> tuple[Box, Box]:
    """Return the box around the product of an h×w mask, in the photo's pixels and in the mask's.

    Left, top, right, bottom. Some of the mask is above 0.5.
    """
    height, width = mask.shape
    full_height, full_width = rgb.shape[:2]
    box = tight_box(_large_parts(mask > 0.5))
    assert box is not None  # the caller saw a pixel
    left, top, right, bottom = grown_box(box, MARGIN * max(box[2] - box[0], box[3] - box[1]), width, height)
    if (right - left) * (bottom - top) >= 0.9 * width * height:
        left, top, right, bottom = 0, 0, width, height
    x, y = full_width / width, full_height / height
    return (round(left * x), round(top * y), round(right * x), round(bottom * y)), (left, top, right, bottom)


def _refined(photo: Rgb8, mask: Alpha, refiner: Refiner) -> Alpha:
    """Return the mask as the refiner corrects it, which is shown the photo's crop squeezed into its square."""
    side = refiner.side
    given = np.clip(resize(mask, side, side), 0, 1)
    near, far = ADDS_WITHIN

    def reached() -> Alpha:
        away = distance_transform_edt(given <= 0.5) / side
        return np.asarray(np.clip((far - away) / (far - near), 0, 1), np.float32)

    answer, reach = together(lambda: np.asarray(refiner(photo, given), np.float32), reached)
    if answer.shape != (side, side) or not np.isfinite(answer).all():
        raise ModelFailed("The network that refines the cut-out gave a mask that doesn't fit the photo.")
    change = REFINED_SHARE * (np.clip(answer, 0, 1) - given)
    return np.asarray(given + np.where(change > 0, change * reach, change), np.float32)


def _large_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop parts smaller than 2 % of the largest, so that a speck in a corner doesn't widen the box."""
    labels, count = label(mask, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= 0.02 * areas.max())[labels] & mask
    return kept
