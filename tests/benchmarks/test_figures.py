"""Figures as data: rows are valid and reproducible, and what the documents quote agrees with them."""

import argparse
import json
import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import capacity
from benchmarks.figures import (
    BY_HAND,
    HELD_OUT,
    NOT_TUNED,
    ROOMS,
    ROOT,
    Figure,
    Measured,
    Recorder,
    add_record_option,
    command_line,
    load,
    load_all,
    recorder_of,
    rounded,
    save,
)
from scripts.docs.figures import SECTIONS, page, value_of
from service.cli.main import main
from tests.test_documents import DOCUMENTS, text_of

FIGURES = {figure.id: figure for figures in load_all().values() for figure in figures}
LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*figures\.md#([\w-]+)\)")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
ROW = Figure(
    "swap-wall",
    "Time of a swap",
    1.5,
    "s",
    command=".venv/bin/python benchmarks/speed/swaps.py",
    commit="12345678",
    date="2026-11-29",
    machine="two cores",
    tuned_on=NOT_TUNED,
)


def test_a_command_names_a_program_and_options_that_exist() -> None:
    for command in {figure.command for figure in FIGURES.values() if not figure.by_hand}:
        words = shlex.split(command)
        while re.fullmatch(r"[A-Z_]+=.*|time", words[0]):
            words.pop(0)
        program, *rest = words
        if program == ".venv/bin/backdrop":
            assert rest[0] in main.commands, command
            continue
        assert program == ".venv/bin/python", command
        path = ROOT / (f"{rest[1].replace('.', '/')}.py" if rest[0] == "-m" else rest[0])
        assert path.is_file(), command
        source = path.read_text("utf-8")
        for option in (word for word in rest if word.startswith("--")):
            assert f'"{option}"' in source, command


def test_a_figure_that_no_program_reproduces_says_how_it_was_measured() -> None:
    for figure in FIGURES.values():
        assert not figure.by_hand or len(figure.command) > len(BY_HAND) + 20, figure.id


def test_commits_are_in_the_history() -> None:
    if not (ROOT / ".git").exists() or (ROOT / ".git" / "shallow").exists():
        pytest.skip("The checkout has no full history.")
    commits = sorted({figure.commit for figure in FIGURES.values()})
    git = ["git", "-C", str(ROOT), "cat-file", "--batch-check"]
    done = subprocess.run(git, input="\n".join(commits), check=True, capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if line.split()[1] != "commit"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "Swap Wall"}, "kebab-case"),
        ({"what": " ".join(["word"] * 26)}, "at most 25"),
        ({"what": ""}, "blank"),
        ({"value": "fast"}, "number"),
        ({"commit": "HEAD"}, "short hash"),
        ({"date": "yesterday"}, "isoformat"),
        ({"bar": "< 3"}, "at most"),
        ({"n": 0}, "positive"),
    ],
)
def test_a_wrong_row_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Figure(**{**asdict(ROW), **changes})


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [(None, 1, None), ("at most 2.5", 2.5, True), ("at most 2.5", 2.6, False), ("at least 54", 45, False)],
)
def test_a_bar_is_met_or_missed(bar: str | None, value: float, met: bool | None) -> None:
    assert replace(ROW, bar=bar, value=value).meets_bar is met


def test_a_row_that_is_not_json_is_refused_with_its_line(tmp_path: Path) -> None:
    save("speed", [ROW], tmp_path)
    with (tmp_path / "speed.jsonl").open("a") as file:
        file.write('{"id": "half"}\n')

    with pytest.raises(ValueError, match=r"speed\.jsonl, line 2"):
        load("speed", tmp_path)


def test_an_id_occurs_once_in_all_rooms(tmp_path: Path) -> None:
    save("speed", [ROW], tmp_path)
    save("studio", [ROW], tmp_path)

    with pytest.raises(ValueError, match="Twice: swap-wall"):
        load_all(tmp_path)


def test_a_new_measurement_replaces_its_row_and_keeps_what_it_does_not_state(tmp_path: Path) -> None:
    other = replace(ROW, id="swap-cpu")
    save("speed", [replace(ROW, bar="at most 2", tuned_on="three photos"), other], tmp_path)
    found = [Measured("wall", "Time of a swap, again", 1.23456, "s", 3), Measured("new", "Something new", 7, "MiB")]

    Recorder("swap", "abcdef01", ".venv/bin/python benchmarks/speed/swaps.py").write("speed", found, tmp_path)

    wall, kept, new = load("speed", tmp_path)
    assert (wall.what, wall.value, wall.n, wall.commit) == ("Time of a swap, again", 1.235, 3, "abcdef01")
    assert (wall.bar, wall.tuned_on) == ("at most 2", "three photos")
    assert kept == other
    assert (new.id, new.tuned_on, new.bar) == ("swap-new", NOT_TUNED, None)


