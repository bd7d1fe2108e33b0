"""How large the pictures of an HEVC stream are, and of how many parts (ITU-T H.265), before a decoder reads it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPS = 33
#: Unit types below are slices of a picture; those from 16 to 23 begin with one flag more.
_SLICES = 32
#: Side of the largest block, in pixels, and of the longest picture of any photo.
_BLOCK, _SIDE = 64, 65_535
#: Bytes of a unit that its size is looked for in: profile and level of seven layers take 90.
_HEAD = 256


@dataclass(frozen=True)
class Stream:
    """What a stream holds, or several together."""

    #: Pixels of the largest frame that it allows, whole blocks; and of the smallest picture that needs such a frame.
    frame: int = 0
    least: int = 0
    #: Pictures that begin in it, slices of them, and units of any kind.
    pictures: int = 0
    slices: int = 0
    units: int = 0

    def __add__(self, other: "Stream") -> "Stream":
        """Return both together."""
        return Stream(
            max(self.frame, other.frame),
            max(self.least, other.least),
            self.pictures + other.pictures,
            self.slices + other.slices,
            self.units + other.units,
        )


def stream_of(payload: bytes) -> Stream:
    """Look at the units of a picture, each with its length before it in four bytes. One cut off ends the reading."""
    return _looked_at(_units(payload))


def parameters_of(content: bytes) -> Stream:
    """Look at the parameter sets of an `hvcC` box (ISO/IEC 14496-15, section 8.3.3.1), given its content.

    Raises ValueError where the lengths of units are not of four bytes, as all are that the decoder reads.
    """
    if len(content) < 23 or content[21] & 3 != 3:
        raise ValueError("hvcC")
    return _looked_at(_parameter_sets(content))


def _units(payload: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        yield payload[at + 4 : at + 4 + min(size, _HEAD)]
        at += 4 + size


def _parameter_sets(content: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(content[22]):
        count, at = int.from_bytes(content[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            size = int.from_bytes(content[at : at + 2], "big")
            if at + 2 > len(content):
                return
            yield content[at + 2 : at + 2 + min(size, _HEAD)]
            at += 2 + size


def _looked_at(units: Iterator[bytes]) -> Stream:
    frame = least = pictures = slices = count = 0
    for unit in units:
        count += 1
        if len(unit) < 3:
            continue
        kind = unit[0] >> 1 & 63
        if kind < _SLICES:
            slices += 1
            pictures += unit[2] >> 7
        elif kind == _SPS:
            wide, high = _Reader(unit[2:]).frame_size()
            frame = max(frame, wide * high)
            spare = 0 if max(wide, high) > _SIDE else _BLOCK - 1
            least = max(least, max(wide - spare, 1) * max(high - spare, 1))
    return Stream(frame, least, pictures, slices, count)


class _Reader:
    """Reads a sequence's parameters, most significant bit first; past their end come zeros."""

    def __init__(self, data: bytes) -> None:
        plain = re.sub(rb"\0\0\x03", b"\0\0", data)  # section 7.4.2
        self._value, self._left = int.from_bytes(plain, "big"), 8 * len(plain)

    def take(self, count: int) -> int:
        """Return the next `count` bits."""
        self._left -= count
        value = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return value & ((1 << count) - 1)

    def code(self) -> int:
        """Return the next Exp-Golomb code (section 9.2)."""
        zeros = 0
        while self._left > 0 and not self.take(1):
            zeros += 1
        return (1 << min(zeros, 32)) - 1 + self.take(min(zeros, 32))

    def frame_size(self) -> tuple[int, int]:
        """Skip to the size (section 7.3.2.2.1), and return width and height."""
        self.take(4)
        layers = self.take(3)
        self.take(1 + 96)  # nesting; profile, tier and level
        flags = [(self.take(1), self.take(1)) for _ in range(layers)]
        self.take(2 * (8 - layers) if layers else 0)
        for profile, level in flags:
            self.take(88 * profile + 8 * level)
        self.code()
        if self.code() == 3:  # colours in every pixel
            self.take(1)
        return self.code(), self.code()
