"""A crowd: a hundred simultaneous submits over real sockets, to two API processes with one database and queue."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import sqlalchemy as sa

from service.catalogue.catalogue import load_catalogue
from service.database.tables import jobs, ledger, request_logs
from service.settings import Settings
from service.supervisor.processes import ChildProcess
from testkit import servers
from tests.support.caller import SWAP, Caller
from tests.support.databases import migrated_database, migrated_engine

CROWD = 100  # more than an API has threads or connections
LIMIT = 12  # unfinished jobs of one client
#: Seconds within which every submit of a crowd is answered, on a machine with other work.
PATIENCE = 300
PRESET = "shopify_product"
COST = load_catalogue().presets[PRESET].credits


class Crowd(Caller):
    """A client that sends everything at once, half of it to each process."""

    addresses: list[str]

    def send(self, **headers: str) -> list[httpx.Response]:
        body = self.body(output_preset=PRESET)

        async def send() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=CROWD)  # a socket for each
            async with httpx.AsyncClient(limits=limits, timeout=PATIENCE, headers=self.headers | headers) as http:
                addresses = self.addresses * (CROWD // 2)
                return await asyncio.gather(*(http.post(address + SWAP, json=body) for address in addresses))

        return asyncio.run(send())

    def written(self) -> tuple[int, int, int]:
        """Return the client's rows in the database: request logs, jobs and debits."""
        debits = sa.and_(ledger.c.kind == "debit", ledger.c.client_id == self.client.id)
        logged, made = request_logs.c.client_id == self.client.id, jobs.c.client_id == self.client.id
        with self.engine.connect() as connection:
            counts = [
                connection.execute(sa.select(sa.func.count()).where(one)).scalar_one() for one in (logged, made, debits)
            ]
        return counts[0], counts[1], counts[2]


@pytest.fixture(scope="module", params=["postgresql", pytest.param("sqlite", marks=pytest.mark.nightly)])
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    home = tmp_path_factory.mktemp("crowd")
    url = f"sqlite:///{home / 'test.db'}"
    if request.param == "postgresql":
        url = migrated_database(request.getfixturevalue("postgresql_server"), "crowd")
    return Settings(home=home, database_url=url, queue_url=valkey_url, submit_rate=0, unfinished_limit=LIMIT)


@pytest.fixture(scope="module")
def addresses(settings: Settings) -> Iterator[list[str]]:
    """Addresses of two `backdrop api` processes."""
    migrated_engine(settings).dispose()
    ports = [servers.free_port(), servers.free_port()]
    with ExitStack() as stack:
        parts = []
        for port in ports:
            command = [sys.executable, "-m", "service.cli.main", "api", "--port", str(port)]
            log = settings.home / f"api-{port}.log"
            parts.append(ChildProcess("api", command, environment=settings.environment(), log=log))
            stack.callback(parts[-1].stop, 120)
        for part, port in zip(parts, ports, strict=True):
            servers.wait_for_port(part, port)
        yield [f"http://127.0.0.1:{port}" for port in ports]


@pytest.fixture
def crowd(settings: Settings, addresses: list[str], request: pytest.FixtureRequest) -> Iterator[Crowd]:
    with httpx.Client(base_url=addresses[0], timeout=PATIENCE) as http:
        crowd = Crowd(http, settings, request.node.name[:100], credits=0)
        crowd.addresses = addresses
        yield crowd
        crowd.engine.dispose()


at_night = pytest.mark.nightly  # in the gate one request is sent a hundred times at once


def statuses(answers: list[httpx.Response]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


@at_night
def test_a_hundred_simultaneous_submits_against_a_balance_for_ten_leave_exactly_ten(crowd: Crowd) -> None:
    crowd.accounts.grant(crowd.client.name, 10 * COST)

    answers = crowd.send()

    assert statuses(answers) == {202: 10, 402: CROWD - 10}
    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    assert len({one["job_id"] for one in accepted}) == len({one["request_id"] for one in accepted}) == 10
    assert crowd.balance == 0
    assert crowd.written() == (10, 10, 10)


@at_night
def test_a_hundred_simultaneous_submits_against_a_limit_of_twelve_leave_exactly_twelve(crowd: Crowd) -> None:
    crowd.accounts.grant(crowd.client.name, CROWD * COST)

    answers = crowd.send()

    assert statuses(answers) == {202: 12, 429: CROWD - 12}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["code"] for answer in refused} == {"too_many_unfinished_jobs"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert crowd.balance == (CROWD - 12) * COST
    assert crowd.written() == (12, 12, 12)


def test_one_request_sent_a_hundred_times_at_once_is_one_job(crowd: Crowd) -> None:
    crowd.accounts.grant(crowd.client.name, CROWD * COST)

    answers = crowd.send(**{"Idempotency-Key": "once"})

    # 409: on a busy machine the first was still in its transaction two seconds later.
    assert set(statuses(answers)) <= {202, 409}
    assert len({answer.text for answer in answers if answer.status_code == 202}) == 1
    assert crowd.balance == (CROWD - 1) * COST
    assert crowd.written() == (1, 1, 1)
