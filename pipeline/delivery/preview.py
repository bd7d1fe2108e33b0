"""A preview: a small picture with a visible watermark across it, to look at and not to publish."""

from dataclasses import replace
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.core.provenance import read_digital_source_type
from pipeline.core.spec import Preset
from pipeline.core.types import Encoded
from pipeline.delivery.encode import encode
from pipeline.geometry.ray import Field

#: Longer side in pixels of a preview; a smaller picture keeps its size.
PREVIEW_SIDE = 512
_WORD = "PREVIEW"
#: Height of the letters and distance of the lines, as shares of the longer side, and their slant, degrees.
_LETTERS, _APART, _LEAN = 0.06, 0.19, 24.0
#: Opacity of the white letters and of their dark rim: visible on any background, with the picture visible through them.
_WHITE, _DARK = 0.42, 0.32


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height in pixels of the preview of a picture of that size."""
    scale = min(1.0, PREVIEW_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def preview_preset(preset: Preset, size: tuple[int, int]) -> Preset:
    """Return a preset for a preview of that size, without the place's rules on size and file size."""
    return replace(preset, size=size, max_bytes=None)


def preview_of(data: bytes, preset: Preset) -> Encoded:
    """Return the preview of a file that `pipeline.delivery.encode` made for a preset, with the file's AI mark."""
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP", "AVIF")) as file:
        mark = read_digital_source_type(file.info.get("xmp") or b"")
        size = preview_size(*file.size)
        picture = file.convert(file.mode if file.mode == "RGBA" else "RGB").resize(size, Image.Resampling.LANCZOS)
    small = np.asarray(picture, np.float32) / np.float32(255)
    return encode(watermarked(small), replace(preview_preset(preset, size), digital_source_type=mark))


def watermarked(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an H×W×3 sRGB picture, or H×W×4 with straight alpha, with the word across it, line after line.

    The letters are white with a dark rim, half transparent, composited as coded values. They cover transparent places.
    """
    height, width = picture.shape[:2]
    # Kept for previews alone: the masks of eight full-size pictures would take 1 GiB.
    white, dark = (_letters if max(width, height) <= PREVIEW_SIDE else _letters.__wrapped__)(width, height)
    out = picture.copy()
    for cover, value in ((dark * np.float32(_DARK), 0.0), (white * np.float32(_WHITE), 1.0)):
        if picture.shape[2] == 4:
            under = out[..., 3] * (1 - cover)
            alpha = under + cover
            mixed = out[..., :3] * under[..., None] + np.float32(value) * cover[..., None]
            out[..., :3] = np.where(alpha[..., None] > 0, mixed / np.maximum(alpha, 1e-6)[..., None], out[..., :3])
            out[..., 3] = alpha
        else:
            out += (np.float32(value) - out) * cover[..., None]
    return out


@lru_cache(maxsize=8)
def _letters(width: int, height: int) -> tuple[Field, Field]:
    """Return masks of the letters and of their rim, each H×W in 0–1."""
    longer = max(width, height)
    side = int(1.5 * longer)
    font = ImageFont.load_default(max(8, round(_LETTERS * longer)))
    rim = max(1, round(_LETTERS * longer / 14))
    step = max(1.0, font.getlength(_WORD + "  "))
    masks = []
    for stroke in (0, rim):
        plane = Image.new("L", (side, side))
        draw = ImageDraw.Draw(plane)
        for line in range(round(side / (_APART * longer)) + 1):
            start = -step * (0.5 if line % 2 else 0.0)
            for column in range(int(side / step) + 2):
                at = start + column * step, line * _APART * longer
                draw.text(at, _WORD, fill=255, font=font, stroke_width=stroke)
        leaning = plane.rotate(_LEAN, Image.Resampling.BICUBIC)
        left, top = (side - width) // 2, (side - height) // 2
        masks.append(np.asarray(leaning.crop((left, top, left + width, top + height)), np.float32) / np.float32(255))
    white, both = masks
    return white, np.maximum(both - white, 0)
