"""Broken and hostile files in place of a photo, made in code, each with the expected result."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image

from testkit import heic
from testkit.specimens import half_covered, png_chunk, saved, scene

PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Sent:
    """A file in place of a photo. `end`: the code of its refusal, or None where it is a valid photo after all."""

    group: str
    name: str
    make: Callable[[], bytes]
    end: str | None

    def __str__(self) -> str:
        return f"{self.group}, {self.name}"


def jpeg(**options: object) -> bytes:
    return saved(scene(), "JPEG", quality=90, **options)


def png(**options: object) -> bytes:
    return saved(scene(), "PNG", **options)


def webp() -> bytes:
    return saved(scene(), "WEBP", quality=90)


# Headers with wrong sizes


def png_header(data: bytes, width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Replace a PNG's IHDR by another, with a correct checksum."""
    return PNG_START + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + data[33:]


def jpeg_header(data: bytes, width: int, height: int) -> bytes:
    """Write another size into a JPEG's frame header."""
    at = min(place for sof in (b"\xff\xc0", b"\xff\xc1", b"\xff\xc2") if (place := data.find(sof)) > 0)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def webp_header(data: bytes, width: int, height: int) -> bytes:
    """Write a canvas of another size around a plain WebP."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + sides + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_header(data: bytes, width: int, height: int) -> bytes:
    """Write another size into each `ispe` box of an AVIF."""
    first, *others = data.split(b"ispe")
    return first + b"".join(b"ispe" + one[:4] + struct.pack(">II", width, height) + one[12:] for one in others)


def tiff(tags: dict[int, tuple[str, Sequence[int]]], pixels: bytes = b"") -> bytes:
    """Write a little-endian TIFF. Values have a struct code, "H" or "I"; -1 is replaced by the offset of `pixels`."""
    types = {"H": 3, "I": 4}
    after = 8 + 2 + 12 * len(tags) + 4
    long = sum(4 * len(values) for _, values in tags.values() if len(values) > 1)
    directory, values_out = struct.pack("<H", len(tags)), b""
    for tag, (code, values) in sorted(tags.items()):
        resolved = [after + long if value == -1 else value for value in values]
        packed = struct.pack(f"<{len(values)}{code}", *resolved)
        field = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", after + len(values_out))
        values_out += packed.ljust(4 * len(values), b"\0") if len(packed) > 4 else b""
        directory += struct.pack("<HHI", tag, types[code], len(values)) + field
    return b"II*\0" + struct.pack("<I", 8) + directory + b"\0\0\0\0" + values_out.ljust(long, b"\0") + pixels


def grey_tiff(width: int, height: int, pixels: bytes, **tags: int) -> bytes:
    """Write a grey TIFF of one strip. `tags` (such as t259=8) override the plain values."""
    fields: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8]),
        259: ("H", [1]),
        262: ("H", [1]),
        273: ("I", [-1]),
        277: ("H", [1]),
        278: ("I", [height]),
        279: ("I", [len(pixels)]),
    }
    return tiff(fields | {int(tag[1:]): ("I", [value]) for tag, value in tags.items()}, pixels)


# Bombs: few bytes, many pixels or much metadata


def zeros(count: int) -> bytes:
    """Return a zlib stream of that many zero bytes."""
    deflate, block = zlib.compressobj(9), bytes(1 << 20)
    parts = [deflate.compress(block[: min(len(block), count - at)]) for at in range(0, count, len(block))]
    return b"".join(parts) + deflate.flush()


def png_bomb(width: int, height: int) -> bytes:
    """Write a grey PNG with all its pixels, which are all zero."""
    return PNG_START + b"".join(
        [
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            png_chunk(b"IDAT", zeros(height * (width + 1))),
            png_chunk(b"IEND", b""),
        ]
    )


def with_chunks(*chunks: bytes) -> bytes:
    """Insert chunks after a PNG's header."""
    data = png()
    return data[:33] + b"".join(chunks) + data[33:]


def with_segments(segment: bytes, count: int) -> bytes:
    """Insert a segment after a JPEG's first two bytes, many times."""
    data = jpeg()
    return data[:2] + segment * count + data[2:]


