"""The content of a HEIC, by its boxes (ISO/IEC 23008-12): the shown pictures, and their parts.

libheif limits each part of a file. This module limits the sum of all parts: items may share their bytes, and tiles may
be far larger than their shown area.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pipeline.core.errors import ImageTruncated
from pipeline.photo.boxes import Box, item_kinds, locations, number

#: Boxes that a file has once, in its `meta` box; a decoder might read a second box instead.
_ONCE = (b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat")
#: Properties that the decoder applies, each a pass over the whole picture.
_TRANSFORMS = (b"irot", b"imir", b"clap")
_COVER = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


@dataclass(frozen=True)
class Heic:
    """A file's tables. `of` raises ValueError where they are missing or repeated."""

    data: bytes
    primary: int
    #: By id: b"hvc1" a coded picture, b"grid" a picture of tiles, b"Exif", b"mime" (XMP), and others.
    kinds: dict[int, bytes]
    #: By id: first byte and number of bytes of each piece.
    extents: dict[int, tuple[tuple[int, int], ...]]
    properties: dict[int, tuple[Box, ...]]
    #: Kind of reference, source, and targets.
    references: tuple[tuple[bytes, int, tuple[int, ...]], ...]

    @classmethod
    def of(cls, data: bytes) -> "Heic":
        """Read the tables of a file, which must be small: see `boxes.tables_exceed`."""
        (meta,) = [box for box in Box(b"", 0, len(data)).inside(data) if box.kind == b"meta"]
        found = [box for box in meta.inside(data, 4) if box.kind in _ONCE]
        boxes = {box.kind: box for box in found}
        if len(found) != len(boxes) or not {b"pitm", b"iloc", b"iinf", b"iprp"} <= set(boxes):
            raise ValueError("boxes")
        held = boxes[b"idat"].start if b"idat" in boxes else 0
        places = list(locations(data, boxes[b"iloc"], held))
        kinds = list(item_kinds(data, boxes[b"iinf"]))
        if len(dict(places)) != len(places) or len(dict(kinds)) != len(kinds):
            raise ValueError("items")
        main = boxes[b"pitm"]
        return cls(
            data,
            number(data, main.start + 4, 4 if number(data, main.start, 1) else 2),
            dict(kinds),
            dict(places),
            _properties(data, boxes[b"iprp"]),
            tuple(_references(data, boxes[b"iref"])) if b"iref" in boxes else (),
        )

    def size(self, item: int) -> int:
        """Return the number of an item's bytes that are in the file, over all pieces."""
        return sum(max(0, min(size, len(self.data) - start)) for start, size in self.extents.get(item, ()))

    def units(self, item: int) -> Iterator[int]:
        """Yield where each unit of a coded picture begins in its bytes; its length, four bytes, comes before it.

        Raises ImageTruncated where bytes are missing: libheif would leave missing tiles grey.
        """
        places = self.extents.get(item, ())
        if any(start + size > len(self.data) for start, size in places):
            raise ImageTruncated("The photo ends before its pixels do. Upload the whole file again.")
        payload, at = b"".join(self.data[start : start + size] for start, size in places), 0
        while at + 4 <= len(payload):
            yield at + 4
            at += 4 + number(payload, at, 4)

    def pixels(self, item: int) -> int:
        """Return the number of pixels that a coded picture declares; libheif refuses a stream of another size.

        Raises ValueError where it declares none.
        """
        sides = [box.start + 4 for box in self.properties.get(item, ()) if box.kind == b"ispe"]
        return max(number(self.data, at, 4) * number(self.data, at + 4, 4) for at in sides)

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The main picture, and its alpha pictures."""
        covers = [
            source
            for kind, source, targets in self.references
            if kind == b"auxl" and self.primary in targets and self._covers(source)
        ]
        return (self.primary, *covers)

    def parts(self, item: int) -> tuple[int, ...]:
        """Return the coded pictures of an item, as often as they are used: a grid's tiles, or the item itself.

        Raises ValueError for any other kind.
        """
        made_of = [
            target
            for kind, source, targets in self.references
            if (kind, source) == (b"dimg", item)
            for target in targets
        ]
        parts = made_of if self.kinds.get(item) == b"grid" else [item]
        if any(self.kinds.get(part) != b"hvc1" for part in parts):
            raise ValueError("kind")
        return tuple(parts)

    def transforms(self, item: int) -> int:
        """Return how often a picture is rotated, mirrored and cropped."""
        return sum(box.kind in _TRANSFORMS for box in self.properties.get(item, ()))

    def _covers(self, item: int) -> bool:
        return any(
            box.kind == b"auxC" and self.data[box.start + 4 : box.end].rstrip(b"\0").startswith(_COVER)
            for box in self.properties.get(item, ())
        )


def _references(data: bytes, box: Box) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    wide = 4 if number(data, box.start, 1) else 2
    for link in box.inside(data, 4):
        start = link.start + wide + 2
        count = min(number(data, link.start + wide, 2), (link.end - start) // wide)
        targets = tuple(number(data, start + wide * at, wide) for at in range(count))
        yield link.kind, number(data, link.start, wide), targets


def _properties(data: bytes, box: Box) -> dict[int, tuple[Box, ...]]:
    """Return each item's properties (section 9.3.1)."""
    held = list(box.inside(data))
    if [one.kind for one in held].count(b"ipco") != 1:
        raise ValueError("ipco")
    listed = [one for container in held if container.kind == b"ipco" for one in container.inside(data)]
    owned: dict[int, list[Box]] = {}
    for table in held:
        if table.kind != b"ipma":
            continue
        version, large = number(data, table.start, 1), number(data, table.start + 3, 1) & 1
        wide, at = 4 if version else 2, table.start + 8
        for _ in range(number(data, table.start + 4, 4)):
            if at >= table.end:
                break
            item, count, at = number(data, at, wide), number(data, at + wide, 1), at + wide + 1
            for _ in range(count):
                index = number(data, at, 2) & 0x7FFF if large else number(data, at, 1) & 0x7F
                at += 2 if large else 1
                if 0 < index <= len(listed):
                    owned.setdefault(item, []).append(listed[index - 1])
    return {item: tuple(boxes) for item, boxes in owned.items()}
