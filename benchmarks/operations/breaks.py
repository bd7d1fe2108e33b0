"""Parts that are broken on purpose, each with the alert that must fire and those that may."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from service.database.engine import create_engine
from service.operations.roster import WorkerRoster
from testkit.fleet import Fleet
from testkit.installation import Installation
from testkit.servers import Server, s3_server

#: Prometheus' job name of the installation that is broken.
WATCHED = "backdrop"
#: Callers get 503 while the store refuses or the database is locked.
_ANSWERS = "BackdropHttpErrors"
_FAILURES = "BackdropFailures"


@dataclass(frozen=True)
class Break:
    """A part to break. `make` breaks it and returns a function that mends it; call both on the main thread."""

    #: In the ids of its figures.
    name: str
    what: str
    #: The alerts that must fire, with installation and part: "backdrop: BackdropPartAway{queue}".
    expected: frozenset[str]
    #: Alerts that may fire as well.
    also: frozenset[str]
    make: Callable[[], Callable[[], None]]


def breaks(made: Installation, fleet: Fleet) -> Iterator[Break]:
    """Yield the breaks in order. Raises ValueError for an installation without PostgreSQL and S3."""
    store, home, url = made.store, made.settings.home, made.settings.database_url
    if store is None or url is None:
        raise ValueError("The installation has no store or database server. Use installation.production.")
    answers = {_ANSWERS, _FAILURES}
    slow = {"BackdropDatabaseSlow"}
    away = {"BackdropPartAway{database}"}
    yield _break("no-worker", "both workers killed", {"BackdropNoWorker"}, lambda: _killed(fleet, "worker"))
    yield _break(
        "no-worker-drained",
        "both workers drained",
        {"BackdropNoWorker"},
        lambda: _drained(made.settings.sqlalchemy_url),
    )
    yield _break("no-api", "API killed", {"BackdropNoApi"}, lambda: _killed(fleet, "api"), {_ANSWERS})
    yield _break("no-sweep", "sweep killed", {"BackdropNoSweep"}, lambda: _killed(fleet, "sweep"))
    yield _break("queue-away", "queue server killed", {"BackdropPartAway{queue}"}, lambda: _away(made.queue))
    yield _break(
        "store-away", "store refuses all", {"BackdropPartAway{store}"}, lambda: _refusing(store, home), answers
    )
    yield _break(
        "database-slow", "table of jobs locked 3.5 of 4 s", slow, lambda: _locked(url, 3.5, 0.5), answers | away
    )
    yield _break("database-away", "table of jobs locked for good", slow | away, lambda: _locked(url, 3600, 1), answers)


def _break(
    name: str, what: str, expected: set[str], make: Callable[[], Callable[[], None]], also: Iterable[str] = ()
) -> Break:
    must, may = (frozenset(f"{WATCHED}: {one}" for one in alerts) for alerts in (expected, also))
    return Break(name, what, must, may, make)


def _killed(fleet: Fleet, kind: str) -> Callable[[], None]:
    """Kill parts with their supervisors, as the loss of a node does."""
    for member in fleet.members:
        if member.name.startswith(kind):
            first = psutil.Process(member.part.pid)
            for process in [first, *first.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    os.kill(process.pid, signal.SIGKILL)
            member.part.wait()

    def mend() -> None:
        fleet.tend()

    return mend


def _drained(url: str) -> Callable[[], None]:
    engine = create_engine(url)
    roster = WorkerRoster(engine)
    roster.ask_drain(None)

    def mend() -> None:
        roster.ask_drain(None, drain=False)
        engine.dispose()

    return mend


def _away(server: Server) -> Callable[[], None]:
    server.kill()
    return server.start


def _refusing(store: Server, home: Path) -> Callable[[], None]:
    """Replace the store with a server that has other keys, so that it answers each request with 403."""
    store.stop()
    (home / "refusing").mkdir()
    other = s3_server(home / "refusing", secret="another", port=int(store.url.rpartition(":")[2]))  # noqa: S106  # a made-up key
    other.start()

    def mend() -> None:
        other.stop()
        store.start()

    return mend


def _locked(url: str, held: float, free: float) -> Callable[[], None]:
    """Lock the jobs table exclusively for `held` seconds, release it for `free` seconds, and repeat."""
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
