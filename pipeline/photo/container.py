"""Detect a file's format, canvas size and missing end from its bytes."""

import re
import struct
import zlib
from io import BytesIO

from PIL import JpegImagePlugin, TiffImagePlugin

from pipeline.core.errors import ImageUnreadable

#: The formats that `sniff` accepts, in words.
ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC or TIFF"
#: First bytes of formats that people send by mistake, so that the message can name them.
_NOT_ACCEPTED = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"%PDF": "a PDF",
    b"8BPS": "a Photoshop document",
    b"PK\x03\x04": "a ZIP archive",
    b"\xff\x0a": "a JPEG XL picture",
    b"<": "HTML, XML or SVG text",
    b"{": "JSON text",
}
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
# JPEG, ITU-T T.81 section B.1.1: fill bytes (FF FF), stuffed zeros (FF 00) and restart markers are part of the data.
JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
#: Markers without a length after them: TEM, SOI, EOI, and those that Pillow does not know (JPG, JPG0 to JPG13).
JPEG_BARE = frozenset([0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)])
_SCAN, _END = 0xDA, b"\xff\xd9"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def sniff(data: bytes) -> str:
    """Return the format, detected by the first bytes: "jpeg" (MPO too), "png", "webp", "avif", "heic" or "tiff".

    Raises ImageUnreadable for anything else. Its message lists the accepted formats.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] in _TIFF_STARTS:
        return "tiff"
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in (b"avif", b"avis") or (brand in _HEIC_BRANDS and b"avif" in data[12:64]):
        return "avif"
    if brand in _HEIC_BRANDS:
        return "heic"
    if not data:
        raise ImageUnreadable(f"The photo is an empty file. Send {ACCEPTED}.")
    text = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, name in _NOT_ACCEPTED.items():
        if text.startswith(start):
            raise ImageUnreadable(f"The file is {name}, which is not accepted as a photo. Send {ACCEPTED}.")
    raise ImageUnreadable(f"The photo's format is not recognised. Send {ACCEPTED}.")


def canvas_size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height in pixels where they must be known before the file is opened, else None.

    That is WebP (RFC 9649), whose decoder allocates the whole canvas on opening.
    """
    if kind != "webp" or len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            wide, high = data[24:27], data[27:30]
            return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            wide, high = data[26:28], data[28:30]
            return int.from_bytes(wide, "little") & 0x3FFF, int.from_bytes(high, "little") & 0x3FFF
    return None


def is_cut_short(data: bytes, kind: str) -> bool:
    """Return whether a file that failed to decode promises more bytes than it has."""
    match kind:
        case "webp":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "png":
            return b"IEND" not in data
        case "jpeg":
            return not data.rstrip(b"\0").endswith(b"\xff\xd9")
        case "avif" | "heic":
            return _boxes_end(data) > len(data)
        case _:
            return _tiff_end(data) > len(data)


def jpeg_has_all_blocks(data: bytes) -> bool:
    """Return whether a JPEG's first scan codes as many blocks as its header says.

    Pillow accepts a scan that ends early, and leaves the rest grey. So the scan is decoded twice at a small size, once
    with more coded data at its end. A decoder that already has all blocks ignores that data, any other reads it.
    """
    scan = data[: _first_scan_end(data)]
    noise = bytes(number * 89 % 251 for number in range(1, 251))
    # A decoder that waits for a restart marker accepts one of these eight.
    more = noise + b"".join(bytes([0xFF, 0xD0 + number]) + noise for number in range(8))
    return _small_jpeg(scan + _END) == _small_jpeg(scan + more + _END)


def _first_scan_end(data: bytes) -> int:
    at, scanning = 2, False
    while found := JPEG_MARKER.search(data, at):
        if scanning:
            return found.start()
        code, at = found[0][1], found.end()
        if code not in JPEG_BARE:
            at += int.from_bytes(data[at : at + 2], "big")
            scanning = code == _SCAN
    return len(data)


def _small_jpeg(data: bytes) -> bytes:
    """Return the pixels at an eighth of the size."""
    with JpegImagePlugin.JpegImageFile(BytesIO(data)) as picture:
        picture.draft(None, (1, 1))
        return picture.tobytes()


def png_has_all_rows(data: bytes) -> bool:
    """Return whether a PNG's compressed stream is as long as its header says (PNG third edition, sections 7.2 and 8.1).

    Pillow accepts a stream that ends early, and leaves the rest black.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if interlaced:
        return True  # Pillow counts the rows of these itself
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    due = height * (1 + (width * bits + 7) // 8)
    inflate, at = zlib.decompressobj(), 8
    while due > 0 and at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        pending = data[at + 8 : at + 8 + size] if name == b"IDAT" else b""
        while pending and due > 0 and not inflate.eof:
            due -= len(inflate.decompress(pending, 1 << 20))
            pending = inflate.unconsumed_tail
        at += 12 + size
    return bool(due <= 0)


def _boxes_end(data: bytes) -> int:
    """Return where the last top-level ISO BMFF box (ISO/IEC 14496-12) ends, by its own size field."""
    end = 0
    while end + 8 <= len(data):
        size = int.from_bytes(data[end : end + 4], "big")
        if size == 1:
            size = int.from_bytes(data[end + 8 : end + 16], "big")
        if size < 8:
            # 0 means "to the end of the file"; a size below the header's is invalid
            return max(end, len(data))
        end += size
    return end if end >= len(data) else len(data) + 1


def _tiff_end(data: bytes) -> int:
    """Return the end of the furthest strip or tile of a TIFF's first page, or of a directory beyond the file."""
    directory = int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big")
    if directory + 2 > len(data):
        return directory + 2
    try:
        tags = TiffImagePlugin.TiffImageFile(BytesIO(data)).tag_v2
        starts = tags.get(TiffImagePlugin.STRIPOFFSETS) or tags.get(TiffImagePlugin.TILEOFFSETS) or ()
        counts = tags.get(TiffImagePlugin.STRIPBYTECOUNTS) or tags.get(TiffImagePlugin.TILEBYTECOUNTS) or ()
        return max((int(start) + int(count) for start, count in zip(starts, counts, strict=False)), default=0)
    except Exception:  # noqa: BLE001 - the directory itself is broken, which is not a missing end
        return 0
