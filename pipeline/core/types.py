"""What the stages hand to each other. Every array's shape, dtype, range and colour space is written here once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.resample import Box, tight_box
from pipeline.report import FidelityReport

#: H×W×3 sRGB (gamma-encoded) bytes, 0–255.
Rgb8 = NDArray[np.uint8]
#: H×W×3 in [0, 1]; sRGB (gamma-encoded) unless the name says `linear`.
Rgb = NDArray[np.float32]
#: H×W coverage in [0, 1]: 0 background, 1 product.
Alpha = NDArray[np.float32]


@dataclass(frozen=True)
class Photo:
    """A decoded source: upright, sRGB."""

    rgb: Rgb8
    #: The file's own alpha where it has a real one (some pixel below 1), else None.
    alpha: Alpha | None
    #: What the bytes are, whatever the name said: "jpeg", "png", "webp", "avif", "heic", "tiff", "mpo".
    format: str
    #: The IPTC term of the file's own mark, e.g. trainedAlgorithmicMedia; None where it has none.
    digital_source_type: str | None = None


@dataclass(frozen=True)
class Segmentation:
    """The mask at the photo's size and how it came about."""

    #: H×W alpha in [0, 1].
    alpha: Alpha
    #: The probability that it is right (`pipeline.cutout.confidence`); 1 where the file's own alpha was taken.
    confidence: float = 1.0
    #: What some looks take for the product and others don't: left, top, right, bottom in the photo's pixels.
    disputed: tuple[Box, ...] = ()
    #: What the confidence is made of: the least intersection over union of two looks, 0–1, and the share of what is
    #: undecided (`pipeline.cutout.confidence.undecided_share`).
    agreement: float = 1.0
    undecided: float = 0.0


@dataclass(frozen=True)
class Cutout:
    """The product alone, at the photo's own resolution, cropped to its box plus a few pixels."""

    #: The product's own colours, also under the soft edge: nothing of the old background is left in them. Bytes, as a
    #: photo may be large.
    rgb: Rgb8
    alpha: Alpha
    #: 0–1; how sure the cut-out is.
    confidence: float
    #: Stable codes, e.g. subject_touches_edge.
    warnings: tuple[str, ...]
    #: Which sides of the photo the product is cut by: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: Left and top of this crop in the photo, pixels.
    origin: tuple[int, int] = (0, 0)
    #: Where in the photo a warning is about, by its code: left, top, right, bottom in pixels.
    where: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    #: How the photo was taken, as a network sees it: 0–1 for each of `pipeline.core.networks.Viewpoint`; empty where
    #: none looked.
    viewpoint: Mapping[str, float] = field(default_factory=dict)

    @property
    def aspect(self) -> float:
        """Width over height of the product's tight box; 1 where nothing is opaque."""
        left, top, right, bottom = tight_box(self.alpha > 0.5) or (0, 0, 1, 1)
        return (right - left) / (bottom - top)


@dataclass(frozen=True)
class Placed:
    """The product resampled onto the canvas; outside its box alpha is 0."""

    #: h×w×3, of the part of the canvas that has any of the product: all of it at 2048×2048 is 48 MiB.
    rgb: Rgb
    #: H×W, of the whole canvas.
    alpha: Alpha
    #: Tight box of alpha > 0.5 on the canvas: left, top, right, bottom in pixels, right and bottom exclusive.
    box: tuple[int, int, int, int]
    #: Canvas pixels for one source pixel; above 1 the product was enlarged.
    scale: float
    #: Row and column of the canvas where `rgb` begins.
    corner: tuple[int, int] = (0, 0)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas that `rgb` is of."""
        (top, left), (height, width) = self.corner, self.rgb.shape[:2]
        return slice(top, top + height), slice(left, left + width)

    def whole(self) -> Rgb:
        """Return H×W×3: the product's colours on the whole canvas, 0 where there are none."""
        out = np.zeros((*self.alpha.shape, 3), np.float32)
        out[self.window] = self.rgb
        return out


@dataclass(frozen=True)
class Judged:
    """A delivered file, decoded again, and how far its product's colours are from those that were laid."""

    decoded: Rgb8
    fidelity: FidelityReport
    #: What `pipeline.delivery.encode.encode` was asked to measure beside it.
    beside: Any


@dataclass(frozen=True)
class Encoded:
    """A delivered file."""

    data: bytes
    #: "jpeg", "png", "webp" or "avif".
    format: str
    content_type: str
    width: int
    height: int
    #: 1–100, or None for a lossless file.
    quality: int | None
    #: None where the encoder had not to look at the file.
    judged: Judged | None = None
