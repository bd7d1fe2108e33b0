"""The watch: one thread of a process looks for all who wait for news of jobs, however many they are."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from service.jobs.states import JobState

logger = logging.getLogger(__name__)


class TooManyStreams(Exception):
    """Raised when one client holds as many streams as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} streams")
        self.limit = limit


class Watcher:
    """One who waits for news of one job, in one event loop. Made by `Watch.open`; to be closed."""

    def __init__(self, watch: "Watch", job_id: str, holder: str | None) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._called = asyncio.Event()
        self._news: JobState | None = None
        self.job_id = job_id
        #: Whose stream it is; None: it is none.
        self.holder = holder
        #: Whether the process stops: there will be no more news.
        self.stopped = False
        #: The watch's own: what it has told last.
        self.told: JobState | None = None

    async def news(self, timeout: float) -> JobState | None:
        """Return the newest state that was not returned yet; None when `timeout` seconds, or the process, are over.

        Who is slow misses states in between, and never the last.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._called.wait()
        self._called.clear()
        if self.stopped:
            self._called.set()  # whoever asks again must not wait
        news, self._news = self._news, None
        return news

    def close(self) -> None:
        """Want no more news; closing twice is no error."""
        self._watch.leave(self)

    def call(self, state: JobState | None) -> None:
        """Give it a state, or None for the end of the process. For the watch, from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._take, state)

    def _take(self, state: JobState | None) -> None:
        if state is None:
            self.stopped = True
        else:
            self._news = state
        self._called.set()


class Watch:
    """Looks every so many seconds, in a thread of its own, while anyone waits. Lives as long as the process.

    A look that fails is only a late one: those who wait hear of what has changed once the database is back.
    """

    def __init__(
        self, look: Callable[[Collection[str]], Mapping[str, JobState]], *, every: float = 0.25, stream_limit: int = 0
    ) -> None:
        self._look = look
        self._every = every
        self._stream_limit = stream_limit
        self._changed = threading.Condition()
        self._watchers: dict[str, set[Watcher]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def open(self, job_id: str, *, holder: str | None = None) -> Watcher:
        """Begin to watch a job, in the running event loop. Raises TooManyStreams, for a holder."""
        with self._changed:
            if holder is not None and 0 < self._stream_limit <= self.streams(holder):
                raise TooManyStreams(self._stream_limit)
            watcher = Watcher(self, job_id, holder)
            self._watchers.setdefault(job_id, set()).add(watcher)
            if self._closed.is_set():
                watcher.call(None)
            elif self._thread is None:
                self._thread = threading.Thread(target=self._keep_looking, name="watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        return watcher

    async def ended(self, job_id: str, seconds: float) -> JobState | None:
        """Wait for a job's end; return the last state that is known after so many seconds, None where none is.

        Waiting takes no thread, and no connection of the database's.
        """
        end, last = time.monotonic() + seconds, None
        watcher = self.open(job_id)
        try:
            while (left := end - time.monotonic()) > 0 and not watcher.stopped:
                last = await watcher.news(left) or last
                if last is not None and last.over:
                    break
        finally:
            watcher.close()
        return last

    def leave(self, watcher: Watcher) -> None:
        """Take a watcher off; none there is no error."""
        with self._changed:
            others = self._watchers.get(watcher.job_id, set())
            others.discard(watcher)
            if not others:
                self._watchers.pop(watcher.job_id, None)

    def streams(self, holder: str | None = None) -> int:
        """Count the watchers of a holder; without one, all there are."""
        with self._changed:
            return sum(
                holder is None or watcher.holder == holder for some in self._watchers.values() for watcher in some
            )

    def close(self) -> None:
        """Tell all who wait, and who come later, that the process stops. Returns at once."""
        self._closed.set()
        with self._changed:
            for watcher in self._everyone():
                watcher.call(None)
            self._changed.notify()

    def end(self) -> None:
        """Close, and wait for the thread unless its look takes long: the database's connections are closed next."""
        self.close()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _everyone(self) -> list[Watcher]:
        return [watcher for some in self._watchers.values() for watcher in some]

    def _keep_looking(self) -> None:
        away = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watchers or self._closed.is_set())
                job_ids = list(self._watchers)
            if self._closed.is_set():
                return
            try:
                self._tell(self._look(job_ids))
                away = False
            except Exception as error:  # noqa: BLE001  # whatever it was: nobody would notice that this thread has ended
                if not away and not self._closed.is_set():
                    logger.warning("the states of %d jobs are not known now: %s", len(job_ids), error)
                away = True
            self._closed.wait(self._every)

    def _tell(self, states: Mapping[str, JobState]) -> None:
        with self._changed:
            for watcher in self._everyone():
                state = states.get(watcher.job_id)
                if state is not None and state != watcher.told:
                    watcher.told = state
                    watcher.call(state)
