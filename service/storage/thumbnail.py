"""Thumbnails of renders: small enough for a page of a hundred, made when they are asked for and never stored."""

import io

from PIL import Image

#: Longer side in pixels: sharp in a gallery's tile on a dense screen.
SIDE = 480


def thumbnail(data: bytes) -> bytes:
    """Return a picture as a WebP of at most `SIDE` pixels on the longer side, alpha kept, smaller pictures as they are.

    `data`: an encoded JPEG, PNG, WebP or AVIF, sRGB of 8 bits. Raises OSError for what is no picture.
    """
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (SIDE, SIDE))  # a large JPEG is read small: at least as large as asked for
        picture = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=80, method=2)
    return written.getvalue()
