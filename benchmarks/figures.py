"""Figures as data: each is a row of `results/ROOM.jsonl`, written by benchmarks and read by the docs site."""

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import psutil

from service.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
#: Rooms in the order of the figures page.
ROOMS = ("picture", "cutout", "placement", "speed", "studio", "capacity", "robustness", "operations")
#: How the command of a figure begins that no program reproduces.
BY_HAND = "by hand: "
#: `tuned_on` of a figure whose cases no rule was chosen on, and of one where nothing can be tuned.
HELD_OUT, NOT_TUNED = "nothing: held out", "nothing"
MOST_WORDS = 25

#: Settings that change what a program measures, so its command names those that are set.
_KEPT = ("cpu_runtime", "device", "segmenter")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMMIT = re.compile(r"[0-9a-f]{8,12}")
_BAR = re.compile(r"(at most|at least) (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Figure:
    """A measured value, how it was measured, and on what. Raises ValueError where a field is wrong."""

    #: Kebab-case, unique over all rooms, never renamed: pages link to it.
    id: str
    what: str
    value: float
    #: Follows the value: "s", "%", "of 60 pictures"; empty for a ratio or a distance without a unit.
    unit: str
    #: From the repository's root, or BY_HAND and the way.
    command: str
    #: Short hash of the code that was measured, or of the commit that brought the figure in.
    commit: str
    #: ISO 8601.
    date: str
    machine: str
    #: Photos or cases that rules were chosen on, else HELD_OUT or NOT_TUNED.
    tuned_on: str
    #: Number of cases.
    n: int | None = None
    #: "at most 2.5" or "at least 0.7", in the value's unit.
    bar: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """Validate."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and (value != value.strip() or (not value and field.name != "unit")):
                raise ValueError(f"{self.id}: {field.name} must not be blank or padded, got {value!r}.")
        if not _ID.fullmatch(self.id):
            raise ValueError(f"id must be kebab-case, got {self.id!r}.")
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise ValueError(f"{self.id}: value must be a number, got {self.value!r}.")
        if len(self.what.split()) > MOST_WORDS:
            raise ValueError(f"{self.id}: what has {len(self.what.split())} words. Use at most {MOST_WORDS}.")
        if not _COMMIT.fullmatch(self.commit):
            raise ValueError(f"{self.id}: commit must be a short hash, got {self.commit!r}.")
        if self.n is not None and self.n < 1:
            raise ValueError(f"{self.id}: n must be positive, got {self.n}.")
        if self.bar is not None and not _BAR.fullmatch(self.bar):
            raise ValueError(f'{self.id}: bar must read "at most 2.5" or "at least 2.5", got {self.bar!r}.')
        date.fromisoformat(self.date)

    @property
    def by_hand(self) -> bool:
        """Whether no program reproduces it."""
        return self.command.startswith(BY_HAND)

    @property
    def meets_bar(self) -> bool | None:
        """Whether the value keeps the bar; None without one."""
        if self.bar is None:
            return None
        side, limit = self.bar.rsplit(" ", 1)
        return self.value <= float(limit) if side == "at most" else self.value >= float(limit)


def path_of(room: str, results: Path = RESULTS) -> Path:
    """Return the file of a room. Raises ValueError for an unknown room."""
    if room not in ROOMS:
        raise ValueError(f"Unknown room {room!r}. Use one of {', '.join(ROOMS)}.")
    return results / f"{room}.jsonl"


def load(room: str, results: Path = RESULTS) -> list[Figure]:
    """Return a room's figures in the file's order. Raises ValueError with the line of a wrong row."""
    path = path_of(room, results)
    figures = []
    for number, line in enumerate(path.read_text("utf-8").splitlines() if path.exists() else [], 1):
        try:
            figures.append(Figure(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
    return figures


def load_all(results: Path = RESULTS) -> dict[str, list[Figure]]:
    """Return the figures of every room. Raises ValueError for an id that occurs twice."""
    rooms = {room: load(room, results) for room in ROOMS}
    ids = [figure.id for figures in rooms.values() for figure in figures]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise ValueError(f"Each id must occur once. Twice: {', '.join(twice)}.")
    return rooms


def save(room: str, figures: Iterable[Figure], results: Path = RESULTS) -> None:
    """Write rows into a room's file: those with a known id replace it, the others follow at the end."""
    rows = {figure.id: figure for figure in load(room, results)}
    rows |= {figure.id: figure for figure in figures}
    lines = [
        json.dumps({key: value for key, value in asdict(row).items() if value is not None}, ensure_ascii=False)
        for row in rows.values()
    ]
    path = path_of(room, results)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text("\n".join(lines) + "\n", "utf-8")
    unfinished.replace(path)


@dataclass(frozen=True)
class Measured:
    """What a program found: `name` completes the id, the rest are fields of Figure."""

    name: str
    what: str
    value: float
    unit: str
    n: int | None = None
    bar: str | None = None


@dataclass(frozen=True)
class Recorder:
    """Writes what a program measured. Made when the command line is parsed, so a dirty tree fails before a long run."""

    #: The ids' first part, as given with `--record`.
    name: str
    commit: str
    command: str
    tuned_on: str | None = None

    @classmethod
    def of(cls, name: str, tuned_on: str | None = None) -> "Recorder":
        """Return a recorder of the commit that is checked out. Raises ValueError for a wrong name or a dirty tree."""
        if not _ID.fullmatch(name):
            raise ValueError(f'--record takes a kebab-case name such as "swap-2048", got {name!r}.')
        changed = [line[3:] for line in _git("status", "--porcelain", "--untracked-files=no").splitlines()]
        # An earlier run may have just recorded.
        if changed := [path for path in changed if not path.startswith("benchmarks/results/")]:
            raise ValueError(f"--record needs a clean tree. Changed: {', '.join(changed[:5])}. Commit first.")
        return cls(name, _git("rev-parse", "--short=8", "HEAD").strip(), command_line(sys.argv), tuned_on)

    def write(self, room: str, found: Iterable[Measured], results: Path = RESULTS) -> None:
        """Write rows `NAME-…`. A row that exists keeps `tuned_on`, `bar` and place where none is given."""
        known = {figure.id: figure for figure in load(room, results)}
        today, here, rows = datetime.now(UTC).date().isoformat(), machine(), []
        for one in found:
            figure_id = f"{self.name}-{one.name}"
            before = known.get(figure_id)
            row = Figure(
                figure_id,
                one.what,
                rounded(one.value),
                one.unit,
                command=self.command,
                commit=self.commit,
                date=today,
                machine=here,
                tuned_on=self.tuned_on or (before.tuned_on if before else NOT_TUNED),
                n=one.n,
                bar=one.bar,
            )
            rows.append(replace(row, bar=row.bar or (before.bar if before else None)))
        save(room, rows, results)
        click.echo(f"{path_of(room, results)}: {', '.join(row.id for row in rows)}", err=True)


def rounded(value: float) -> float:
    """Return a value with four significant digits; counts as they are."""
    short = value if isinstance(value, int) else float(f"{value:.4g}")
    return int(short) if float(short).is_integer() else short


def command_line(arguments: list[str]) -> str:
    """Return the command that repeats a run from the root, without its recording."""
    program, *given = arguments
    # `backdrop bench` gives a path from the root.
    path = (ROOT / program).resolve()
    kept, skip = [], False
    for one in given:
        if skip or one.startswith(("--record=", "--tuned-on=")):
            skip = False
        elif one in ("--record", "--tuned-on"):
            skip = True
        else:
            kept.append(one)
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    # Modules of scripts/ import each other by package, so they run with -m.
    called = f"-m {'.'.join(place.with_suffix('').parts)}" if place.parts[0] == "scripts" else str(place)
    settings = load_settings()
    set_here = [
        f"BACKDROP_{name.upper()}={getattr(settings, name)}" for name in _KEPT if name in settings.model_fields_set
    ]
    return " ".join([*set_here, ".venv/bin/python", called, shlex.join(kept)]).strip()


def machine() -> str:
    """Return cores, processor, GPU, Python and the load on the machine, in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    processor = names[0].partition(":")[2].strip() if names else platform.machine()
    gpu = "CUDA GPU" if Path("/proc/driver/nvidia/version").exists() else "no GPU"
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{os.cpu_count()} cores, {processor}, {gpu}, Python {python}, load {psutil.getloadavg()[0]:.1f}"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


_RECORD = "Write the figures into benchmarks/results, with ids NAME-…; needs a clean tree."
_TUNED_ON = "With --record: the photos or cases that rules were chosen on."


def record_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--record NAME` and `--tuned-on TEXT` to a click command, which gets `recorder`: a Recorder, or None."""

    def read_tuned_on(context: click.Context, _option: click.Parameter, text: str | None) -> None:
        context.meta["tuned_on"] = text

    def read(context: click.Context, _option: click.Parameter, name: str | None) -> Recorder | None:
        try:
            return None if name is None else Recorder.of(name, context.meta.get("tuned_on"))
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    tuned_on = click.option(
        "--tuned-on", callback=read_tuned_on, expose_value=False, is_eager=True, metavar="TEXT", help=_TUNED_ON
    )
    return tuned_on(click.option("--record", "recorder", callback=read, metavar="NAME", help=_RECORD)(command))


def add_record_option(parser: argparse.ArgumentParser) -> None:
    """Add `--record NAME` and `--tuned-on TEXT` to a parser; `recorder_of` reads them."""
    parser.add_argument("--record", metavar="NAME", help=_RECORD)
    parser.add_argument("--tuned-on", metavar="TEXT", help=_TUNED_ON)


def recorder_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Recorder | None:
    """Return the recorder that the options ask for, or None; ends the program where it can't be made."""
    try:
        return None if options.record is None else Recorder.of(options.record, options.tuned_on)
    except ValueError as error:
        parser.error(str(error))
