"""Reject decompression bombs: files of a few megabytes built to take minutes, or all of the memory, to read.

Their sizes in pixels are modest, but they consist of very many parts. So the parts are counted here, in linear time,
before a decoder reads the file. Each bound is far above the output of cameras and programs, and far below a count that
would cost a second.
"""

import struct

from pipeline.core.errors import ImageTooLarge, ImageUnreadable
from pipeline.core.spec import Limits
from pipeline.photo import avif
from pipeline.photo.boxes import tables_exceed
from pipeline.photo.container import ACCEPTED, JPEG_BARE, JPEG_MARKER
from pipeline.photo.heic import Heic

#: Segments, chunks or values of a directory. Pillow takes up to 7 µs for each, and 40 MB can contain ten million.
_PARTS = 250_000
#: Scans of a JPEG, each of which covers the whole picture. Encoders write 3 to 20, for any size of picture.
_SCANS = 64
#: Bytes of EXIF. A JPEG's segment has 64 KiB; Pillow joins any number of them and unpacks all their values.
EXIF_BYTES = 1 << 20
#: Bytes of an AVIF's or a HEIC's item tables, without ICC profile: decoders search them once for each entry.
_TABLES = 128 * 1024
#: Number of times that a HEIC may code the largest photo's pixels. Colours and alpha need
#: it once each, in tiles that may extend beyond its edges.
_PASSES = 4
#: Number of times that a HEIC's picture may be rotated, mirrored and cropped: each takes a second at the largest size.
_TURNS = 3
#: Bytes of EXIF and XMP, times the pictures of a HEIC: libheif reads them for each picture.
_METADATA = 64 << 20

_END, _SCAN, _APP1 = 0xD9, 0xDA, 0xE1

#: TIFF types whose values stay one string of bytes: BYTE, ASCII, UNDEFINED.
_BYTE_TYPES = (1, 2, 7)
_SHORT = 3
_TILE_WIDTH, _TILE_LENGTH = 322, 323
#: Directories below a page's own: EXIF, GPS, interoperability. Pillow unpacks all of them.
_DIRECTORIES = (34665, 34853, 40965)


def reject_decompression_bombs(data: bytes, kind: str, limits: Limits) -> None:
    """Raise ImageUnreadable for more parts than a photo has, or ImageTooLarge for pixels that the header hides.

    Raises ValueError for a HEIC whose tables are unreadable, or list items that no decoder here supports.

    `kind` is the result of `container.sniff`.
    """
    match kind:
        case "jpeg":
            _check_jpeg(data)
        case "png":
            _check_png(data)
        case "webp":
            _check_webp(data)
        case "avif":
            _check_avif(data, limits)
        case "heic":
            _check_heic(data, limits)
        case _:
            _check_tiff(data, limits)


def _check_jpeg(data: bytes) -> None:
    """Follow the segments of the first picture to its end."""
    at, parts, scans, exif = 2, 0, 0, 0
    while found := JPEG_MARKER.search(data, at):
        code = found[0][1]
        # before the pixels, Pillow scans the bytes between two segments one by one
        parts += 1 if scans else 1 + found.start() - at
        at = found.end()
        if code == _END and scans:
            break
        scans += code == _SCAN
        if code not in JPEG_BARE:
            if code == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0":
                exif += int.from_bytes(data[at : at + 2], "big")
            at += int.from_bytes(data[at : at + 2], "big")
        _bound(parts, scans, exif)
    if not scans:
        _bound(parts + len(data) - at)


def _check_png(data: bytes) -> None:
    at, parts, exif = 8, 0, 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IEND":
            break
        parts += 1
        exif += size if name == b"eXIf" else 0
        at += 12 + size
        _bound(parts, exif=exif)


def _check_webp(data: bytes) -> None:
    at, parts, exif = 12, 0, 0
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        parts += 1
        exif += size if name == b"EXIF" else 0
        at += 8 + size + size % 2
        _bound(parts, exif=exif)


