"""The content of an AVIF, by its boxes (ISO/IEC 14496-12 and 23008-12) and AV1 sequence headers (AV1, section 5.5).

It reads only facts that must be known before libavif reads the file. These are the size of the tables, the location of
pictures and EXIF, and the real size of the pictures. Malformed data ends the reading quietly, and libavif then refuses
it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.photo.boxes import all_boxes, item_kinds, locations, number

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


def items(data: bytes) -> Iterator[Item]:
    """Yield the pictures and the EXIF of a still file, and the first sample of each track of an animated file.

    Only for a file whose tables are small: see `tables_exceed`.
    """
    boxes = list(all_boxes(data))
    kinds = {name: kind for box in boxes if box.kind == b"iinf" for name, kind in item_kinds(data, box)}
    held = next((box.start for box in boxes if box.kind == b"idat"), 0)
    for box in boxes:
        if box.kind == b"iloc":
            for name, extents in locations(data, box, held):
                yield Item(kinds.get(name, b""), extents)
    for table in boxes:
        if table.kind == b"stbl":
            yield _first_sample(data, {box.kind: box.start for box in boxes if table.start <= box.start < table.end})


def frame_sizes(data: bytes, item: Item) -> Iterator[tuple[int, int]]:
    """Yield, for each unit (OBU) of a picture, the frame's width and height limits in pixels: 0, 0 for most units.

    Only sequence headers have limits. A file may contain millions of units.
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


def _first_sample(data: bytes, tables: dict[bytes, int]) -> Item:
    """Return the first sample of a track; `tables` has the start of each box's content."""
    sizes, short, long = (tables.get(kind, len(data)) for kind in (b"stsz", b"stco", b"co64"))
    first = number(data, short + 8, 4) or number(data, long + 8, 8)
    return Item(b"av01", ((first, number(data, sizes + 4, 4) or number(data, sizes + 12, 4)),))


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


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the position after it."""
    value = 0
    for index in range(8):
        byte = data[at + index] if at + index < len(data) else 0
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    return value, at + 8
