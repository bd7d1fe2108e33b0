"""The rules of jobs, credits, renders and messages, each as a query that finds violations.

CHECK and UNIQUE constraints need no rule here, because the database enforces them. Foreign keys have rules: SQLite
checks them only on connections that request it, so a manual repair of the file may break them. The names of rules are
stable.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from service.database.clock import db_now
from service.database.encryption import PREFIX, SECRET_COLUMNS
from service.database.tables import (
    UNFINISHED,
    api_keys,
    clients,
    cutouts,
    deliveries,
    jobs,
    ledger,
    orders,
    renders,
    request_logs,
    stored_objects,
)
from service.jobs.records import JobStatus, Operation
from service.webhooks.outbox import DeliveryState


@dataclass(frozen=True)
class Bounds:
    """The limits of the installation. Durations are seconds."""

    #: The most attempts at a job.
    max_attempts: int
    #: A success older than this may have lost its render to expiry. None: renders are kept for ever.
    renders_kept: float | None = None
    #: A preview older than this may have lost its render.
    previews_kept: float = 3600.0
    #: Whether the settings have a key that encrypts secrets, so that none may be plain text.
    encrypted: bool = False


#: For each job: the rows and credits of its ledger, and the rows of its renders.
_MOVED = (
    sa.select(
        ledger.c.job_id,
        *(sa.func.count().filter(ledger.c.kind == kind).label(f"{kind}s") for kind in ("debit", "refund")),
        *(
            sa.func.coalesce(sa.func.sum(ledger.c.amount).filter(ledger.c.kind == kind), 0).label(f"{kind}_amount")
            for kind in ("debit", "refund")
        ),
    )
    .where(ledger.c.job_id.is_not(None))
    .group_by(ledger.c.job_id)
    .subquery()
)
_RENDERED = sa.select(renders.c.job_id, sa.func.count().label("renders")).group_by(renders.c.job_id).subquery()
_debits, _refunds = (sa.func.coalesce(_MOVED.c[name], 0).label(name) for name in ("debits", "refunds"))
_rendered = sa.func.coalesce(_RENDERED.c.renders, 0).label("renders")
_succeeded, _swap = jobs.c.status == JobStatus.SUCCESS, jobs.c.operation == Operation.SWAP
_finished = jobs.c.status.in_([JobStatus.SUCCESS, JobStatus.FAILURE])
#: A picture that misses its limits, of which a preview is kept. NULL in the column counts as another code.
_refused = sa.func.coalesce(jobs.c.error_code == "not_accepted", sa.false())


@cache  # so that SQLAlchemy compiles each query object once
def rules(bounds: Bounds) -> tuple[tuple[str, sa.Select[Any]], ...]:
    """Return each rule's name with the query that finds its violations."""
    return (
        *_balances(),
        *_credits_of_jobs(),
        *_renders_of_jobs(bounds),
        *_cutouts_of_jobs(),
        *_states(bounds),
        *_messages(),
        *_orders(),
        *_belongings(),
        *(_secrets() if bounds.encrypted else ()),
    )


@cache
def broken(bounds: Bounds) -> sa.CompoundSelect[Any]:
    """Return one query that finds the names of all broken rules."""
    return sa.union_all(
        *(sa.select(sa.literal(name).label("rule")).where(query.exists()) for name, query in rules(bounds))
    )


def _balances() -> Iterator[tuple[str, sa.Select[Any]]]:
    summed = (
        sa.select(ledger.c.client_id, sa.func.sum(ledger.c.amount).label("amount"))
        .group_by(ledger.c.client_id)
        .subquery()
    )
    amount = sa.func.coalesce(summed.c.amount, 0)
    one = sa.select(clients.c.id.label("client_id"), clients.c.balance, amount.label("ledger"))
    yield (
        "balance_is_the_ledgers_sum",
        one.outerjoin(summed, summed.c.client_id == clients.c.id).where(clients.c.balance != amount),
    )
    charged = sa.select(ledger.c.id.label("ledger_id"), ledger.c.client_id).join(clients)
    yield "a_sandbox_has_no_ledger", charged.where(clients.c.sandbox)
    lasting = sa.select(api_keys.c.sha256).where(api_keys.c.client_id == clients.c.id, api_keys.c.expires_at.is_(None))
    yield (
        # Without such a key the client is locked out, now or when its other keys expire.
        "client_has_a_key_that_lasts",
        sa.select(clients.c.id.label("client_id")).where(~lasting.exists()),
    )


