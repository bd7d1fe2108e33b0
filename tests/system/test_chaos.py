"""The storm itself on both installations: its callers, its troubles, and the verdict that every invariant held."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[2] / "benchmarks" / "robustness" / "chaos.py"


@pytest.mark.nightly  # in the gate, each trouble alone: test_outages.py, test_workers.py
@pytest.mark.parametrize("kind", [["--embedded"], []], ids=["embedded", "production"])
def test_a_storm_breaks_no_invariant(kind: list[str], tmp_path: Path) -> None:
    weather = ("--seconds", "120", "--jobs", "300", "--every", "0.6", "--seed", "5", "--keep", str(tmp_path))

    storm = subprocess.run(
        [sys.executable, str(CHAOS), *weather, *kind], capture_output=True, text=True, check=False, timeout=1800
    )

    assert storm.returncode == 0, storm.stdout + storm.stderr
    assert "Every invariant held." in storm.stdout
    counts = {
        line.split("│")[1].strip(): line.split("│")[3].strip() for line in storm.stdout.splitlines() if "│" in line
    }
    assert int(counts["kills of the service's parts"]) >= 3
    assert "SUCCESS" in storm.stdout
