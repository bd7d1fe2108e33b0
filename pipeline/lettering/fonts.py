"""Fonts of text layers: their faces by name and weight, and the characters that each face has.

No file is read here: `service.catalogue.templates` passes the bytes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from fontTools.ttLib import TTFont, TTLibError

#: Characters without a glyph of their own: spaces, joiners, marks of direction and variation selectors.
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f]")
#: Bit of OS/2 `fsSelection` that marks a slanted face, and name ids of the typographic and the plain family name.
_SLANTED, _FAMILY = 1, (16, 1)


@dataclass(frozen=True, eq=False)
class Face:
    """One weight of a font."""

    #: The family in lower case with underscores, as source_serif_pro. A slanted face's name ends in _italic.
    name: str
    #: 100 thin to 900 black; 400 is regular, 700 bold.
    weight: int
    #: A TrueType or OpenType file.
    data: bytes

    @cached_property
    def characters(self) -> frozenset[int]:
        """Code points that have a glyph."""
        return frozenset(TTFont(BytesIO(self.data), lazy=True).getBestCmap() or ())

    def lacks(self, text: str) -> str:
        """Return the characters of a text that have no glyph, each once."""
        return "".join(dict.fromkeys(one for one in _UNSEEN.sub("", text) if ord(one) not in self.characters))


@dataclass(frozen=True)
class Fonts:
    """The faces that layers can use."""

    faces: tuple[Face, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fonts."""
        return tuple(dict.fromkeys(face.name for face in self.faces))

    def face(self, name: str, weight: int) -> Face | None:
        """Return the font's face of the nearest weight, the heavier of two equally near; None: no such font."""
        own = (face for face in self.faces if face.name == name)
        return min(own, key=lambda face: (abs(face.weight - weight), -face.weight), default=None)

    def having(self, text: str) -> list[str]:
        """Return the fonts that have all characters of a text."""
        return [name for name in self.names if (face := self.face(name, 400)) and not face.lacks(text)]

    def with_files(self, files: Mapping[str, bytes]) -> "Fonts":
        """Return these fonts and those of more files; a file replaces a face of the same name and weight.

        `files`: TrueType or OpenType files by their names. Raises ValueError, which names each unreadable file.
        """
        faces, wrong = {(face.name, face.weight): face for face in self.faces}, list[str]()
        for file, data in files.items():
            try:
                face = _face(data)
            except (TTLibError, KeyError, AttributeError, OSError, ValueError) as error:
                wrong.append(f"{file} is not a TrueType or OpenType font: {error}. Replace it, or remove it.")
            else:
                faces[face.name, face.weight] = face
        if wrong:
            raise ValueError(" ".join(wrong))
        return Fonts(tuple(faces.values()))


def _face(data: bytes) -> Face:
    font = TTFont(BytesIO(data), lazy=True)
    family = next(filter(None, (font["name"].getDebugName(one) for one in _FAMILY)), "")
    name = re.sub(r"[^a-z0-9]+", "_", family.lower()).strip("_")
    if not name or not font.getBestCmap():
        raise ValueError("it has no name, or no characters")
    slanted = font["OS/2"].fsSelection & _SLANTED
    return Face(name + "_italic" * bool(slanted), int(font["OS/2"].usWeightClass), data)
