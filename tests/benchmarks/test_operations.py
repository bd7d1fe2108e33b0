"""What operators rely on, tried: how alert rules are shortened, what a verdict sees, and the programs themselves."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks.operations.alerts import Outcome, expressions
from benchmarks.operations.breaks import Break
from benchmarks.operations.load import Answers
from benchmarks.operations.prometheus import shortened

PROGRAMS = Path(__file__).resolve().parents[2] / "benchmarks" / "operations"
RULES = (Path(str(files("service"))) / "chart" / "files" / "rules.yml").read_text()


def test_only_the_durations_of_rules_are_shortened() -> None:
    durations = re.compile(r"(?<=for: )\d+[smh]|(?<=\[)\d+[smh](?=\])")

    short = shortened(RULES, 10)

    assert durations.sub("", short) == durations.sub("", RULES)
    assert len(durations.findall(RULES)) > 10
    assert set(durations.findall(short)) == {"12s", "30s", "60s", "90s", "180s", "360s", "2160s"}


def test_each_expression_of_the_dashboard_is_asked_without_what_only_grafana_knows() -> None:
    asked = [expression for _, expression in expressions()]

    assert len(asked) > 30
    assert not any("$" in expression for expression in asked)


def outcome(seen: set[str], *, fired: float | None = 3.0, resolved: float | None = 2.0) -> Outcome:
    broken = Break("something", frozenset({"Right"}), frozenset({"AsTrue"}), lambda: lambda: None)
    return Outcome(broken, fired, resolved, frozenset(seen))


@pytest.mark.parametrize(
    ("came", "said"),
    [
        (outcome({"Right", "AsTrue"}), []),
        (outcome(set(), fired=None), ["Right did not fire"]),
        (outcome({"Right", "Other"}), ["Other fired"]),
        (outcome({"Right"}, resolved=None), ["did not get quiet"]),
    ],
    ids=["as it should be", "silent", "another", "for ever"],
)
def test_a_verdict_sees_an_alert_that_is_silent_wrong_or_without_end(came: Outcome, said: list[str]) -> None:
    assert len(came.wrong) == len(said)
    assert all(words in sentence for words, sentence in zip(said, came.wrong, strict=True))


def test_callers_must_see_no_5xx_and_no_broken_connection() -> None:
    answers = Answers()
    answers.counts.update({"202": 5, "404": 1, "503 store_unavailable": 2, "broke: ReadError at GET /": 1})

    assert answers.bad == {"503 store_unavailable": 2, "broke: ReadError at GET /": 1}


@pytest.mark.nightly  # an installation whose every part is restarted
def test_a_rolling_restart_costs_nobody_anything(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAMS / "rolling.py"), "--rounds", "1", "--lean", "--keep", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nobody lost anything" in done.stdout
