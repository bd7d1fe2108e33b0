"""An API in a thread on a socket, as streams need it, and the events that its client reads."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from service.api.server import Server
from service.health.process import ProcessHealth
from service.jobs.notifier import JobNotifier
from service.settings import Settings
from testkit.polling import until
from testkit.servers import free_port
from tests.support.caller import Caller
from tests.support.databases import migrated_engine
from tests.support.documented import compared


@dataclass
class Api:
    """A server in a thread, and one client of it."""

    server: Server
    caller: Caller

    @property
    def notifier(self) -> JobNotifier:
        notifier: JobNotifier = self.server.app.state.notifier
        return notifier

    @property
    def engine(self) -> sa.Engine:
        """The server's own."""
        engine: sa.Engine = self.server.app.state.engine
        return engine

    def new_job(self) -> str:
        answer = self.caller.submit(self.caller.body())
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def follow(self, job_id: str, **headers: str) -> "Stream":
        return Stream(self.caller, job_id, headers)

    def let_go(self) -> None:
        until(lambda: self.notifier.streams() == 0)


class Stream:
    """An open stream, read line by line."""

    def __init__(self, caller: Caller, job_id: str, headers: dict[str, str]) -> None:
        self._opened = caller.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=caller.headers | headers)
        self.answer: httpx.Response = self._opened.__enter__()
        assert self.answer.status_code == 200, self.answer.read()
        self._lines = self.answer.iter_lines()
        self.ids: list[int] = []

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.__exit__(None, None, None)

    def block(self) -> list[str]:
        """Return the lines up to the next empty line; none: the stream has ended."""
        found: list[str] = []
        for line in self._lines:
            if not line:
                return found
            found.append(line)
        assert found == []
        return found

    def event(self) -> dict[str, Any]:
        """Return the next event, heartbeats left out."""
        while (block := self.block())[0].startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in block)
        assert set(fields) == {"id", "event", "data"}
        assert fields["event"] == "job"
        self.ids.append(int(fields["id"]))
        assert self.ids == sorted(set(self.ids)), "ids grow"
        found: dict[str, Any] = json.loads(fields["data"])
        return found

    def rest(self) -> list[dict[str, Any]]:
        """Return all events until the stream ends."""
        found = []
        while True:
            try:
                found.append(self.event())
            except IndexError:
                return found


@contextmanager
def serve(home: Path, queue_url: str, **changes: Any) -> Iterator[Api]:
    settings = Settings(home=home, queue_url=queue_url, port=free_port(), **changes)
    migrated_engine(settings).dispose()
    server = Server(settings, ProcessHealth("api"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        until(lambda: server.started)
        address = f"http://127.0.0.1:{settings.port}"
        with httpx.Client(base_url=address, timeout=300, limits=httpx.Limits(max_connections=None)) as http:
            compared(http)
            yield Api(server, Caller(http, settings, "follower", credits=1000))
    finally:
        server.should_exit = True
        thread.join(300)
        assert not thread.is_alive()


def cancel(api: Api, job_id: str) -> None:
    assert api.caller.http.delete(f"/v1/jobs/{job_id}", headers=api.caller.headers).status_code == 200
