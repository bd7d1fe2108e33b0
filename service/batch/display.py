"""The progress display of a batch: how far it is, running pairs, time left, and failures."""

from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from service.batch.pairs import Pair
from service.batch.state import Failed, Made

#: Pairs that the display shows at once. The others run without a line.
_LINES = 12
#: Seconds. The pace is that of the whole run, because pairs end in bursts.
_PACE_OF = 1e6


class Display:
    """Bars on a terminal. Elsewhere, or if `quiet`, a line for each failure. Call it from one thread."""

    def __init__(self, console: Console, *, total: int, done: int, quiet: bool) -> None:
        self._console, self._failed = console, 0
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=quiet or not console.is_terminal,
            speed_estimate_period=_PACE_OF,
        )
        self._batch = self._progress.add_task("batch", total=total, completed=done, note=f"{done}/{total}")
        self._lines: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Show the display until the end of the block."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, pair: Pair) -> None:
        """Show a pair."""
        if len(self._lines) < _LINES:
            title = pair.title if len(pair.title) <= 52 else "…" + pair.title[-51:]
            self._lines[pair.key] = self._progress.add_task(f"  {title}", total=1.0, note="")

    def progress(self, pair: Pair, stage: str, fraction: float) -> None:
        """Show a pair's progress."""
        if pair.key in self._lines:
            self._progress.update(self._lines[pair.key], completed=fraction, note=stage)

    def ended(self, pair: Pair, outcome: Made | Failed) -> None:
        """Count a pair, and print why it failed."""
        if pair.key in self._lines:
            self._progress.remove_task(self._lines.pop(pair.key))
        if not isinstance(outcome, Made):
            self._failed += 1
            line = Text.assemble(("failed  ", "red"), f"{pair.title}: {outcome.message} ({outcome.code})")
            self._console.print(line, soft_wrap=True)
        self._progress.advance(self._batch)
        task = self._progress.tasks[0]
        parts = [f"{task.completed:.0f}/{task.total:.0f}"]
        parts += [f"{self._failed} failed"] * bool(self._failed)
        if task.time_remaining:
            parts.append(f"about {timedelta(seconds=task.time_remaining)} left")
        self._progress.update(self._batch, note=", ".join(parts))