def test_the_command_is_kept_without_its_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEVICE", "SEGMENTER"):
        monkeypatch.delenv(f"BACKDROP_{name}", raising=False)
    monkeypatch.setenv("BACKDROP_CPU_RUNTIME", "onnxruntime")
    given = ["--record", "swap", "--runs", "1", "--tuned-on=three photos"]

    assert command_line([str(ROOT / "benchmarks/speed/swaps.py"), *given]) == (
        "BACKDROP_CPU_RUNTIME=onnxruntime .venv/bin/python benchmarks/speed/swaps.py --runs 1"
    )
    assert command_line(["benchmarks/capacity.py"]).endswith("python benchmarks/capacity.py")
    assert command_line([str(ROOT / "scripts/viewpoint/train.py")]).endswith("-m scripts.viewpoint.train")


def test_a_dirty_tree_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"status": " M pipeline/swap.py\n M benchmarks/results/speed.jsonl\n", "rev-parse": "abcdef01\n"}
    monkeypatch.setattr("benchmarks.figures._git", lambda command, *_: answers[command])

    with pytest.raises(ValueError, match=r"Changed: pipeline/swap\.py\. Commit first\."):
        Recorder.of("swap")
    answers["status"] = " M benchmarks/results/speed.jsonl\n"
    assert Recorder.of("swap").commit == "abcdef01"
    with pytest.raises(ValueError, match="kebab-case"):
        Recorder.of("Swap 2048")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Rooms and ids that programs record, on a clean tree."""
    rows: list[tuple[str, str]] = []
    answers = {"status": "", "rev-parse": "abcdef01\n"}
    monkeypatch.setattr("benchmarks.figures._git", lambda command, *_: answers[command])

    def write(self: Recorder, room: str, found: Iterable[Measured]) -> None:
        rows.extend((room, f"{self.name}-{one.name}") for one in found)

    monkeypatch.setattr(Recorder, "write", write)
    return rows


def test_a_program_records_under_the_name_that_is_given(tmp_path: Path, written: list[tuple[str, str]]) -> None:
    run = tmp_path / "run.jsonl"
    times = [{"submitted": 0, "started": second, "finished": second + 1} for second in (0, 1, 2)]
    lines: list[dict[str, object]] = [
        {name: f"2026-11-29T10:00:0{at}" for name, at in one.items()} | {"stages": {}} for one in times
    ]
    run.write_text("\n".join(map(json.dumps, lines)))

    done = CliRunner().invoke(capacity.main, [str(run), "--replay", "--record", "replay-1"])

    assert done.exit_code == 0, done.output
    assert written == [("capacity", "replay-1-mean"), ("capacity", "replay-1-p95")]


def test_a_parser_takes_the_same_options(written: list[tuple[str, str]]) -> None:
    parser = argparse.ArgumentParser()
    add_record_option(parser)

    recorder = recorder_of(parser, parser.parse_args(["--record", "claims", "--tuned-on", "three photos"]))

    assert recorder is not None
    assert (recorder.name, recorder.tuned_on) == ("claims", "three photos")
    assert recorder_of(parser, parser.parse_args([])) is None
    with pytest.raises(SystemExit):
        recorder_of(parser, parser.parse_args(["--record", "Claims"]))


@pytest.mark.parametrize(("value", "kept"), [(1.23456, 1.235), (1327.4, 1327), (138, 138), (0.0145, 0.0145)])
def test_values_have_four_digits(value: float, kept: float) -> None:
    assert rounded(value) == kept


def test_the_page_has_each_figure() -> None:
    written = page()

    assert list(SECTIONS) == list(ROOMS)
    for figure in FIGURES.values():
        (row,) = (line for line in written.splitlines() if f'<a id="{figure.id}"></a>' in line)
        assert value_of(figure) in row
        assert figure.tuned_on in row
        assert figure.date in row
        assert figure.by_hand == (", by hand<" in row)
    assert HELD_OUT in written


def agrees(text: str, value: float) -> bool:
    """Whether a number in a link's text is the value, rounded as the text rounds it."""
    numbers = [one.replace(",", "") for one in NUMBER.findall(text)]
    for one in numbers:
        places = len(one.partition(".")[2])
        # Of 1,600 the zeros may be rounded, too.
        zeros = len(one) - len(one.rstrip("0")) if places == 0 and float(one) >= 1000 else 0
        if abs(float(one) - abs(value)) <= 0.5 * 10 ** (zeros - places) + 1e-9:
            return True
    return not numbers


@pytest.mark.parametrize(
    ("text", "value", "agreed"),
    [("1.5 s", 1.51, True), ("1.4 s", 1.51, False), ("45 of 60", 45, True), ("1,600", 1608, True), ("how", 3, True)],
)
def test_a_quoted_number_is_compared_as_it_is_rounded(text: str, value: float, agreed: bool) -> None:
    assert agrees(text, value) == agreed


def test_every_quoted_figure_has_a_row_that_agrees() -> None:
    wrong = []
    for document in DOCUMENTS:
        for text, figure_id in LINK.findall(text_of(document)):
            figure = FIGURES.get(figure_id)
            if figure is None:
                wrong.append(f"{document}: no figure {figure_id}")
            elif not agrees(text, figure.value):
                wrong.append(f"{document}: {text!r}, but {figure_id} is {value_of(figure)}")
    assert wrong == []
