"""Types that the stages exchange. Every array's shape, dtype, range and colour space is written here, and only here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    #: The file's own alpha where some pixel of it is below 1, else None.
    alpha: Alpha | None
    #: Detected from the bytes, not the name: "jpeg", "png", "webp", "avif", "heic", "tiff", "mpo".
    format: str
    #: The IPTC term of the file's own mark, e.g. trainedAlgorithmicMedia; None where it has none.
    digital_source_type: str | None = None

    @property
    def content_type(self) -> str:
        """The format's media type; an MPO is a JPEG with further pictures."""
        return f"image/{self.format.replace('mpo', 'jpeg')}"


@dataclass(frozen=True)
class Piece:
    """A part of a photo of which an owner should say whether it belongs to the product."""

    #: Its number, from 1.
    number: int
    #: Left, top, right, bottom in the photo's pixels.
    box: Box
    #: Its area as a share of the product's.
    share: float
    #: Whether the networks' cut-out has it, and the probability, 0–1, that this is wrong.
    kept: bool
    wrong: float


@dataclass(frozen=True)
class Doubts:
    """The pieces of a cut-out, and what each answer changes."""

    pieces: tuple[Piece, ...] = ()
    #: PNG of the photo's size with two channels: the piece at each pixel, 0 for none, and the alpha, 0–255, of the
    #: answer that the networks did not give. Empty without pieces.
    layer: bytes = b""


@dataclass(frozen=True)
class Segmentation:
    """The mask at the photo's size, with the figures behind its confidence."""

    #: H×W alpha in [0, 1].
    alpha: Alpha
    #: The probability that the mask is right (`pipeline.cutout.doubts`); 1 for the file's own alpha.
    confidence: float = 1.0
    #: Areas that only some looks classify as product: left, top, right, bottom in the photo's pixels.
    disputed: tuple[Box, ...] = ()
    #: None: nobody asked for them.
    doubts: Doubts | None = None


@dataclass(frozen=True)
class Cutout:
    """The product alone, at the photo's own resolution, cropped to its box plus a few pixels."""

    #: The product's own colours, also under the soft edge, free of the old background. Bytes, as photos may be large.
    rgb: Rgb8
    alpha: Alpha
    #: 0–1: how sure the cut-out is.
    confidence: float
    #: Stable codes, e.g. subject_touches_edge.
    warnings: tuple[str, ...]
    #: Sides of the photo that crop the product: any of "left", "top", "right", "bottom".
    cut_sides: tuple[str, ...] = ()
    #: Left and top of this crop in the photo, pixels.
    origin: tuple[int, int] = (0, 0)
    #: Boxes in the photo that a warning is about, by its code: left, top, right, bottom in pixels.
    where: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    #: A network's view of how the photo was taken: 0–1 for each of `pipeline.core.networks.Viewpoint`; empty where no
    #: network looked.
    viewpoint: Mapping[str, float] = field(default_factory=dict)
    #: None: nobody asked for them.
    doubts: Doubts | None = None

    @property
    def aspect(self) -> float:
        """Width over height of the product's tight box; 1 where nothing is opaque."""
        left, top, right, bottom = tight_box(self.alpha > 0.5) or (0, 0, 1, 1)
        return (right - left) / (bottom - top)


@dataclass(frozen=True)
class Placed:
    """The product resampled onto the canvas; outside its box alpha is 0."""

    #: h×w×3, only the part of the canvas that contains the product: the whole canvas at 2048×2048 takes 48 MiB.
    rgb: Rgb
    #: H×W, of the whole canvas.
    alpha: Alpha
    #: Tight box of alpha > 0.5 on the canvas: left, top, right, bottom in pixels, right and bottom exclusive.
    box: tuple[int, int, int, int]
    #: Canvas pixels per source pixel; above 1 the product was enlarged.
    scale: float
    #: Row and column of the canvas where `rgb` begins.
    corner: tuple[int, int] = (0, 0)

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas that `rgb` covers."""
        (top, left), (height, width) = self.corner, self.rgb.shape[:2]
        return slice(top, top + height), slice(left, left + width)

    def whole(self) -> Rgb:
        """Return H×W×3: the product's colours on the whole canvas, 0 elsewhere."""
        out = np.zeros((*self.alpha.shape, 3), np.float32)
        out[self.window] = self.rgb
        return out

    def without(self, cover: Alpha | None) -> Alpha:
        """Return H×W coverage without the pixels that layers, H×W, touch."""
        return self.alpha if cover is None else np.where(cover > 0, np.float32(0), self.alpha)

    def joined(self, cover: Alpha | None) -> "Placed":
        """Return the product with the pixels that layers, H×W, touch; its box stays the same."""
        if cover is None:
            return self
        return replace(self, alpha=np.where(cover > 0, np.float32(1), self.alpha))


@dataclass(frozen=True)
class Judged:
    """A delivered file, decoded again, and the colour difference of its product from the placed product."""

    decoded: Rgb8
    fidelity: FidelityReport
    #: The result of the extra measurement that `pipeline.delivery.encode.encode` was given.
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
    #: None where the encoder did not need to look at the file.
    judged: Judged | None = None
