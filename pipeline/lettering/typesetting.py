"""A text set in lines, and its coverage as pixels.

Lines are measured at one large size, so that a preview breaks them as the full picture does. Pillow's Raqm layout
shapes the text: kerning, ligatures, and scripts that join or run from right to left, if the font has them.
"""

import unicodedata
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.lettering.fonts import Face

#: Pixels of the em at which lines are measured.
_MEASURED = 512
#: Letters that define the height of a line's box, whatever the text.
_TALL = "Hdgp"
#: Samples of a pixel each way, below and from this size of the em in pixels. FreeType smooths the samples themselves.
_FINE, _COARSE, _LARGE = 4, 2, 80
#: Tries of the search for the narrowest lines.
_HALVINGS = 8


@dataclass(frozen=True)
class Line:
    """A line, with the bounds of its ink in ems, relative to its start on the baseline."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Setting:
    """Lines of a text. All lengths are in ems; x of each line is where its start goes in the box."""

    face: Face
    lines: tuple[Line, ...]
    starts: tuple[float, ...]
    #: Distance of the baselines, and the first baseline below the box's top.
    step: float
    first: float
    width: float
    height: float

    def coverage(self, em: float, width: int, height: int, corner: tuple[float, float]) -> NDArray[np.float32]:
        """Return height×width coverage, 0–1, of the text at `em` pixels; its box begins at `corner` (x, y)."""
        scale = _FINE if em < _LARGE else _COARSE
        plane = Image.new("L", (width * scale, height * scale))
        draw, font = ImageDraw.Draw(plane), ImageFont.truetype(BytesIO(self.face.data), em * scale)
        for number, (line, start) in enumerate(zip(self.lines, self.starts, strict=True)):
            x, y = corner[0] + start * em, corner[1] + (self.first + number * self.step) * em
            draw.text((x * scale, y * scale), line.text, 255, font, "ls")
        return np.asarray(plane.reduce(scale), np.float32) / np.float32(255)


def typeset(face: Face, text: str, longest: float, step: float, align: str, *, to_baseline: bool) -> Setting:
    """Set a text in lines of at most `longest` ems, `step` ems apart; align is left, center or right.

    A word that is longer keeps its line. Lines of one paragraph are as equal as their number allows. `to_baseline`: the
    box ends at the last baseline, and not at the letters' descent, so that capitals are in the middle of a plate.
    """
    font = ImageFont.truetype(BytesIO(face.data), _MEASURED)
    words = [line.split() for line in unicodedata.normalize("NFC", text).split("\n")]
    lines = [_line(font, one) for paragraph in words for one in _balanced(font, paragraph, longest * _MEASURED)]
    inked = [line for line in lines if line.right > line.left] or lines
    width = max(line.right - line.left for line in inked)
    fixed = _line(font, _TALL) if not face.lacks(_TALL) else lines[0]
    top = min(fixed.top, lines[0].top)
    bottom = (len(lines) - 1) * step + (0.0 if to_baseline else max(fixed.bottom, lines[-1].bottom))
    share = {"left": 0.0, "center": 0.5, "right": 1.0}[align]
    starts = tuple(share * (width - (line.right - line.left)) - line.left for line in lines)
    return Setting(face, tuple(lines), starts, step, -top, width, bottom - top)


def _line(font: ImageFont.FreeTypeFont, text: str) -> Line:
    return Line(text, *(side / _MEASURED for side in font.getbbox(text, anchor="ls")))


def _balanced(font: ImageFont.FreeTypeFont, words: list[str], longest: float) -> list[str]:
    """Return the fewest lines of at most `longest` pixels, with the longest of them as short as possible."""
    best = _broken(font, words, longest)
    low, high = 0.0, longest
    for _ in range(_HALVINGS if len(best) > 1 else 0):
        middle = (low + high) / 2
        lines = _broken(font, words, middle)
        if len(lines) == len(best) and all(font.getlength(line) <= longest for line in lines):
            best, high = lines, middle
        else:
            low = middle
    return best


def _broken(font: ImageFont.FreeTypeFont, words: list[str], longest: float) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > longest:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
