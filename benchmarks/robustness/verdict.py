"""The verdict on a storm: answers to callers against the contents of database and store."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa

from benchmarks.robustness.callers import REFUSED, Kind, Shopper, Submission
from service.database.tables import clients, deliveries, jobs, ledger, orders, request_logs
from service.diagnostics.audit import Bounds, audit
from service.diagnostics.object_audit import audit_objects
from service.jobs.records import JobStatus, Operation
from service.settings import Settings
from service.storage.buckets import open_buckets
from testkit.photos import bad
from testkit.receiver import Received

#: Errors of a job that only the storm can cause.
_OUR_FAULT = {"worker_lost", "store_unavailable", "time_limit", "queue_timeout"}
#: How a job ends by itself; None: as a success.
_ENDS: dict[Kind, set[str | None]] = {
    Kind.GOOD: {None},
    Kind.SLOW: {None},
    Kind.DUPLICATED: {None},
    Kind.BAD: set(bad()),
    Kind.HUNGRY: {"out_of_memory"},
    Kind.KILLED: set(),
    Kind.HUNG: set(),
    Kind.CANCELLED: {None, "cancelled"},
    Kind.CUT_OUT: {None},
    Kind.MANY: {None, "image_truncated", "cancelled"},
    Kind.KEEPS: {None},
    Kind.MISSES: {"not_accepted"},
}


_MESSAGES = {
    (operation, status): f"{name}.{end}"
    for operation, name in (("swap", "job"), ("cutout", "cutout"))
    for status, end in (("SUCCESS", "succeeded"), ("FAILURE", "failed"))
} | {("", "SUCCESS"): "order.completed"}


@dataclass(frozen=True)
class Row:
    """A job with the marker of its submission."""

    id: str
    request_id: str
    client_id: str
    marker: str
    status: str
    error_code: str | None
    cost: int
    attempt: int
    operation: str = Operation.SWAP
    #: The order that it is a picture of.
    order_id: str | None = None


def rows_of(engine: sa.Engine) -> list[Row]:
    """Return every job."""
    marker = sa.func.coalesce(request_logs.c.pilot_brand, jobs.c.reference)
    names = ("id", "request_id", "client_id", "status", "error_code", "attempt", "operation", "order_id")
    columns = [jobs.c[name] for name in names]
    query = sa.select(*columns, marker.label("marker"), jobs.c.credits_cost.label("cost")).join(
        request_logs, request_logs.c.request_id == jobs.c.request_id
    )
    with engine.connect() as connection:
        return [Row(**row) for row in connection.execute(query).mappings()]


def orders_of(engine: sa.Engine) -> list[Row]:
    """Return every order of several pictures, in the shape of a job."""
    log = request_logs.c
    ended = sa.case((orders.c.completed_at.is_(None), "IN_PROGRESS"), else_="SUCCESS")
    columns = (orders.c.id, orders.c.request_id, orders.c.client_id, log.pilot_brand, ended)
    query = sa.select(*columns).join(request_logs, log.request_id == orders.c.request_id)
    with engine.connect() as connection:
        return [Row(*row, None, cost=0, attempt=0, operation="") for row in connection.execute(query)]


def unfinished(engine: sa.Engine) -> int:
    """Count the unfinished jobs."""
    waiting = jobs.c.status.in_([JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS])
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(waiting)).scalar_one())


def stuck(engine: sa.Engine) -> Iterator[str]:
    """Yield the rows of the unfinished jobs for a person to read, and the lock waits in PostgreSQL."""
    waiting = jobs.c.status.in_([JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS])
    with engine.connect() as connection:
        rows = connection.execute(sa.select(jobs, sa.func.current_timestamp().label("now")).where(waiting)).mappings()
        left = [str({name: str(row[name]) for name in row if name not in {"spec", "source_key"}}) for row in rows]
        if left and connection.dialect.name == "postgresql":
            columns = "pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), xact_start, query"
            query = f"SELECT {columns} FROM pg_stat_activity WHERE state IS NOT NULL"  # noqa: S608  # the words above
            sessions = connection.exec_driver_sql(query)
            left += [str(tuple(map(str, session))) for session in sessions]
    yield from left


def broken_promises(submissions: Sequence[Submission], rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each difference between an answer and the database."""
    by_id = {row.id: row for row in rows}
    by_request = {row.request_id: row for row in rows}
    by_marker = defaultdict(list)
    for row in rows:
        by_marker[row.marker].append(row)
    known = {submission.marker for submission in submissions}
    for marker in by_marker.keys() - known:
        yield f"jobs {[row.id for row in by_marker[marker]]} came from no submission ({marker})"
    for one in submissions:
        made = by_marker[one.marker]
        accepted, unknown = [t for t in one.tries if t.accepted], [t for t in one.tries if t.unknown]
        for got in accepted:
            found = by_id.get(got.job_id)
            if found is None or (found.request_id, found.client_id) != (got.request_id, one.client):
                yield f"{one.marker}: 202 for job {got.job_id}, request {got.request_id}, but there is {found}"
        for got in one.tries:
            if got.status > 0 and not got.accepted and not got.unknown and got.request_id in by_request:
                yield f"{one.marker}: answered {got.status} {got.code}, and charged as {by_request[got.request_id]}"
        most = min(1, len(accepted) + len(unknown)) if one.key else len(accepted) + len(unknown)
        if len(made) > most:
            yield f"{one.marker} (key {one.key}): {len(made)} jobs, and answers for {most}: {[row.id for row in made]}"
        if one.kind in REFUSED and (made or accepted):
            yield f"{one.marker}: {one.kind} was accepted: {[row.id for row in made]}"


