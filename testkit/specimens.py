"""Small photos of every kind, made in code: the seeds of tests and of fuzzing."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import srgb_profile
from testkit.heic import heic, turned

WIDTH, HEIGHT = 96, 80


@cache
def scene() -> Image.Image:
    """Smooth colours, all four corners different, so that a turn or a swapped channel shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pixels = np.stack([40 + 180 * x / WIDTH, 30 + 200 * y / HEIGHT, 120 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    """Return the file that Pillow writes."""
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def half_covered() -> Image.Image:
    """Return the scene under an alpha that rises from 0 at the left edge to 255 at the right."""
    picture = scene().convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))))
    return picture


def png16(pixels: NDArray[np.uint16]) -> bytes:
    """Write a 16-bit PNG of 1 to 4 channels, which Pillow reads but cannot write."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def swapped_profile() -> bytes:
    """Return an sRGB profile with its red and green primaries exchanged."""
    parts = srgb_profile().replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ")
    return parts.replace(b"----", b"gXYZ")


@cache
def corpus() -> tuple[bytes, ...]:
    """Return one small valid file of each kind, with metadata for the mutations to hit."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    tags = {"exif": exif.tobytes(), "icc_profile": swapped_profile()}
    small, clear = scene().resize((72, 66)), half_covered().resize((72, 66))
    makers: list[Callable[[], bytes]] = [
        lambda: saved(small, "JPEG", **tags),
        lambda: saved(small, "JPEG", progressive=True),
        lambda: saved(small.convert("CMYK"), "JPEG"),
        lambda: saved(small, "MPO", save_all=True, append_images=[small]),
        lambda: saved(clear, "PNG", **tags),
        lambda: saved(small.quantize(16), "PNG", transparency=3),
        lambda: png16(np.full((66, 72, 4), 4321, np.uint16)),
        lambda: saved(small, "PNG", save_all=True, append_images=[small.rotate(9)]),
        lambda: saved(clear, "WEBP", **tags),
        lambda: saved(clear, "WEBP", lossless=True),
        lambda: saved(small, "WEBP", save_all=True, append_images=[small.rotate(9)]),
        lambda: saved(clear, "AVIF", **tags),
        lambda: heic(clear, tile=64, chroma=1, exif=exif.tobytes(), icc=swapped_profile()),
        lambda: heic(small, chroma=1, depth=10, properties=[turned(1)]),
        lambda: saved(small, "TIFF", compression="tiff_lzw", **tags),
        lambda: saved(clear, "TIFF", compression="tiff_adobe_deflate"),
        lambda: saved(small, "TIFF", compression="jpeg"),
        lambda: saved(small, "TIFF"),
        lambda: saved(small, "TIFF", big_tiff=True),
    ]
    return tuple(make() for make in makers)


@cache
def gif() -> bytes:
    """Return a small animated GIF, which Backdrop does not accept as a photo."""
    small = scene().resize((72, 66))
    return saved(small, "GIF", save_all=True, append_images=[small.rotate(9)])
