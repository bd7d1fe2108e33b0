"""The scheduler of a batch: who goes when, and what became of each."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from service.batch.maker import BEFORE_CUTOUT, Maker
from service.batch.manifest.outcome import Failed, Failure, Made
from service.batch.manifest.pairs import Pair
from service.batch.manifest.state import State

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Is told what happens."""

    def started(self, pair: Pair) -> None:
        """A pair's turn has come."""

    def progress(self, pair: Pair, stage: str, fraction: float) -> None:
        """A pair has come so far."""

    def ended(self, pair: Pair, outcome: Made | Failed) -> None:
        """A pair is over."""


async def run_batch(
    groups: Sequence[Sequence[Pair]],
    maker: Maker,
    state: State,
    watcher: Watcher,
    *,
    concurrency: int,
    keep: Callable[[Pair, Made | Failed], None],
) -> None:
    """Make every pair of every photo, `concurrency` of them at a time; `keep` is given each outcome.

    A photo's other pairs are sent when the first one's cut-out is there, so that it is computed once. A pair that fails
    stops no other. Cancelled, it leaves everything so that another run goes on.
    """
    photos, pairs = asyncio.Semaphore(concurrency), asyncio.Semaphore(concurrency)

    async def one(pair: Pair, cut: asyncio.Event) -> None:
        try:
            async with pairs:
                watcher.started(pair)

                def tell(stage: str, fraction: float) -> None:
                    watcher.progress(pair, stage, fraction)
                    if stage not in BEFORE_CUTOUT:
                        cut.set()

                outcome, job_over = await _outcome(pair, maker, tell)
            state.ended(pair.key, outcome, job_over=job_over)
            keep(pair, outcome)
            watcher.ended(pair, outcome)
        finally:
            cut.set()

    async def photo(group: Sequence[Pair]) -> None:
        cut = asyncio.Event()
        async with photos, asyncio.TaskGroup() as tasks:
            tasks.create_task(one(group[0], cut))
            await cut.wait()
            for pair in group[1:]:
                tasks.create_task(one(pair, cut))

    async with asyncio.TaskGroup() as tasks:
        for group in groups:
            if group:
                tasks.create_task(photo(group))


async def _outcome(pair: Pair, maker: Maker, tell: Callable[[str, float], None]) -> tuple[Made | Failed, bool]:
    started = time.perf_counter()

    def failed(code: str, message: str, job_id: str | None = None) -> Failed:
        return Failed(code, message, round(time.perf_counter() - started, 2), job_id)

    if pair.photo.trouble is not None:
        return failed("photo_unreadable", pair.photo.trouble), False
    try:
        return await maker.make(pair, tell), False
    except Failure as error:
        return failed(error.code, error.message, error.job_id), error.job_over
    except OSError as error:
        return failed("file_error", f"{error.filename or 'A file'}: {error.strerror}."), False
    except Exception as error:
        # The others must not pay for a mistake of ours.
        logger.debug("%s broke", pair.title, exc_info=True)
        return failed("internal_error", f"{type(error).__name__}: {error}"), False
