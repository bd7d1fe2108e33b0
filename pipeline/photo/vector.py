"""Check an SVG logo before anything draws it: it may only contain shapes, and refer only to itself.

Expat parses it without a document type, so that no entity exists and nothing outside the file is read.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from pipeline.core.errors import ImageUnreadable

#: Most bytes of a file, and of a picture within it.
MAX_BYTES, _MAX_PICTURE = 256 * 1024, 128 * 1024
#: Most elements that a file draws, with each use of an element counted, most elements within one another, and longest
#: side in the file's own units.
_MAX_DRAWN, _MAX_DEPTH, _MAX_SIDE = 2000, 32, 100_000.0
_SVG = "http://www.w3.org/2000/svg"
#: Shapes, paints and their containers. Text is left out, as its font is elsewhere; so are filters, scripts and links.
_ELEMENTS = re.compile(
    "svg|g|defs|symbol|use|path|rect|circle|ellipse|line|polyline|polygon|linearGradient|radialGradient|stop|clipPath"
    "|mask|pattern|image|style|title|desc|metadata"
)
_PICTURE = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=\s]*)")
_REFERENCE = re.compile(r"url\(\s*['\"]?(.*?)['\"]?\s*\)", re.IGNORECASE | re.DOTALL)


@dataclass
class _Element:
    name: str
    ids: list[str] = field(default_factory=list)
    #: Ids that it refers to, and elements within it.
    uses: list[str] = field(default_factory=list)
    children: list["_Element"] = field(default_factory=list)


def is_svg(data: bytes) -> bool:
    """Return whether a file looks like an SVG, and not like a page or another document."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in data[:4096]


def check_svg(data: bytes) -> None:
    """Raise ImageUnreadable, with the reason and the remedy, for an SVG that is not safe to draw."""
    if len(data) > MAX_BYTES:
        raise _unsafe(f"has {len(data):,} bytes, and the limit is {MAX_BYTES:,}")
    # UTF-8 whatever the file declares, because it is drawn as UTF-8
    tree, parser = list[_Element](), expat.ParserCreate("utf-8", " ")
    roots, styles = list[_Element](), list[str]()

    def refuse(what: str) -> None:
        raise _unsafe(what)

    def start(tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        if space != _SVG:
            # editors keep their own data in other namespaces, which no renderer draws
            name = name if not tree or name in ("include", "script") else "metadata"
        if not tree and tag != f"{_SVG} svg":
            refuse(f"begins with <{name}>, and not with <svg> of the namespace {_SVG}")
        if not _ELEMENTS.fullmatch(name):
            refuse(f"contains <{name}>, which is not allowed")
        element = _Element(name)
        (tree[-1].children if tree else roots).append(element)
        tree.append(element)
        if len(tree) > _MAX_DEPTH:
            refuse(f"has more than {_MAX_DEPTH} elements within one another")
        for key, value in attributes.items():
            _read_attribute(element, key.rpartition(" ")[2], value)

    def text(words: str) -> None:
        if tree and tree[-1].name == "style":
            styles.append(words)

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda tag: tree.pop()
    parser.StartDoctypeDeclHandler = lambda *_: refuse("has a document type (<!DOCTYPE>)")
    parser.ProcessingInstructionHandler = lambda *_: refuse("has a processing instruction (<?…?>)")
    try:
        parser.Parse(data.decode(), True)
    except (UnicodeDecodeError, expat.ExpatError) as error:
        raise _unsafe(f"is not valid XML in UTF-8: {error}") from error
    # its gradients only, as a rule for many elements would draw a mask or a pattern many times
    named = [(name, one) for one in _walk(roots[0]) for name in one.ids]
    by_id = dict(named)
    if len(by_id) < len(named):
        raise _unsafe("has two elements with one id")
    if not all(by_id[name].name.endswith("Gradient") for name in _references("".join(styles)) if name in by_id):
        raise _unsafe("refers to more than gradients in its style sheet")
    try:
        _check_drawn(roots[0], by_id)
    except RecursionError:
        raise _unsafe("has a long chain of elements that use one another") from None


def _read_attribute(element: _Element, name: str, value: str) -> None:
    if name.lower().startswith("on") or name == "base":
        raise _unsafe(f"has the attribute {name}, which is not allowed")
    if name == "id":
        element.ids.append(value)
    if name == "href" and element.name != "metadata":
        if value.startswith("#"):
            element.uses.append(value[1:])
        elif element.name != "image" or not _is_picture(value):
            raise _unsafe("refers to something outside the file, or to a picture that is no small PNG or JPEG")
    if name in ("width", "height", "viewBox"):
        for number in re.findall(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", value):
            if len(number) > 30 or not abs(float(number) if number.strip("+-.") else 0) <= _MAX_SIDE:
                raise _unsafe(f"has a {name} above {_MAX_SIDE:,.0f}")
    if "(" in value or name == "style":
        element.uses += _references(value)


def _references(style: str) -> list[str]:
    """Return the ids that a style refers to."""
    # an escape, \75rl(…), could hide a reference, and @import reads another file
    if "\\" in style or "@" in style:
        raise _unsafe("has an @ rule or an escape in its style sheet")
    found = _REFERENCE.findall(style)
    if len(found) != style.lower().count("url(") or not all(one.startswith("#") for one in found):
        raise _unsafe("refers to something outside the file")
    return [one[1:] for one in found]


def _is_picture(value: str) -> bool:
    found = _PICTURE.fullmatch(value)
    try:
        data = base64.b64decode(found[2] if found else "", validate=False)
    except binascii.Error:
        return False
    start = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff"}[found[1]] if found else b"-"
    return data.startswith(start) and len(data) <= _MAX_PICTURE


def _check_drawn(root: _Element, by_id: Mapping[str, _Element]) -> None:
    """Count what a renderer draws. Elements that use one another could otherwise grow without end."""
    known: dict[int, int] = {}
    pending = set[int]()

    def drawn(element: _Element) -> int:
        if id(element) in pending:
            raise _unsafe("has an element that uses itself")
        if id(element) not in known:
            pending.add(id(element))
            used = [by_id[name] for name in element.uses if name in by_id]
            known[id(element)] = min(_MAX_DRAWN + 1, 1 + sum(map(drawn, [*element.children, *used])))
            pending.remove(id(element))
        return known[id(element)]

    if drawn(root) > _MAX_DRAWN:
        raise _unsafe(f"draws more than {_MAX_DRAWN:,} elements")


def _walk(element: _Element) -> Iterator[_Element]:
    yield element
    for child in element.children:
        yield from _walk(child)


def _unsafe(what: str) -> ImageUnreadable:
    return ImageUnreadable(f"The SVG {what}. Export it as plain shapes, with text as outlines, or send a PNG.")
