"""The viewpoint of a photo: from the side, from above, or of a product in a hand, and how high the camera was.

A network classifies the product with its surroundings, because a silhouette seldom shows it (`models/viewpoint`).
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, label

from pipeline.core.codes import resized
from pipeline.core.networks import ViewpointClassifier
from pipeline.core.parallel import together
from pipeline.core.resample import Box, tight_box
from pipeline.core.types import Cutout, Photo, Rgb8

#: Sides of the two squares, in longer sides of the product's box: with its surroundings, and alone on grey.
AROUND, ALONE = 1.4, 1.1
#: sRGB byte beyond the photo, and around the product alone.
GREY = 127
#: Minimum probability at which a hand counts as holding the product. At 0.7 it found 23 of 25 hands in 412 photos,
#: without a false alarm (ten folds, `models/viewpoint/README.md`).
SURE_HAND = 0.7
#: Degrees that an elevation of 1 in `Cutout.viewpoint` means.
RIGHT_ANGLE = 90.0
#: Longer side in pixels for the hand's search, and its reach beyond the product's box, in the box's longer sides.
HAND_SIDE, HAND_REACH = 320, 0.25
#: Skin of any tone in YCbCr (JPEG's), Chai and Ngan 1999: the bounds of Cb and Cr.
SKIN = (77, 127), (133, 173)
#: Minimum size of a hand, as a share of the product's pixels.
LEAST_HAND = 0.01


def viewpoint(photo: Photo, cutout: Cutout, classifier: ViewpointClassifier | None) -> Mapping[str, float]:
    """Return each `pipeline.core.networks.Viewpoint`, 0–1; empty without a classifier or a product.

    Takes some milliseconds in addition to the network's time.
    """
    box = tight_box(cutout.alpha > 0.5)
    if classifier is None or box is None:
        return {}
    return dict(classifier(views(photo, cutout, box, classifier.side)).items())


def is_held(viewpoint: Mapping[str, float]) -> bool:
    """Return whether a network is sure that a hand holds the product."""
    return viewpoint.get("hand", 0.0) >= SURE_HAND


def seen(photo: Photo, cutout: Cutout, classifier: ViewpointClassifier | None, *, mended: bool = False) -> Cutout:
    """Return the cut-out with its viewpoint; if a hand holds it, with the warning `held_by_hand` and the hand's box.

    `mended`: a caller drew the mask, so `of_mended` applies.
    """
    shares = viewpoint(photo, cutout, classifier)
    if mended:
        return replace(cutout, viewpoint=of_mended(shares))
    cutout = replace(cutout, viewpoint=shares)
    if not is_held(shares):
        return cutout
    found = hand_box(photo.rgb, cutout)
    where = cutout.where if found is None else {**cutout.where, "held_by_hand": (found,)}
    return replace(cutout, warnings=(*cutout.warnings, "held_by_hand"), where=where)


def of_mended(viewpoint: Mapping[str, float]) -> Mapping[str, float]:
    """Return the viewpoint without the hand, for a cut-out that a caller drew: they have erased its fingers."""
    return {name: share for name, share in viewpoint.items() if name != "hand"}


def hand_box(rgb: Rgb8, cutout: Cutout) -> Box | None:
    """Return the box, in pixels, of the hand that holds a cut-out of an H×W×3 photo; None where no skin touches it.

    It is the box of the largest patch of skin colour that touches the product. It shows where to look, and may
    contain more than the hand.
    """
    height, width = rgb.shape[:2]
    step = max(1, max(height, width) // HAND_SIDE)
    ycc = np.asarray(Image.fromarray(np.ascontiguousarray(rgb[::step, ::step])).convert("YCbCr")).astype(int)
    product = np.zeros((height, width), bool)
    x, y = cutout.origin
    rows, columns = cutout.alpha.shape
    product[y : y + rows, x : x + columns] = cutout.alpha > 0.5
    product = product[::step, ::step]
    box = tight_box(product)
    if box is None:
        return None
    reach = round(HAND_REACH * max(box[2] - box[0], box[3] - box[1]))
    near = np.zeros_like(product)
    near[max(0, box[1] - reach) : box[3] + reach, max(0, box[0] - reach) : box[2] + reach] = True
    skin = near & ~product
    for channel, (low, high) in zip((1, 2), SKIN, strict=True):
        skin &= (ycc[..., channel] >= low) & (ycc[..., channel] <= high)
    labels, _ = label(skin)
    sizes = np.bincount(labels.ravel())
    touching = np.unique(labels[binary_dilation(product, iterations=3)])
    touching = touching[(touching > 0) & (sizes[touching] >= LEAST_HAND * product.sum())]
    if not touching.size:
        return None
    hand = tight_box(labels == touching[np.argmax(sizes[touching])])
    assert hand is not None  # it has pixels
    return hand[0] * step, hand[1] * step, min(width, hand[2] * step), min(height, hand[3] * step)


def views(photo: Photo, cutout: Cutout, box: Box, side: int) -> NDArray[np.uint8]:
    """Return the network's input, 2×side×side×3 sRGB bytes: the product in the photo, and the product on grey.

    `box` is the product's box in the cut-out.
    """
    x, y = cutout.origin
    around, cover, colours = together(
        lambda: _square(photo.rgb, (box[0] + x, box[1] + y, box[2] + x, box[3] + y), AROUND, side),
        lambda: _square((cutout.alpha * 255).astype(np.uint8), box, ALONE, side),
        lambda: _square(cutout.rgb, box, ALONE, side),
    )
    alpha = cover[..., None] / np.float32(255)
    alone = colours * alpha + GREY * (1 - alpha)
    return np.stack([around, np.rint(alone).astype(np.uint8)])


def _square(picture: NDArray[np.uint8], box: Box, times: float, side: int) -> NDArray[np.uint8]:
    """Return the square around a box's middle, `times` its longer side wide, at side×side pixels.

    Beyond the picture, three channels (H×W×3) are GREY and a single channel (H×W) is 0.
    """
    left, top, right, bottom = box
    half = times * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = picture.shape[:2]
    crop = max(0, int(x - half)), max(0, int(y - half)), min(width, int(x + half) + 1), min(height, int(y + half) + 1)
    scale = side / (2 * half)
    size = max(1, round((crop[2] - crop[0]) * scale)), max(1, round((crop[3] - crop[1]) * scale))
    part = np.ascontiguousarray(picture[crop[1] : crop[3], crop[0] : crop[2]])
    coloured = part.ndim == 3
    if coloured:
        small = Image.fromarray(resized(part, *size))
    else:
        small = Image.fromarray(part).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    canvas = Image.new(small.mode, (side, side), (GREY, GREY, GREY) if coloured else 0)
    canvas.paste(small, (round((crop[0] - x + half) * scale), round((crop[1] - y + half) * scale)))
    return np.asarray(canvas)
