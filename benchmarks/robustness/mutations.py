"""Seeded damage to files: bits, bytes and numbers anywhere, and whole parts of the known formats.

A mutator of its own rather than atheris or hypothesis: the fuzzed C decoders report no coverage, 100 000 inputs must
take minutes, and another process must make each input again from its number alone.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

#: Numbers at the edges of fields' ranges.
_EDGES = (0, 1, 2, 7, 8, 63, 64, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_TIFF_ENTRY = 12

#: Sides of pictures in pixels: few are large enough to decode slowly.
_SIDES = (1, 63, 64, 65, 73, 100, 100, 100, 1000, 1000, 3000, 7071, 16_383, 65_535)

#: First byte and the byte after the last of a part: a chunk, a segment, a box.
Span = tuple[int, int]


def mutated(specimens: Sequence[bytes], seed: int, number: int) -> bytes:
    """Return input `number` of a seed: a specimen with 1 to 6 damages, always the same."""
    draw = Random(f"{seed}:{number}")
    data = draw.choice(specimens)
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        if not data:
            break
        data = draw.choice(_DAMAGES)(data, draw, specimens)
    return data


# Anywhere in the file


def _place(data: bytes, draw: Random) -> int:
    """Half of the damages hit the first 600 bytes, where the structure is."""
    return draw.randrange(min(len(data), 600) if draw.random() < 0.5 else len(data))


def _flip_bits(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _bit in range(draw.choice((1, 1, 2, 8, 40))):
        out[_place(data, draw)] ^= 1 << draw.randrange(8)
    return bytes(out)


def _set_number(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    at, size = _place(data, draw), draw.choice((1, 2, 2, 4, 4))
    value = draw.choice(_EDGES) if draw.random() < 0.7 else draw.getrandbits(32)
    number = (value & (1 << 8 * size) - 1).to_bytes(size, draw.choice(("big", "little")))
    return data[:at] + number + data[at + size :]


def _cut_end(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    return data[: _place(data, draw)]


def _cut_out(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    at = _place(data, draw)
    return data[:at] + data[at + draw.choice((1, 2, 4, 16, 200)) :]


def _put_in(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    at = _place(data, draw)
    return data[:at] + draw.randbytes(draw.choice((1, 2, 4, 64))) + data[at:]


def _repeat(data: bytes, draw: Random, _: Sequence[bytes]) -> bytes:
    at, size = _place(data, draw), draw.choice((2, 8, 64, 500))
    return data[:at] + data[at : at + size] * draw.choice((1, 2, 20)) + data[at:]


def _splice(data: bytes, draw: Random, specimens: Sequence[bytes]) -> bytes:
    other = draw.choice(specimens)
    return data[: _place(data, draw)] + other[_place(other, draw) :]


# Part by part


def _swap_parts(data: bytes, draw: Random, specimens: Sequence[bytes]) -> bytes:
    """Drop, double, exchange or borrow a part."""
    own = parts(data)
    if len(own) < 2:
        return _flip_bits(data, draw, specimens)
    (start, end), (at, after) = sorted(draw.sample(own, 2))
    match draw.randrange(4):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:end] * draw.choice((1, 3, 30)) + data[end:]
        case 2 if end <= at:
            return data[:start] + data[at:after] + data[end:at] + data[start:end] + data[after:]
        case _:
            other = draw.choice(specimens)
            start, end = draw.choice(parts(other) or [(0, len(other))])
            return data[:at] + other[start:end] + data[at:]


def _damage_part(data: bytes, draw: Random, specimens: Sequence[bytes]) -> bytes:
    """Damage the inside of one part and correct its length and checksum, so that decoders read it."""
    own = parts(data)
    if not own:
        return _flip_bits(data, draw, specimens)
    start, end = draw.choice(own)
    head, tail = _frame(data)
    inside = data[start + head : end - tail]
    if not inside:
        return data
    damage = draw.choice((_flip_bits, _set_number, _cut_out, _put_in, _repeat))
    return _reframed(data, start, end, damage(inside, draw, specimens))


def _edit_tag(data: bytes, draw: Random, specimens: Sequence[bytes]) -> bytes:
    """Change the tag, type, count or value of an entry of a TIFF's directory, its own or its EXIF's."""
    start = data.find(b"II*\0") if b"II*\0" in data else data.find(b"MM\0*")
    if start < 0 or start + 10 > len(data):
        return _set_number(data, draw, specimens)
    order = "<" if data[start : start + 1] == b"I" else ">"
    at = start + int(struct.unpack_from(order + "I", data, start + 4)[0])
    if at + 2 + _TIFF_ENTRY > len(data):
        return _set_number(data, draw, specimens)
    entry = at + 2 + _TIFF_ENTRY * draw.randrange(max(1, struct.unpack_from(order + "H", data, at)[0]))
    field, size = draw.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    value = draw.choice((*_EDGES, *range(1, 14), 256, 257, 273, 322, 34665)) & (0xFFFF if size == "H" else 2**32 - 1)
    return data[: entry + field] + struct.pack(order + size, value) + data[entry + field + struct.calcsize(size) :]


def _set_size(data: bytes, draw: Random, specimens: Sequence[bytes]) -> bytes:
    """Change the width, the height, or both in the header."""
    wide, high = _size_fields(data)
    for at, form in draw.choice(((wide,), (high,), (wide, high))):
        if not 0 < at <= len(data) - 4:
            return _set_number(data, draw, specimens)
        data = data[:at] + struct.pack(form, draw.choice(_SIDES)) + data[at + struct.calcsize(form) :]
    if data.startswith(b"\x89PNG"):
        data = data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]
    return data


_DAMAGES: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    *(_flip_bits, _set_number, _cut_end, _cut_out, _put_in, _repeat, _splice),
    *(_swap_parts, _damage_part, _damage_part, _edit_tag, _set_size),
)


# The formats


def parts(data: bytes) -> list[Span]:
    """Return the chunks, segments, blocks or boxes of a PNG, JPEG, WebP, GIF or AVIF, and none of other files.

    At most 200, and none beyond the file's end.
    """
    found: list[Span] = []
    at, step = _walk(data)
    while step and at < len(data) and len(found) < 200:
        end = step(data, at)
        if not at < end <= len(data):
            break
        found.append((at, end))
        at = end
    return found


def _size_fields(data: bytes) -> tuple[tuple[int, str], tuple[int, str]]:
    """Return the offset and the format of width and height; -1 where they are unknown."""
    if data.startswith(b"\x89PNG"):
        return (16, ">I"), (20, ">I")
    if data.startswith(b"\xff\xd8"):
        frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        return (frame + 7, ">H"), (frame + 5, ">H")
    if data.startswith(b"RIFF"):
        extended = data[12:16] == b"VP8X"
        return (24 if extended else 26, "<H"), (27 if extended else 28, "<H")
    if data[4:8] == b"ftyp":
        box = data.find(b"ispe")
        return (box + 8, ">I"), (box + 12, ">I")
    wide, high = data.find(b"\0\1\4\0\1\0\0\0"), data.find(b"\1\1\4\0\1\0\0\0")
    return (wide + 8, "<I"), (high + 8, "<I")


def _walk(data: bytes) -> tuple[int, Callable[[bytes, int], int] | None]:
    """Return where the parts start, and a function that finds the end of a part."""
    if data.startswith(b"\x89PNG"):
        return 8, lambda data, at: at + 12 + int.from_bytes(data[at : at + 4], "big")
    if data.startswith(b"\xff\xd8"):
        return 2, lambda data, at: at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") if data[at] == 0xFF else 0
    if data.startswith(b"RIFF"):
        return 12, lambda data, at: at + 8 + (int.from_bytes(data[at + 4 : at + 8], "little") + 1) // 2 * 2
    if data[4:8] == b"ftyp":
        return 0, _box_end
    if data.startswith(b"GIF8"):
        return 13 + (3 << (data[10:11] or b"\0")[0] % 8 + 1), _block_end
    return 0, None


def _box_end(data: bytes, at: int) -> int:
    """A box of boxes counts as its head alone, so that the inner boxes are parts of their own."""
    if data[at + 4 : at + 8] in (b"iprp", b"ipco", b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        return at + 8
    return at + (12 if data[at + 4 : at + 8] == b"meta" else int.from_bytes(data[at : at + 4], "big"))


def _block_end(data: bytes, at: int) -> int:
    """Return the end of a GIF extension with its sub-blocks. Pictures are left whole."""
    if data[at] != 0x21:
        return len(data)
    at += 2
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _frame(data: bytes) -> tuple[int, int]:
    """Return the number of bytes of a part's head and of its tail."""
    if data.startswith(b"\x89PNG"):
        return 8, 4
    return (4 if data.startswith(b"\xff\xd8") else 2 if data.startswith(b"GIF8") else 8), 0


def _reframed(data: bytes, start: int, end: int, inside: bytes) -> bytes:
    """Return the file with another inside of a part; its length, its checksum and the file's length fit again."""
    before, after = data[:start], data[end:]
    if data.startswith(b"\x89PNG"):
        named = data[start + 4 : start + 8] + inside
        return before + struct.pack(">I", len(inside)) + named + struct.pack(">I", zlib.crc32(named)) + after
    if data.startswith(b"\xff\xd8"):
        return before + data[start : start + 2] + struct.pack(">H", min(len(inside) + 2, 65_535)) + inside + after
    if data.startswith(b"RIFF"):
        body = (
            data[8:start]
            + data[start : start + 4]
            + struct.pack("<I", len(inside))
            + inside
            + b"\0" * (len(inside) % 2)
        )
        return b"RIFF" + struct.pack("<I", len(body) + len(after)) + body + after
    if data[4:8] == b"ftyp":
        # outer boxes keep their lengths: the mismatch is part of the damage
        return before + struct.pack(">I", len(inside) + 8) + data[start + 4 : start + 8] + inside + after
    return before + data[start : start + 2] + inside + after
