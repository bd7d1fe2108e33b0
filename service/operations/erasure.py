"""The deletion of all of a client's data, with a receipt (`data_deletions`).

Each short transaction also counts in the receipt what it deletes. After a crash the sweep, or the same request again,
goes on. Data of before the request goes, and newer data stays. A job is made under the lock of its client's row, which
a request takes too, so each job is wholly older or newer. A newer job of an older photo fails and is refunded, as after
the deletion of that photo (`Jobs.fail_abandoned`). `service.storage.expiry` deletes the bytes of marked objects.
"""

import math
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from ulid import ULID

from service.database.clock import db_now
from service.database.engine import reader
from service.database.tables import UNFINISHED, clients, data_deletions, jobs, metadata, orders, stored_objects
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
#: Tables of a few rows, with their time of change. Messages go with their jobs and orders, except for tests.
_SETTINGS = {"webhooks": "created_at", "brands": "updated_at", "mended_masks": "mended_at", "deliveries": "created_at"}
#: Buckets by the names of their objects in a receipt.
_FILES = {"photos": "sources", "pictures": "renders", "masks": "masks", "cut-outs": "cutouts", "backgrounds": "scenes"}


class Erasure:
    """Deletes clients' data. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine, settings: Settings, jobs: Jobs | None = None) -> None:
        self._engine, self._reader = engine, reader(engine)
        self._jobs = jobs or Jobs(engine, lease=settings.lease, max_attempts=settings.max_attempts)
        #: Seconds for which an upload's URL works and an attempt may store files, and until the bytes are deleted.
        self._writable = max(settings.url_ttl, settings.attempt_ends)
        self._within = timedelta(seconds=self._writable + DELETE_DELAY + 2 * settings.expire_every)

    def run(self, client_id: str, *, seconds: float = math.inf) -> dict[str, Any]:
        """Delete a client's data for at most `seconds`, and return the receipt. Raises SQLAlchemyError."""
        row = {"id": str(ULID()), "client_id": client_id, "counts": {}}
        with self._engine.begin() as connection:
            connection.execute(sa.select(clients.c.id).where(clients.c.id == client_id).with_for_update(key_share=True))
            connection.execute(data_deletions.insert().values(**row))
        self.finish(data_deletions.c.client_id == client_id, seconds=seconds)
        return self.receipts(client_id, data_deletions.c.id == row["id"])[0]

    def receipts(self, client_id: str, *which: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        """Return a client's newest receipts.

        `files_left`: its marked files that still have bytes. `files_deleted_by`: the time after which none should have.
        """
        marked = (stored_objects.c.client_id == client_id, stored_objects.c.doomed_at.is_not(None))
        left = sa.select(sa.func.count()).where(*marked).scalar_subquery().label("files_left")
        query = sa.select(data_deletions, left).where(data_deletions.c.client_id == client_id, *which)
        with self._reader.connect() as connection:
            rows = connection.execute(query.order_by(data_deletions.c.id.desc()).limit(_LISTED)).mappings().all()
        return [{**row, "files_deleted_by": (end := row["completed_at"]) and end + self._within} for row in rows]

    def finish(self, *which: sa.ColumnElement[bool], seconds: float = math.inf) -> None:
        """Finish deletions, by default all, for at most `seconds`, a page a transaction. Raises SQLAlchemyError.

        Each step returns the numbers of a page by kind, of what is older than the request.
        """
        end, row = time.monotonic() + seconds, data_deletions.c
        first = sa.select(data_deletions).where(row.completed_at.is_(None), *which).order_by(row.id).limit(1)
        while time.monotonic() < end:
            with self._engine.begin() as connection:
                receipt = connection.execute(first.with_for_update()).first()
                if receipt is None:
                    return
                # The webhook first, so that it gets no message about the rest. Photos before their jobs.
                steps = (_delete_settings, self._mark_files, self._cancel, _delete_orders, _delete_jobs)
                pages = (step(connection, receipt.client_id, receipt.requested_at) for step in steps)
                found = next((page for page in pages if any(page.values())), None)
                counts = dict(Counter(receipt.counts) + Counter(found))
                values = {"counts": counts} if found else {"completed_at": db_now()}
                connection.execute(data_deletions.update().where(row.id == receipt.id).values(**values))

    def _mark_files(self, connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
        row, ulid, found = stored_objects.c, ULID.from_timestamp(before.timestamp()), dict[str, int]()
        for name, bucket in _FILES.items():
            made = row.key < f"{'uploads' if bucket == 'sources' else bucket}/{client_id}/{ulid}"
            # By the key too, as a job may have used it since then. What is cached can be made again.
            old = sa.or_(sa.literal(bucket in CACHED), row.used_at <= before, made)
            kept = (row.client_id == client_id, row.bucket == bucket, row.doomed_at.is_(None))
            some = sa.select(row.key).where(*kept, old)
            keys = connection.execute(some.order_by(row.key).limit(_PAGE).with_for_update()).scalars().all()
            marked = stored_objects.update().where(row.bucket == bucket, row.key.in_(keys))
            found[name] = connection.execute(marked.values(doomed_at=db_now(self._writable))).rowcount
        return found

    def _cancel(self, connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
        return {"cancelled": self._jobs.end_before(connection, client_id, before)}


def _delete_settings(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    found = {}
    for name, changed in _SETTINGS.items():
        row = metadata.tables[name].c
        whole = sa.and_(row.job_id.is_(None), row.order_id.is_(None)) if name == "deliveries" else sa.true()
        old = metadata.tables[name].delete().where(row.client_id == client_id, row[changed] <= before, whole)
        found[name] = connection.execute(old).rowcount
    if found["webhooks"]:
        drop_waiting(connection, client_id)
    return found


def _delete_orders(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    # An order's row may be older than its jobs, which were made after a wait for the client's row.
    newer = sa.exists().where(jobs.c.order_id == orders.c.id, sa.or_(UNFINISHED, jobs.c.created_at > before))
    return _delete(connection, orders, client_id, sa.and_(orders.c.created_at <= before, ~newer), deliveries="order_id")


def _delete_jobs(connection: sa.Connection, client_id: str, before: datetime) -> dict[str, int]:
    old, named = sa.and_(jobs.c.created_at <= before, ~UNFINISHED), ("deliveries", "renders", "cutouts")
    return _delete(connection, jobs, client_id, old, **dict.fromkeys(named, "job_id"))


def _delete(
    connection: sa.Connection, table: sa.Table, client_id: str, old: sa.ColumnElement[bool], **named: str
) -> dict[str, int]:
    """Delete a page of rows with their request logs, and the rows that name them in the columns `named`."""
    page = sa.select(table.c.id, table.c.request_id).where(table.c.client_id == client_id, old)
    rows = connection.execute(page.order_by(table.c.id).limit(_PAGE).with_for_update(of=table)).all()
    ids, found = [row.id for row in rows], {}
    connection.execute(stored_objects.update().where(stored_objects.c.job_id.in_(ids)).values(job_id=None))
    for name, by in {**named, table.name: "id", "request_logs": "request_id"}.items():
        these = [row.request_id for row in rows] if name == "request_logs" else ids
        gone = metadata.tables[name].delete().where(metadata.tables[name].c[by].in_(these))
        found[name] = connection.execute(gone).rowcount
    return found
