"""The words that nothing of Backdrop's says, and where its text is in a file."""

import io
import re
import tokenize
from collections.abc import Iterator

#: Words of the old dialect, in text and in names, and a number without its zero.
BANNED = re.compile(
    r"(?<![a-z])(told|whoever|as it stands|so many|for nothing)(?![a-z])"
    # Neither a format such as {:.2f} nor a length in CSS is a number in text.
    r"|(?<![\w.)\]…/*\\$:%+{,-])\.\d+(?!\d*(?:rem|em|px|s|fr)\b)",
    re.IGNORECASE,
)


def python_text(source: str) -> Iterator[str]:
    """Yield the comments, the names and the strings of a Python file; of numbers and operators nothing."""
    texts = (tokenize.COMMENT, tokenize.NAME, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in texts:
            yield token.string


def markdown_text(source: str) -> Iterator[str]:
    """Yield the paragraphs of a Markdown file without its code blocks."""
    without_code = re.sub(r"^( *)(```|~~~).*?^\1\2", "", source, flags=re.DOTALL | re.MULTILINE)
    yield from re.split(r"\n\s*\n", without_code)


def markdown_sentences(source: str) -> Iterator[str]:
    """Yield the sentences of paragraphs, list items and table cells; code, links' addresses and pictures left out."""
    for paragraph in markdown_text(source):
        for part in re.split(r"\n(?=\s*(?:[-*|#>]|\d+\.) ?)|\|", paragraph):
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", part)
            plain = re.sub(r"`[^`]*`", "code", plain)
            yield from re.split(r"(?<=[.!?:])\**\s+|<br>", plain.strip())
