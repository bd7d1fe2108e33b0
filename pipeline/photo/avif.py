"""What an AVIF holds, by its boxes (ISO/IEC 14496-12 and 23008-12) and its AV1 sequence headers (AV1, section 5.5).

Only what must be known before libavif reads the file: how large its tables are, where its pictures and its EXIF lie,
and how large the pictures really are. What is malformed ends the reading quietly: libavif refuses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

#: Boxes made of boxes, with the bytes of their own before the first of them.
_OUTER = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
#: Boxes that hold data, not structure. `colr` may hold an ICC profile.
_DATA = (b"mdat", b"idat", b"free", b"skip", b"colr")
_SEQUENCE_HEADER = 1


@dataclass(frozen=True)
class Item:
    """A part of the file: `kind` is b"av01" for a picture, b"Exif" for EXIF."""

    kind: bytes
    #: First byte and number of bytes of each piece.
    extents: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Bytes of all pieces together."""
        return sum(size for _, size in self.extents)


@dataclass(frozen=True)
class _Box:
    kind: bytes
    #: Where its content starts and ends.
    start: int
    end: int


def tables_exceed(data: bytes, limit: int) -> bool:
    """Tell whether more than `limit` bytes describe the file: all boxes but pixels, padding and ICC profiles."""
    total = 0
    for box in _all_boxes(data):
        total += 8 if box.kind in _DATA or box.kind in _OUTER else 8 + box.end - box.start
        if total > limit:
            return True
    return False


def items(data: bytes) -> Iterator[Item]:
    """Yield the pictures and the EXIF of a file that is still, and the first sample of each track of one that moves.

    Only for a file whose tables are small: see `tables_exceed`.
    """
    boxes = list(_all_boxes(data))
    kinds: dict[int, bytes] = {}
    for box in boxes:
        version = _number(data, box.start, 1)
        if box.kind == b"infe" and version >= 2:
            at, wide = box.start + 4, 4 if version == 3 else 2
            kinds[_number(data, at, wide)] = data[at + wide + 2 : at + wide + 6]
    held = next((box.start for box in boxes if box.kind == b"idat"), 0)
    for box in boxes:
        if box.kind == b"iloc":
            for name, extents in _locations(data, box, held):
                yield Item(kinds.get(name, b""), extents)
    for table in boxes:
        if table.kind == b"stbl":
            yield _first_sample(data, {box.kind: box.start for box in boxes if table.start <= box.start < table.end})


def frame_sizes(data: bytes, item: Item) -> Iterator[tuple[int, int]]:
    """Yield, for each unit (OBU) of a picture, the width and height in pixels that it allows frames: 0, 0 for most.

    One that counts is a sequence header. A file may hold millions of units.
    """
    if item.kind != b"av01":
        return
    payload = b"".join(data[start : start + size] for start, size in item.extents)
    at = 0
    while at < len(payload):
        head = payload[at]
        at += 2 if head >> 2 & 1 else 1
        size = len(payload) - at
        if head >> 1 & 1:
            size, at = _leb128(payload, at)
        header = head >> 3 & 15 == _SEQUENCE_HEADER
        yield _Bits(payload[at : at + min(size, 256)]).frame_size() if header else (0, 0)
        at += size


def _all_boxes(data: bytes) -> Iterator[_Box]:
    """Yield every box of the file, the inner ones after the one that they lie in."""
    pending = [(0, len(data))]
    while pending:
        at, end = pending.pop()
        while at + 8 <= end:
            size, kind, start = _number(data, at, 4), data[at + 4 : at + 8], at + 8
            if size == 1:
                size, start = _number(data, at + 8, 8), at + 16
            box = _Box(kind, start, end if size == 0 else min(end, at + size))
            if box.end < start:
                return
            yield box
            if kind in _OUTER:
                pending.append((start + _OUTER[kind], box.end))
            elif kind == b"iinf":
                pending.append((start + (6 if data[start : start + 1] == b"\0" else 8), box.end))
            at = box.end


def _first_sample(data: bytes, tables: dict[bytes, int]) -> Item:
    """Return the first sample of a track; `tables` says where the content of its boxes starts."""
    sizes, short, long = (tables.get(kind, len(data)) for kind in (b"stsz", b"stco", b"co64"))
    first = _number(data, short + 8, 4) or _number(data, long + 8, 8)
    return Item(b"av01", ((first, _number(data, sizes + 4, 4) or _number(data, sizes + 12, 4)),))


def _locations(data: bytes, box: _Box, held: int) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
    """Yield the id and the extents of each item of an `iloc` box; `held` is where the content of `idat` starts."""
    version, first, second = (_number(data, box.start + byte, 1) for byte in (0, 4, 5))
    wide = 2 if version < 2 else 4
    offset_size, length_size, base_size = first >> 4, first & 15, second >> 4
    index_size = second & 15 if version else 0
    count, at = _number(data, box.start + 6, wide), box.start + 6 + wide
    for _ in range(count):
        if at >= box.end:
            return
        name, at = _number(data, at, wide), at + wide
        inside = version > 0 and _number(data, at + 1, 1) & 15 == 1
        at += 2 if version else 0
        base = _number(data, at + 2, base_size) + (held if inside else 0)
        pieces, at = _number(data, at + 2 + base_size, 2), at + 4 + base_size
        extents = []
        for _ in range(pieces):
            if at >= box.end:
                return
            offset, length = at + index_size, at + index_size + offset_size
            size = _number(data, length, length_size) if length_size else len(data)
            extents.append((base + _number(data, offset, offset_size), size))
            at = length + length_size
        yield name, tuple(extents)


class _Bits:
    """Reads an AV1 sequence header, most significant bit first; past its end come zeros."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next `count` bits."""
        self._left -= count
        value = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return value & ((1 << count) - 1)

    def frame_size(self) -> tuple[int, int]:
        """Skip to the size (section 5.5.1), and return width and height."""
        self.take(4)
        if self.take(1):  # a still picture's reduced header
            self.take(5)
        else:
            self._skip_operating_points()
        wide, high = self.take(4) + 1, self.take(4) + 1
        return self.take(wide) + 1, self.take(high) + 1

    def _skip_operating_points(self) -> None:
        delay = 0
        if self.take(1):  # timing information
            self.take(64)
            if self.take(1):
                self._skip_uvlc()
            if self.take(1):  # the decoder's model
                delay = self.take(5) + 1
                self.take(42)
        display_delay = self.take(1)
        for _ in range(self.take(5) + 1):
            self.take(12)
            if self.take(5) > 7:
                self.take(1)
            if delay and self.take(1):
                self.take(2 * delay + 1)
            if display_delay and self.take(1):
                self.take(4)

    def _skip_uvlc(self) -> None:
        zeros = 0
        while self._left > 0 and not self.take(1):
            zeros += 1
        self.take(min(zeros, 32))


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = 0
    for index in range(8):
        byte = data[at + index] if at + index < len(data) else 0
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    return value, at + 8
