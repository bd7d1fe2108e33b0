"""Programs that measure the service run and print their figures."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
THROUGHPUT = ["--seconds", "6", "--device-seconds", "0.2", "--preset", "instagram_square"]
#: Placeholder for a folder of the test.
KEPT = "FOLDER"


@pytest.mark.nightly  # each takes an installation, or real networks
@pytest.mark.parametrize(
    ("program", "options", "printed"),
    [
        ("speed/submits.py", ["--rate", "5", "--seconds", "3"], "median"),
        ("speed/submits.py", ["--rate", "5", "--seconds", "3", "--production"], "median"),
        ("speed/throughput.py", THROUGHPUT, "swaps/min"),
        ("speed/throughput.py", [*THROUGHPUT, "--networks"], "swaps/min"),
        ("operations/rolling.py", ["--rounds", "1", "--lean", "--keep", KEPT], "Nothing was lost"),
    ],
    ids=["submits", "submits in production", "throughput", "throughput of networks", "rolling"],
)
def test_a_program_measures_and_prints(program: str, options: list[str], printed: str, tmp_path: Path) -> None:
    given = [str(tmp_path) if option is KEPT else option for option in options]
    command = [sys.executable, str(BENCHMARKS / program), *given]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert printed in done.stdout
