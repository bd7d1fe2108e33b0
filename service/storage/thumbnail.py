"""Thumbnails of renders: small enough for a page of a hundred, made for each request and never stored."""

import io

from PIL import Image

#: Longer side in pixels. It is sharp in a gallery's tile on a high-density screen.
SIDE = 480


def reduced(data: bytes, side: int) -> Image.Image:
    """Return a picture with at most `side` pixels on the longer side: RGB, or RGBA if it has alpha. Never enlarges.

    `data`: an encoded JPEG, PNG, WebP or AVIF, sRGB of 8 bits. Raises OSError for other data.
    """
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (side, side))  # decodes a large JPEG at a smaller size, but at least at this one
        picture = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def thumbnail(data: bytes) -> bytes:
    """Return a picture as a WebP of at most `SIDE` pixels on the longer side, as `reduced` does."""
    written = io.BytesIO()
    reduced(data, SIDE).save(written, "WEBP", quality=80, method=2)
    return written.getvalue()
