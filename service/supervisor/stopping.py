"""Requests to stop: the signals that end a process, and which of them came."""

import os
import signal
import threading
from queue import SimpleQueue


class StopRequest(threading.Event):
    """Set once the process must stop. `reason` names the cause, for the log.

    Its own thread sets it after a signal. The signal handler must take no lock, because it interrupts the main thread
    anywhere, for example in `wait` with the event's own lock. It would then wait for itself for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason = "no request"
        self._parent = os.getppid()
        #: Its `put` may interrupt itself, https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put
        self._signals = SimpleQueue[None]()
        threading.Thread(target=self._heed, name="stop", daemon=True).start()

    def on_signal(self, number: int, _frame: object = None) -> None:
        """Record a signal. The event is set a moment later. Takes no lock, so it can't write a log itself."""
        if not self.is_set():
            orphaned = "" if os.getppid() == self._parent else ", its parent is gone"
            self.reason = signal.Signals(number).name + orphaned
        self._signals.put(None)

    def _heed(self) -> None:
        while True:
            self._signals.get()
            self.set()


def stop_on_signals() -> StopRequest:
    """Return an event that SIGTERM, SIGINT and SIGHUP (a closed terminal) set, unless nohup ignores SIGHUP.

    Call it from the main thread.
    """
    request = StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, request.on_signal)
    return request
