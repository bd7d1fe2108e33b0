"""Small pictures for the contact sheet, so that a page of a thousand opens at once."""

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from service.batch.files import write_whole

#: Longest side in pixels: sharp at the size of a cell on a dense screen.
SIDE = 640
_MOST_PIXELS = 120_000_000


def thumbnail(source: Path, target: Path) -> bool:
    """Write a small WebP of a picture, unless it is there; False where the picture can't be read."""
    if target.exists():
        return True
    try:
        with warnings.catch_warnings(), Image.open(source) as opened:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if opened.width * opened.height > _MOST_PIXELS:
                return False
            opened.draft("RGB", (2 * SIDE, 2 * SIDE))  # a large JPEG is read small
            picture = ImageOps.exif_transpose(opened)
            clear = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
            picture = picture.convert("RGBA" if clear else "RGB")
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            write_whole(target, _webp(picture))
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return False
    return True


def _webp(picture: Image.Image) -> bytes:

    file = io.BytesIO()
    picture.save(file, "WEBP", quality=82, method=4)
    return file.getvalue()
