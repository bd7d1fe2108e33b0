"""A writer of HEIC files: HEVC whose blocks are stored as they are (ITU-T H.265, pcm_flag), in an ISO file (23008-12).

None of the tests' packages has an HEVC encoder. Every block of 32 by 32 is a slice of its own, so the arithmetic coder
restarts in each, and its bits are always the same. No coder is needed, and the pixels are exact.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Side of a block, in pixels.
_BLOCK = 32
_VPS, _SPS, _PPS, _IDR = 32, 33, 34, 19
#: ITU-T H.273: BT.709 primaries, sRGB's transfer, BT.601 matrix, as in JPEG; full range.
SRGB = (1, 13, 6)
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


class _Bits:
    """Writes numbers of any width, most significant bit first."""

    def __init__(self) -> None:
        self._text = ""

    def put(self, value: int, width: int = 1) -> "_Bits":
        self._text += format(value, f"0{width}b") if width else ""
        return self

    def ue(self, *values: int) -> "_Bits":
        """Exp-Golomb codes (section 9.2)."""
        for value in values:
            code = format(value + 1, "b")
            self._text += "0" * (len(code) - 1) + code
        return self

    def ended(self, last: str = "1") -> bytes:
        """Return the bytes: `last`, then zeros up to the next whole byte."""
        text = self._text + last
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


@dataclass(frozen=True)
class Item:
    """A part of the file: a coded picture (`hvc1`), a `grid`, `Exif` or `mime`. Ids count from 1."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()
    #: Kind of reference, and the ids that it refers to.
    refers: Sequence[tuple[bytes, Sequence[int]]] = field(default=())


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box of the file (ISO/IEC 14496-12)."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic(
    picture: Image.Image,
    *,
    tile: int | None = None,
    depth: int = 8,
    chroma: int = 3,
    properties: Sequence[bytes] = (),
    nclx: tuple[int, int, int] | None = SRGB,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Write a picture, RGB or RGBA, in tiles of `tile` pixels or in one.

    `depth`: bits of a sample, 8 or 10. `chroma`: 3 for colours in every pixel, 1 for a quarter of them (4:2:0).
    `properties`: boxes of the whole picture, such as `turned`. `exif` starts with `Exif\0\0`, as Pillow has it.
    """
    colour = colr(nclx, icc)
    items = _pictures(picture.convert("RGB"), tile, depth, chroma, [*colour, *properties], first=1)
    if picture.mode == "RGBA":
        alpha = _pictures(picture.getchannel("A"), tile, 8, 0, [box(b"auxC", bytes(4) + _ALPHA)], first=len(items) + 1)
        whole = alpha.pop()
        items += [*alpha, Item(whole.kind, whole.data, whole.properties, [*whole.refers, (b"auxl", [1])])]
        # The first item is the whole picture: a grid's tiles come after it.
    if exif is not None:
        items.append(Item(b"Exif", struct.pack(">I", 0) + exif.removeprefix(b"Exif\0\0"), (), [(b"cdsc", [1])]))
    return container(items)


def _pictures(
    picture: Image.Image, tile: int | None, depth: int, chroma: int, properties: Sequence[bytes], *, first: int
) -> list[Item]:
    """Return the items of a picture: itself or a grid. Tiles come after a colour picture and before an alpha."""
    if tile is None:
        return [
            Item(
                b"hvc1",
                coded(picture, depth, chroma),
                [hvcc(picture.size, depth, chroma), ispe(picture.size), *properties],
            )
        ]
    columns, rows = -(-picture.width // tile), -(-picture.height // tile)
    padded = np.pad(
        np.asarray(picture),
        [(0, rows * tile - picture.height), (0, columns * tile - picture.width)]
        + [(0, 0)] * (len(picture.getbands()) > 1),
        "edge",
    )
    described = [hvcc((tile, tile), depth, chroma), ispe((tile, tile))]
    parts = [
        Item(b"hvc1", coded(Image.fromarray(padded[y : y + tile, x : x + tile]), depth, chroma), described)
        for y in range(0, rows * tile, tile)
        for x in range(0, columns * tile, tile)
    ]
    last = chroma == 0
    ids = [first + number + (0 if last else 1) for number in range(len(parts))]
    whole = Item(b"grid", grid(rows, columns, picture.size), [ispe(picture.size), *properties], [(b"dimg", ids)])
    return [*parts, whole] if last else [whole, *parts]


def grid(rows: int, columns: int, size: tuple[int, int]) -> bytes:
    """Return a grid's own data: its number of tiles, and the size of the whole."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)


