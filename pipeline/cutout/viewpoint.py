"""The viewpoint of a photo: a product that stands, seen from the side, or that lies, photographed from above.

A network looks at what is photographed and at what is around it; a silhouette seldom tells (`pipeline.cutout.stance`).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import ViewpointClassifier
from pipeline.core.resample import Box, tight_box
from pipeline.core.types import Cutout, Photo

#: Sides of the two squares, in longer sides of the product's box: with what is around it, and on grey.
AROUND, ALONE = 1.4, 1.1
#: sRGB byte beyond the photo, and around the product that is shown alone.
GREY = 127


def viewpoint(photo: Photo, cutout: Cutout, classifier: ViewpointClassifier | None) -> Mapping[str, float]:
    """Return the probability, 0–1, of each viewpoint that a network knows; nothing without one or without a product.

    Some milliseconds beside the network's.
    """
    box = tight_box(cutout.alpha > 0.5)
    if classifier is None or box is None:
        return {}
    return dict(classifier(views(photo, cutout, box, classifier.side)).items())


def views(photo: Photo, cutout: Cutout, box: Box, side: int) -> NDArray[np.uint8]:
    """Return what the network is shown, 2×side×side×3 sRGB bytes: the photo around the product, and it on grey.

    `box` is the product's in the cut-out.
    """
    x, y = cutout.origin
    around = _square(photo.rgb, (box[0] + x, box[1] + y, box[2] + x, box[3] + y), AROUND, side)
    alpha = _square((cutout.alpha * 255).astype(np.uint8), box, ALONE, side)[..., None] / np.float32(255)
    alone = _square(cutout.rgb, box, ALONE, side) * alpha + GREY * (1 - alpha)
    return np.stack([around, np.rint(alone).astype(np.uint8)])


def _square(picture: NDArray[np.uint8], box: Box, times: float, side: int) -> NDArray[np.uint8]:
    """Return the square around a box's middle, `times` its longer side wide, at side×side pixels.

    Beyond the picture, H×W×3 or H×W, three channels are GREY and one is 0.
    """
    left, top, right, bottom = box
    half = times * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = picture.shape[:2]
    crop = max(0, int(x - half)), max(0, int(y - half)), min(width, int(x + half) + 1), min(height, int(y + half) + 1)
    scale = side / (2 * half)
    size = max(1, round((crop[2] - crop[0]) * scale)), max(1, round((crop[3] - crop[1]) * scale))
    part = Image.fromarray(np.ascontiguousarray(picture[crop[1] : crop[3], crop[0] : crop[2]]))
    canvas = Image.new(part.mode, (side, side), (GREY, GREY, GREY) if part.mode == "RGB" else 0)
    place = round((crop[0] - x + half) * scale), round((crop[1] - y + half) * scale)
    canvas.paste(part.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), place)
    return np.asarray(canvas)
