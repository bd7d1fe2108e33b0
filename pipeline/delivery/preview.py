"""A preview: a small picture with a visible watermark across it, to look at and not to publish.

The letters replace what is under them, so nobody can compute it back, even with the letters' exact place. A caller may
still combine pictures whose letters have different places. So the place depends on nothing that a caller can change
while the picture stays: not on the job, the format or the place of publication. It depends on the seed of the
background, because another seed gives another background, and on a secret of the installation. Where no seed decides
the background, it depends on the secret alone.
"""

import hashlib
import hmac
from dataclasses import replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.core.provenance import read_digital_source_type
from pipeline.core.resample import blurred, resize
from pipeline.core.spec import Preset
from pipeline.core.types import Encoded
from pipeline.delivery.encode import encode
from pipeline.geometry.ray import Field

#: Longer side in pixels of a preview, and of the detail in a sandbox's picture; a smaller picture keeps its size.
PREVIEW_SIDE = 512
_WORD = "PREVIEW"
#: Height of the letters and distance of the lines, as shares of the longer side, and their slant, degrees.
_LETTERS, _APART, _LEAN = 0.06, 0.19, 24.0
#: By how much the stamp may change these, as a share.
_PART = 0.12
#: Where the letters are, across and down, and their size and slant: four numbers in 0–1.
Stamp = tuple[float, float, float, float]
#: Reach of the colours that fill the letters' place from around it, as a share of the longer side.
_FILL = 1 / 128
#: Share of white in the letters and of black in their rim; the rest is that fill.
_WHITE, _DARK = 0.58, 0.4


def stamp_of(secret: bytes, seed: int | None) -> Stamp:
    """Return the place of the letters for the background of a seed; None: no seed decides it."""
    words = np.frombuffer(hmac.digest(secret, str(seed).encode(), hashlib.sha256)[:16], "<u4")
    across, down, size, lean = (float(word) / 2**32 for word in words)
    return across, down, size, lean


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Return width and height in pixels of the preview of a picture of that size."""
    scale = min(1.0, PREVIEW_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def preview_preset(preset: Preset, size: tuple[int, int]) -> Preset:
    """Return a preset for a preview of that size, without the place's rules on size and file size."""
    return replace(preset, size=size, max_bytes=None)


def preview_of(data: bytes, preset: Preset, stamp: Stamp) -> Encoded:
    """Return the preview of a file that `pipeline.delivery.encode` made for a preset, with the file's AI mark."""
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP", "AVIF")) as file:
        mark = read_digital_source_type(file.info.get("xmp") or b"")
        size = preview_size(*file.size)
        picture = file.convert(file.mode if file.mode == "RGBA" else "RGB").resize(size, Image.Resampling.LANCZOS)
    small = np.asarray(picture, np.float32) / np.float32(255)
    return encode(watermarked(small, stamp), replace(preview_preset(preset, size), digital_source_type=mark))


def watermarked(picture: NDArray[np.float32], stamp: Stamp) -> NDArray[np.float32]:
    """Return an H×W×3 sRGB picture, or H×W×4 with straight alpha, with the word across it, line after line.

    A larger picture keeps its size, but only the detail of `preview_size`. The letters are white with a dark rim, on a
    blur of what is around them. They cover transparent places.
    """
    height, width, channels = picture.shape
    small = preview_size(width, height)
    whole = picture if channels == 4 else np.dstack([picture, np.ones((height, width), np.float32)])
    out = resize(np.dstack([whole[..., :3] * whole[..., 3:], whole[..., 3]]), *small, Image.Resampling.BOX)
    white, both = _letters(*small, stamp)
    # Soft edges too are of the fill and the letters alone: nothing here reads the picture under them.
    beside = (both == 0)[..., None].astype(np.float32)
    around = blurred(np.dstack([out, np.ones_like(both)]) * beside, *[_FILL * max(small)] * 2)
    out = np.where(beside > 0, out, around[..., :4] / np.maximum(around[..., 4:], 1e-6))
    for cover, value in ((both * np.float32(_DARK), 0.0), (white * np.float32(_WHITE), 1.0)):
        over = np.array([value, value, value, 1], np.float32)
        out += (over - out) * cover[..., None]
    out = np.clip(resize(out, width, height), 0, 1)
    if channels == 3:
        return out[..., :3]
    out[..., :3] = np.clip(out[..., :3] / np.maximum(out[..., 3:], 1e-3), 0, 1)
    return out


def _letters(width: int, height: int, stamp: Stamp) -> tuple[Field, Field]:
    """Return masks of the letters, and of the letters with their rim, each H×W in 0–1."""
    across, down, size, lean = stamp
    longer = (1 + _PART * (2 * size - 1)) * max(width, height)
    side = int(1.5 * max(width, height))
    font = ImageFont.load_default(max(8, round(_LETTERS * longer)))
    rim = max(1, round(_LETTERS * longer / 14))
    step = max(1.0, font.getlength(_WORD + "  "))
    masks = []
    for stroke in (0, rim):
        plane = Image.new("L", (side, side))
        draw = ImageDraw.Draw(plane)
        for line in range(-1, round(side / (_APART * longer)) + 1):
            start = step * (across - (1.5 if line % 2 else 1.0))
            for column in range(int(side / step) + 3):
                at = start + column * step, (line + down) * _APART * longer
                draw.text(at, _WORD, fill=255, font=font, stroke_width=stroke)
        leaning = plane.rotate(_LEAN * (1 + _PART * (2 * lean - 1)), Image.Resampling.BILINEAR)
        left, top = (side - width) // 2, (side - height) // 2
        masks.append(np.asarray(leaning.crop((left, top, left + width, top + height)), np.float32) / np.float32(255))
    white, both = masks
    return white, np.maximum(both, white)
