"""A batch: its pairs, their order, their outcomes, the changes of a review, and the files that it writes."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pipeline.core.order import SEED_LIMIT
from service.batch.pairs import Pair
from service.batch.sheet import Cell, write_sheet, write_table
from service.batch.spec_file import Review
from service.batch.state import FOLDER, Failed, Failure, Made, State, tidy, whole

logger = logging.getLogger(__name__)

#: Makes a pair's picture in the output folder: `at_server.RemoteMaker.make` or `here.LocalMaker.make`.
#: Raises Failure for this pair alone.
Make = Callable[[Pair], Awaitable[Made]]


class Batch:
    """The pairs of a folder of photos, and their outcomes.

    `retry_failed`: also retry photos that failed for a reason that does not change.
    """

    def __init__(
        self, groups: Sequence[Sequence[Pair]], state: State, out: Path, *, retry_failed: bool = False
    ) -> None:
        self._groups, self._state, self._out, self._retry_failed = groups, state, out, retry_failed
        self.pairs = [pair for group in groups for pair in group]
        #: By the pair's key: photos with the same bytes are one picture in two places.
        self.outcomes: dict[str, Made | Failed] = {}
        #: Jobs of earlier runs, including those that this run only waits for.
        self._jobs_before = {self._state.entry(pair.key).job_id for pair in self.pairs}
        self._look()

    @property
    def left(self) -> list[Pair]:
        """The pairs that have no outcome yet."""
        return [pair for pair in self.pairs if pair.key not in self.outcomes]

    @property
    def made(self) -> list[Made]:
        """The pictures that exist. A rejected picture is kept aside, and does not count."""
        return list(self._made.values())

    @property
    def _made(self) -> dict[str, Made]:
        found = self.outcomes.items()
        return {key: one for key, one in found if isinstance(one, Made) and self._state.entry(key).choice != "reject"}

    @property
    def charged(self) -> tuple[int, int]:
        """The credits that this run cost, and those of all pictures that exist."""
        # Photos with the same bytes are one job.
        credits = {one.job_id: one.credits for one in self.made}
        return sum(cost for job_id, cost in credits.items() if job_id not in self._jobs_before), sum(credits.values())

    @property
    def same(self) -> int:
        """The number of pictures that another look's job made. Files with the same bytes and look are one picture."""
        made = self._made
        jobs = {pair.id: job_id for pair in self.pairs if pair.key in made and (job_id := made[pair.key].job_id)}
        return len(jobs) - len(set(jobs.values()))

    @property
    def failed(self) -> list[Failed]:
        """The pairs that failed."""
        return [one for one in self.outcomes.values() if isinstance(one, Failed)]

    def redo(self, review: Review) -> Counter[str]:
        """Apply a review and count its choices. "passed" counts choices about a picture that has been replaced since.

        Rejected pictures move aside and are not made again. For "again" the pair gets another random seed. Applying the
        same review a second time changes nothing.
        """
        places = {(pair.photo.name, pair.preset): pair for pair in self.pairs}
        done = Counter[str]()
        for one in review.choices:
            pair = places.get((one.photo, one.preset))
            made = self._state.entry(pair.key).made if pair else None
            if pair is None or made is None or (made.sha256, made.seed) != (one.sha256, one.seed):
                done["passed"] += 1
                continue
            done[one.choice] += 1
            if one.choice == "again":
                self._state.again(pair.key, secrets.randbelow(SEED_LIMIT))
                self._aside(made)
                continue
            if one.choice == "approve":
                _move(self._out / FOLDER / "aside" / made.file, self._out / made.file)
            self._state.chosen(pair.key, one.choice)
        self._look()
        return done

    async def run(self, make: Make, ended: Callable[[Pair, Made | Failed], None], *, concurrency: int) -> None:
        """Make the pictures that are left, `concurrency` at a time. Calls `ended` with each pair's outcome.

        A photo's first picture computes its cut-out, and the others use it. A failed pair does not stop the others.
        After a cancellation another run can continue.
        """
        for folder in {(self._out / pair.stem).parent for pair in self.pairs}:
            tidy(folder)  # a killed batch may have left partial files
        photos, pairs = asyncio.Semaphore(concurrency), asyncio.Semaphore(concurrency)

        async def one(pair: Pair) -> None:
            async with pairs:
                outcome, job_over = await self._outcome(pair, make)
            self._state.ended(pair.key, outcome, job_over=job_over)
            self.outcomes[pair.key] = outcome
            ended(pair, outcome)

        async def photo(first: Pair, *others: Pair) -> None:
            async with photos, asyncio.TaskGroup() as tasks:
                await one(first)
                for pair in others:
                    tasks.create_task(one(pair))

        async with asyncio.TaskGroup() as tasks:
            for group in self._groups:
                if left := [pair for pair in group if pair.key not in self.outcomes]:
                    tasks.create_task(photo(*left))

    def write(self) -> None:
        """Write the table and the contact sheet."""
        rows = [
            [Cell(pair, self.outcomes.get(pair.key), self._state.entry(pair.key).choice) for pair in group]
            for group in self._groups
        ]
        write_table(self._out / "results.csv", rows)
        write_sheet(self._out, rows, batch=self._state.run_id)

    async def _outcome(self, pair: Pair, make: Make) -> tuple[Made | Failed, bool]:
        """Return the outcome of a pair, and whether its job ended as FAILURE."""
        started = time.perf_counter()
        try:
            if pair.photo.trouble is not None:
                raise Failure("photo_unreadable", pair.photo.trouble)
            return await make(pair), False
        except Failure as error:
            failure = error
        except OSError as error:
            failure = Failure("file_error", f"{error.filename or 'A file'}: {error.strerror}.")
        except Exception as error:
            # A bug in Backdrop must not stop the other pairs.
            logger.debug("%s broke", pair.title, exc_info=True)
            failure = Failure("internal_error", f"{type(error).__name__}: {error}")
        seconds, job_id = round(time.perf_counter() - started, 2), self._state.entry(pair.key).job_id
        return Failed(failure.code, failure.message, seconds, job_id), failure.job_over

    def _look(self) -> None:
        """Find the pairs that already have an outcome."""
        self.outcomes.clear()
        for pair in self.pairs:
            entry = self._state.entry(pair.key)
            if entry.made is not None and entry.choice == "reject":
                self._aside(entry.made)  # in case a crash came before the move
                self.outcomes[pair.key] = entry.made
            elif entry.made is not None and whole(self._out, entry.made):
                self.outcomes[pair.key] = entry.made
            elif entry.failed is not None and entry.failed.hopeless and not self._retry_failed:
                self.outcomes[pair.key] = entry.failed

    def _aside(self, made: Made) -> None:
        """Move a picture out of the delivered ones. It is kept, because it was paid for."""
        _move(self._out / made.file, self._out / FOLDER / "aside" / made.file)


def _move(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
