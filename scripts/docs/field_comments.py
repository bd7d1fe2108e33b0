"""The comments `#:` above the fields of a class: their documentation, which no object keeps."""

import ast
import inspect
import textwrap
from functools import cache


@cache
def comments_of(kind: type) -> dict[str, str]:
    """Return the comment above each field of a class, in the source's order; a field without a comment has ''.

    Fields are annotated names in the class body. Inherited fields are left out.
    """
    source = textwrap.dedent(inspect.getsource(kind))
    lines = source.splitlines()
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field in body.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            found[field.target.id] = _above(lines, field.lineno - 1)
    return found


def _above(lines: list[str], field: int) -> str:
    words: list[str] = []
    while field and lines[field - 1].lstrip().startswith("#:"):
        field -= 1
        words.insert(0, lines[field].strip().removeprefix("#:").strip())
    return " ".join(words)
