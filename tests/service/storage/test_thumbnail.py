"""Small pictures of renders: for every delivered format, and never larger than the original."""

import io

import pytest
from PIL import Image

from service.storage.thumbnail import SIDE, thumbnail


def encoded(kind: str, mode: str, size: tuple[int, int]) -> bytes:
    written = io.BytesIO()
    colour = (200, 40, 40, 0) if mode == "RGBA" else (200, 40, 40)
    Image.new(mode, size, colour).save(written, kind)
    return written.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_each_delivered_format_is_scaled_with_its_shape_and_colour(kind: str) -> None:
    small = Image.open(io.BytesIO(thumbnail(encoded(kind, "RGB", (1080, 1350)))))

    assert (small.format, small.mode, small.size) == ("WEBP", "RGB", (384, SIDE))
    pixel = small.getpixel((200, 200))
    assert isinstance(pixel, tuple)
    assert all(abs(found - asked) <= 6 for found, asked in zip(pixel, (200, 40, 40), strict=True))


def test_transparency_is_kept_and_a_small_picture_keeps_its_size() -> None:
    small = Image.open(io.BytesIO(thumbnail(encoded("PNG", "RGBA", (60, 40)))))

    assert (small.mode, small.size, small.getchannel("A").getextrema()) == ("RGBA", (60, 40), (0, 0))


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        thumbnail(b"picture")
