"""Mask files: PNGs of one 8-bit channel, as Backdrop stores them and as callers send them."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

#: The largest mask file. A soft mask of 50 megapixels has about 8 MB.
MAX_BYTES = 16 * 1024 * 1024
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class MaskInvalid(ValueError):
    """Raised when a caller's file is not a mask of its photo, with a stable `code` and a sentence with the remedy."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def encode_mask(codes: NDArray[np.uint8]) -> bytes:
    """Return H×W codes 0–255 as PNG, with fast compression: most of a mask has one of two values and packs well."""
    file = io.BytesIO()
    Image.fromarray(codes).save(file, "PNG", compress_level=1)
    return file.getvalue()


def decode_mask(data: bytes) -> NDArray[np.uint8]:
    """Return the H×W codes 0–255 of a mask that `encode_mask` wrote."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        return np.asarray(picture)


def checked_mask(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Return the H×W codes 0–255 of a caller's mask for a photo of this size in pixels. Raises MaskInvalid."""
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 33:
        raise MaskInvalid("mask_not_png", "The body is not a PNG file. Send the mask as PNG")
    across, down, depth, kind = struct.unpack(">IIBB", data[16:26])
    if (across, down) != (width, height):
        raise MaskInvalid(
            "mask_size",
            f"The mask has {across} by {down} pixels. Send it in the upright photo's size, {width} by {height}",
        )
    if (depth, kind) != (8, 0):
        raise MaskInvalid(
            "mask_mode",
            f"The mask has bit depth {depth} and PNG colour type {kind}. Send 8 bits of grey without alpha, white for"
            " the product and black for the rest",
        )
    try:
        # Reading only these chunks skips compressed texts and profiles.
        with PngImageFile(io.BytesIO(b"".join(_pixel_chunks(data)))) as picture:
            codes = np.asarray(picture)
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise MaskInvalid("mask_unreadable", "The mask's pixels can't be read. Send the complete PNG file") from error
    product = codes > 127
    if not product.any():
        raise MaskInvalid("mask_empty", "No pixel of the mask is lighter than middle grey. Paint the product white")
    if product.all():
        raise MaskInvalid("mask_whole", "The mask marks the whole picture as product. Paint the background black")
    return codes


def _pixel_chunks(data: bytes) -> Iterator[bytes]:
    """Yield the signature of a PNG and the chunks that its pixels need."""
    yield _SIGNATURE
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] in (b"IHDR", b"IDAT", b"IEND"):
            yield data[at : at + 12 + length]
        at += 12 + length
