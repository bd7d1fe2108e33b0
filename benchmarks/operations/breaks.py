"""What is broken on purpose while alerts are watched: each with the alert that must fire, and those that may."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from benchmarks.storm.fleet import Fleet
from benchmarks.storm.installation import Installation
from benchmarks.storm.servers import Server, s3_server

#: Callers are answered 503 while the store refuses, or the database makes them wait.
_ANSWERS = "BackdropHttpErrors"
_FAILURES = "BackdropFailures"


@dataclass(frozen=True)
class Break:
    """Something to break. `make` breaks it, and returns what mends it; both are for the main thread."""

    what: str
    #: The alerts that must fire, with the part that they name: "BackdropPartAway{queue}".
    expected: frozenset[str]
    make: Callable[[], Callable[[], None]]
    #: What may fire as well, since it is as true.
    beside: frozenset[str] = frozenset()


def breaks(made: Installation, fleet: Fleet) -> Iterator[Break]:
    """Yield the breaks, in their order. The installation's servers are all there."""
    store, home, url = made.store, made.settings.home, made.settings.database_url
    if store is None or url is None:
        raise ValueError("an installation for production is needed")
    answers = {_ANSWERS, _FAILURES}
    slow = {"BackdropDatabaseSlow"}
    away = {"BackdropPartAway{database}"}
    yield _break("both workers killed", {"BackdropNoWorker"}, lambda: _kill_workers(fleet))
    yield _break("queue server killed", {"BackdropPartAway{queue}"}, lambda: _away(made.queue))
    yield _break("store refuses all", {"BackdropPartAway{store}"}, lambda: _refusing(store, home), answers)
    yield _break("table of jobs locked 3.5 of 4 s", slow, lambda: _locked(url, 3.5, 0.5), answers | away)
    yield _break("table of jobs locked for good", slow | away, lambda: _locked(url, 3600, 1), answers)


def _break(what: str, expected: set[str], make: Callable[[], Callable[[], None]], beside: Iterable[str] = ()) -> Break:
    return Break(what, frozenset(expected), make, frozenset(beside))


def _kill_workers(fleet: Fleet) -> Callable[[], None]:
    """Kill the workers with their supervisors, as a node's loss does."""
    for member in fleet.members:
        if member.name.startswith("worker"):
            first = psutil.Process(member.part.pid)
            for process in [first, *first.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    os.kill(process.pid, signal.SIGKILL)
            member.part.wait()

    def mend() -> None:
        fleet.tend()

    return mend


def _away(server: Server) -> Callable[[], None]:
    server.kill()
    return server.start


def _refusing(store: Server, home: Path) -> Callable[[], None]:
    """Put a server in the store's place that knows other keys: it answers each request with 403."""
    store.stop()
    (home / "refusing").mkdir()
    other = s3_server(home / "refusing", secret="another", port=int(store.url.rpartition(":")[2]))  # noqa: S106  # it opens nothing
    other.start()

    def mend() -> None:
        other.stop()
        store.start()

    return mend


def _locked(url: str, held: float, free: float) -> Callable[[], None]:
    """Lock the table of jobs against everything for `held` seconds, let go for `free`, and so on."""
    over = threading.Event()

    def lock() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not over.is_set():
                with connection.transaction():
                    connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
                    over.wait(held)
                over.wait(free)

    thread = threading.Thread(target=lock, daemon=True)
    thread.start()

    def mend() -> None:
        over.set()
        thread.join()

    return mend
