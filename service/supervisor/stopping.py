"""Being told to stop: the signals that end a process, and which of them it was."""

import os
import signal
import threading
from queue import SimpleQueue


class StopRequest(threading.Event):
    """Set once the process is to stop; `reason` says why, for its log.

    A thread of its own sets it for a signal. The handler must take no lock: it interrupts the main thread anywhere, in
    `wait` with the event's own lock held, say, and would wait for itself forever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reason = "not told to"
        self._parent = os.getppid()
        #: Its `put` may interrupt itself, https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put
        self._signals = SimpleQueue[None]()
        threading.Thread(target=self._heed, name="stop", daemon=True).start()

    def on_signal(self, number: int, _frame: object = None) -> None:
        """Note a signal; the event is set a moment later. Takes no lock, and so writes no log itself."""
        if not self.is_set():
            orphaned = "" if os.getppid() == self._parent else ", its parent is gone"
            self.reason = signal.Signals(number).name + orphaned
        self._signals.put(None)

    def _heed(self) -> None:
        while True:
            self._signals.get()
            self.set()


def stop_on_signals() -> StopRequest:
    """Return what is set on SIGTERM, SIGINT, and SIGHUP, a closed terminal's, unless nohup has it ignored.

    For the main thread.
    """
    request = StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, request.on_signal)
    return request
