"""The audit names each broken rule, and finds nothing in a sound database. Both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.clock import db_now
from service.database.encryption import SecretCipher, new_encryption_key
from service.database.tables import cutouts, deliveries, jobs, ledger, metadata, renders, stored_objects
from service.diagnostics.audit import Bounds, Rules, audit, queries
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from tests.service.diagnostics.broken_rules import BREAKS, DELIVER
from tests.support.databases import drop_database, migrated_database, migrated_engine
from tests.support.shop import Shop, claim_ahead, render

BOUNDS = Bounds(max_attempts=2, encrypted=True)


class Books:
    """A database with a job of every kind and without constraints. Tests break it in transactions that they undo."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        shop, other = Shop(engine, credits=100), Shop(engine, credits=5)
        cipher = SecretCipher([new_encryption_key()])
        Webhooks(engine, cipher, allow_private=True).register(shop.client.name, "http://127.0.0.1:9/")
        names = ("waiting", "running", "success", "failure", "handed_back")
        #: The values of the statements' parameters.
        self.ids = {name: shop.order(cost=3, idempotency_key=f"k{n}").job_id for n, name in enumerate(names)}
        claims = {name: claim_ahead(engine, shop.jobs, self.ids[name]) for name in names[1:]}
        shop.jobs.succeed(claims["success"], render())
        shop.jobs.fail(claims["failure"], "no_subject", "No product stands out.")
        shop.jobs.release(claims["handed_back"], count_attempt=False)
        order, (picture,) = shop.order_many(1, cost=3)
        shop.jobs.cancel_waiting(order.order_id, client_id=shop.client.id)
        self.ids |= {"cutout": shop.cut_out(), "many": order.order_id, "picture": picture, "key": "k1"}
        self.ids |= {"shop": shop.client.id, "other": other.client.id}
        with engine.begin() as connection:
            for name, of in (("message", deliveries.c.job_id), ("message_of_many", deliveries.c.order_id)):
                about = self.ids["success" if name == "message" else "many"]
                self.ids[name] = connection.execute(sa.select(deliveries.c.id).where(of == about)).scalar_one()
            # A table made from a query has the rows, and none of the constraints.
            for table in metadata.tables:
                connection.exec_driver_sql(f"CREATE TABLE bare_{table} AS SELECT * FROM {table}")
            for dropped in reversed(metadata.sorted_tables):
                connection.exec_driver_sql(f"DROP TABLE {dropped.name}")
            for table in metadata.tables:
                connection.exec_driver_sql(f"ALTER TABLE bare_{table} RENAME TO {table}")

    @contextmanager
    def broken(self, *statements: str | sa.Executable) -> Iterator[sa.Connection]:
        with self.engine.connect() as connection:  # without a commit
            for one in statements:
                statement: Any = sa.text(one) if isinstance(one, str) else one
                text = one if isinstance(one, str) else ""
                ids = {name: value for name, value in self.ids.items() if f":{name}" in text}
                assert connection.execute(statement, ids).rowcount >= 1
            yield connection


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    url = f"sqlite:///{tmp_path_factory.mktemp('audit') / 'audit.db'}"
    if request.param == "postgresql":
        url = migrated_database(request.getfixturevalue("postgresql_server"), "audit")
    engine = migrated_engine(Settings(database_url=url))
    yield Books(engine)
    engine.dispose()
    if request.param == "postgresql":
        drop_database(request.getfixturevalue("postgresql_server"), "test_audit")


def found(connection: sa.Connection, bounds: Bounds = BOUNDS) -> list[str]:
    return Rules(connection, bounds).broken()


@pytest.mark.parametrize(
    ("rule", "statement", "named"),
    [pytest.param(rule, statement, named, id=f"{rule}, {how}") for rule, how, statement, named in BREAKS],
)
def test_a_broken_rule_is_named_with_its_ids(books: Books, rule: str, statement: str, named: str) -> None:
    with books.broken(statement) as connection:
        rules = Rules(connection, BOUNDS)
        broken, findings = rules.broken(), rules.violations(rule)
    assert rule in broken
    assert books.ids[named] in [value for finding in findings for value in finding.values()], findings


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule for rule, *_ in BREAKS} == set(queries()[1])


def test_an_old_success_may_lack_its_render_where_renders_expire(books: Books) -> None:
    old = jobs.update().where(jobs.c.id == books.ids["success"]).values(finished_at=db_now(-100))
    with books.broken(old, DELIVER) as connection:
        assert found(connection, Bounds(2, renders_kept=50)) == ["success_has_one_render"], "two are one too many"
    with books.broken(old, renders.delete()) as connection:
        assert found(connection, Bounds(2, renders_kept=200)) == ["success_has_one_render"]
        assert found(connection, Bounds(2, renders_kept=50)) == []
        free = {"preview": True, "credits_cost": 0}
        connection.execute(jobs.update().where(jobs.c.id == books.ids["success"]).values(free))
        connection.execute(ledger.delete().where(ledger.c.job_id == books.ids["success"]))
        shops = sa.text("UPDATE clients SET balance = balance + 3 WHERE id = :shop")
        connection.execute(shops, {"shop": books.ids["shop"]})
        assert found(connection, Bounds(2, previews_kept=200)) == ["success_has_one_render"]
        assert found(connection, Bounds(2, previews_kept=50)) == []


def test_a_cutout_goes_with_its_photo(books: Books) -> None:
    with books.broken(cutouts.delete(), stored_objects.update().values(doomed_at=db_now())) as connection:
        assert found(connection) == []


def test_a_sound_database_has_no_finding_and_its_counts(books: Books) -> None:
    audited = audit(books.engine, BOUNDS)

    assert audited.findings == []
    assert audited.counts == {
        "clients": 2,
        "jobs": 7,
        "jobs NOT_STARTED": 1,
        "jobs IN_PROGRESS": 2,
        "jobs SUCCESS": 2,
        "jobs FAILURE": 2,
        "renders": 1,
        "messages waiting": 4,
        "messages delivered": 0,
        "messages failed": 0,
        "messages dropped": 0,
        "secrets in the clear": 0,
        "credits granted": 105,
        "credits debited": 18,
        "credits refunded": 6,
        "credits in balances": 93,
    }
