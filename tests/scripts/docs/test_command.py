"""`backdrop docs`: what it starts, and what it says where it can't."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts.docs.__main__ import main as built
from service.cli import docs as command
from service.cli.main import main


def test_it_hands_its_process_to_the_build_in_the_checkouts_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execv", lambda program, command: started.append((program, command, Path.cwd())))

    CliRunner().invoke(main, ["docs", "--port", "0", "--build", "site"], catch_exceptions=False)

    expected = [sys.executable, "-m", "scripts.docs", "--port", "0", "--build", str(tmp_path / "site")]
    assert started == [(sys.executable, expected, command.ROOT)]


def test_without_a_checkout_or_zensical_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    done = CliRunner().invoke(main, ["docs"])
    assert done.exit_code == 1
    assert "pip install '.[docs]'" in done.output

    monkeypatch.setattr(command, "ROOT", tmp_path)
    done = CliRunner().invoke(main, ["docs"])
    assert done.exit_code == 1
    assert "Run this command in a clone of Backdrop." in done.output
    assert importlib.util.find_spec("zensical") is not None, "the group dev has it"


def test_a_folder_that_is_not_empty_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.setattr(sys, "argv", ["docs", "--build", str(tmp_path)])

    assert built() == 1
    assert "is not empty. Name a new or an empty folder." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
