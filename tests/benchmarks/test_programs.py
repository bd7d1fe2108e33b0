"""Programs that measure the service run, and print their figures."""

import subprocess
import sys
from pathlib import Path

import pytest

SPEED = Path(__file__).resolve().parents[2] / "benchmarks" / "speed"


@pytest.mark.nightly  # an installation, or real networks; what they call is tested in the gate
@pytest.mark.parametrize(
    ("program", "options", "said"),
    [
        ("submits.py", ["--rate", "5", "--seconds", "3"], "median"),
        ("submits.py", ["--rate", "5", "--seconds", "3", "--production"], "median"),
        ("overhead.py", ["--swaps", "1", "--submits", "3"], "overhead"),
        ("kept.py", ["--size", "160x160", "--scene", "podium"], "a second scene"),
    ],
    ids=["submits", "submits in production", "overhead", "kept"],
)
def test_a_program_measures_and_prints(program: str, options: list[str], said: str) -> None:
    command = [sys.executable, str(SPEED / program), *options]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert said in done.stdout
