"""The archive: writes old jobs as JSON Lines with request log and webhook message, and deletes them from the database.

A job may be archived under these conditions:

- The job has ended, and was submitted before the chosen time.
- None of its pictures exists any more: no render except deleted ones, no cut-out, no object of an attempt.
- Its idempotency key has expired (`JobIntake.free_old_keys`), so that no repeated submit pays twice.
- It is no picture of an order of many pictures: an order keeps its jobs, whose states it counts.
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
from datetime import datetime
from typing import IO

import sqlalchemy as sa
from ulid import ULID

from service.database.tables import UNFINISHED, cutouts, deliveries, jobs, renders, request_logs, stored_objects

#: Jobs that one transaction writes and deletes.
_BATCH = 500


def archive_jobs(engine: sa.Engine, out: IO[str], *, older_than: float) -> int:
    """Archive the jobs that are at least `older_than` seconds old and may be archived. Return their number.

    Raises SQLAlchemyError, OSError. `out` then contains the jobs that were deleted so far.
    """
    # Ids sort by time, so the primary key finds old jobs.
    after, end = "", str(ULID.from_timestamp(time.time() - older_than))
    archived = 0
    while batch := _archive_batch(engine, out, after, end):
        archived += len(batch)
        after = batch[-1]
    return archived


def _archive_batch(engine: sa.Engine, out: IO[str], after: str, end: str) -> list[str]:
    retries = jobs.alias()
    lives: list[sa.ColumnElement[bool]] = [
        sa.exists().where(renders.c.job_id == jobs.c.id, renders.c.deleted_at.is_(None)),
        sa.exists().where(cutouts.c.job_id == jobs.c.id),
        sa.exists().where(stored_objects.c.job_id == jobs.c.id),
        sa.exists().where(deliveries.c.job_id == jobs.c.id, deliveries.c.state == "waiting"),
        sa.exists().where(retries.c.retry_of == jobs.c.id),
    ]
    free = request_logs.c.idempotency_key.is_(None)
    old = (
        sa.select(jobs, request_logs)
        .join(request_logs, request_logs.c.request_id == jobs.c.request_id)
        .where(
            jobs.c.id > after, jobs.c.id <= end, ~UNFINISHED, free, jobs.c.order_id.is_(None), *(~one for one in lives)
        )
        .order_by(jobs.c.id)
        .limit(_BATCH)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    with engine.begin() as connection:
        rows = connection.execute(old.with_for_update(of=jobs, skip_locked=True)).mappings().all()
        ids = [row[jobs.c.id] for row in rows]
        found = connection.execute(sa.select(deliveries).where(deliveries.c.job_id.in_(ids))).mappings()
        messages = {message["job_id"]: message for message in found}
        for row in rows:
            line = {table.name: {column.name: row[column] for column in table.c} for table in (jobs, request_logs)}
            message = messages.get(row[jobs.c.id])
            out.write(json.dumps(line | {"deliveries": message and dict(message)}, default=datetime.isoformat) + "\n")
        out.flush()
        if out.seekable():
            os.fsync(out.fileno())
        for table, column in ((deliveries, "job_id"), (renders, "job_id"), (jobs, "id")):
            connection.execute(table.delete().where(table.c[column].in_(ids)))
        logs = [row[request_logs.c.request_id] for row in rows]
        connection.execute(request_logs.delete().where(request_logs.c.request_id.in_(logs)))
    return ids