def _check_avif(data: bytes, limits: Limits) -> None:
    if tables_exceed(data, _TABLES):
        raise _bomb()
    held = list(avif.items(data))
    # libavif joins the pieces of each item in memory, and they may overlap
    if sum(item.size for item in held) > 4 * len(data):
        raise _bomb()
    parts = 0
    for item in held:
        _bound(exif=item.size if item.kind == b"Exif" else 0)
        for width, height in avif.frame_sizes(data, item):
            parts += 1
            _bound(parts)
            if width * height > limits.max_pixels:
                raise _hidden(f"{width} by {height} pixels", limits)


def _check_heic(data: bytes, limits: Limits) -> None:
    """Check the shown pictures: the main picture, and its alpha."""
    if tables_exceed(data, _TABLES):
        raise _bomb()
    held = Heic.of(data)
    metadata = [held.size(item) for item, kind in held.kinds.items() if kind in (b"Exif", b"mime")]
    _bound(exif=max(metadata, default=0))
    # libheif joins the pieces of each item in memory, and they may overlap
    if sum(map(held.size, held.extents)) > 4 * len(data) or sum(metadata) * len(held.kinds) > _METADATA:
        raise _bomb()
    parts = [part for picture in held.shown for part in held.parts(picture)]
    turns = max(map(held.transforms, (*held.shown, *parts)))
    if turns > _TURNS or sum(map(held.pixels, parts)) > _PASSES * limits.max_pixels:
        raise _bomb()
    units = 0
    for part in set(parts):
        for _ in held.units(part):
            units += 1
            _bound(units)


def _check_tiff(data: bytes, limits: Limits) -> None:
    """Count the values of the first page's directory and its subdirectories, and check the size of its tiles."""
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start, count, entry = (order + form for form in (("Q", "Q", "HHQQ") if big else ("I", "H", "HHII")))
    values, sides = 0, {}
    try:
        pending = list(struct.unpack_from(start, data, 8 if big else 4))
        while pending:
            at = pending.pop()
            (entries,) = struct.unpack_from(count, data, at)
            _bound(values + entries)
            for index in range(entries):
                place = at + struct.calcsize(count) + index * struct.calcsize(entry)
                tag, kind, number, field = struct.unpack_from(entry, data, place)
                values += 1 if kind in _BYTE_TYPES else 1 + number
                if tag in _DIRECTORIES:
                    pending.append(field)
                elif tag in (_TILE_WIDTH, _TILE_LENGTH):
                    sides[tag] = _inline(field, kind, order, big)
            _bound(values)
    except (struct.error, OverflowError):
        return  # the directory is beyond the end of the file: the decoder raises, and reads no more of it
    if sides.get(_TILE_WIDTH, 0) * sides.get(_TILE_LENGTH, 0) > limits.max_pixels:
        raise ImageTooLarge(
            f"The photo's tiles are larger than the limit of {limits.max_pixels / 1e6:g} megapixels. Send a smaller"
            " photo."
        )


def _inline(field: int, kind: int, order: str, big: bool) -> int:
    """Return the number in an entry's value field: a SHORT fills only its first bytes."""
    if kind != _SHORT:
        return field
    return field & 0xFFFF if order == "<" else field >> (48 if big else 16)


def _bound(parts: int = 0, scans: int = 0, exif: int = 0) -> None:
    if parts > _PARTS or scans > _SCANS or exif > EXIF_BYTES:
        raise _bomb()


def _hidden(size: str, limits: Limits) -> ImageTooLarge:
    return ImageTooLarge(
        f"The photo has {size}, more than its header says. The limit is {limits.max_pixels / 1e6:g} megapixels. Send a"
        " smaller photo."
    )


def _bomb() -> ImageUnreadable:
    return ImageUnreadable(f"The photo's file has more parts than any photo needs. Save it again as {ACCEPTED}.")
