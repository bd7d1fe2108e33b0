"""The job notifier: one thread of a process polls for all who subscribe to jobs, however many they are."""

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


class Subscription:
    """A subscription to one job's states, in one event loop. Made by `JobNotifier.subscribe`; to be closed."""

    def __init__(self, notifier: "JobNotifier", job_id: str, client_id: str | None) -> None:
        self._notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._pushed = asyncio.Event()
        self._state: JobState | None = None
        self.job_id = job_id
        #: Whose stream it is; None: it is none.
        self.client_id = client_id
        #: Whether the process stops: there will be no more states.
        self.stopped = False
        #: The notifier's own: what it has pushed last.
        self.last_sent: JobState | None = None

    async def next_state(self, timeout: float) -> JobState | None:
        """Return the newest state that was not returned yet; None when `timeout` seconds, or the process, are over.

        Who is slow misses states in between, and never the last.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._pushed.wait()
        self._pushed.clear()
        if self.stopped:
            self._pushed.set()  # whoever asks again must not wait
        state, self._state = self._state, None
        return state

    def close(self) -> None:
        """Unsubscribe; closing twice is no error."""
        self._notifier.unsubscribe(self)

    def push(self, state: JobState | None) -> None:
        """Push a state, or None for the end of the process. For the notifier, from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._take, state)

    def _take(self, state: JobState | None) -> None:
        if state is None:
            self.stopped = True
        else:
            self._state = state
        self._pushed.set()


class JobNotifier:
    """Notifies the subscribers to jobs. Lives as long as the process.

    It looks every so many seconds, in a thread of its own, while anyone is subscribed.

    A look that fails is only a late one: those who wait hear of what has changed once the database is back.
    """

    def __init__(
        self, look: Callable[[Collection[str]], Mapping[str, JobState]], *, every: float = 0.1, stream_limit: int = 0
    ) -> None:
        self._look = look
        self._every = every
        self._stream_limit = stream_limit
        self._changed = threading.Condition()
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def subscribe(self, job_id: str, *, client_id: str | None = None) -> Subscription:
        """Subscribe to a job, in the running event loop. Raises TooManyStreams, where a client is named."""
        with self._changed:
            if client_id is not None and 0 < self._stream_limit <= self.streams(client_id):
                raise TooManyStreams(self._stream_limit)
            subscription = Subscription(self, job_id, client_id)
            self._subscriptions.setdefault(job_id, set()).add(subscription)
            if self._closed.is_set():
                subscription.push(None)
            elif self._thread is None:
                self._thread = threading.Thread(target=self._keep_looking, name="notifier", daemon=True)
                self._thread.start()
            self._changed.notify()
        return subscription

    async def wait_until_done(self, job_id: str, seconds: float) -> JobState | None:
        """Wait for a job's end; return the last state that is known after so many seconds, None where none is.

        Waiting takes no thread, and no connection of the database's.
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
        """Take a subscription off the list; none there is no error."""
        with self._changed:
            others = self._subscriptions.get(subscription.job_id, set())
            others.discard(subscription)
            if not others:
                self._subscriptions.pop(subscription.job_id, None)

    def streams(self, client_id: str | None = None) -> int:
        """Count the subscriptions of a client; without one, all there are."""
        with self._changed:
            return sum(client_id in (None, subscription.client_id) for subscription in self._everyone())

    def close(self) -> None:
        """Tell all who wait, and who come later, that the process stops. Returns at once."""
        self._closed.set()
        with self._changed:
            for subscription in self._everyone():
                subscription.push(None)
            self._changed.notify()

    def end(self) -> None:
        """Close, and wait for the thread unless its look takes long: the database's connections are closed next."""
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
            except Exception as error:  # noqa: BLE001  # whatever it was: nobody would notice that this thread has ended
                if not away and not self._closed.is_set():
                    logger.warning("the states of %d jobs are not known now: %s", len(job_ids), error)
                away = True
            self._closed.wait(self._every)

    def _notify(self, states: Mapping[str, JobState]) -> None:
        with self._changed:
            for subscription in self._everyone():
                state = states.get(subscription.job_id)
                if state is not None and state != subscription.last_sent:
                    subscription.last_sent = state
                    subscription.push(state)