def ispe(size: tuple[int, int]) -> bytes:
    """Return the property for the picture's size."""
    return box(b"ispe", struct.pack(">III", 0, *size))


def turned(quarters: int) -> bytes:
    """Return the property that turns a picture counter-clockwise by quarters of a turn."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """Return the property that mirrors a picture: 0 exchanges top and bottom, 1 left and right."""
    return box(b"imir", bytes([axis]))


def colr(nclx: tuple[int, int, int] | None, icc: bytes | None) -> list[bytes]:
    """Return the properties of colour: primaries, transfer and matrix of H.273, and a profile."""
    coded = [box(b"colr", b"nclx" + struct.pack(">HHHB", *nclx, 0x80))] if nclx is not None else []
    return coded + ([box(b"colr", b"prof" + icc)] if icc is not None else [])


def container(items: Sequence[Item], *, primary: int = 1, brand: bytes = b"heic") -> bytes:
    """Write a file with these items."""
    properties: list[bytes] = []
    for item in items:
        properties += [one for one in item.properties if one not in properties]
    entries = [box(b"infe", struct.pack(">IHH4sB", 2 << 24, n, 0, one.kind, 0)) for n, one in enumerate(items, 1)]
    links = [
        box(kind, struct.pack(f">HH{len(ids)}H", n, len(ids), *ids))
        for n, one in enumerate(items, 1)
        for kind, ids in one.refers
    ]
    owned = [
        struct.pack(">HB", n, len(one.properties)) + bytes(0x80 | 1 + properties.index(p) for p in one.properties)
        for n, one in enumerate(items, 1)
    ]
    associations = box(b"ipma", struct.pack(">II", 0, len(owned)) + b"".join(owned))

    def described(start: int) -> bytes:
        places = b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(item.data))
            start += len(item.data)
        return box(
            b"meta",
            bytes(4)
            + box(b"hdlr", bytes(8) + b"pict" + bytes(13))
            + box(b"pitm", struct.pack(">IH", 0, primary))
            + box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(items)) + places)
            + box(b"iinf", struct.pack(">IH", 0, len(items)) + b"".join(entries))
            + (box(b"iref", bytes(4) + b"".join(links)) if links else b"")
            + box(b"iprp", box(b"ipco", b"".join(properties)) + associations),
        )

    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    meta = described(len(head) + len(described(0)) + 8)
    return head + meta + box(b"mdat", b"".join(item.data for item in items))


def hvcc(size: tuple[int, int], depth: int = 8, chroma: int = 3) -> bytes:
    """Return the property with a stream's parameter sets (ISO/IEC 14496-15, section 8.3.3.1)."""
    head = bytes([1, 4]) + bytes(10) + bytes([120, 0xF0, 0, 0xFC, 0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8])
    units = [(_VPS, _vps()), (_SPS, sps(size, depth, chroma)), (_PPS, _pps())]
    arrays = [struct.pack(">BHH", 0x80 | kind, 1, len(unit)) + unit for kind, unit in units]
    return box(b"hvcC", head + bytes([0, 0, 0x0F, len(arrays)]) + b"".join(arrays))


