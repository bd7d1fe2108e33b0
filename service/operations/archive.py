"""The archive: writes old jobs and orders as JSON Lines with request log and webhook message, and deletes them.

A job may be archived under these conditions:

- The job has ended, and was submitted before the chosen time.
- None of its pictures exists any more: no render except deleted ones, no cut-out, no object of an attempt.
- Its idempotency key has expired (`JobIntake.free_old_keys`), so that no repeated submit pays twice.
- Its webhook message, if any, has ended.
- If it is a picture of an order, all of that order may be archived: an order counts the states of its jobs. The order
  goes first, and its pictures are then jobs like any other.

The ledger is never changed. Balances are its sums, and its rows keep the ids of archived jobs (there is no foreign
key). Lines reach the disk before their rows are deleted. After a crash between the two, the next run writes the same
ids again.

There are no monthly partitions. PostgreSQL wants the partition's column in every unique constraint. The constraints on
jobs (ledger, renders, messages) and idempotency keys could then not be enforced.
"""

import json
import os
import time
from datetime import datetime
from typing import IO

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import UNFINISHED, cutouts, deliveries, jobs, orders, renders, request_logs, stored_objects

#: Jobs or orders that one transaction writes and deletes.
_BATCH = 500
#: The columns that name a job or an order, by the table of that.
_NAMED = {jobs: (deliveries.c.job_id, renders.c.job_id), orders: (deliveries.c.order_id,)}


def archive_jobs(engine: sa.Engine, out: IO[str], *, older_than: float) -> int:
    """Archive the jobs that are at least `older_than` seconds old and may be archived. Return their number.

    Raises SQLAlchemyError, OSError. `out` then contains what was deleted so far.
    """
    # Ids sort by time, so the primary key finds old jobs.
    end = str(ULID.from_timestamp(time.time() - older_than))
    kept = sa.exists().where(jobs.c.order_id == orders.c.id, sa.or_(jobs.c.id > end, UNFINISHED, *_needs_job()))
    waits = sa.exists().where(deliveries.c.order_id == orders.c.id, deliveries.c.state == "waiting")
    _archive(engine, out, orders, end, orders.c.completed_at.is_not(None), ~waits, ~kept)
    in_order = sa.exists().where(orders.c.id == jobs.c.order_id)
    return _archive(engine, out, jobs, end, ~UNFINISHED, ~in_order, *(~one for one in _needs_job()))


def _needs_job() -> list[sa.ColumnElement[bool]]:
    """Return the conditions under which a job that has ended is still needed."""
    return [
        sa.exists().where(renders.c.job_id == jobs.c.id, renders.c.deleted_at.is_(None)),
        sa.exists().where(cutouts.c.job_id == jobs.c.id),
        sa.exists().where(stored_objects.c.job_id == jobs.c.id),
        sa.exists().where(deliveries.c.job_id == jobs.c.id, deliveries.c.state == "waiting"),
    ]


def _archive(engine: sa.Engine, out: IO[str], table: sa.Table, end: str, *may: sa.ColumnElement[bool]) -> int:
    """Archive the rows of `table` with ids up to `end` that fit all conditions. Return their number."""
    after, archived = "", 0
    while batch := _archive_batch(engine, out, table, table.c.id > after, table.c.id <= end, *may):
        archived += len(batch)
        after = batch[-1]
    return archived


def _archive_batch(engine: sa.Engine, out: IO[str], table: sa.Table, *may: sa.ColumnElement[bool]) -> list[str]:
    old = (
        sa.select(table, request_logs)
        .join(request_logs, request_logs.c.request_id == table.c.request_id)
        .where(request_logs.c.idempotency_key.is_(None), *may)
        .order_by(table.c.id)
        .limit(_BATCH)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    about = _NAMED[table][0]
    with engine.begin() as connection:
        rows = connection.execute(old.with_for_update(of=table, skip_locked=True)).mappings().all()
        ids = [row[table.c.id] for row in rows]
        found = connection.execute(sa.select(deliveries).where(about.in_(ids))).mappings()
        messages = {message[about]: message for message in found}
        for row in rows:
            line = {one.name: {column.name: row[column] for column in one.c} for one in (table, request_logs)}
            message = messages.get(row[table.c.id])
            out.write(json.dumps(line | {"deliveries": message and dict(message)}, default=datetime.isoformat) + "\n")
        out.flush()
        if out.seekable():
            os.fsync(out.fileno())
        for column in (*_NAMED[table], table.c.id):
            connection.execute(sa.delete(column.table).where(column.in_(ids)))
        logs = [row[request_logs.c.request_id] for row in rows]
        connection.execute(request_logs.delete().where(request_logs.c.request_id.in_(logs)))
    return ids
