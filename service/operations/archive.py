"""The archive: writes old jobs as JSON Lines with request log and webhook message, and deletes them from the database.

A job may be archived under these conditions:

- The job has ended, and was submitted before the chosen time.
- None of its pictures exists any more: no render except deleted ones, no cut-out, no object of an attempt.
- Its idempotency key has expired (`JobIntake.free_old_keys`), so that no repeated submit pays twice.
- Its webhook message, if any, has ended, and no retry of it is kept.

The ledger is never changed. Balances are its sums, and its rows keep the ids of archived jobs (there is no foreign
key). Lines reach the disk before their rows are deleted. After a crash between the two, the next run writes the same
ids again.

There are no monthly partitions. PostgreSQL wants the partition's column in every unique constraint. The constraints on
jobs (ledger, renders, messages, retries) and idempotency keys could then not be enforced.
"""

import json
import os
import time
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import UNFINISHED, cutouts, deliveries, jobs, orders, renders, request_logs, stored_objects

#: Jobs that one transaction writes and deletes.
_BATCH = 500


def archive_jobs(engine: sa.Engine, out: IO[str], *, older_than: float) -> int:
    """Archive the jobs that are at least `older_than` seconds old and may be archived. Return their number.

    The pictures of an order go together, with a line of the order after them. Raises SQLAlchemyError, OSError. `out`
    then contains the jobs that were deleted so far.
    """
    # Ids sort by time, so the primary key finds old jobs.
    after, end = "", str(ULID.from_timestamp(time.time() - older_than))
    archived = 0
    while batch := _archive_batch(engine, out, after, end):
        archived += len(batch)
        after = batch[-1]
    after = ""
    while found := _archive_order(engine, out, after, end):
        after, count = found
        archived += count
    return archived


def _lives() -> sa.ColumnElement[bool]:
    """Return the condition of jobs of which something still exists."""
    retries = jobs.alias()
    return sa.or_(
        sa.exists().where(renders.c.job_id == jobs.c.id, renders.c.deleted_at.is_(None)),
        sa.exists().where(cutouts.c.job_id == jobs.c.id),
        sa.exists().where(stored_objects.c.job_id == jobs.c.id),
        sa.exists().where(deliveries.c.job_id == jobs.c.id, deliveries.c.state == "waiting"),
        sa.exists().where(retries.c.retry_of == jobs.c.id),
    )


_OLD = (
    sa.select(jobs, request_logs)
    .join(request_logs, request_logs.c.request_id == jobs.c.request_id)
    .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
)
_FREE = request_logs.c.idempotency_key.is_(None)


def _archive_batch(engine: sa.Engine, out: IO[str], after: str, end: str) -> list[str]:
    old = _OLD.where(jobs.c.id > after, jobs.c.id <= end, ~UNFINISHED, _FREE, jobs.c.order_id.is_(None), ~_lives())
    with engine.begin() as connection:
        ids = _write(connection, out, old.order_by(jobs.c.id).limit(_BATCH))
        _sync(out)
        _delete(connection, ids)
    return [job_id for job_id, _ in ids]


def _archive_order(engine: sa.Engine, out: IO[str], after: str, end: str) -> tuple[str, int] | None:
    """Archive the first order after an id whose jobs may all be archived. Return its id and its number of jobs."""
    of_order = jobs.c.order_id == orders.c.id
    waits = sa.exists().where(deliveries.c.order_id == orders.c.id, deliveries.c.state == "waiting")
    first = (
        sa.select(orders, request_logs)
        .join(request_logs, request_logs.c.request_id == orders.c.request_id)
        .where(orders.c.id > after, orders.c.id <= end, orders.c.completed_at.is_not(None), _FREE, ~waits)
        .where(~sa.exists().where(of_order, _lives()))
        .order_by(orders.c.id)
        .limit(1)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    with engine.begin() as connection:
        row = connection.execute(first.with_for_update(of=orders, skip_locked=True)).mappings().first()
        if row is None:
            return None
        order_id: str = row[orders.c.id]
        message = sa.select(deliveries).where(deliveries.c.order_id == order_id)
        told = connection.execute(message).mappings().first()
        ids = _write(connection, out, _OLD.where(jobs.c.order_id == order_id).order_by(jobs.c.id))
        _line(out, {**_of(row, orders, request_logs), "deliveries": told and dict(told)})
        _sync(out)
        _delete(connection, ids)
        connection.execute(deliveries.delete().where(deliveries.c.order_id == order_id))
        connection.execute(orders.delete().where(orders.c.id == order_id))
        log = request_logs.c.request_id == row[request_logs.c.request_id]
        connection.execute(request_logs.delete().where(log))
    return order_id, len(ids)


def _of(row: sa.RowMapping, *tables: sa.Table) -> dict[str, Any]:
    return {table.name: {column.name: row[column] for column in table.c} for table in tables}


def _line(out: IO[str], line: dict[str, Any]) -> None:
    out.write(json.dumps(line, default=datetime.isoformat) + "\n")


def _write(connection: sa.Connection, out: IO[str], old: sa.Select[Any]) -> list[tuple[str, str]]:
    """Write a line for each job, and return the ids of the jobs and of their logs."""
    rows = connection.execute(old.with_for_update(of=jobs, skip_locked=True)).mappings().all()
    ids = [row[jobs.c.id] for row in rows]
    found = connection.execute(sa.select(deliveries).where(deliveries.c.job_id.in_(ids))).mappings()
    messages = {message["job_id"]: message for message in found}
    for row in rows:
        message = messages.get(row[jobs.c.id])
        _line(out, {**_of(row, jobs, request_logs), "deliveries": message and dict(message)})
    return [(row[jobs.c.id], row[request_logs.c.request_id]) for row in rows]


def _sync(out: IO[str]) -> None:
    out.flush()
    if out.seekable():
        os.fsync(out.fileno())


def _delete(connection: sa.Connection, ids: Sequence[tuple[str, str]]) -> None:
    for table, column in ((deliveries, "job_id"), (renders, "job_id"), (jobs, "id")):
        connection.execute(table.delete().where(table.c[column].in_([job_id for job_id, _ in ids])))
    connection.execute(request_logs.delete().where(request_logs.c.request_id.in_([log for _, log in ids])))
