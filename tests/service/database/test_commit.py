"""A commit whose answer is lost: the API finds out whether it was written, and never denies a charge."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from ulid import ULID

from service.accounts.clients import Accounts
from service.api.app import create_app
from service.database.commit import OutcomeUnknown, in_transaction, was_written
from service.database.engine import DATABASE_AWAY, create_engine
from service.database.tables import clients, jobs
from service.diagnostics.audit import Bounds, audit
from service.settings import Settings
from service.storage.buckets import open_buckets
from testkit.polling import at_once
from tests.support.databases import migrated_database, migrated_engine, take_writes

Cut = Literal["before", "after"]


class Line:
    """A TCP connection to PostgreSQL that is cut at a commit: before the server gets it, or after it has answered."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: Where the connection is cut at each of the next commits; None lets it pass.
        self.cuts: list[Cut | None] = []
        #: Whether new connections are refused after the cut.
        self.stays_cut = False
        #: Set when the server has sent the answer that the client no longer gets.
        self.answered = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._open += [client, server]
            threading.Thread(target=self._upwards, args=(client, server), daemon=True).start()
            threading.Thread(target=self._downwards, args=(client, server), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        # Either side may close first: the server ends a session when a closed pool has ended it.
        with contextlib.suppress(OSError):
            self._pass_up(client, server)
        self._end(client)
        self._end(server)

    def _pass_up(self, client: socket.socket, server: socket.socket) -> None:
        while data := self._received(client):
            # Not the "BEGIN ISOLATION LEVEL READ COMMITTED" of a connection that a reader used before.
            if b"COMMIT" in data.replace(b"COMMITTED", b"") and self.cuts and (cut := self.cuts.pop(0)):
                if self.stays_cut:
                    self._end(self._listener)
                # Nothing is passed down any more, so that the client never gets the server's answer.
                self._end(client)
                if cut == "after":
                    server.sendall(data)
                    self.answered.wait(300)
                return
            server.sendall(data)

    def _downwards(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := self._received(server):
                client.sendall(data)
        except OSError:
            self.answered.set()

    @staticmethod
    def _received(one: socket.socket) -> bytes:
        try:
            return one.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def _end(one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in [self._listener, *self._open]:
            self._end(one)
            one.close()


class Caller:
    """A client at an API whose connection to the database can be cut."""

    def __init__(self, settings: Settings, line: Line, http: Any) -> None:
        self.line, self.http = line, http
        self.engine = migrated_engine(settings)
        client, key = Accounts(self.engine).add("caller", credits=10)
        self.headers = {"Authorization": f"Bearer {key}"}
        self.photo = f"uploads/{client.id}/a.png"
        open_buckets(settings)[0].put(self.photo, b"photo", "image/png")

    def submit(self, **headers: str) -> Any:
        body = {"source_image_s3_key": self.photo, "scene_type": "white", "mood": "calm", "output_preset": "open_graph"}
        return self.http.post("/v1/background-swap-with-spec", json=body, headers=self.headers | headers)

    def kept(self) -> tuple[int, list[str]]:
        """Return the balance and the jobs, after checking that the audit has no findings."""
        assert audit(self.engine, Bounds(max_attempts=3)).findings == []
        with self.engine.connect() as connection:
            balance: int = connection.execute(sa.select(clients.c.balance)).scalar_one()
            return balance, list(connection.execute(sa.select(jobs.c.id)).scalars())


@pytest.fixture
def caller(postgresql_server: str, valkey_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Caller]:
    url = sa.make_url(migrated_database(postgresql_server, tmp_path.name))
    line = Line((str(url.host), int(url.port or 5432)))
    direct = url.render_as_string(hide_password=False)
    queue_url = getattr(request, "param", valkey_url)
    settings = Settings(home=tmp_path, database_url=direct, queue_url=queue_url)
    through = settings.model_copy(update={"database_url": url.set(port=line.port).render_as_string(False)})
    with TestClient(create_app(through)) as http:
        made = Caller(settings, line, http)
        yield made
        made.engine.dispose()
    line.close()


def test_a_submit_with_a_lost_answer_is_accepted_if_written_and_otherwise_not_charged(caller: Caller) -> None:
    caller.line.cuts = ["before"]
    answer = caller.submit()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert caller.kept() == (10, [])

    caller.line.cuts = ["after"]
    answer = caller.submit()
    assert answer.status_code == 202, answer.text
    assert caller.kept() == (8, [answer.json()["job_id"]])


def test_a_key_and_a_grant_with_a_lost_answer_are_made_once(caller: Caller) -> None:
    caller.line.cuts = ["after"]
    made = caller.http.post("/v1/keys", headers=caller.headers)
    assert made.status_code == 201, made.text
    assert len(caller.http.get("/v1/keys", headers=caller.headers).json()["items"]) == 2

    caller.line.cuts = ["after"]
    assert caller.http.app.state.accounts.grant("caller", 5).balance == 15
    caller.line.cuts = ["before"]
    with pytest.raises(DATABASE_AWAY):
        caller.http.app.state.accounts.grant("caller", 5)
    assert caller.kept() == (15, [])


def test_a_submit_that_meets_a_standby_gets_503_and_is_not_charged(caller: Caller) -> None:
    url = caller.engine.url.render_as_string(hide_password=False)
    take_writes(url, False)
    answers = [caller.submit(), caller.submit()]
    take_writes(url, True)

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(503, "database_unavailable")] * 2
    assert answers[0].headers["Retry-After"] == "5"
    assert caller.submit().status_code == 202
    assert caller.kept()[0] == 8


@pytest.mark.parametrize(("cut", "balance"), [("before", 10), ("after", 8)])
def test_a_submit_with_an_unknown_outcome_reports_it_and_can_be_repeated_with_its_key(
    caller: Caller, cut: Cut, balance: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The API waits eight seconds for the database. One is enough here: the connection stays cut.
    assert was_written.__kwdefaults__ is not None
    monkeypatch.setitem(was_written.__kwdefaults__, "patience", 1.0)
    caller.line.cuts, caller.line.stays_cut = [cut], True

    answer = caller.submit(**{"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (500, "outcome_unknown")
    assert "Idempotency-Key" in answer.json()["detail"]
    assert caller.kept()[0] == balance


# No server listens on this port of the queue's.
@pytest.mark.parametrize("caller", ["redis://127.0.0.1:9/0"], indirect=True)
def test_a_database_that_goes_away_after_the_commit_does_not_change_the_answer(caller: Caller) -> None:
    caller.line.cuts = [None, "before"]  # the second commit records that the message was not sent

    answer = caller.submit()

    assert answer.status_code == 202, answer.text
    assert caller.kept() == (8, [answer.json()["job_id"]])


def test_a_written_row_is_found_and_an_unwritten_row_is_not(engine: sa.Engine) -> None:
    written, not_written = (clients.insert().values(id=str(ULID()), name=f"c{n}", balance=0) for n in range(2))
    with in_transaction(engine) as connection:
        connection.execute(written)

    assert was_written(engine, written)
    assert not was_written(engine, not_written)
    assert not was_written(engine, not_written), "the check leaves nothing behind"


def test_a_transaction_that_still_ends_on_the_server_is_awaited(engine: sa.Engine) -> None:
    row = clients.insert().values(id=str(ULID()), name="slow", balance=0)
    began = threading.Event()

    def ends_late() -> bool:
        with in_transaction(engine) as connection:
            connection.execute(row)
            began.set()
            threading.Event().wait(1.0)
        return True

    assert at_once(ends_late, lambda: began.wait(60) and was_written(engine, row)) == [True, True]


def test_an_error_inside_a_transaction_is_no_unanswered_commit(engine: sa.Engine) -> None:
    def breaks() -> None:
        with in_transaction(engine) as connection:
            connection.execute(clients.insert().values(id=str(ULID()), name="gone", balance=0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()

    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(clients)).scalar_one() == 0


def test_a_database_that_does_not_come_back_leaves_the_outcome_unknown() -> None:
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none")

    with pytest.raises(OutcomeUnknown):
        was_written(engine, clients.insert().values(id="x", name="x", balance=0), patience=0.1)
    engine.dispose()
