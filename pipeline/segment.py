"""Which pixels are the product: the segmenter twice, a refiner on its mask, and the photo's own edges.

The order and the numbers were measured on composites with exact alpha (`benchmarks/quality.py`): a second look at the
subject's box and the guided upsampling together lower the error at the edge by 29 % against the network's own mask, the
refiner to 34 %, and the holes that a plain backdrop proves (`pipeline.backdrop`) to 38 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, label

from pipeline.backdrop import seen_through
from pipeline.errors import ModelFailed, NoSubject
from pipeline.guided import guided_upsample
from pipeline.image import Alpha, Photo
from pipeline.networks import Refiner, Segmenter, looking_side
from pipeline.resample import Box, grown_box, reduced, resize, tight_box

#: The second look takes in the subject's box and this share of its longer side around it.
MARGIN = 0.12
#: The second look counts where it agrees this well with the first (intersection over union).
AGREEMENT = 0.7
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
#: Alpha below the first is background, above the second product, stretched between.
LEVELS = (0.15, 0.85)

#: Networks stretch their mask to 0–1 whatever they saw, so its height says nothing; its shape does. On 71 product
#: photos the sure part (alpha > .85) covered .046 of the frame or more and the undecided part at most .71 of all that
#: was not background; on plain walls, gradients and noise at most .002, and at least .84.
MIN_SURE_AREA = 0.004
MAX_UNDECIDED = 0.8
#: A texture that fills the frame (bricks: .64) is told from a cluttered product by reaching all four sides.
MAX_UNDECIDED_FULL_FRAME = 0.5

_NO_SUBJECT = "No product stands out in this photo. Use a photo of one product against a calmer background."


@dataclass(frozen=True)
class Segmentation:
    """The mask at the photo's size and how it came about."""

    #: H×W alpha in [0, 1].
    alpha: Alpha
    #: Intersection over union of the two looks, 0–1; 1 where the file's own alpha was taken.
    agreement: float
    #: Share of the undecided part in all that isn't background, 0–1.
    undecided: float


def segment(photo: Photo, segmenter: Segmenter, refiner: Refiner | None = None) -> Segmentation:
    """Find the product. A file's own alpha is taken as it is.

    Raises NoSubject where nothing stands out and ModelFailed where a network's answer is no mask.
    """
    if photo.alpha is not None:
        if not (photo.alpha > 0.5).any():
            raise NoSubject("This photo is transparent everywhere. Use a photo that shows the product.")
        return Segmentation(photo.alpha, 1.0, 0.0)
    first = _look(photo.rgb, segmenter)
    undecided = _undecided(first)
    parts = _large_parts(first > 0.5)
    if not parts.any():
        raise NoSubject(_NO_SUBJECT)
    region, seen = _region(photo.rgb, parts)
    crop = photo.rgb[region[1] : region[3], region[0] : region[2]]
    mask, agreement = first, 1.0
    if crop.shape != photo.rgb.shape:  # else it would see the same once more
        mask, agreement = _second_look(crop, first[seen[1] : seen[3], seen[0] : seen[2]], segmenter)
    through = seen_through(crop, mask)
    if through is not None:
        mask = np.minimum(mask, 1 - through)
    if refiner is not None:
        mask = _refined(crop, mask, refiner)
    alpha = np.zeros(photo.rgb.shape[:2], np.float32)
    inside = alpha[region[1] : region[3], region[0] : region[2]]
    low, high = LEVELS
    inside[:] = guided_upsample(crop, mask, side=GUIDE_SIDE, radius=RADIUS, eps=EPS)
    inside -= low
    inside /= high - low
    np.clip(inside, 0, 1, out=inside)
    if not (inside > 0.5).any():
        raise NoSubject(_NO_SUBJECT)
    return Segmentation(alpha, agreement, undecided)


def _look(rgb: NDArray[np.uint8], segmenter: Segmenter) -> Alpha:
    small = np.ascontiguousarray(reduced(rgb, looking_side(segmenter)))
    mask = np.asarray(segmenter(small), np.float32)
    if mask.shape != small.shape[:2] or not np.isfinite(mask).all():
        raise ModelFailed("The network that cuts the product out gave a mask that doesn't fit the photo.")
    return np.clip(mask, 0, 1)


def _undecided(mask: Alpha) -> float:
    sure = float((mask > 0.85).mean())
    between = float(((mask > 0.15) & (mask <= 0.85)).mean())
    undecided = between / max(between + sure, 1e-9)
    touched = mask > 0.5
    full_frame = all(side.any() for side in (touched[0], touched[-1], touched[:, 0], touched[:, -1]))
    most = MAX_UNDECIDED_FULL_FRAME if full_frame else MAX_UNDECIDED
    if sure < MIN_SURE_AREA or undecided > most:
        raise NoSubject(_NO_SUBJECT)
    return undecided


def _region(rgb: NDArray[np.uint8], parts: NDArray[np.bool_]) -> tuple[Box, Box]:
    """Return the box around the product in the photo's pixels and in the first look's: left, top, right, bottom."""
    height, width = parts.shape
    full_height, full_width = rgb.shape[:2]
    box = tight_box(parts)
    assert box is not None  # the caller saw a pixel
    left, top, right, bottom = grown_box(box, MARGIN * max(box[2] - box[0], box[3] - box[1]), width, height)
    if (right - left) * (bottom - top) >= 0.9 * width * height:
        left, top, right, bottom = 0, 0, width, height
    x, y = full_width / width, full_height / height
    return (round(left * x), round(top * y), round(right * x), round(bottom * y)), (left, top, right, bottom)


def _second_look(crop: NDArray[np.uint8], first: Alpha, segmenter: Segmenter) -> tuple[Alpha, float]:
    """Return the better mask of the crop, at most `looking_side` large, and how well the two looks agree.

    `first` is what the first look saw of the crop.
    """
    second = _look(crop, segmenter)
    first = np.clip(resize(first, second.shape[1], second.shape[0]), 0, 1)
    one, two = first > 0.5, second > 0.5
    agreement = float((one & two).sum() / max(1, (one | two).sum()))
    if agreement < AGREEMENT:
        return first, agreement
    lost = (first > FIRST_SURE) & ~two
    return np.where(lost, np.maximum(second, PUT_BACK * first), second), agreement


def _refined(crop: NDArray[np.uint8], mask: Alpha, refiner: Refiner) -> Alpha:
    """Return the mask as the refiner corrects it; the refiner is shown the crop squeezed into its square."""
    side = refiner.side
    photo = np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0))
    given = np.clip(resize(mask, side, side), 0, 1)
    answer = np.asarray(refiner(photo, given), np.float32)
    if answer.shape != (side, side) or not np.isfinite(answer).all():
        raise ModelFailed("The network that refines the cut-out gave a mask that doesn't fit the photo.")
    near, far = ADDS_WITHIN
    reach = np.clip((far - distance_transform_edt(given <= 0.5) / side) / (far - near), 0, 1).astype(np.float32)
    change = REFINED_SHARE * (np.clip(answer, 0, 1) - given)
    return given + np.where(change > 0, change * reach, change)


def _large_parts(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop parts smaller than 2 % of the largest, so that a speck in a corner doesn't widen the box."""
    labels, count = label(mask, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    kept: NDArray[np.bool_] = (areas >= 0.02 * areas.max())[labels] & mask
    return kept
