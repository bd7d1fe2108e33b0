"""Photos whose bytes are wrong in every known way, and other files in place of a photo."""

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.core.errors import (
    ImageTooLarge,
    ImageTooSmall,
    ImageTruncated,
    ImageUnreadable,
    PhotoDamaged,
    Rejected,
)
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from testkit.specimens import HEIGHT, WIDTH, png_chunk, saved, scene
from tests.support.hostile import jpeg_header

LIMITS = Limits()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "empty"),
        (b"<!doctype html><html></html>", "HTML"),
        (b"  \n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'{"error": "not found"}', "JSON"),
        (saved(scene(), "GIF"), "GIF"),
        (saved(scene(), "BMP"), "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"hello", "not recognised"),
        (bytes(range(256)) * 20, "not recognised"),
    ],
)
def test_any_other_file_is_refused_by_name_with_the_accepted_types(data: bytes, named: str) -> None:
    with pytest.raises(ImageUnreadable, match="JPEG, PNG, WebP, AVIF, HEIC or TIFF") as refused:
        decode(data, LIMITS)
    assert named in str(refused.value)
    assert refused.value.code == "image_unreadable"


FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 90}),
    ("PNG", {}),
    ("WEBP", {"quality": 90}),
    ("WEBP", {"lossless": True}),
    ("AVIF", {"quality": 80}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


@pytest.mark.filterwarnings("ignore")  # Pillow warns about truncated TIFF directories, as it would in service
@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_a_file_cut_short_is_called_truncated(format: str, options: dict[str, Any]) -> None:
    whole = saved(scene().resize((400, 300)), format, **options)
    for share in (0.3, 0.9):
        with pytest.raises(ImageTruncated, match="Upload the whole file") as refused:
            decode(whole[: int(len(whole) * share)], LIMITS)
        assert refused.value.code == "image_truncated"


KINDS_OF_JPEG: list[tuple[str, dict[str, Any]]] = [
    ("RGB", {"quality": 90}),
    ("RGB", {"quality": 5, "subsampling": 0}),
    ("RGB", {"progressive": True}),
    ("RGB", {"restart_marker_rows": 1}),
    ("RGB", {"restart_marker_blocks": 3, "progressive": True}),
    ("RGB", {"keep_rgb": True}),
    ("L", {"optimize": True}),
    ("CMYK", {"quality": 90}),
]


@pytest.mark.parametrize(("mode", "options"), KINDS_OF_JPEG)
def test_a_jpeg_with_fewer_pixels_than_its_header_claims_is_damaged(mode: str, options: dict[str, Any]) -> None:
    picture = scene().resize((400, 304)).convert(mode)
    picture.paste(Image.new("RGB", (40, 40), (128, 128, 128)).convert(mode), (360, 264))  # the look of missing data
    whole = saved(picture, "JPEG", **options)
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 2000) + b"Exif\0\0" + saved(scene(), "JPEG")[:2000].ljust(2000)
    sound = [whole, whole + b"more" * 99, whole[:-2] + bytes(9) + whole[-2:], whole[:2] + thumbnail + whole[2:]]

    assert [decode(data, LIMITS).rgb.shape for data in sound] == [(304, 400, 3)] * len(sound)
    for size in [(400, 320), (416, 304), (1000, 900)]:
        with pytest.raises(PhotoDamaged, match="fewer pixels than its header says"):
            decode(jpeg_header(whole, *size), LIMITS)


@pytest.mark.parametrize("share", [0.4, 0.98])
def test_a_jpeg_that_was_truncated_and_closed_again_is_damaged(share: float) -> None:
    whole = saved(scene().resize((400, 300)), "JPEG", quality=90)

    with pytest.raises(PhotoDamaged, match="fewer pixels than its header says"):
        decode(whole[: int(len(whole) * share)] + b"\xff\xd9", LIMITS)


@pytest.mark.parametrize("shade", [127, 128])
@pytest.mark.parametrize("format", ["JPEG", "MPO"])
def test_a_complete_picture_of_that_grey_is_a_photo(format: str, shade: int) -> None:
    picture = Image.new("RGB", (200, 120), (shade, shade, shade))

    assert decode(saved(picture, format), LIMITS).rgb.shape == (120, 200, 3)


@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_the_pixel_limit_is_read_from_the_header(format: str, options: dict[str, Any]) -> None:
    data = saved(scene(), format, **options)
    pixels = WIDTH * HEIGHT
    assert decode(data, Limits(max_pixels=pixels)).rgb.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLarge, match="96 by 80"):
        decode(data, Limits(max_pixels=pixels - 1))


def test_a_bomb_is_refused_before_its_pixels_are_decoded_or_its_canvas_is_allocated() -> None:
    # no pixel data at all: if the decoder had asked for any, the file would count as truncated
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16_384, 16_384, 8, 2, 0, 0, 0))
    side = (16_383).to_bytes(3, "little")
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + side + side
    for bomb in (b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IEND", b""), b"RIFF\x16\0\0\0" + webp):
        with pytest.raises(ImageTooLarge, match="16384 by 16384"):
            decode(bomb, LIMITS)


def test_a_png_header_that_claims_more_rows_is_refused() -> None:
    data = bytearray(saved(scene(), "PNG"))
    data[20:24] = (HEIGHT * 50).to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageTruncated, match="last rows"):
        decode(bytes(data), LIMITS)


def test_an_interlaced_black_png_needs_all_of_its_seven_passes() -> None:
    # columns × rows of the passes of 64×64, each row with its filter byte
    passes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)]
    pixels = bytes(sum(rows * (columns + 1) for columns, rows in passes))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 1))
    start, end = b"\x89PNG\r\n\x1a\n" + header, png_chunk(b"IEND", b"")
    whole = start + png_chunk(b"IDAT", zlib.compress(pixels)) + end
    assert decode(whole, LIMITS).rgb.shape == (64, 64, 3)
    with pytest.raises(Rejected):
        decode(start + png_chunk(b"IDAT", zlib.compress(pixels[:-100])) + end, LIMITS)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_a_png_whose_last_rows_are_truly_black_is_complete(mode: str) -> None:
    picture = scene().copy()
    picture.paste((0, 0, 0), (0, HEIGHT - 30, WIDTH, HEIGHT))
    photo = decode(saved(picture.convert(mode), "PNG"), LIMITS)
    assert photo.rgb[-30:].max() == 0
    assert photo.rgb[:30].max() > 0


def test_a_file_too_heavy_and_a_picture_too_small_to_show_a_product_are_refused() -> None:
    data = saved(scene(), "PNG")
    assert decode(data, Limits(max_bytes=len(data))).format == "png"
    with pytest.raises(ImageTooLarge, match="MiB"):
        decode(data, Limits(max_bytes=len(data) - 1))
    with pytest.raises(ImageTooSmall, match="63 by 200"):
        decode(saved(Image.new("RGB", (63, 200)), "PNG"), LIMITS)
    assert decode(saved(Image.new("RGB", (64, 64)), "PNG"), LIMITS).rgb.shape == (64, 64, 3)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        decode(data, LIMITS)
