"""The progress display of a batch: how far it is, what runs now, when it will be over, what has failed."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import Task as Line
from rich.text import Text

from service.batch.manifest.outcome import Failed, Made
from service.batch.manifest.pairs import Pair

#: Pairs that are shown at once; the others run unseen.
_LINES = 12


class Display:
    """Bars on a terminal; elsewhere, or `quiet`, a line for each failure. Told from one thread."""

    def __init__(self, console: Console, *, total: int, done: int, quiet: bool) -> None:
        self._console, self._bars = console, not quiet and console.is_terminal
        self._failed = 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            _Count(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=not self._bars,
        )
        self._batch = self._progress.add_task("batch", total=total, completed=done, note="")
        self._first = done
        self._lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Show it until the end of the block."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, pair: Pair) -> None:
        """Show a pair."""
        if len(self._lines) < _LINES:
            self._lines[pair.key] = self._progress.add_task(f"  {_short(pair.title)}", total=1.0, note="")

    def progress(self, pair: Pair, stage: str, fraction: float) -> None:
        """Show a pair's progress."""
        if pair.key in self._lines:
            self._progress.update(self._lines[pair.key], completed=fraction, note=stage)

    def ended(self, pair: Pair, outcome: Made | Failed) -> None:
        """Count a pair, and say why it failed."""
        if pair.key in self._lines:
            self._progress.remove_task(self._lines.pop(pair.key))
        if not isinstance(outcome, Made):
            self._failed += 1
            line = Text.assemble(("failed  ", "red"), f"{pair.title}: {outcome.message} ({outcome.code})")
            self._console.print(line, soft_wrap=True)
        self._progress.advance(self._batch)
        self._progress.update(self._batch, note=self._outlook())

    def _outlook(self) -> str:
        task = self._progress.tasks[0]
        done, left = task.completed - self._first, (task.total or 0) - task.completed
        parts = [f"{self._failed} failed"] if self._failed else []
        if left and done and task.elapsed:
            # Over the whole run: what ends comes in bursts, and a moment's pace says little.
            parts.append(f"about {_duration(task.elapsed / done * left)} left")
        return ", ".join(parts)


class _Count(MofNCompleteColumn):
    def render(self, task: Line) -> Text:
        """Count pairs, and nothing of a single one."""
        return super().render(task) if task.id == 0 else Text(f"{task.percentage:>3.0f} %")


def _short(title: str, limit: int = 52) -> str:
    return title if len(title) <= limit else "…" + title[1 - limit :]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
