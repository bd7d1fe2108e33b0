"""The troubles of a storm: parts killed, stopped and frozen, servers paused, killed and emptied, at seeded moments."""

import os
import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from testkit.fleet import Fleet, Member
from testkit.installation import Installation
from testkit.servers import Server


@dataclass
class Trouble:
    """A trouble that lasts until `until` (monotonic seconds), when `undo` ends it."""

    what: str
    until: float
    undo: Callable[[], None]


class Troubles:
    """Makes trouble, one thing at a time and several at once, from the main thread."""

    def __init__(self, installation: Installation, fleet: Fleet, *, seed: int, every: float) -> None:
        self._installation = installation
        self._fleet = fleet
        self._choose = random.Random(f"{seed} troubles")
        #: Mean seconds between two troubles.
        self._every = every
        self._next = 0.0
        self._running: list[Trouble] = []
        #: How often each trouble was made, by its name.
        self.made: Counter[str] = Counter()
        self._kinds: list[tuple[int, Callable[[float], None]]] = [
            (7, lambda _: self._kill("worker", signal.SIGKILL)),
            (3, lambda _: self._kill("worker", signal.SIGTERM)),
            (4, lambda _: self._kill("api", signal.SIGKILL)),
            (2, lambda _: self._kill("api", signal.SIGTERM)),
            (2, lambda _: self._kill("sweep", signal.SIGKILL)),
            (1, lambda _: self._kill_supervisor()),
            (2, lambda now: self._freeze("worker", now)),
            (1, lambda now: self._freeze("api", now)),
            (3, self._lose_queue),
            (3, self._lose_database),
            (3, self._lose_store),
        ]

    @property
    def kills(self) -> int:
        """The number of ended processes of the service."""
        return sum(count for what, count in self.made.items() if what.partition(" ")[0] in {"SIGKILL", "SIGTERM"})

    def tick(self, now: float) -> None:
        """End troubles that are over, and begin due ones."""
        for trouble in [one for one in self._running if one.until <= now]:
            self._running.remove(trouble)
            trouble.undo()
        if now >= self._next:
            if self._next:
                weights, kinds = zip(*self._kinds, strict=True)
                (make,) = self._choose.choices(kinds, weights)
                make(now)
            self._next = now + self._choose.expovariate(1 / self._every)

    def calm(self) -> None:
        """End all troubles."""
        for trouble in self._running:
            trouble.undo()
        self._running.clear()

    def _member(self, kind: str) -> Member:
        return self._choose.choice([one for one in self._fleet.members if one.name.startswith(kind)])

    def _kill(self, kind: str, number: signal.Signals) -> None:
        process = self._member(kind).process
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
                self.made[f"{number.name} {kind}"] += 1

    def _kill_supervisor(self) -> None:
        member = self._member("worker")
        with suppress(ProcessLookupError):
            os.kill(member.part.pid, signal.SIGKILL)
            self.made["SIGKILL supervisor of a worker"] += 1

    def _freeze(self, kind: str, now: float) -> None:
        process = self._member(kind).process
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.suspend()
            self.made[f"freeze {kind}"] += 1
            self._running.append(Trouble(f"freeze {process.pid}", now + self._choose.uniform(1, 12), _resume(process)))

    def _is_wrong(self, what: str) -> bool:
        return any(trouble.what == what for trouble in self._running)

    def _lose_queue(self, now: float) -> None:
        queue = self._installation.queue
        how = self._choose.choice(["pause", "stop", "kill", "empty", "flush"])
        if self._is_wrong("queue"):
            return
        self.made[f"queue: {how}"] += 1
        if how == "flush":
            from redis import Redis

            with Redis.from_url(queue.url, socket_timeout=5) as client:
                client.flushall()
        elif how == "empty":
            queue.kill()
            shutil.rmtree(self._installation.settings.home / "valkey")
            self._running.append(Trouble("queue", now + self._choose.uniform(0, 6), queue.start))
        else:
            self._take_away(queue, "queue", how, now + self._choose.uniform(0.5, 6))

    def _lose_database(self, now: float) -> None:
        if self._is_wrong("database"):
            return
        database = self._installation.database
        if database is not None:
            how = self._choose.choice(["pause", "kill", "stop"])
            self.made[f"database: {how}"] += 1
            self._take_away(database, "database", how, now + self._choose.uniform(0.5, 8))
            return
        lock = _Lock(self._installation.settings.home / "backdrop.db")
        if lock.taken:
            self.made["database: locked"] += 1
            self._running.append(Trouble("database", now + self._choose.uniform(0.5, 14), lock.release))

    def _lose_store(self, now: float) -> None:
        if self._is_wrong("store"):
            return
        store = self._installation.store
        if store is not None:
            how = self._choose.choice(["pause", "kill", "stop"])
            self.made[f"store: {how}"] += 1
            self._take_away(store, "store", how, now + self._choose.uniform(0.5, 8))
            return
        self.made["store: refuses to write"] += 1
        folder = self._installation.settings.home / "objects" / "renders" / "renders"
        self._running.append(Trouble("store", now + self._choose.uniform(0.5, 8), _block(folder)))

    def _take_away(self, server: Server, what: str, how: str, until: float) -> None:
        {"pause": server.pause, "kill": server.kill, "stop": server.stop}[how]()
        self._running.append(Trouble(what, until, server.go_on if how == "pause" else server.start))


def _resume(process: psutil.Process) -> Callable[[], None]:
    def resume() -> None:
        with suppress(psutil.NoSuchProcess):
            process.resume()

    return resume


def _block(folder: Path) -> Callable[[], None]:
    """Put a file in place of a store's folder, as root ignores permissions; return a function that undoes it."""
    aside = folder.with_name("aside")
    folder.mkdir(parents=True, exist_ok=True)
    folder.rename(aside)
    folder.write_bytes(b"")

    def free() -> None:
        folder.unlink()
        aside.rename(folder)

    return free


class _Lock:
    """SQLite's write lock, held as by a hanging writer."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database, timeout=5, isolation_level=None)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self.taken = True
        except sqlite3.OperationalError:
            self._connection.close()
            self.taken = False

    def release(self) -> None:
        self._connection.close()
