"""The export of a client's data: a ZIP that is written while it is sent, with a page of rows in memory.

It is no snapshot: it may miss what changes meanwhile. It contains no secret.
"""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.accounts.keys import Keys
from service.database.encryption import SECRET_COLUMNS
from service.database.engine import reader
from service.database.tables import metadata, request_logs, stored_objects
from service.orders.archive import Zip
from service.storage.objects import Bucket, ObjectNotFound

#: Rows of one query.
_PAGE = 200
#: Columns of the service's own. A repeat of a rotation with its key would show the webhook's secret.
_LEFT_OUT = {"lease_token", "worker", "traceparent", "rotation_key", *(column.name for column in SECRET_COLUMNS)}
#: Columns of order of the tables. Each table gets a file. A job and an order are listed with their request.
_TABLES = {
    **dict.fromkeys(("clients", "jobs", "orders", "deliveries", "ledger", "data_deletions"), "id"),
    "renders": "public_id",
    "cutouts": "job_id",
    "mended_masks": "photo_sha256",
    "brands": "name",
    "webhooks": "client_id",
}
_ASKED = [request_logs.c[name] for name in ("workflow", "body", "query", "pilot_brand", "idempotency_key")]


def exported(engine: sa.Engine, buckets: tuple[Bucket, Bucket], client_id: str) -> Iterator[bytes]:
    """Yield the ZIP in parts: JSON Lines by kind, then photos, pictures and masks, named by their keys.

    `buckets`: of photos and of renders. Raises SQLAlchemyError, StoreUnavailable.
    """
    archive = Zip(time.gmtime(), large=True)
    rows = {name: _pages(engine, client_id, metadata.tables[name].c[by]) for name, by in _TABLES.items()}
    for name, pages in {"keys": [[vars(key) for key in Keys(engine).list(client_id)]], **rows}.items():
        yield from archive.add(f"{name}.jsonl", map(_lines, pages), compressed=True)
    for kind, folder, number in (("sources", "uploads", 0), ("renders", "renders", 1), ("masks", "masks", 1)):
        row, own = stored_objects.c, f"{folder}/{client_id}/"
        kept = (row.bucket == kind, row.doomed_at.is_(None), row.key.startswith(own, autoescape=True))
        for key in (str(one["key"]) for page in _pages(engine, client_id, row.key, *kept) for one in page):
            try:
                parts = buckets[number].parts(key)
            except ObjectNotFound:  # never uploaded, or deleted a moment ago
                continue
            yield from archive.add(key.replace(own, f"{folder}/"), parts)
    yield archive.end()


def _lines(page: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in page).encode()


def _pages(
    engine: sa.Engine, client_id: str, order: sa.Column[str], *which: sa.ColumnElement[bool]
) -> Iterator[list[dict[str, Any]]]:
    columns = order.table.c
    query = sa.select(*(column for column in columns if column.name not in _LEFT_OUT))
    if "request_id" in columns:
        query = query.add_columns(*_ASKED).join(request_logs, request_logs.c.request_id == columns.request_id)
    owner = columns["client_id" if "client_id" in columns else "id"]
    query = query.where(owner == client_id, *which).order_by(order).limit(_PAGE)
    rows: list[dict[str, Any]] = [{order.name: ""}]
    while rows:
        with reader(engine).connect() as connection:
            found = connection.execute(query.where(order > rows[-1][order.name])).mappings()
            rows = [dict(row) for row in found]
        yield rows
