"""Being told to stop: the signals that end a process, and which of them it was."""

import os
import signal
import threading


class StopRequest(threading.Event):
    """Set once the process is to stop; `reason` says why, for its log."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = "not told to"
        self._parent = os.getppid()

    def on_signal(self, number: int, _frame: object = None) -> None:
        """Note a signal. Runs between two instructions of any code, so it writes no log itself."""
        if not self.is_set():
            orphaned = "" if os.getppid() == self._parent else ", its parent is gone"
            self.reason = signal.Signals(number).name + orphaned
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