def exif_of(size: int) -> bytes:
    """Return EXIF of that many bytes: an orientation, and one value that fills the rest."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x927C, 7, size - 38, 38)
    return b"Exif\0\0" + (b"II*\0\x08\0\0\0\x02\0" + entries + b"\0\0\0\0").ljust(size, b"\1")


def overlapping_exif() -> bytes:
    """Return less than a megabyte of EXIF whose 3000 fields are all the same 900 kB."""
    entries = b"".join(struct.pack("<HHII", 0x9000 + number, 7, 900_000, 8) for number in range(3000))
    return b"Exif\0\0" + (b"II*\0\x08\0\0\0" + struct.pack("<H", 3000) + entries).ljust(950_000, b"\0")


def chain_profile(steps: int) -> bytes:
    """Return an ICC v4 profile whose device-to-PCS transform is a chain of that many identity matrices."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    places = b"".join(struct.pack(">II", 16 + 8 * steps + len(matrix) * step, len(matrix)) for step in range(steps))
    chain = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, steps) + places + matrix * steps
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"D2B1", 176, len(chain))
    header = struct.pack(">I4sI4s4s4s", 176 + len(chain), b"lcms", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28 + white
    return header.ljust(128, b"\0") + table + b"XYZ \0\0\0\0" + white + chain


def deep_tiff(values: int) -> bytes:
    """Write a TIFF whose EXIF directory has one field of that many fractions."""
    directory = struct.pack("<HHHII", 1, 33434, 5, values, 8) + bytes(4 + 8 * values)
    return grey_tiff(64, 64, directory, t34665=-1)


def scans(count: int, side: int = 7000) -> bytes:
    """Write a progressive JPEG of many pixels in a few bytes: one real scan, then empty scans."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    def table(number: int, symbol: int) -> bytes:  # one Huffman code, one bit long
        return segment(0xC4, bytes([number, 1]) + bytes(15) + bytes([symbol]))

    head = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
    first = segment(0xDA, b"\1\1\0\0\0\0") + b"\0"
    return (
        b"\xff\xd8"
        + head
        + table(0, 0)
        + table(16, 0xE0)
        + first
        + segment(0xDA, b"\1\1\0\1\x3f\0") * count
        + b"\xff\xd9"
    )


def avif_of(*boxes: bytes) -> bytes:
    """Write an AVIF with a `meta` box that contains these."""
    hdlr = heic.box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    return heic.box(b"ftyp", b"avif\0\0\0\0avifmif1miaf") + heic.box(b"meta", bytes(4) + hdlr + b"".join(boxes))


def avif_items(count: int) -> bytes:
    """Write an AVIF that lists many items and contains none."""
    entries = b"".join(heic.box(b"infe", b"\3\0\0\0" + struct.pack(">IH", n + 1, 0) + b"av01\0") for n in range(count))
    return avif_of(heic.box(b"iinf", b"\1\0\0\0" + struct.pack(">I", count) + entries))


def avif_places(count: int) -> bytes:
    """Write an AVIF with the locations of many items."""
    entries = b"".join(struct.pack(">IHHH", n + 1, 0, 0, 0) for n in range(count))
    return avif_of(heic.box(b"iloc", b"\2\0\0\0" + bytes([0x44, 0]) + struct.pack(">I", count) + entries))


@cache
def black_webp() -> bytes:
    """Write a WebP of 64 megapixels in about 40 bytes."""
    return saved(Image.new("RGB", (8000, 8000)), "WEBP", lossless=True, method=0)


@cache
def hidden_avif() -> bytes:
    """Write an AVIF of 51 megapixels whose header claims 64 by 64."""
    return avif_header(saved(Image.new("RGB", (7200, 7100)), "AVIF", speed=10), 64, 64)


def heic_of(*parts: heic.Item, size: tuple[int, int], rows: int = 1) -> bytes:
    """Write a HEIC whose grid of that size has these parts as its tiles."""
    ids = [number + 2 for number in range(len(parts))]
    head = heic.Item(b"grid", heic.grid(rows, len(parts) // rows, size), [heic.ispe(size)], [(b"dimg", ids)])
    return heic.container([head, *parts])


def heic_part(size: tuple[int, int], data: bytes | None = None) -> heic.Item:
    """Return a coded picture whose stream claims that size, and contains 96 by 80 pixels or `data`."""
    return heic.Item(b"hvc1", data or heic.coded(scene()), [heic.hvcc(size), heic.ispe((64, 64))])


def heic_with(item: heic.Item, *others: heic.Item) -> bytes:
    return heic.container([item, *others])


def heic_shared(tile: int, count: int, data: bytes) -> bytes:
    """Write a HEIC of 7000 by 7000 pixels, of count × count tiles that all share one place of the file."""
    tiles = [heic.Item(b"hvc1", b"", [heic.hvcc((tile, tile)), heic.ispe((tile, tile))])] * count**2
    whole = (7000, 7000)
    ids = list(range(2, 2 + len(tiles)))
    head = heic.Item(b"grid", heic.grid(count, count, whole), [heic.ispe(whole)], [(b"dimg", ids)])
    return _all_at_one_place(heic.container([head, *tiles, heic.Item(b"mime", data)]), ids)


def heic_exif(count: int, size: int) -> bytes:
    """Write a HEIC of one picture with EXIF repeated `count` times, all items at the same place of the file."""
    exif = [heic.Item(b"Exif", b"", (), [(b"cdsc", [1])])] * count
    ids = list(range(2, 2 + count))
    return _all_at_one_place(heic.container([heic_part((96, 80)), *exif, heic.Item(b"mime", bytes(size))]), ids)


def _all_at_one_place(data: bytes, items: list[int]) -> bytes:
    """Make some items of a file share the place of its last item."""
    out, at = bytearray(data), data.index(b"iloc") + 12
    place = out[at + 14 * max(items) + 6 : at + 14 * max(items) + 14]
    for item in items:
        out[at + 14 * item - 8 : at + 14 * item] = place
    return bytes(out)


def heic_turned(count: int) -> bytes:
    """Write a HEIC that is mirrored and turned many times."""
    turns = [heic.turned(1), heic.mirrored(0)] * (count // 2)
    part = heic_part((96, 80))
    return heic_with(heic.Item(part.kind, part.data, [*part.properties, *turns]))


def heic_metas() -> bytes:
    """Write a HEIC with its tables twice."""
    data = heic.heic(scene())
    start = int.from_bytes(data[:4], "big")
    return data + data[start : start + int.from_bytes(data[start : start + 4], "big")]


def cmyk_without_adobe() -> bytes:
    """Write a CMYK JPEG without the marker that defines its inks."""
    data = saved(scene().convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


HTML = b"<!doctype html>\n<html><body>404 Not Found</body></html>"
PDF = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"
ZIP = b"PK\x05\x06" + bytes(18)
BAD, CUT, LARGE, DAMAGED = "image_unreadable", "image_truncated", "image_too_large", "photo_damaged"

#: Every group's members. The first represents its group where trying all would take too long.
SENT = [
    Sent("truncated", "JPEG", lambda: jpeg()[:1500], CUT),
    Sent("truncated", "inside its header", lambda: jpeg()[:20], CUT),
    Sent("lying header", "PNG taller than its rows", lambda: png_header(png(), 96, 4000), CUT),
    Sent("lying header", "PNG wider than its rows", lambda: png_header(png(), 4000, 80), BAD),
    Sent("lying header", "PNG smaller than its rows", lambda: png_header(png(), 64, 64), BAD),
    Sent("lying header", "PNG of another depth", lambda: png_header(png(), 96, 80, depth=16, colour=6), BAD),
    Sent("lying header", "PNG of no width", lambda: png_header(png(), 0, 80), BAD),
    Sent("lying header", "JPEG taller than its data", lambda: jpeg_header(jpeg(), 96, 4000), DAMAGED),
    Sent("lying header", "JPEG of 49 megapixels in little data", lambda: jpeg_header(jpeg(), 7000, 7000), DAMAGED),
    Sent("lying header", "JPEG lower than its data", lambda: jpeg_header(jpeg(), 96, 64), None),
    Sent("lying header", "JPEG of no height", lambda: jpeg_header(jpeg(), 96, 0), BAD),
    Sent("lying header", "WebP with a larger canvas", lambda: webp_header(webp(), 4000, 4000), BAD),
    Sent("lying header", "WebP with a smaller canvas", lambda: webp_header(webp(), 64, 64), BAD),
    Sent("lying header", "AVIF", lambda: avif_header(saved(scene(), "AVIF"), 4000, 4000), None),
    Sent("lying header", "TIFF taller than its strip", lambda: grey_tiff(96, 4000, bytes(96 * 80)), BAD),
    Sent("bomb", "PNG of 64 megapixels", lambda: png_bomb(8000, 8000), LARGE),
    Sent("bomb", "PNG text", lambda: with_chunks(png_chunk(b"zTXt", b"k\0\0" + zeros(50 << 20))), BAD),
    Sent("bomb", "PNG profile", lambda: with_chunks(png_chunk(b"iCCP", b"k\0\0" + zeros(50 << 20))), BAD),
    Sent("bomb", "WebP", black_webp, LARGE),
    Sent("bomb", "WebP behind a small canvas", lambda: webp_header(black_webp(), 64, 64), BAD),
    Sent("bomb", "TIFF strip", lambda: grey_tiff(64, 64, zeros(50 << 20), t259=8, t278=2**31 - 1), None),
    Sent("bomb", "TIFF tile", lambda: grey_tiff(64, 64, zeros(64_000_000), t259=8, t322=8000, t323=8000), LARGE),
    Sent("bomb", "AVIF behind a small header", hidden_avif, LARGE),
    Sent("lying header", "HEIC", lambda: avif_header(heic.heic(scene()), 4000, 4000), BAD),
    Sent(
        "lying header",
        "HEIC whose grid is larger than its tiles",
        lambda: heic_of(heic_part((96, 80)), size=(4000, 4000)),
        BAD,
    ),
    Sent("bomb", "HEIC behind a small header", lambda: heic_with(heic_part((7200, 7100))), BAD),
    Sent("bomb", "HEIC of one row", lambda: heic_with(heic_part((64, 2**31))), BAD),
    Sent("bomb", "HEIC of large tiles", lambda: heic_of(*[heic_part((7000, 7000))] * 9, size=(640, 80)), BAD),
    Sent("bomb", "HEIC of many pictures", lambda: heic_with(heic_part((96, 80), heic.coded(scene()) * 9)), BAD),
    Sent("huge", "HEIC of 2³² - 1 by 2³² - 1", lambda: heic_of(heic_part((96, 80)), size=(2**32 - 1, 2**32 - 1)), BAD),
    Sent("huge", "PNG of 2³¹ - 1 by 2³¹ - 1", lambda: png_header(png(), 2**31 - 1, 2**31 - 1), LARGE),
    Sent("huge", "JPEG of 65535 by 65535", lambda: jpeg_header(jpeg(), 65_535, 65_535), LARGE),
    Sent("huge", "WebP of 16384 by 16384", lambda: webp_header(webp(), 16_384, 16_384), LARGE),
    Sent("huge", "TIFF of 2³² - 1 by 2³² - 1", lambda: grey_tiff(2**32 - 1, 2**32 - 1, bytes(64)), LARGE),
    Sent("huge", "BigTIFF that starts nowhere", lambda: b"II+\0\x08\0\0\0" + b"\xff" * 60, BAD),
    Sent("huge", "AVIF of 2³² - 1 by 2³² - 1", lambda: avif_header(saved(scene(), "AVIF"), 2**32 - 1, 2**32 - 1), BAD),
    Sent("flood", "JPEG of tiny segments", lambda: with_segments(b"\xff\xe5\0\2", 300_000), BAD),
    Sent("flood", "JPEG of fill bytes", lambda: with_segments(b"\xff", 300_000), BAD),
    Sent("flood", "JPEG that never starts", lambda: b"\xff\xd8\xff" + b"\0" * 300_000, BAD),
    Sent("flood", "JPEG of empty scans", lambda: scans(1000), BAD),
    Sent(
        "flood",
        "JPEG of many EXIF segments",
        lambda: with_segments(b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527), 20),
        BAD,
    ),
    Sent("flood", "PNG of empty chunks", lambda: with_chunks(png_chunk(b"prVt", b"") * 300_000), BAD),
    Sent("flood", "PNG with large EXIF", lambda: png(exif=exif_of(2 << 20)), BAD),
    Sent("flood", "WebP with large EXIF", lambda: saved(scene(), "WEBP", exif=exif_of(2 << 20)), BAD),
    Sent("flood", "AVIF with large EXIF", lambda: saved(scene(), "AVIF", exif=exif_of(2 << 20)), BAD),
    Sent("flood", "WebP of empty chunks", lambda: webp() + b"none\0\0\0\0" * 300_000, BAD),
    Sent("flood", "AVIF of many items", lambda: avif_items(100_000), BAD),
    Sent("flood", "AVIF of many places", lambda: avif_places(100_000), BAD),
    Sent("flood", "HEIC of empty units", lambda: heic_with(heic_part((96, 80), heic.unit(b"") * 300_000)), BAD),
    Sent("flood", "HEIC with large EXIF", lambda: heic.heic(scene(), exif=exif_of(2 << 20)), BAD),
    Sent(
        "flood",
        "HEIC of many tiles",
        lambda: heic_of(*[heic_part((96, 80), b"1234")] * 1100, size=(640, 80), rows=11),
        BAD,
    ),
    Sent("bomb", "HEIC of large tiles at one place", lambda: heic_shared(7000, 16, heic.coded(scene())), BAD),
    Sent("bomb", "HEIC of EXIF at one place", lambda: heic_exif(200, 8 << 20), BAD),
    Sent("flood", "HEIC of many turns", lambda: heic_turned(120), BAD),
    Sent("flood", "HEIC of many items", lambda: avif_items(100_000).replace(b"avif", b"heic"), BAD),
    Sent("ambiguous", "HEIC with its tables twice", heic_metas, BAD),
    Sent(
        "flood",
        "TIFF of many strips",
        lambda: tiff(
            {
                256: ("I", [64]),
                257: ("I", [300_000]),
                258: ("H", [8]),
                259: ("H", [1]),
                262: ("H", [1]),
                273: ("I", [-1] * 300_000),
                278: ("I", [1]),
            },
            bytes(64),
        ),
        BAD,
    ),
    Sent("flood", "TIFF with a deep directory", lambda: deep_tiff(300_000), BAD),
    Sent("flood", "EXIF whose fields overlap", lambda: png(exif=overlapping_exif()), None),
    Sent("flood", "profile of many steps", lambda: png(icc_profile=chain_profile(10_000)), None),
    Sent("animated", "GIF", lambda: saved(scene(), "GIF", save_all=True, append_images=[scene().rotate(9)]), BAD),
    Sent("CMYK", "without Adobe's marker", cmyk_without_adobe, None),
    Sent("no picture", "HTML named .jpg", lambda: HTML, BAD),
    Sent("no picture", "ZIP", lambda: ZIP, BAD),
    Sent("no picture", "zeros", lambda: bytes(4096), BAD),
    Sent("polyglot", "JPEG, then ZIP", lambda: jpeg() + ZIP, None),
    Sent("polyglot", "JPEG with HTML inside", lambda: jpeg(comment=HTML), None),
    Sent("polyglot", "PNG, then PDF", lambda: png() + PDF, None),
    Sent("polyglot", "PDF, then JPEG", lambda: PDF + jpeg(), BAD),
    Sent("polyglot", "GIF, then JPEG", lambda: b"GIF89a" + jpeg(), BAD),
    Sent("polyglot", "JPEG that starts like a PNG", lambda: PNG_START + jpeg()[8:], CUT),
    Sent("polyglot", "PNG that starts like a JPEG", lambda: b"\xff\xd8\xff" + png()[3:], CUT),
    Sent("transparent", "PNG", lambda: saved(half_covered(), "PNG"), None),
]