def wrong_ends(submissions: Sequence[Submission], rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each job whose end neither its photo nor a trouble explains."""
    kinds = {submission.marker: submission.kind for submission in submissions}
    for row in rows:
        kind = kinds.get(row.marker)
        if row.status not in {JobStatus.SUCCESS, JobStatus.FAILURE}:
            yield f"job {row.id} ({kind}) did not end: {row.status}, attempt {row.attempt}"
        elif kind is not None and row.error_code not in _ENDS.get(kind, set()) | _OUR_FAULT:
            yield f"job {row.id} ({kind}) ended as {row.status} {row.error_code}"


def wrong_cancels(submissions: Sequence[Submission], rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each job that contradicts the answers to its cancelling."""
    codes = {row.id: row.error_code for row in rows}
    for one in submissions:
        if one.job_id not in codes:
            continue
        statuses = {cancel.status for cancel in one.cancels}
        cancelled = codes[one.job_id] == "cancelled"
        if 200 in statuses and not cancelled:
            yield f"job {one.job_id} was answered to be cancelled, and ended as {codes[one.job_id]}"
        # 0, 503: the answer was lost, the request perhaps not.
        elif cancelled and not statuses & {200, 0, 503}:
            yield f"job {one.job_id} was cancelled, and no answer said so: {sorted(statuses)}"


def wrong_messages(
    engine: sa.Engine, rows: Sequence[Row], client_id: str, received: Sequence[Received]
) -> Iterator[str]:
    """Yield the ended jobs without their one message, of a client whose webhook always existed.

    A delivered message must have arrived; an arrived message may not be marked as delivered yet.
    """
    about = sa.func.coalesce(deliveries.c.job_id, deliveries.c.order_id).label("job_id")
    kept = sa.select(deliveries.c.id, about, deliveries.c.type, deliveries.c.state)
    with engine.connect() as connection:
        messages = {row.job_id: row for row in connection.execute(kept.where(deliveries.c.client_id == client_id))}
    read = {one.id: json.loads(one.body)["data"] for one in received}
    came = {name: data.get("job_id") or data["order_id"] for name, data in read.items()}
    for row in (one for one in (*rows, *orders_of(engine)) if one.order_id is None):
        message = messages.pop(row.id, None)
        if row.client_id != client_id:
            continue
        if message is None:
            yield f"job {row.id} ended as {row.status}, and there is no message"
        elif message.type != _MESSAGES.get((row.operation, row.status)):
            yield f"job {row.id} ended as {row.status}, and its message is {message.type}"
        elif message.state == "delivered" and came.get(message.id) != row.id:
            yield f"message {message.id} of job {row.id} counts as delivered, and never came in"
    for job_id in messages:
        yield f"message {messages[job_id].id} is of job {job_id}, which there is not"


def wrong_balances(engine: sa.Engine, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the clients whose balance differs from their grants less the cost of their successes."""
    kept = Counter[str]()
    for row in rows:
        kept[row.client_id] += row.cost if row.status == JobStatus.SUCCESS else 0
    granted = sa.select(ledger.c.client_id, sa.func.sum(ledger.c.amount)).where(ledger.c.kind == "grant")
    with engine.connect() as connection:
        grants = {row[0]: int(row[1]) for row in connection.execute(granted.group_by(ledger.c.client_id))}
        for client in connection.execute(sa.select(clients.c.id, clients.c.balance)):
            granted_to = grants.get(client.id, 0)
            if client.balance != granted_to - kept[client.id]:
                yield f"client {client.id}: granted {granted_to}, kept {kept[client.id]}, balance {client.balance}"


def seen_otherwise(address: str, shoppers: Sequence[Shopper], rows: Sequence[Row], *, downloads: int) -> Iterator[str]:
    """Yield the jobs that the API shows wrongly. At most `downloads` pictures are downloaded and hashed."""
    bearers = {shopper.id: shopper.headers for shopper in shoppers}
    with httpx.Client(base_url=address, timeout=300) as http:
        for row in rows:
            answer = http.get(f"/v1/jobs/{row.id}", headers=bearers[row.client_id])
            job: dict[str, Any] = answer.json()
            refunded = row.cost if row.status == JobStatus.FAILURE else 0
            swapped = row.operation == Operation.SWAP
            refused = row.error_code == "not_accepted"
            expected = (row.status, refunded, swapped and (row.status == JobStatus.SUCCESS or refused))
            if not swapped and row.status == JobStatus.SUCCESS:
                yield from _cutout_otherwise(http, row, bearers[row.client_id])
            if (job.get("status"), job.get("credits_refunded"), bool(job.get("render"))) != expected:
                yield f"job {row.id} is {expected}, and the API answers {answer.status_code} {answer.text[:200]}"
            elif refused and not (job["render"]["preview"] and job["render"]["report"]["acceptance"]["missed"]):
                yield f"job {row.id} was refused, and its preview has no reason: {answer.text[:200]}"
            elif job["render"] and downloads:
                downloads -= 1
                data = http.get(job["render"]["url"]).content
                if hashlib.sha256(data).hexdigest() != job["render"]["sha256"]:
                    yield f"job {row.id}: the picture at its URL has another hash ({len(data)} bytes)"


def _cutout_otherwise(http: httpx.Client, row: Row, headers: dict[str, str]) -> Iterator[str]:
    answer = http.get(f"/v1/cutouts/{row.id}", headers=headers)
    if answer.status_code != 200:
        yield f"cut-out {row.id} is there, and the API answers {answer.status_code} {answer.text[:200]}"
        return
    for name in ("mask_url", "preview_url"):
        picture = http.get(answer.json()[name])
        if not picture.content.startswith(b"\x89PNG"):
            yield f"cut-out {row.id}: at its {name} is no picture ({picture.status_code})"


def audited(engine: sa.Engine, settings: Settings) -> list[str]:
    """Return the findings of the audits of rows and objects, a sentence each."""
    found = audit(engine, Bounds(max_attempts=settings.max_attempts)).findings
    found += audit_objects(engine, open_buckets(settings)[1]).findings
    return [f"{one.rule}: {one.found}" for one in found]


def leftovers(engine: sa.Engine, settings: Settings) -> int:
    """Count the pictures that no render names: their attempts died between storing and finishing."""
    found = audit_objects(engine, open_buckets(settings)[1]).findings
    return sum(one.rule == "object_has_its_render" for one in found)