def _job(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Start a query on jobs, each with its ledger and its renders."""
    return (
        sa.select(jobs.c.id.label("job_id"), jobs.c.client_id, jobs.c.status, *columns)
        .outerjoin(_MOVED, _MOVED.c.job_id == jobs.c.id)
        .outerjoin(_RENDERED, _RENDERED.c.job_id == jobs.c.id)
    )


def _credits_of_jobs() -> Iterator[tuple[str, sa.Select[Any]]]:
    cost, debited, refunded = jobs.c.credits_cost, _MOVED.c.debit_amount, _MOVED.c.refund_amount
    # A free job has no ledger row.
    lines = sa.case((cost == 0, 0), else_=1)
    yield (
        "job_is_debited_once",
        _job(cost, _debits, debited).where(sa.or_(_debits != lines, debited != -cost)),
    )
    yield "preview_is_free", _job(cost).where(jobs.c.preview, cost != 0)
    yield (
        "failure_is_refunded_once",
        _job(cost, _refunds, refunded).where(
            jobs.c.status == JobStatus.FAILURE, sa.or_(_refunds != lines, refunded != cost)
        ),
    )
    yield "a_cutout_costs_nothing", _job(cost).where(jobs.c.operation == Operation.CUTOUT, cost != 0)
    yield (
        "only_a_failure_is_refunded",
        _job(cost, _refunds, refunded).where(jobs.c.status != JobStatus.FAILURE, _refunds > 0),
    )


def _renders_of_jobs(bounds: Bounds) -> Iterator[tuple[str, sa.Select[Any]]]:
    expired: sa.ColumnElement[bool] = sa.and_(
        jobs.c.preview, _rendered == 0, jobs.c.finished_at <= db_now(-bounds.previews_kept)
    )
    if bounds.renders_kept is not None:
        expired = sa.or_(expired, sa.and_(_rendered == 0, jobs.c.finished_at <= db_now(-bounds.renders_kept)))
    pictured = sa.and_(_swap, sa.or_(_succeeded, _refused))
    yield (
        "success_has_one_render",
        _job(_rendered, jobs.c.finished_at).where(_swap, _succeeded, _rendered != 1, sa.not_(expired)),
    )
    yield (
        "refusal_has_its_preview",
        _job(_rendered, jobs.c.finished_at).where(_refused, sa.or_(sa.not_(_swap), _rendered != 1), sa.not_(expired)),
    )
    # Only a job that ended was judged, and a refusal names what its last picture missed.
    yield (
        "tries_fit_the_end",
        _job(jobs.c.tries).where(
            sa.or_(
                jobs.c.tries < 1,
                sa.and_(jobs.c.tries.is_not(None), sa.not_(_finished)),
                sa.and_(jobs.c.tries.is_(None), _refused),
                jobs.c.tries.is_(None) != jobs.c.missed.is_(None),
            )
        ),
    )
    # A render that is marked as a preview is left out of lists.
    yield (
        "render_is_a_preview_where_its_job_is",
        sa.select(renders.c.public_id.label("render_id"), renders.c.job_id)
        .join(jobs, jobs.c.id == renders.c.job_id)
        .where(renders.c.preview != sa.or_(jobs.c.preview, _refused)),
    )
    yield "only_a_success_has_a_render", _job(_rendered).where(sa.not_(pictured), _rendered > 0)


def _cutouts_of_jobs() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Yield the rules of cut-outs: each belongs to a successful job of its kind, and exists as long as its photo."""
    one = sa.select(jobs.c.id.label("job_id"), jobs.c.client_id, jobs.c.status)
    made = one.outerjoin(cutouts, cutouts.c.job_id == jobs.c.id)
    photo = sa.select(stored_objects.c.key).where(
        stored_objects.c.bucket == "sources",
        stored_objects.c.key == jobs.c.source_key,
        stored_objects.c.doomed_at.is_(None),
    )
    yield (
        "success_has_one_cutout",
        made.where(sa.not_(_swap), _succeeded, cutouts.c.job_id.is_(None), photo.correlate(jobs).exists()),
    )
    found = sa.select(cutouts.c.job_id, cutouts.c.client_id).outerjoin(jobs, jobs.c.id == cutouts.c.job_id)
    yield (
        "only_a_success_has_a_cutout",
        found.where(sa.or_(jobs.c.id.is_(None), sa.not_(sa.and_(sa.not_(_swap), _succeeded)))),
    )
    yield "cutout_is_of_the_jobs_client", found.where(cutouts.c.client_id != jobs.c.client_id)


def _states(bounds: Bounds) -> Iterator[tuple[str, sa.Select[Any]]]:
    status, attempt = jobs.c.status, jobs.c.attempt
    begun = status != JobStatus.NOT_STARTED
    held = sa.or_(jobs.c.lease_token.is_not(None), jobs.c.lease_until.is_not(None))
    yield "finished_has_its_time", _job().where(_finished, jobs.c.finished_at.is_(None))
    yield (
        "only_finished_has_its_time",
        _job(jobs.c.finished_at).where(sa.not_(_finished), jobs.c.finished_at.is_not(None)),
    )
    yield (
        "only_a_running_job_is_leased",
        _job(jobs.c.lease_token, jobs.c.lease_until).where(status != JobStatus.IN_PROGRESS, held),
    )
    # Without a lease no sweep would find the job again.
    yield (
        "a_running_job_has_a_lease_that_ends",
        _job().where(status == JobStatus.IN_PROGRESS, jobs.c.lease_until.is_(None)),
    )
    yield "failure_has_a_code", _job().where(status == JobStatus.FAILURE, jobs.c.error_code.is_(None))
    yield (
        "only_a_failure_has_a_code",
        _job(jobs.c.error_code).where(status != JobStatus.FAILURE, jobs.c.error_code.is_not(None)),
    )
    yield (
        "attempts_are_within_bounds",
        _job(attempt).where(
            sa.or_(
                attempt < 0,
                attempt > bounds.max_attempts,
                sa.and_(sa.not_(begun), attempt > 0),
                sa.and_(status == JobStatus.SUCCESS, attempt < 1),
            )
        ),
    )
    yield (
        "what_ran_has_its_start",
        _job(attempt).where(
            sa.or_(attempt > 0, status.in_([JobStatus.IN_PROGRESS, JobStatus.SUCCESS])), jobs.c.started_at.is_(None)
        ),
    )


def _messages() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Yield the rules of messages: each reports the end of a finished job, and is either waiting or finished."""
    kind, state = deliveries.c.type, deliveries.c.state
    one = sa.select(deliveries.c.id.label("message_id"), deliveries.c.job_id, kind, state)
    expected = sa.case(
        (sa.and_(_swap, _succeeded), "job.succeeded"),
        (sa.and_(_swap, jobs.c.status == JobStatus.FAILURE), "job.failed"),
        (_succeeded, "cutout.succeeded"),
        (jobs.c.status == JobStatus.FAILURE, "cutout.failed"),
    )
    yield (
        "message_tells_how_its_job_ended",
        one.add_columns(jobs.c.status)
        .outerjoin(jobs, jobs.c.id == deliveries.c.job_id)
        .where(deliveries.c.job_id.is_not(None), sa.or_(expected.is_(None), kind != expected)),
    )
    yield (
        "message_is_of_the_jobs_client",
        one.add_columns(jobs.c.client_id, deliveries.c.client_id.label("message_client_id"))
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .where(jobs.c.client_id != deliveries.c.client_id),
    )
    waits = state == DeliveryState.WAITING
    yield (
        # Without the time of its next attempt no sweep would send it.
        "message_waits_or_is_over",
        one.where(
            sa.or_(
                sa.and_(waits, sa.or_(deliveries.c.next_attempt_at.is_(None), deliveries.c.ended_at.is_not(None))),
                sa.and_(sa.not_(waits), deliveries.c.ended_at.is_(None)),
            )
        ),
    )


def _orders() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Yield the rules of orders: the sums of its jobs, its completion with the last of them, and its only message."""
    columns = (orders.c.id.label("order_id"), orders.c.client_id)
    one, of_order = sa.select(*columns), jobs.c.order_id == orders.c.id
    sums = (sa.func.sum(jobs.c[name]).label(name) for name in ("places", "credits_cost"))
    made = sa.select(jobs.c.order_id, *sums).where(jobs.c.order_id.is_not(None)).group_by(jobs.c.order_id).subquery()
    yield (
        "order_has_a_job_a_picture",
        one.add_columns(orders.c.pictures, made.c.places)
        .outerjoin(made, made.c.order_id == orders.c.id)
        .where(
            sa.or_(
                made.c.places.is_(None),
                made.c.places != orders.c.pictures,
                made.c.credits_cost != orders.c.credits_cost,
            )
        ),
    )
    runs = sa.select(jobs.c.id).where(of_order, UNFINISHED).correlate(orders).exists()
    yield "order_is_complete_with_its_last_job", one.where(runs != orders.c.completed_at.is_(None))
    yield (
        "picture_is_of_the_orders_client",
        one.add_columns(jobs.c.id.label("job_id")).join(jobs, of_order).where(jobs.c.client_id != orders.c.client_id),
    )
    sent = sa.select(deliveries.c.id.label("message_id"), deliveries.c.type)
    yield (
        "picture_sends_no_message",
        sent.join(jobs, jobs.c.id == deliveries.c.job_id).where(jobs.c.order_id.is_not(None)),
    )
    yield (
        "message_is_of_a_completed_order",
        sent.join(orders, orders.c.id == deliveries.c.order_id).where(
            sa.or_(
                deliveries.c.type != "order.completed",
                orders.c.completed_at.is_(None),
                orders.c.client_id != deliveries.c.client_id,
            )
        ),
    )


def _belongings() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Yield the rules of references: a job and all its rows belong to one client, which exists."""
    one = sa.select(jobs.c.id.label("job_id"), jobs.c.client_id, jobs.c.request_id)
    yield (
        "job_has_its_request_log",
        one.outerjoin(request_logs, request_logs.c.request_id == jobs.c.request_id).where(
            request_logs.c.request_id.is_(None)
        ),
    )
    others = {"request_log": (request_logs, request_logs.c.request_id == jobs.c.request_id)}
    others |= {table.name.rstrip("s"): (table, table.c.job_id == jobs.c.id) for table in (ledger, renders)}
    for name, (table, joined) in others.items():
        whose = table.c.client_id.label(f"{name}_client_id")
        yield (
            f"{name}_is_of_the_jobs_client",
            one.add_columns(whose).join(table, joined).where(table.c.client_id != jobs.c.client_id),
        )
    row = sa.select(renders.c.public_id.label("render_id"), renders.c.job_id)
    yield "render_has_its_job", row.outerjoin(jobs, jobs.c.id == renders.c.job_id).where(jobs.c.id.is_(None))
    # The job of a row may have been archived. The row must still have a matching debit.
    debit = ledger.alias()
    same = sa.and_(debit.c.job_id == ledger.c.job_id, debit.c.kind == "debit", debit.c.amount == -ledger.c.amount)
    yield (
        "refund_has_its_debit",
        sa.select(ledger.c.id.label("ledger_id"), ledger.c.job_id)
        .outerjoin(debit, same)
        .where(ledger.c.kind == "refund", debit.c.id.is_(None)),
    )
    for table, key in ((jobs, jobs.c.id), (ledger, ledger.c.id)):
        name = table.name.rstrip("s")
        row = sa.select(key.label(f"{name}_id"), table.c.client_id)
        yield (
            f"{name}_has_its_client",
            row.outerjoin(clients, clients.c.id == table.c.client_id).where(clients.c.id.is_(None)),
        )
    failed = jobs.alias("failed")
    yield (
        # Only a failed and refunded job may be retried and charged again.
        "retry_is_of_a_failure",
        one.add_columns(jobs.c.retry_of)
        .outerjoin(failed, failed.c.id == jobs.c.retry_of)
        .where(
            jobs.c.retry_of.is_not(None),
            sa.or_(failed.c.id.is_(None), failed.c.status != JobStatus.FAILURE, failed.c.client_id != jobs.c.client_id),
        ),
    )
    key = request_logs.c.idempotency_key
    yield (
        "idempotency_key_is_one_requests",
        sa.select(request_logs.c.client_id, key, sa.func.count().label("requests"))
        .where(key.is_not(None))
        .group_by(request_logs.c.client_id, key)
        .having(sa.func.count() > 1),
    )


def _secrets() -> Iterator[tuple[str, sa.Select[Any]]]:
    """Yield the rules of secrets: with a key in the settings, each is encrypted."""
    plain = [
        sa.select(
            sa.cast(next(iter(column.table.primary_key.columns)), sa.String).label("client_id"),
            sa.literal(str(column)).label("column"),
        ).where(_in_the_clear(column))
        for column in SECRET_COLUMNS
    ]
    found = sa.union_all(*plain).subquery()
    yield "secret_is_encrypted", sa.select(found.c.client_id, found.c.column)


def _in_the_clear(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    return sa.not_(column.startswith(PREFIX, autoescape=True))  # NULL stays NULL


@cache
def counts() -> sa.Select[Any]:
    """Return one query with a column for each count."""
    return sa.select(*(query.scalar_subquery().label(name) for name, query in _counted()))


def _counted() -> Iterator[tuple[str, sa.Select[Any]]]:
    for table in (clients, jobs):
        yield table.name, sa.select(sa.func.count()).select_from(table)
    for status in JobStatus:
        yield f"jobs {status}", sa.select(sa.func.count()).where(jobs.c.status == status)
    yield "renders", sa.select(sa.func.count()).select_from(renders)
    for state in DeliveryState:
        yield f"messages {state}", sa.select(sa.func.count()).where(deliveries.c.state == state)
    for kind, sign in (("grant", 1), ("debit", -1), ("refund", 1)):
        amount = sign * sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)
        yield f"credits {kind}ed", sa.select(sa.cast(amount, sa.BigInteger)).where(ledger.c.kind == kind)
    plain = [sa.select(sa.func.count()).where(_in_the_clear(column)).scalar_subquery() for column in SECRET_COLUMNS]
    yield "secrets in the clear", sa.select(sum(plain[1:], start=plain[0]))
    balances = sa.func.coalesce(sa.func.sum(clients.c.balance), 0)
    yield "credits in balances", sa.select(sa.cast(balances, sa.BigInteger))