def coded(picture: Image.Image, depth: int = 8, chroma: int = 3) -> bytes:
    """Return a picture as HEVC units, each after its length. `chroma` is 0 for a grey picture."""
    planes = _planes(picture, chroma)
    across = planes[0].shape[1] // _BLOCK
    return b"".join(
        unit(slice_of(number, planes[0].size // _BLOCK**2, _samples(planes, number // across, number % across, depth)))
        for number in range(planes[0].size // _BLOCK**2)
    )


def unit(nal: bytes) -> bytes:
    """Return a unit after its length."""
    return struct.pack(">I", len(nal)) + nal


def slice_of(number: int, blocks: int, samples: bytes) -> bytes:
    """Return the slice (section 7.3.6) of block `number` of a picture of `blocks` blocks."""
    head = _Bits().put(number == 0).put(0).ue(0)
    if number:
        head.put(number, (blocks - 1).bit_length())
    head.ue(2, 0)  # an I slice, of the picture's own quality
    # Section 9.4.4: part_mode, in its context's first state, then pcm_flag, then a flush of the coder. After the
    # samples the coder restarts, and the slice's end flushes it again.
    return _nal(_IDR, head.ended() + _flushed(510 - 240 - 2).ended("") + samples + _flushed(510 - 2).ended(""))


def _flushed(low: int) -> _Bits:
    """Return the output of an arithmetic coder that is flushed before it wrote any bit (section 9.4.4.6).

    That is its register, of ten bits: the first bit is never written, and the last bit is 1.
    """
    return _Bits().put((low | 1) & 511, 9)


def _planes(picture: Image.Image, chroma: int) -> list[NDArray[np.uint16]]:
    """Return luma and, unless `chroma` is 0, both colours, each padded to whole blocks."""
    bands = [picture] if chroma == 0 else list(picture.convert("YCbCr").split())
    planes = []
    for number, band in enumerate(bands):
        codes = np.asarray(band, dtype=np.uint16)
        codes = np.pad(codes, [(0, -side % _BLOCK) for side in codes.shape], "edge")
        if number and chroma == 1:
            codes = (codes[::2, ::2] + codes[1::2, ::2] + codes[::2, 1::2] + codes[1::2, 1::2] + 2) // 4
        planes.append(codes)
    return planes


def _samples(planes: Sequence[NDArray[np.uint16]], row: int, column: int, depth: int) -> bytes:
    """Return a block's samples (pcm_sample, section 7.3.8.7)."""
    pieces = []
    for plane in planes:
        side = _BLOCK * plane.shape[0] // planes[0].shape[0]
        pieces.append(plane[row * side : (row + 1) * side, column * side : (column + 1) * side].ravel())
    codes = np.concatenate(pieces)
    if depth == 8:
        return codes.astype(np.uint8).tobytes()
    wide = (codes << depth - 8 | codes >> 16 - depth)[:, None]
    return np.packbits(wide >> np.arange(depth - 1, -1, -1, dtype=np.uint16) & 1).tobytes()


def _nal(kind: int, body: bytes) -> bytes:
    """Return a unit. Bytes that would look like the start of another unit are escaped (section 7.4.2)."""
    return struct.pack(">H", kind << 9 | 1) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\x03", body)


def _profile(bits: _Bits) -> _Bits:
    """Write profile, tier and level: the format range extensions, level 4."""
    return bits.put(4, 8).put(1 << 27, 32).put(0b1001, 4).put(0, 44).put(120, 8)


def _vps() -> bytes:
    bits = _profile(_Bits().put(0b0000_11, 6).put(0, 6).put(0, 3).put(1).put(0xFFFF, 16))
    return _nal(_VPS, bits.put(1).ue(0, 0, 0).put(0, 6).ue(0).put(0, 2).ended())


def sps(size: tuple[int, int], depth: int = 8, chroma: int = 3) -> bytes:
    """Return the parameters of a picture of that size (section 7.3.2.2)."""
    wide, high = (-(-side // _BLOCK) * _BLOCK for side in size)
    bits = _profile(_Bits().put(0, 4).put(0, 3).put(1)).ue(0, chroma)
    if chroma == 3:
        bits.put(0)
    step = 2 if chroma == 1 else 1
    bits.ue(wide, high).put(1).ue(0, (wide - size[0]) // step, 0, (high - size[1]) // step)
    bits.ue(depth - 8, depth - 8, 0).put(1).ue(0, 0, 0)
    bits.ue(2, 0, 0, 3, 0, 0)  # blocks of 32, never divided
    bits.put(0b0001, 4).put(depth - 1, 4).put(depth - 1, 4).ue(2, 0).put(1)  # stored blocks, without a filter
    return _nal(_SPS, bits.ue(0).put(0, 5).ended())


def _pps() -> bytes:
    bits = _Bits().ue(0, 0).put(0, 7).ue(0, 0, 0).put(0, 3).ue(0, 0).put(0, 7)
    return _nal(_PPS, bits.put(0b101, 3).put(0, 2).ue(0).put(0, 2).ended())
