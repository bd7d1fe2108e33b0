"""The audit names each broken rule, and finds nothing where nothing is broken. Both databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.encryption import SecretCipher, new_encryption_key
from service.database.tables import (
    api_keys,
    clients,
    cutouts,
    deliveries,
    jobs,
    ledger,
    metadata,
    renders,
    request_logs,
    stored_objects,
    webhooks,
)
from service.diagnostics.audit import Finding, audit
from service.diagnostics.audit_rules import Bounds, rules
from service.jobs.records import NewRender
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from tests.support.databases import migrated_database, migrated_engine
from tests.support.shop import Shop, claim_ahead, render

BOUNDS = Bounds(max_attempts=2, encrypted=True)
CIPHER = SecretCipher([new_encryption_key()])


class Books:
    """A database with a job of every kind, whose constraints are gone, and which can be put right again."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.shop = Shop(engine, credits=100)
        self.other = Shop(engine, credits=5)
        Webhooks(engine, CIPHER, allow_private=True).register(self.shop.client.name, "http://127.0.0.1:9/")
        self.waiting, self.running, self.success, self.failure, self.handed_back = (
            self.shop.order(cost=3, idempotency_key=f"k{number}").job_id for number in range(5)
        )
        moves = self.shop.jobs
        claims = {
            job: claim_ahead(engine, moves, job) for job in (self.running, self.success, self.failure, self.handed_back)
        }
        moves.succeed(claims[self.success], render())
        moves.fail(claims[self.failure], "no_subject", "No product stands out.")
        moves.release(claims[self.handed_back], count_attempt=False)
        self.cutout = self.shop.cut_out()
        for name in metadata.tables:
            # A table made of a query has the rows, and none of the constraints.
            self._write(f"CREATE TABLE bare_{name} AS SELECT * FROM {name}")
        for table in reversed(metadata.sorted_tables):
            self._write(f"DROP TABLE {table.name}")
        for name in metadata.tables:
            self._write(
                f"ALTER TABLE bare_{name} RENAME TO {name}", f"CREATE TABLE kept_{name} AS SELECT * FROM {name}"
            )

    def _write(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def put_right(self) -> None:
        for name in metadata.tables:
            self._write(f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM kept_{name}")

    def change(self, table: sa.Table, where: sa.ColumnElement[bool], **values: Any) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(table.update().where(where).values(**values)).rowcount >= 1

    def change_job(self, job_id: str, **values: Any) -> None:
        self.change(jobs, jobs.c.id == job_id, **values)

    def remove(self, table: sa.Table, where: sa.ColumnElement[bool]) -> None:
        with self.engine.begin() as connection:
            assert connection.execute(table.delete().where(where)).rowcount >= 1

    def enter(self, kind: str, amount: int, job_id: str | None, client_id: str = "") -> None:
        entry = {"id": str(ULID()), "kind": kind, "amount": amount, "job_id": job_id}
        with self.engine.begin() as connection:
            connection.execute(ledger.insert().values(client_id=client_id or self.shop.client.id, **entry))

    def deliver(self, job_id: str) -> None:
        made = NewRender(**vars(render()))
        with self.engine.begin() as connection:
            connection.execute(renders.insert().values(job_id=job_id, client_id=self.shop.client.id, **vars(made)))

    def wrong(self, bounds: Bounds = BOUNDS) -> list[Finding]:
        return audit(self.engine, bounds).findings


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made_books(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    url = f"sqlite:///{tmp_path_factory.mktemp('audit') / 'audit.db'}"
    if request.param == "postgresql":
        url = migrated_database(request.getfixturevalue("postgresql_server"), "audit")
    engine = migrated_engine(Settings(database_url=url))
    yield Books(engine)
    engine.dispose()


@pytest.fixture
def books(made_books: Books) -> Books:
    made_books.put_right()
    return made_books


def message_of(job_id: str) -> sa.ColumnElement[bool]:
    return deliveries.c.job_id == job_id


def debit_of(job_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(ledger.c.job_id == job_id, ledger.c.kind == "debit")


def refund_of(job_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(ledger.c.job_id == job_id, ledger.c.kind == "refund")


def log_of(job_id: str) -> sa.ColumnElement[bool]:
    return request_logs.c.request_id.in_(sa.select(jobs.c.request_id).where(jobs.c.id == job_id))


#: How each rule is broken, and which id the finding must name.
BREAKS: list[tuple[str, str, Callable[[Books], Any], Callable[[Books], str]]] = [
    (
        "client_has_a_key_that_lasts",
        "a client without keys",
        lambda b: b.remove(api_keys, api_keys.c.client_id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "secret_is_encrypted",
        "a webhook's secret in the clear",
        lambda b: b.change(webhooks, webhooks.c.client_id == b.shop.client.id, secret="whsec_in_the_clear"),
        lambda b: b.shop.client.id,
    ),
    (
        "retry_is_of_a_failure",
        "a retry of a success",
        lambda b: b.change_job(b.waiting, retry_of=b.success),
        lambda b: b.waiting,
    ),
    (
        "weight_is_positive",
        "a weight of nothing",
        lambda b: b.change(clients, clients.c.id == b.other.client.id, weight=0),
        lambda b: b.other.client.id,
    ),
    (
        "balance_is_the_ledgers_sum",
        "a balance one too high",
        lambda b: b.change(clients, clients.c.id == b.shop.client.id, balance=clients.c.balance + 1),
        lambda b: b.shop.client.id,
    ),
    (
        "balance_is_the_ledgers_sum",
        "credits without a ledger",
        lambda b: b.remove(ledger, ledger.c.client_id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "balance_is_not_negative",
        "a balance below zero",
        lambda b: b.change(clients, clients.c.id == b.other.client.id, balance=-1),
        lambda b: b.other.client.id,
    ),
    ("ledger_kind_fits", "a kind unheard of", lambda b: b.enter("gift", 1, None), lambda b: "gift"),
    ("ledger_kind_fits", "a debit that gives", lambda b: b.enter("debit", 3, b.waiting), lambda b: b.waiting),
    ("ledger_kind_fits", "a grant for a job", lambda b: b.enter("grant", 3, b.waiting), lambda b: b.waiting),
    ("ledger_kind_fits", "a refund of nothing", lambda b: b.enter("refund", 3, None), lambda b: "refund"),
    ("job_is_debited_once", "no debit", lambda b: b.remove(ledger, debit_of(b.running)), lambda b: b.running),
    ("job_is_debited_once", "two debits", lambda b: b.enter("debit", -3, b.success), lambda b: b.success),
    (
        "job_is_debited_once",
        "another amount",
        lambda b: b.change(ledger, debit_of(b.waiting), amount=-2),
        lambda b: b.waiting,
    ),
    ("failure_is_refunded_once", "no refund", lambda b: b.remove(ledger, refund_of(b.failure)), lambda b: b.failure),
    ("failure_is_refunded_once", "two refunds", lambda b: b.enter("refund", 3, b.failure), lambda b: b.failure),
    (
        "failure_is_refunded_once",
        "another amount",
        lambda b: b.change(ledger, refund_of(b.failure), amount=4),
        lambda b: b.failure,
    ),
    ("only_a_failure_is_refunded", "a success", lambda b: b.enter("refund", 3, b.success), lambda b: b.success),
    ("only_a_failure_is_refunded", "a running job", lambda b: b.enter("refund", 3, b.running), lambda b: b.running),
    (
        "success_has_one_render",
        "no render",
        lambda b: b.remove(renders, renders.c.job_id == b.success),
        lambda b: b.success,
    ),
    ("success_has_one_render", "two renders", lambda b: b.deliver(b.success), lambda b: b.success),
    ("preview_is_free", "one that costs", lambda b: b.change_job(b.waiting, preview=True), lambda b: b.waiting),
    (
        "render_is_a_preview_where_its_job_is",
        "one that goes in an hour",
        lambda b: b.change(renders, renders.c.job_id == b.success, preview=True),
        lambda b: b.success,
    ),
    ("only_a_success_has_a_render", "a failure", lambda b: b.deliver(b.failure), lambda b: b.failure),
    ("only_a_success_has_a_render", "a waiting job", lambda b: b.deliver(b.waiting), lambda b: b.waiting),
    (
        "only_a_success_has_a_render",
        "a cut-out",
        lambda b: b.change(renders, renders.c.job_id == b.success, job_id=b.cutout),
        lambda b: b.cutout,
    ),
    (
        "success_has_one_cutout",
        "none",
        lambda b: b.remove(cutouts, cutouts.c.job_id == b.cutout),
        lambda b: b.cutout,
    ),
    (
        "only_a_success_has_a_cutout",
        "a swap",
        lambda b: b.change(cutouts, cutouts.c.job_id == b.cutout, job_id=b.success),
        lambda b: b.success,
    ),
    ("only_a_success_has_a_cutout", "no job", lambda b: b.remove(jobs, jobs.c.id == b.cutout), lambda b: b.cutout),
    (
        "cutout_is_of_the_jobs_client",
        "another",
        lambda b: b.change(cutouts, cutouts.c.job_id == b.cutout, client_id=b.other.client.id),
        lambda b: b.cutout,
    ),
    (
        "a_cutout_costs_nothing",
        "a price",
        lambda b: b.change_job(b.cutout, credits_cost=1),
        lambda b: b.cutout,
    ),
    ("job_is_debited_once", "a line of nothing", lambda b: b.enter("debit", 0, b.cutout), lambda b: b.cutout),
    ("status_is_known", "a status", lambda b: b.change_job(b.waiting, status="PAUSED"), lambda b: b.waiting),
    ("finished_has_its_time", "none", lambda b: b.change_job(b.success, finished_at=None), lambda b: b.success),
    ("only_finished_has_its_time", "one", lambda b: b.change_job(b.running, finished_at=db_now()), lambda b: b.running),
    (
        "only_a_running_job_is_leased",
        "a token",
        lambda b: b.change_job(b.failure, lease_token="x"),
        lambda b: b.failure,
    ),
    (
        "only_a_running_job_is_leased",
        "a time",
        lambda b: b.change_job(b.waiting, lease_until=db_now()),
        lambda b: b.waiting,
    ),
    (
        "a_running_job_has_a_lease_that_ends",
        "no time",
        lambda b: b.change_job(b.running, lease_until=None),
        lambda b: b.running,
    ),
    ("failure_has_a_code", "none", lambda b: b.change_job(b.failure, error_code=None), lambda b: b.failure),
    ("only_a_failure_has_a_code", "one", lambda b: b.change_job(b.success, error_code="x"), lambda b: b.success),
    ("attempts_are_within_bounds", "too many", lambda b: b.change_job(b.failure, attempt=3), lambda b: b.failure),
    ("attempts_are_within_bounds", "negative", lambda b: b.change_job(b.running, attempt=-1), lambda b: b.running),
    ("attempts_are_within_bounds", "unstarted", lambda b: b.change_job(b.waiting, attempt=1), lambda b: b.waiting),
    ("attempts_are_within_bounds", "none ran", lambda b: b.change_job(b.success, attempt=0), lambda b: b.success),
    ("what_ran_has_its_start", "none", lambda b: b.change_job(b.handed_back, started_at=None), lambda b: b.handed_back),
    (
        "message_tells_how_its_job_ended",
        "otherwise",
        lambda b: b.change(deliveries, message_of(b.success), type="job.failed"),
        lambda b: b.success,
    ),
    (
        "message_tells_how_its_job_ended",
        "too early",
        lambda b: b.change(deliveries, message_of(b.success), job_id=b.running),
        lambda b: b.running,
    ),
    (
        "message_tells_how_its_job_ended",
        "no job",
        lambda b: b.remove(jobs, jobs.c.id == b.failure),
        lambda b: b.failure,
    ),
    (
        "message_is_of_the_jobs_client",
        "another",
        lambda b: b.change(deliveries, message_of(b.failure), client_id=b.other.client.id),
        lambda b: b.failure,
    ),
    (
        "a_job_has_one_message",
        "two",
        lambda b: b.change(deliveries, message_of(b.failure), job_id=b.success),
        lambda b: b.success,
    ),
    (
        "message_waits_or_is_over",
        "never sent",
        lambda b: b.change(deliveries, message_of(b.success), next_attempt_at=None),
        lambda b: b.success,
    ),
    (
        "message_waits_or_is_over",
        "over at no time",
        lambda b: b.change(deliveries, message_of(b.failure), state="delivered"),
        lambda b: b.failure,
    ),
    (
        "message_waits_or_is_over",
        "a state",
        lambda b: b.change(deliveries, message_of(b.failure), state="paused"),
        lambda b: b.failure,
    ),
    ("job_has_its_request_log", "none", lambda b: b.remove(request_logs, log_of(b.running)), lambda b: b.running),
    (
        "request_log_is_of_the_jobs_client",
        "another",
        lambda b: b.change(request_logs, log_of(b.waiting), client_id=b.other.client.id),
        lambda b: b.waiting,
    ),
    (
        "ledger_is_of_the_jobs_client",
        "another",
        lambda b: b.change(ledger, refund_of(b.failure), client_id=b.other.client.id),
        lambda b: b.failure,
    ),
    (
        "render_is_of_the_jobs_client",
        "another",
        lambda b: b.change(renders, renders.c.job_id == b.success, client_id=b.other.client.id),
        lambda b: b.success,
    ),
    ("ledger_has_its_job", "none", lambda b: b.remove(jobs, jobs.c.id == b.running), lambda b: b.running),
    ("render_has_its_job", "none", lambda b: b.remove(jobs, jobs.c.id == b.success), lambda b: b.success),
    (
        "job_has_its_client",
        "none",
        lambda b: b.remove(clients, clients.c.id == b.shop.client.id),
        lambda b: b.waiting,
    ),
    (
        "ledger_has_its_client",
        "none",
        lambda b: b.remove(clients, clients.c.id == b.other.client.id),
        lambda b: b.other.client.id,
    ),
    (
        "idempotency_key_is_one_requests",
        "two",
        lambda b: b.change(request_logs, log_of(b.waiting), idempotency_key="k1"),
        lambda b: "k1",
    ),
]


@pytest.mark.parametrize(
    ("rule", "break_it", "named"),
    [pytest.param(rule, break_it, named, id=f"{rule}, {how}") for rule, how, break_it, named in BREAKS],
)
def test_a_broken_rule_is_named_with_its_ids(
    books: Books, rule: str, break_it: Callable[[Books], None], named: Callable[[Books], str]
) -> None:
    assert books.wrong() == []

    break_it(books)

    findings = [finding for finding in books.wrong() if finding.rule == rule]
    assert named(books) in [value for finding in findings for value in finding.found.values()], books.wrong()


def test_every_rule_is_broken_by_a_test() -> None:
    assert {rule for rule, *_ in BREAKS} == {rule for rule, _ in rules(BOUNDS)}


def test_an_old_success_may_have_lost_its_render_where_renders_expire(books: Books) -> None:
    books.remove(renders, renders.c.job_id == books.success)
    books.change_job(books.success, finished_at=db_now(-100))

    assert [finding.rule for finding in books.wrong(Bounds(2, renders_kept=200))] == ["success_has_one_render"]
    assert books.wrong(Bounds(2, renders_kept=50)) == []
    books.deliver(books.success)
    books.deliver(books.success)
    assert [finding.rule for finding in books.wrong(Bounds(2, renders_kept=50))] == ["success_has_one_render"]


def test_a_cut_out_goes_with_its_photo(books: Books) -> None:
    books.remove(cutouts, cutouts.c.job_id == books.cutout)
    books.change(stored_objects, stored_objects.c.bucket == "sources", doomed_at=db_now())

    assert books.wrong() == []


def test_an_old_preview_may_have_lost_its_render(books: Books) -> None:
    books.remove(renders, renders.c.job_id == books.success)
    books.change_job(books.success, preview=True, credits_cost=0, finished_at=db_now(-100))
    books.remove(ledger, debit_of(books.success))
    books.change(clients, clients.c.id == books.shop.client.id, balance=clients.c.balance + 3)

    assert [finding.rule for finding in books.wrong(Bounds(2, previews_kept=200))] == ["success_has_one_render"]
    assert books.wrong(Bounds(2, previews_kept=50)) == []


def test_the_counts_are_the_databases(books: Books) -> None:
    counts = audit(books.engine, BOUNDS).counts

    assert counts == {
        "clients": 2,
        "jobs": 6,
        "jobs NOT_STARTED": 1,
        "jobs IN_PROGRESS": 2,
        "jobs SUCCESS": 2,
        "jobs FAILURE": 1,
        "renders": 1,
        "messages waiting": 3,
        "messages delivered": 0,
        "messages failed": 0,
        "messages dropped": 0,
        "secrets in the clear": 0,
        "credits granted": 105,
        "credits debited": 15,
        "credits refunded": 3,
        "credits in balances": 93,
    }
