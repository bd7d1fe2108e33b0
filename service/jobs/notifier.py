"""The job notifier: one thread polls the database for all subscribers of a process."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from service.jobs.states import JobState

logger = logging.getLogger(__name__)


class Subscription:
    """A subscription to one job's states in one event loop. `JobNotifier.subscribe` makes it; close it after use."""

    def __init__(self, notifier: "JobNotifier", job_id: str) -> None:
        self._notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._pushed = asyncio.Event()
        self._state: JobState | None = None
        self.job_id = job_id
        #: Whether the process is stopping, so that no more states come.
        self.stopped = False
        #: For the notifier: the last state that it pushed.
        self.last_sent: JobState | None = None

    async def next_state(self, timeout: float) -> JobState | None:
        """Return the newest unreturned state; None after `timeout` seconds or when the process stops.

        A slow subscriber misses states in between, but never the last.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._pushed.wait()
        self._pushed.clear()
        if self.stopped:
            self._pushed.set()  # so that later calls return at once
        state, self._state = self._state, None
        return state

    def close(self) -> None:
        """Unsubscribe. Repeating it is safe."""
        self._notifier.unsubscribe(self)

    def push(self, state: JobState | None) -> None:
        """Push a state, or None when the process stops. The notifier may call it from any thread."""
        with contextlib.suppress(RuntimeError):  # a closed loop has no subscribers
            self._loop.call_soon_threadsafe(self._take, state)

    def _take(self, state: JobState | None) -> None:
        if state is None:
            self.stopped = True
        else:
            self._state = state
        self._pushed.set()


class JobNotifier:
    """Notifies the subscribers of jobs. One instance serves the whole process.

    While there are subscribers, its thread reads their jobs every `every` seconds. After a failure of the database,
    subscribers receive the changes late.
    """

    def __init__(self, look: Callable[[Collection[str]], Mapping[str, JobState]], *, every: float = 0.1) -> None:
        self._look = look
        self._every = every
        self._changed = threading.Condition()
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def subscribe(self, job_id: str) -> Subscription:
        """Subscribe to a job in the running event loop."""
        with self._changed:
            subscription = Subscription(self, job_id)
            self._subscriptions.setdefault(job_id, set()).add(subscription)
            if self._closed.is_set():
                subscription.push(None)
            elif self._thread is None:
                self._thread = threading.Thread(target=self._keep_looking, name="notifier", daemon=True)
                self._thread.start()
            self._changed.notify()
        return subscription

    async def wait_until_done(self, job_id: str, seconds: float) -> JobState | None:
        """Wait for a job's end, at most `seconds`; return its last known state, or None if none is known.

        Waiting uses no thread and no database connection.
        """
        end, last = time.monotonic() + seconds, None
        subscription = self.subscribe(job_id)
        try:
            while (left := end - time.monotonic()) > 0 and not subscription.stopped:
                last = await subscription.next_state(left) or last
                if last is not None and last.over:
                    break
        finally:
            subscription.close()
        return last

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription. Repeating it is safe."""
        with self._changed:
            others = self._subscriptions.get(subscription.job_id, set())
            others.discard(subscription)
            if not others:
                self._subscriptions.pop(subscription.job_id, None)

    def streams(self) -> int:
        """Return the number of subscriptions."""
        with self._changed:
            return len(self._everyone())

    def close(self) -> None:
        """Signal to present and later subscribers that the process is stopping, without waiting."""
        self._closed.set()
        with self._changed:
            for subscription in self._everyone():
                subscription.push(None)
            self._changed.notify()

    def end(self) -> None:
        """Close and wait for the thread, at most a second, as the database connections are closed next."""
        self.close()
        if self._thread is not None:
            self._thread.join(timeout=1)

    def _everyone(self) -> list[Subscription]:
        return [subscription for some in self._subscriptions.values() for subscription in some]

    def _keep_looking(self) -> None:
        away = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._subscriptions or self._closed.is_set())
                job_ids = list(self._subscriptions)
            if self._closed.is_set():
                return
            try:
                self._notify(self._look(job_ids))
                away = False
            except Exception as error:  # noqa: BLE001  # an ended thread would leave all subscribers waiting
                if not away and not self._closed.is_set():
                    logger.warning("can't read the states of %d jobs: %s", len(job_ids), error)
                away = True
            self._closed.wait(self._every)

    def _notify(self, states: Mapping[str, JobState]) -> None:
        with self._changed:
            for subscription in self._everyone():
                state = states.get(subscription.job_id)
                if state is not None and state != subscription.last_sent:
                    subscription.last_sent = state
                    subscription.push(state)
