"""Check an SVG logo before anything draws it: it may only contain shapes, and refer only to itself. And draw it.

Expat parses it without a document type, so that no entity exists and nothing outside the file is read.
"""

import base64
import json
import re
from typing import NoReturn
from xml.parsers import expat

from pipeline.core.errors import ImageUnreadable

#: Most bytes of a file, and of a picture within it, in base64.
MAX_BYTES, _MAX_PICTURE = 256 * 1024, 128 * 1024
#: Most elements, most of them within one another, and longest side in the file's own units.
_MAX_ELEMENTS, _MAX_DEPTH, _MAX_SIDE = 2000, 32, 100_000.0
#: Most uses, masks and clips. Each may draw others twice, so that what is drawn can double with every second one.
_MAX_USES = 16
#: Longer side in pixels at which an SVG is drawn; a layer reduces it.
_SIDE = 2048
_SVG = "http://www.w3.org/2000/svg"
#: Namespaces of the attributes that a renderer reads.
_READ = ("", "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace")
#: Shapes, paints and their containers. Text is left out, as its font is elsewhere; so are filters, scripts and links.
_ELEMENTS = re.compile(
    "svg|g|defs|symbol|use|path|rect|circle|ellipse|line|polyline|polygon|linearGradient|radialGradient|stop|clipPath"
    "|mask|image|style|title|desc|metadata"
)
_PICTURE = re.compile(r"data:image/(png;base64,\s*iVBORw|jpeg;base64,\s*/9j/)[A-Za-z0-9+/=\s]*")
_REFERENCE = re.compile(r"url\(\s*['\"]?#", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?|\.\d)\d*(?:[eE][-+]?\d+)?")


def is_svg(data: bytes) -> bool:
    """Return whether a file looks like an SVG, and not like a page or another document."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in data[:4096]


def check_svg(data: bytes) -> None:
    """Raise ImageUnreadable, with the reason and the remedy, for an SVG that is not safe to draw."""
    if len(data) > MAX_BYTES:
        _refuse(f"has {len(data):,} bytes, and the limit is {MAX_BYTES:,}")
    reader = _Reader()
    # UTF-8 whatever the file declares, because it is drawn as UTF-8
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = lambda *_: _refuse("has a document type (<!DOCTYPE>)")
    parser.ProcessingInstructionHandler = lambda *_: _refuse("has a processing instruction (<?…?>)")
    try:
        parser.Parse(data.decode(), True)
    except (UnicodeDecodeError, expat.ExpatError) as error:
        _refuse(f"is not valid XML in UTF-8: {error}")
    _check_style(reader.sheet)
    if re.search("mask|clip|filter", reader.sheet, re.IGNORECASE):
        _refuse("masks, clips or filters in its style sheet, where one rule counts for many elements")


def draw_svgs(texts: bytes) -> bytes:
    """Return the PNGs of checked SVGs. They may crash or take for ever, so call it in a process of its own.

    `texts`: a JSON list of the SVGs. Returns a JSON list of PNGs in base64.
    """
    return json.dumps([base64.b64encode(_draw(text)).decode() for text in json.loads(texts)]).encode()


def _draw(text: str) -> bytes:
    """Return the PNG of an SVG. resvg loads no system font and reads no file."""
    import resvg_py

    small = bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, width=32))
    # A PNG has its width at bytes 16 to 20, and then its height.
    width, height = (None, _SIDE) if small[20:24] > small[16:20] else (_SIDE, None)
    return bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, width=width, height=height))


class _Reader:
    def __init__(self) -> None:
        self.sheet = ""
        self._open = list[str]()
        self._elements = self._uses = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        if not self._open and tag != f"{_SVG} svg":
            _refuse(f"begins with <{name}>, and not with <svg> of the namespace {_SVG}")
        if space != _SVG and name not in ("include", "script"):
            name = "metadata"  # editors keep their own data in other namespaces, which no renderer draws
        if not _ELEMENTS.fullmatch(name):
            _refuse(f"contains <{name}>, which is not allowed")
        self._open.append(name)
        self._elements += 1
        for key, value in attributes.items():
            space, _, key = key.rpartition(" ")
            if space in _READ:
                self._uses += _uses(name, key, value)
        if len(self._open) > _MAX_DEPTH:
            _refuse(f"has more than {_MAX_DEPTH} elements within one another")
        if self._elements > _MAX_ELEMENTS or self._uses > _MAX_USES:
            _refuse(f"has more than {_MAX_ELEMENTS:,} elements, or {_MAX_USES} uses, masks and clips")

    def end(self, tag: str) -> None:
        self._open.pop()

    def text(self, words: str) -> None:
        if self._open[-1] == "style":
            self.sheet += words


def _uses(element: str, name: str, value: str) -> int:
    """Check an attribute, and return whether it makes its element draw others."""
    if name.lower().startswith("on") or name == "base":
        _refuse(f"has the attribute {name}, which is not allowed")
    outside = name == "href" and element != "metadata" and not value.startswith("#")
    if outside and (element != "image" or len(value) > _MAX_PICTURE or not _PICTURE.fullmatch(value)):
        _refuse("refers to something outside the file, or to a picture that is no small PNG or JPEG")
    if name in ("width", "height", "viewBox"):
        numbers = _NUMBER.findall(value)
        if any(len(one) > 30 or not abs(float(one)) <= _MAX_SIDE for one in numbers):
            _refuse(f"has a {name} above {_MAX_SIDE:,.0f}")
    _check_style(value)
    return (name == "href" and element == "use") or (bool(re.search("mask|clip", name + value)) and "url" in value)


def _check_style(style: str) -> None:
    # an escape, \75rl(…), could hide a reference, and @import reads another file
    if "\\" in style or "@import" in style.lower() or "@font" in style.lower():
        _refuse("has an @ rule or an escape in its style sheet")
    if len(_REFERENCE.findall(style)) != style.lower().count("url("):
        _refuse("refers to something outside the file")


def _refuse(what: str) -> NoReturn:
    raise ImageUnreadable(f"The SVG {what}. Export it as plain shapes, with text as outlines, or send a PNG.")
