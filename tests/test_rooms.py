"""The house keeps its order: rooms stay small, say what they are for, and the tests lie where their rooms do.

That rooms import in one direction is import-linter's to say (pyproject.toml).
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Modules of a room, and files of a folder of tests, `__init__` not counted.
MAX_MODULES, MAX_TESTS = 14, 20
#: Numbered, and only ever added to.
MIGRATIONS = ROOT / "service" / "database" / "migrations"
PACKAGES = ("pipeline", "service", "models")


def folders(*tops: str) -> list[Path]:
    """Every folder of Python files below these, by path."""
    found = {path.parent for top in tops for path in (ROOT / top).rglob("*.py")}
    return sorted(folder for folder in found if not folder.is_relative_to(MIGRATIONS))


def modules(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.py") if path.name != "__init__.py"]


def name(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", folders(*PACKAGES, "benchmarks", "scripts"), ids=name)
def test_a_room_holds_few_modules(room: Path) -> None:
    assert len(modules(room)) <= MAX_MODULES


@pytest.mark.parametrize("folder", folders("tests"), ids=name)
def test_a_folder_of_tests_holds_few_files(folder: Path) -> None:
    assert len(modules(folder)) <= MAX_TESTS


@pytest.mark.parametrize("room", folders(*PACKAGES), ids=name)
def test_a_room_says_in_one_line_what_it_is_for_and_nothing_else(room: Path) -> None:
    (said,) = ast.parse((room / "__init__.py").read_text("utf-8")).body
    assert isinstance(said, ast.Expr)
    assert isinstance(said.value, ast.Constant)
    assert isinstance(said.value.value, str)
    assert "\n" not in said.value.value


@pytest.mark.parametrize("folder", folders("tests/service", "tests/pipeline", "tests/models"), ids=name)
def test_tests_lie_where_their_rooms_do(folder: Path) -> None:
    room = ROOT / folder.relative_to(ROOT / "tests")
    assert room.is_dir()
