"""From a mask to the product alone: drop specks, and remove the old background from the edge's colours."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, label

from pipeline.core.codes import averaged
from pipeline.core.errors import ModelFailed, NoSubject
from pipeline.core.networks import ViewpointClassifier
from pipeline.core.parallel import THREADS, by_rows, each, together
from pipeline.core.resample import Box, grown_box, resize, tight_box
from pipeline.core.types import Alpha, Cutout, Photo, Rgb8, Segmentation
from pipeline.cutout.given import GivenMask, coverage
from pipeline.cutout.viewpoint import seen
from pipeline.cutout.warnings import Evidence, assessed
from pipeline.kernels.image.guide import code_means, fusion_means, unmix
from pipeline.kernels.image.guide import own_colours as own_of

#: Parts smaller than this share of the largest are specks.
SPECK = 0.01
#: Pixels kept around the product's box.
BORDER = 8
#: Below this alpha, colours are estimated instead of copied.
OPAQUE = 0.995
#: A mixture must have an error below this share of the plain colours' error, to explain a file's own soft edge.
MIXED = 0.8
#: Number of soft pixels to test, up to twice as many, spaced evenly from top to bottom.
SOFT_SAMPLES = 2000
#: Longer side in pixels at which local means of colours are computed.
FUSION_SIDE = 640


@dataclass(frozen=True)
class Extracted:
    """A cut-out before its assessment. The background can be made meanwhile."""

    #: All of it but its confidence and the warnings that come from confidence and shape.
    unassessed: Cutout
    evidence: Evidence

    def assessed(self) -> Cutout:
        """Assess it (`pipeline.cutout.warnings`), and return the whole cut-out."""
        quality, product = assessed(self.evidence), self.unassessed
        return replace(
            product,
            confidence=quality.confidence,
            warnings=(*quality.warnings, *product.warnings),
            where={**quality.where, **product.where},
        )


def extract_foreground(photo: Photo, found: Segmentation, classifier: ViewpointClassifier | None = None) -> Extracted:
    """Make the cut-out from the photo and its mask; `pipeline.cutout.warnings` assesses it.

    `classifier`, if given, classifies the viewpoint. Raises NoSubject where nothing is left, and ModelFailed.
    """
    found = replace(found, alpha=_without_specks(found.alpha))
    return _cut(photo, found, classifier, from_file_alpha=photo.alpha is not None)


def foreground_of(photo: Photo, mask: GivenMask, classifier: ViewpointClassifier | None = None) -> Extracted:
    """Make the cut-out from the photo and a given mask, which is used as it is: no speck is dropped.

    `classifier` is as above. Raises NoSubject where the mask is empty, and ModelFailed where its size is not the
    photo's.
    """
    if mask.codes.shape != photo.rgb.shape[:2]:
        raise ModelFailed("The mended mask and the photo have different sizes. Mend the cut-out again.")
    return _cut(photo, Segmentation(coverage(mask.codes)), classifier, mended=mask.cut_by == "mended")


def _cut(
    photo: Photo,
    found: Segmentation,
    classifier: ViewpointClassifier | None,
    *,
    from_file_alpha: bool = False,
    mended: bool = False,
) -> Extracted:
    alpha = found.alpha
    if tight_box(alpha > 0.5) is None:
        raise NoSubject("No product stands out in this photo. Use a photo of one product on a calmer background.")
    left, top, right, bottom = frame_of(alpha)
    inside = np.ascontiguousarray(alpha[top:bottom, left:right])
    colours: Rgb8
    evidence: Evidence
    colours, evidence = together(
        lambda: own_colours(photo, inside, (left, top)),
        lambda: Evidence.of(
            alpha, confidence=found.confidence, disputed=found.disputed, from_file_alpha=from_file_alpha
        ),
    )
    product = Cutout(colours, inside, 1.0, (), evidence.cut_sides, (left, top), doubts=found.doubts)
    return Extracted(seen(photo, product, classifier, mended=mended), evidence)


def frame_of(mask: Alpha | NDArray[np.uint8]) -> Box:
    """Return the part of a photo that a cut-out covers: the box of its H×W mask, with a border."""
    height, width = mask.shape
    return grown_box(tight_box(mask > 0) or (0, 0, width, height), BORDER, width, height)


def own_colours(photo: Photo, alpha: Alpha, origin: tuple[int, int]) -> Rgb8:
    """Return the product's own colours, h×w×3 sRGB, for its h×w alpha, whose corner is at `origin` (x, y)."""
    (left, top), (height, width) = origin, alpha.shape
    rgb = photo.rgb[top : top + height, left : left + width].copy()
    if photo.alpha is None or holds_old_background(rgb, alpha):
        foreground_colours(rgb, alpha, max(photo.rgb.shape[:2]))
    return rgb


