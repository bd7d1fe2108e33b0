"""PgBouncer in transaction mode without prepared statements: jobs run through it, and locks are released."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.accounts.clients import Accounts
from service.database.engine import DATABASE_AWAY, create_engine
from service.database.schema import migrate
from service.database.tables import clients
from service.diagnostics.audit import Bounds, audit
from service.settings import Settings
from service.supervisor.processes import ChildProcess
from testkit import servers
from testkit.polling import at_once
from tests.support.databases import new_database
from tests.support.shop import Shop, render

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or shutil.which(
    "pgbouncer"
)
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed: apt-get install pgbouncer"),
]


@pytest.fixture
def url(postgresql_server: str) -> Iterator[str]:
    """A database behind the pooler, which has two connections to it."""
    database = new_database(postgresql_server, f"pooled {ULID()}")
    server, _, name = database.rpartition("/")
    port = servers.free_port()
    with servers.public_folder() as folder:
        ini = folder / "pgbouncer.ini"
        ini.write_text(
            f"[databases]\n{name} = host=127.0.0.1 port={server.rpartition(':')[2]} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            "pool_mode = transaction\nmax_prepared_statements = 0\ndefault_pool_size = 2\n"
        )
        command = [str(PROGRAM), "-u", "nobody", str(ini)]
        pooler = servers.wait_for_port(ChildProcess("pgbouncer", command, log=folder / "pgbouncer.log"), port)
        yield f"postgresql://postgres@127.0.0.1:{port}/{name}"
        pooler.stop(5)


def work(url: str, **settings: Any) -> list[BaseException]:
    """Migrate, let four threads order, claim and end ten jobs each, and return their errors."""
    engine = create_engine(Settings(database_url=url, **settings).sqlalchemy_url)
    broken: list[BaseException] = []

    def orders() -> None:
        try:
            shop = Shop(engine, credits=100)
            for _ in range(10):
                shop.order()
                claim = shop.jobs.claim()
                assert claim is not None
                shop.jobs.renew_lease(claim)
                shop.jobs.succeed(claim, render())
        except Exception as error:  # noqa: BLE001  # any error counts
            broken.append(error)

    migrate(engine)
    at_once(*[orders] * 4)
    if not broken:
        assert audit(engine, Bounds(max_attempts=2)).findings == []
    engine.dispose()
    return broken


def test_jobs_run_through_a_pooler_without_prepared_statements(url: str) -> None:
    assert work(url) == []


def test_prepared_statements_fail_behind_such_a_pooler(url: str) -> None:
    assert "prepared statement" in str(work(url, prepare_threshold=1)[0])


def test_a_frozen_host_releases_its_locks_behind_a_pooler_too(url: str) -> None:
    direct = Settings(database_url=url).sqlalchemy_url
    frozen, others = create_engine(direct, hold=0.5), create_engine(direct, hold=30)
    migrate(others)
    frozen.connect().close()
    with others.connect(), others.connect(), others.connect():
        pass  # its new connections were the last to prepare the pooler's two sessions
    client, _ = Accounts(others).add("shop", credits=10)
    row = sa.update(clients).where(clients.c.id == client.id)

    with frozen.connect() as connection:
        connection.execute(row.values(name="never written"))
        with others.begin() as other:
            other.exec_driver_sql("SET LOCAL lock_timeout = '20s'")
            other.execute(row.values(name="written"))
        with pytest.raises(DATABASE_AWAY):
            connection.execute(row.values(name="never written"))
        connection.invalidate()
    frozen.dispose()
    others.dispose()
