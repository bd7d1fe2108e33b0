"""Write the client's report types from `pipeline.report`, which the client can't import.

python -m scripts.client_report
"""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TYPES = ROOT / "client" / "backdrop_client" / "report.py"
_HEAD = '''"""The typed report of a render. `python -m scripts.client_report` writes this file from `pipeline.report`.

A field may be absent, because a report depends on the release that made it. The API reference describes the fields.
"""

from typing import Literal, TypedDict
'''


def client_types() -> str:
    """Return the source of the client's module: a TypedDict for each record of `pipeline.report`."""
    parts = [_HEAD]
    for part in ast.parse((ROOT / "pipeline" / "report.py").read_text("utf-8")).body:
        if isinstance(part, ast.ClassDef):
            fields = (field for field in part.body if isinstance(field, ast.AnnAssign))
            lines = (f"    {ast.unparse(field.target)}: {ast.unparse(_bare(field.annotation))}" for field in fields)
            parts.append("\n".join([f"\n\nclass {part.name}(TypedDict, total=False):", *lines, ""]))
        elif isinstance(part, ast.Assign):
            parts.append(f"\n{ast.unparse(part)}\n")
    return "".join(parts).replace("'", '"')


def _bare(annotation: ast.expr) -> ast.expr:
    match annotation:
        case ast.Subscript(value=ast.Name("Annotated"), slice=ast.Tuple([kind, _])):
            return kind
    return annotation


if __name__ == "__main__":
    TYPES.write_text(client_types(), "utf-8")
