"""The deletion of all of a client's data, with a receipt (`data_deletions`).

Each short transaction also counts in the receipt what it deletes. After a crash the sweep, or the same request again,
goes on. Data of before the request goes, and newer data stays. A job is made under the lock of its client's row, which
a request takes too, so each job is wholly older or newer. A newer job of an older photo fails and is refunded, as after
the deletion of that photo (`Jobs.fail_abandoned`). `service.storage.expiry` deletes the bytes of marked objects.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.engine import reader
from service.database.tables import (
    UNFINISHED,
    brands,
    clients,
    cutouts,
    data_deletions,
    deliveries,
    jobs,
    mended_masks,
    orders,
    renders,
    request_logs,
    stored_objects,
    webhooks,
)
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.storage.expiry import DELETE_DELAY
from service.storage.registry import CACHED
from service.webhooks.outbox import drop_waiting

#: Rows of one transaction, and receipts of a list.
_PAGE, _LISTED = 500, 100
#: What a deletion keeps, and why.
KEPT = {
    "client": "The account: its name, balance and settings. The operator can disable it.",
    "keys": "API keys, as hashes. DELETE /v1/keys/{key_id} deletes one.",
    "ledger": "Grants, debits and refunds with ids of jobs, for the accounts. It contains nothing that you sent.",
    "receipts": "The receipts of deletions, as proof.",
}
#: Buckets by the names of their objects in a receipt.
_FILES = {"photos": "sources", "pictures": "renders", "masks": "masks", "cut-outs": "cutouts", "backgrounds": "scenes"}
_OPEN = data_deletions.c.completed_at.is_(None)


class Erasure:
    """Deletes clients' data. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, settings: Settings, jobs: Jobs | None = None) -> None:
        self._engine, self._reader = engine, reader(engine)
        self._jobs = jobs or Jobs(engine, lease=settings.lease, max_attempts=settings.max_attempts)
        #: Seconds for which an upload's URL works and an attempt may store files, and until the bytes are deleted.
        self._writable = max(settings.url_ttl, settings.attempt_ends)
        self._within = self._writable + DELETE_DELAY + 2 * settings.expire_every

    def run(self, client_id: str, *, seconds: float = math.inf) -> dict[str, Any]:
        """Delete a client's data for at most `seconds`, and return the receipt. Raises SQLAlchemyError."""
        receipt_id = str(ULID())
        with self._engine.begin() as connection:
            connection.execute(sa.select(clients.c.id).where(clients.c.id == client_id).with_for_update())
            new = data_deletions.insert().values(id=receipt_id, client_id=client_id, counts={}, requested_at=db_now())
            connection.execute(new)
        self.finish(data_deletions.c.client_id == client_id, seconds=seconds)
        return self.receipts(client_id, receipt_id)[0]

    def receipts(self, client_id: str, receipt_id: str | None = None) -> list[dict[str, Any]]:
        """Return a client's newest receipts, or the one with this id.

        `files_left`: the client's marked files that still have bytes. `files_deleted_by`: when none should have.
        """
        row, one = stored_objects.c, data_deletions.c.id == receipt_id if receipt_id else sa.true()
        left = sa.select(sa.func.count()).where(row.client_id == client_id, row.doomed_at.is_not(None))
        query = sa.select(data_deletions, left.scalar_subquery().label("files_left")).where(one)
        query = query.where(data_deletions.c.client_id == client_id).order_by(data_deletions.c.id.desc())
        with self._reader.connect() as connection:
            found = [dict(row) for row in connection.execute(query.limit(_LISTED)).mappings()]
        within = timedelta(seconds=self._within)
        return [one | {"files_deleted_by": one["completed_at"] and one["completed_at"] + within} for one in found]

    def finish(self, *which: sa.ColumnElement[bool], seconds: float = math.inf) -> None:
        """Finish deletions, by default all, for at most `seconds`. Raises SQLAlchemyError."""
        end = time.monotonic() + seconds
        first = sa.select(data_deletions).where(_OPEN, *which).order_by(data_deletions.c.id).limit(1).with_for_update()
        while time.monotonic() < end:
            with self._engine.begin() as connection:
                receipt = connection.execute(first).first()
                if receipt is None:
                    return
                values: dict[str, Any] = {"completed_at": db_now()}
                # The webhook first, so that it gets no message about the rest. Photos before their jobs.
                for step in (_delete_settings, self._mark_files, self._cancel, _delete_orders, _delete_jobs):
                    if any((found := step(connection, receipt.client_id, receipt.requested_at)).values()):
                        values = {"counts": dict(Counter(receipt.counts) + Counter(found))}
                        break
                connection.execute(data_deletions.update().where(data_deletions.c.id == receipt.id).values(**values))

    # Each step deletes at most a page of what is older than `before`, and returns the numbers by kind.

    def _mark_files(self, connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
        row, ulid, found = stored_objects.c, ULID.from_timestamp(before.timestamp()), dict[str, int]()
        for name, bucket in _FILES.items():
            made = row.key < f"{'uploads' if bucket == 'sources' else bucket}/{client_id}/{ulid}"
            # By the key too, as a job may have used it since then. What is cached can be made again.
            old = sa.or_(bucket in CACHED, row.used_at <= before, made)
            own = sa.and_(row.client_id == client_id, row.bucket == bucket)
            some = sa.select(row.key).where(own, row.doomed_at.is_(None), old).order_by(row.key).limit(_PAGE)
            keys = connection.execute(some.with_for_update()).scalars().all()
            marked = stored_objects.update().where(own, row.key.in_(keys))
            found[name] = connection.execute(marked.values(doomed_at=db_now(self._writable))).rowcount
        return found

    def _cancel(self, connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
        return {"cancelled": self._jobs.end_before(connection, client_id, before)}


def _delete_settings(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    changed = (webhooks.c.created_at, brands.c.updated_at, mended_masks.c.mended_at)
    old = [column.table.delete().where(column.table.c.client_id == client_id, column <= before) for column in changed]
    # The other messages go with their jobs and orders.
    tests = deliveries.delete().where(deliveries.c.client_id == client_id, deliveries.c.created_at <= before)
    old.append(tests.where(deliveries.c.job_id.is_(None), deliveries.c.order_id.is_(None)))
    found = {str(one.table.name): connection.execute(one).rowcount for one in old}
    if found["webhooks"]:
        drop_waiting(connection, client_id)
    return found


def _delete_orders(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    # An order's row may be older than its jobs, which were made after a wait for the client's row.
    newer = sa.exists().where(jobs.c.order_id == orders.c.id, sa.or_(UNFINISHED, jobs.c.created_at > before))
    rows = _locked(connection, orders, client_id, before, ~newer)
    return _delete(connection, rows, deliveries.c.order_id, orders.c.id)


def _delete_jobs(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    rows = _locked(connection, jobs, client_id, before, ~UNFINISHED)
    attempts = stored_objects.update().where(stored_objects.c.job_id.in_([row.id for row in rows]))
    connection.execute(attempts.values(job_id=None))
    return _delete(connection, rows, deliveries.c.job_id, renders.c.job_id, cutouts.c.job_id, jobs.c.id)


def _locked(
    connection: sa.Connection, table: sa.Table, client_id: str, before: datetime, which: sa.ColumnElement[bool]
) -> Sequence[Any]:
    """Return a page of old rows, newest first, so that no retry outlives its job."""
    old = sa.select(table.c.id, table.c.request_id).where(table.c.client_id == client_id, table.c.created_at <= before)
    old = old.where(which).order_by(table.c.id.desc()).limit(_PAGE)
    return connection.execute(old.with_for_update(of=table)).all()


def _delete(connection: sa.Connection, rows: Sequence[Any], *columns: sa.Column[Any]) -> dict[str, int]:
    """Delete the rows that name these ids in a column, and their request logs."""
    ids, logs = [row.id for row in rows], [row.request_id for row in rows]
    gone = [column.table.delete().where(column.in_(ids)) for column in columns]
    gone.append(request_logs.delete().where(request_logs.c.request_id.in_(logs)))
    return {str(one.table.name): connection.execute(one).rowcount for one in gone}
