"""The banned words, and the extraction of text from source files and documents."""

import io
import re
import tokenize
from collections.abc import Iterator

#: Banned words in text and in names, and numbers without a leading zero.
BANNED = re.compile(
    r"(?<![a-z])(told|whoever|as it stands|so many|for nothing)(?![a-z])"
    # Formats such as {:.2f} and CSS lengths are no numbers in text.
    r"|(?<![\w.)\]…/*\\$:%+{,-])\.\d+(?!\d*(?:rem|em|px|s|fr)\b)",
    re.IGNORECASE,
)

#: Most words of a sentence.
MOST_WORDS = 25
#: Token types that Python 3.11 does not have.
FSTRING_START, FSTRING_END = (getattr(tokenize, name, None) for name in ("FSTRING_START", "FSTRING_END"))


def python_text(source: str) -> Iterator[str]:
    """Yield the comments, the names and the strings of a Python file, but no numbers and operators."""
    lines = source.splitlines(keepends=True)
    starts: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        # From Python 3.12 on an f-string is many tokens. Its parts alone would look like numbers: `.2f`.
        if token.type == FSTRING_START:
            starts.append(token.start)
        elif token.type == FSTRING_END:
            (row, column), (last, end) = starts.pop(), token.end
            if not starts:
                whole = "".join(lines[row - 1 : last])
                yield whole[column : len(whole) - len(lines[last - 1]) + end]
        elif not starts and token.type in (tokenize.COMMENT, tokenize.NAME, tokenize.STRING):
            yield token.string


def markdown_text(source: str) -> Iterator[str]:
    """Yield the paragraphs of a Markdown file without its code blocks."""
    without_code = re.sub(r"^( *)(```|~~~).*?^\1\2", "", source, flags=re.DOTALL | re.MULTILINE)
    yield from re.split(r"\n\s*\n", without_code)


def markdown_sentences(source: str) -> Iterator[str]:
    """Yield the sentences of paragraphs, list items and table cells, without code, link addresses and pictures."""
    for paragraph in markdown_text(source):
        for part in re.split(r"\n(?=\s*(?:[-*|#>]|\d+\.) ?)|\|", paragraph):
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", part)
            plain = re.sub(r"`[^`]*`", "code", plain)
            yield from re.split(r"(?<=[.!?:])\**\s+|<br>", plain.strip())
