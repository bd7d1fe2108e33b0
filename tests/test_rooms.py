"""Rules of the code's layout: functions stay short, rooms have a docstring, and tests are in their rooms' folders.

import-linter checks that rooms import in one direction and that no imports go in a circle (pyproject.toml).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Lines of a function that ships.
MAX_LINES = 80
#: Migrations are records of the past: one function each, as long as its tables.
MIGRATIONS = ROOT / "service" / "database" / "migrations"
PACKAGES = ("pipeline", "service", "models")


def folders(*tops: str) -> list[Path]:
    """Return every folder of Python files in these, by path."""
    found = {path.parent for top in tops for path in (ROOT / top).rglob("*.py")}
    return sorted(folder for folder in found if not folder.is_relative_to(MIGRATIONS))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(package: str) -> Iterator[tuple[str, int]]:
    """Yield each function of a package as "file:name" with its number of lines, decorators not counted."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.is_relative_to(MIGRATIONS):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                yield f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_80_lines() -> None:
    packages = (*PACKAGES, "client")
    assert [where for one in packages for where, lines in functions(one) if lines > MAX_LINES] == []


def test_a_room_states_its_purpose_in_one_line_and_contains_nothing_else() -> None:
    for room in folders(*PACKAGES, "testkit"):
        match ast.parse((room / "__init__.py").read_text("utf-8")).body:
            case [ast.Expr(ast.Constant(str(said)))]:
                assert "\n" not in said, name(room)
            case _:
                pytest.fail(f"{name(room)}/__init__.py has more than a docstring, or none")


def test_tests_are_in_the_folders_of_their_rooms() -> None:
    found = folders("tests/service", "tests/pipeline", "tests/models")
    assert [name(one) for one in found if not (ROOT / one.relative_to(ROOT / "tests")).is_dir()] == []
