"""Small pictures for the contact sheet, so that a page of a thousand opens at once."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from pipeline.core.errors import PipelineError
from pipeline.core.spec import Limits
from pipeline.photo.container import sniff
from pipeline.photo.decode import decode
from service.batch.manifest.files import write_whole

#: Longest side in pixels: sharp at the size of a cell on a dense screen.
SIDE = 640
_MAX_PIXELS = 120_000_000
#: Bytes that tell a format.
_HEAD = 64


@dataclass(frozen=True)
class Thumbnail:
    """A small picture. `clear`: something may be seen through it."""

    width: int
    height: int
    clear: bool


def thumbnail(source: Path, target: Path) -> Thumbnail | None:
    """Write a small WebP of a picture, unless it is there; None where the picture can't be read."""
    try:
        if target.exists():
            with Image.open(target) as there:
                return Thumbnail(there.width, there.height, there.mode == "RGBA")
        with warnings.catch_warnings(), _opened(source) as opened:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            opened.draft("RGB", (2 * SIDE, 2 * SIDE))  # a large JPEG is read small
            picture = ImageOps.exif_transpose(opened)
            clear = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
            picture = picture.convert("RGBA" if clear else "RGB")
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            write_whole(target, _webp(picture))
            return Thumbnail(picture.width, picture.height, clear)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, PipelineError):
        return None


def _opened(source: Path) -> Image.Image:
    """Open a picture; HEIC, which Pillow does not know, as the pipeline reads it, where the extra `heic` is there."""
    with source.open("rb") as file:
        if sniff(file.read(_HEAD)) != "heic":
            return Image.open(source)
    return Image.fromarray(decode(source.read_bytes(), Limits()).rgb)


def _webp(picture: Image.Image) -> bytes:

    file = io.BytesIO()
    picture.save(file, "WEBP", quality=82, method=4)
    return file.getvalue()