def holds_old_background(rgb: Rgb8, alpha: Alpha) -> bool:
    """Return whether the colours under a file's own soft edge (h×w×3 sRGB, h×w) still contain the old background.

    Editors that cut out write the product's own colours there. A mask laid on a photo keeps the photo's colours, and
    some tools multiply by alpha, which mixes with black. The test compares two explanations of the soft pixels: the
    product's colours near by, and their mixture with the hidden colours.
    """
    window = max(5, round(0.012 * max(alpha.shape)) | 1)
    rows, columns = np.nonzero((alpha > 0.2) & (alpha < 0.8))
    apart = max(1, len(rows) // SOFT_SAMPLES)
    rows, columns = rows[::apart], columns[::apart]
    # each sample's neighbourhood, n×window×window, continued beyond the edges
    around = [
        sliding_window_view(np.pad(plane, window // 2, mode="edge"), (window, window))[rows, columns]
        for plane in (alpha, *np.moveaxis(rgb, -1, 0))
    ]
    sure = [np.asarray(around[0] > 0.98, np.float32), np.asarray(around[0] < 0.02, np.float32)]
    counts = [weight.sum((1, 2)) for weight in sure]
    judged = (counts[0] > 0) & (counts[1] > 0)
    if not judged.any():
        return False
    cover = alpha[rows, columns][judged]
    errors = np.zeros(2)
    for c in range(3):
        front, back = (
            np.einsum("nij,nij->n", around[1 + c], weight)[judged] / count[judged]
            for weight, count in zip(sure, counts, strict=True)
        )
        seen = rgb[rows, columns, c][judged]
        errors += [np.abs(seen - front).mean(), np.abs(seen - cover * front - (1 - cover) * back).mean()]
    return bool(errors[1] < MIXED * errors[0])


def foreground_colours(rgb: Rgb8, alpha: Alpha, side: int) -> None:
    """Write the product's own colours under the soft edge (h×w×3 sRGB, C-contiguous, changed in place).

    Opaque pixels stay as they are. Blur fusion in two rounds, a wide and a narrow one: Forte, "Approximate Fast
    Foreground Colour Estimation", ICIP 2021. Local means are computed at no more than FUSION_SIDE pixels, which bounds
    time and memory on large photos. The formula itself runs at full size on the soft pixels. `side` is the photo's
    longer side in pixels; the radii scale with it. The product's colours continue outside, where alpha is 0: scaling
    filters a transparent picture, so the old background must not be next to the edge.
    """
    height, width = alpha.shape
    scale = min(1.0, FUSION_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.empty((size[1], size[0], 3), np.float32)
    by_rows(size[1], lambda top, bottom: code_means(rgb, size[1], top, small[top:bottom]))
    small_alpha = resize(alpha, *size, Image.Resampling.BOX)
    unit = side * scale / 1600
    wide = _fusion_means(small, small_alpha, max(3, round(40 * unit)), doublings=3)
    own = np.empty_like(wide)

    def solve(top: int, bottom: int) -> None:
        own_of(small[top:bottom], small_alpha[top:bottom], wide[top:bottom], own[top:bottom])

    by_rows(size[1], solve)
    near = _fusion_means(own, small_alpha, max(3, round(6 * unit)))
    codes, cover = rgb.reshape(height, -1), np.require(alpha, np.float32, ["C", "W"])
    by_rows(height, lambda top, bottom: unmix(near, wide, cover, np.float32(OPAQUE), top, bottom, codes))


def _fusion_means(colours: NDArray[np.float32], alpha: Alpha, window: int, doublings: int = 0) -> NDArray[np.float32]:
    """Return h×w×6: local means of the front colours weighted by alpha and of the back's weighted by 1 - alpha.

    `colours` are front and back, h×w×6, or h×w×3 where both are the same. The weights are squared `doublings` times.
    In the first round mixed pixels must count for little, or they bring the old background along.
    """
    height, width = alpha.shape
    out = np.empty((height, width, 6), np.float32)
    # a strip begins with the sums of a whole window, so use only as many strips as threads
    rows = -(-height // THREADS)

    def strip(top: int) -> None:
        fusion_means(colours, alpha, window, doublings, top, out[top : top + rows])

    each(range(0, height, rows), strip)
    return out


def _without_specks(alpha: Alpha) -> Alpha:
    """Zero every part of alpha > 0.05 that is small compared with the largest."""
    # Labels at about 500 px find the same parts, and take milliseconds at 40 megapixels.
    step = max(1, -(-max(alpha.shape) // 500))
    small = averaged(alpha, step)
    labels, count = label(small > 0.05, np.ones((3, 3), bool))
    if count < 2:
        return alpha
    areas = np.bincount(labels.ravel(), weights=small.ravel().astype(np.float64), minlength=count + 1)
    areas[0] = 0
    dropped = ((areas < SPECK * areas.max()) & (np.arange(count + 1) > 0))[labels]
    if not dropped.any():
        return alpha
    # Drop the blocks around it too: its soft edge ends in them, and any other part is at least one block away.
    keep = ~binary_dilation(dropped, np.ones((3, 3), bool))
    keep = keep.repeat(step, axis=0)[: alpha.shape[0]].repeat(step, axis=1)[:, : alpha.shape[1]]
    return np.where(keep, alpha, np.float32(0))
