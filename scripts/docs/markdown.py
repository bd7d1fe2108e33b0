"""Markdown that the generated pages consist of."""

import html
import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`+)(.+?)\1")
_BARE = re.compile(r"[<>*]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_NAMED = {"<": "&lt;", ">": "&gt;", "*": r"\*", "_": r"\_"}


def text(words: str) -> str:
    """Return words as Markdown shows them letter by letter, on one line; code between backticks stays code."""
    words = " ".join(words.split())
    parts, end = [], 0
    for code in _CODE.finditer(words):
        parts += [_escaped(words[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, _escaped(words[end:])])


def _escaped(words: str) -> str:
    return _BARE.sub(lambda found: _NAMED[found.group()], words)


def code(words: object) -> str:
    """Return words as inline code; an empty text gives none."""
    shown = str(words)
    return f"`{shown}`" if shown else ""


def cell(words: str) -> str:
    """Return Markdown for a cell of a table: on one line, with its bars escaped."""
    return " ".join(words.split()).replace("|", r"\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown. Without rows there is none."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines])


def fence(language: str, words: str) -> str:
    """Return a block of code, of whose lines none ends in a space."""
    lines = "\n".join(line.rstrip() for line in words.strip("\n").splitlines())
    return f"```{language}\n{lines}\n```"


def tabs(shown: Iterable[tuple[str, str]]) -> str:
    """Return Markdown of which a reader sees one part at a time; each part is a title and its Markdown."""
    parts = []
    for title, body in shown:
        indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
        parts.append(f'=== "{title}"\n\n{indented}')
    return "\n\n".join(parts)


def page(title: str, lead: str, parts: Iterable[str], source: str) -> str:
    """Return a whole page: what it is about, its parts, and which source it was generated from."""
    about = f"*Generated from {source}. Change the source, not this page.*"
    return "\n\n".join([f"# {title}", lead, *(part for part in parts if part), about]) + "\n"


def swatch(colour: str) -> str:
    """Return a colour's name with a patch of it; the colour is any that CSS knows."""
    shown = html.escape(colour)
    return f'<span class="colour"><span class="swatch" style="background: {shown}"></span> `{shown}`</span>'
