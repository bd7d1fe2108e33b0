"""Judging inputs in processes that are killed when they take too long, and given up when they take too much memory."""

import os
import resource
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

#: Returns the result of an input as a sentence or a code. It is sent to other processes, as are the inputs' makers.
Judge = Callable[[bytes], str]
Maker = Callable[[int], bytes]


@dataclass(frozen=True)
class Result:
    """The result of one input: processor seconds, and the highest memory of its process so far, in MiB.

    Wall-clock time would depend on the machine's load.
    """

    number: int
    outcome: str
    seconds: float
    peak: int


def watched(
    numbers: Iterable[int],
    make: Maker,
    judge: Judge,
    *,
    workers: int,
    seconds: float,
    mebibytes: int,
    waits: float | None = None,
) -> Iterator[Result]:
    """Judge inputs in several processes and yield each result, in the order in which they end.

    The outcome is the judge's, or "hang" after `seconds` of processor time or `waits` seconds by the clock (None: sixty
    times `seconds`; it waits for something that does not come), "over memory" above `mebibytes`, "killed by signal N",
    "ended with status N". Such a process is replaced. Raises RuntimeError when a process does not start.
    """
    todo = iter(numbers)
    waits = 60 * seconds if waits is None else waits
    crew = [_Process(make, judge, mebibytes) for _ in range(workers)]
    try:
        while crew:
            heard = wait([process.connection for process in crew], timeout=0.1)
            for place, process in enumerate(crew):
                result = process.hear() if process.connection in heard else process.hurry(seconds, waits)
                if result is not None:
                    yield result
                if process.gone:
                    crew[place] = _Process(make, judge, mebibytes)
                elif process.idle and not process.give(next(todo, None)):
                    process.end()
            crew = [process for process in crew if not process.gone]
    finally:
        for process in crew:
            process.end()


class _Process:
    """One process, and its current input."""

    def __init__(self, make: Maker, judge: Judge, mebibytes: int) -> None:
        context = get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, make, judge, mebibytes), daemon=True)
        self._process.start()
        other.close()
        self._mebibytes = mebibytes
        self._booted = False
        self._number: int | None = None
        self._since = self._used = 0.0
        self.gone = False

    @property
    def idle(self) -> bool:
        return self._booted and self._number is None

    def give(self, number: int | None) -> bool:
        """Give it an input; with none left, return False."""
        if number is None:
            return False
        self._number, self._since, self._used = number, time.monotonic(), self._processor_time()
        self.connection.send(number)
        return True

    def hear(self) -> Result | None:
        """Return its result or, if it died, the reason."""
        try:
            said = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            self._process.join()  # its end of the pipe is closed: it is dead, or about to be
            self.gone = True
            if not self._booted:
                raise RuntimeError(f"A process did not start: status {self._process.exitcode}.") from error
            status = self._process.exitcode or 0
            return self._done(f"killed by signal {-status}" if status < 0 else f"ended with status {status}")
        if not self._booted:
            self._booted = True
            return None
        outcome, seconds, peak = said
        if peak > self._mebibytes:
            self.end()  # its peak would count against every later input
            outcome = "over memory"
        return self._done(outcome, seconds, peak)

    def hurry(self, seconds: float, waits: float) -> Result | None:
        """Kill it when its input takes too long."""
        if self._number is None:
            return None
        used = self._processor_time() - self._used
        if used < seconds and time.monotonic() - self._since < waits:
            return None
        self.end()
        return self._done("hang", used)

    def _processor_time(self) -> float:
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.NoSuchProcess:
            return self._used
        return float(times.user + times.system)

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.join()
        self.gone = True

    def _done(self, outcome: str, seconds: float = 0.0, peak: int = 0) -> Result | None:
        number, self._number = self._number, None
        return None if number is None else Result(number, outcome, seconds, peak)


def _work(connection: Connection, make: Maker, judge: Judge, mebibytes: int) -> None:
    """Judge the inputs until the pipe closes."""
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the C libraries complain there
    # Far above the allowed memory: the peak is measured, and this only protects the machine.
    resource.setrlimit(resource.RLIMIT_AS, (4 * mebibytes << 20, 4 * mebibytes << 20))
    connection.send("ready")
    while True:
        try:
            data = make(connection.recv())
        except EOFError:
            return
        started = time.process_time()
        outcome = judge(data)
        connection.send((outcome, time.process_time() - started, _peak()))


def _peak() -> int:
    """Return the highest memory of this process, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # not getrusage: on Linux that includes the parent's memory at the start of this process
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
