"""Boxes of ISO files (ISO/IEC 14496-12, and 23008-12 for pictures), shared by AVIF and HEIC.

It reads only facts that must be known before a decoder reads the file. Malformed data ends the reading quietly.
"""

from collections.abc import Iterator
from dataclasses import dataclass

#: Boxes that contain boxes, and the number of their own bytes before the first inner box.
_OUTER = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
#: Boxes that contain data, not structure. `colr` may contain an ICC profile.
_DATA = (b"mdat", b"idat", b"free", b"skip", b"colr")


@dataclass(frozen=True)
class Box:
    """A box of the file."""

    kind: bytes
    #: Start and end of its content.
    start: int
    end: int

    def inside(self, data: bytes, skipped: int = 0) -> Iterator["Box"]:
        """Yield the boxes inside it, after `skipped` bytes of its own."""
        return _boxes(data, self.start + skipped, self.end)


def tables_exceed(data: bytes, limit: int) -> bool:
    """Return whether more than `limit` bytes describe the file: all boxes but pixels, padding and ICC profiles."""
    total = 0
    for box in all_boxes(data):
        total += 8 if box.kind in _DATA or box.kind in _OUTER else 8 + box.end - box.start
        if total > limit:
            return True
    return False


def all_boxes(data: bytes) -> Iterator[Box]:
    """Yield every box of the file, inner boxes after their outer box."""
    pending = [_boxes(data, 0, len(data))]
    while pending:
        for box in pending.pop():
            yield box
            if box.kind in _OUTER:
                pending.append(box.inside(data, _OUTER[box.kind]))
            elif box.kind == b"iinf":
                pending.append(_entries(data, box))


def item_kinds(data: bytes, table: Box) -> Iterator[tuple[int, bytes]]:
    """Yield the id and the kind of each item that an `iinf` box lists."""
    for entry in _entries(data, table):
        version = number(data, entry.start, 1)
        if entry.kind == b"infe" and version >= 2:
            at, wide = entry.start + 4, 4 if version == 3 else 2
            yield number(data, at, wide), data[at + wide + 2 : at + wide + 6]


def _entries(data: bytes, table: Box) -> Iterator[Box]:
    return table.inside(data, 6 if number(data, table.start, 1) == 0 else 8)


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    while at + 8 <= end:
        size, kind, start = number(data, at, 4), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, start = number(data, at + 8, 8), at + 16
        box = Box(kind, start, end if size == 0 else min(end, at + size))
        if box.end < start:
            return
        yield box
        at = box.end


def locations(data: bytes, box: Box, held: int) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
    """Yield the id and the extents of each item of an `iloc` box; `held` is the start of the content of `idat`.

    Items inside other items are left out, because no decoder here reads them.
    """
    version, first, second = (number(data, box.start + byte, 1) for byte in (0, 4, 5))
    wide = 2 if version < 2 else 4
    offset_size, length_size, base_size = first >> 4, first & 15, second >> 4
    index_size = second & 15 if version else 0
    count, at = number(data, box.start + 6, wide), box.start + 6 + wide
    for _ in range(count):
        if at >= box.end:
            return
        name, at = number(data, at, wide), at + wide
        method = number(data, at + 1, 1) & 15 if version else 0
        at += 2 if version else 0
        base = number(data, at + 2, base_size) + (held if method == 1 else 0)
        pieces, at = number(data, at + 2 + base_size, 2), at + 4 + base_size
        extents = []
        for _ in range(pieces):
            if at >= box.end:
                return
            offset, length = at + index_size, at + index_size + offset_size
            place = base + number(data, offset, offset_size)
            extents.append((place, number(data, length, length_size) if length_size else max(0, len(data) - place)))
            at = length + length_size
        if method < 2:
            yield name, tuple(extents)


def number(data: bytes, at: int, size: int) -> int:
    """Return the big-endian number of `size` bytes at `at`; beyond the end it has fewer bytes."""
    return int.from_bytes(data[at : at + size], "big")
