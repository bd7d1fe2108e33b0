"""The delivery log: a client's messages with their states, newest first, or one with its body."""

import re
from typing import Any

import sqlalchemy as sa

from service.database.engine import reader
from service.database.paging import EVERYTHING, Filters, Page, read_page
from service.database.tables import deliveries
from service.webhooks.endpoints import DeliveryRecord

_ID = re.compile("msg_[0-9A-Za-z]{1,26}")
_RECORDS = sa.select(*(deliveries.c[name] for name in DeliveryRecord.__dataclass_fields__))


class DeliveryLog:
    """The log in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def page(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        filters: Filters = EVERYTHING,
        type: str | None = None,
        job_id: str | None = None,
        order_id: str | None = None,
    ) -> Page[DeliveryRecord]:
        """Return a page of a client's messages: at most `limit`, older than the cursor.

        Of the filters, the states (`status`) and the times apply.
        """
        asked: dict[sa.Column[Any], object] = {deliveries.c.client_id: client_id, deliveries.c.type: type}
        asked |= {deliveries.c.job_id: job_id, deliveries.c.order_id: order_id}
        narrowed = [*filters.created(deliveries.c.id, deliveries.c.created_at, "msg_")]
        narrowed += filters.statuses(deliveries.c.state)
        return read_page(self._reader, _RECORDS, deliveries.c.id, _record, asked, limit, cursor, narrowed)

    def get(self, client_id: str, delivery_id: str) -> tuple[DeliveryRecord, str] | None:
        """Return a client's message and its body; None if it has no message with this id."""
        if not _ID.fullmatch(delivery_id):
            return None  # PostgreSQL refuses a NUL
        query = _RECORDS.add_columns(deliveries.c.body)
        with self._reader.connect() as connection:
            own = sa.and_(deliveries.c.id == delivery_id, deliveries.c.client_id == client_id)
            row = connection.execute(query.where(own)).mappings().first()
        return None if row is None else (_record(row), row["body"])


def _record(row: Any) -> DeliveryRecord:
    return DeliveryRecord(**{name: row[name] for name in DeliveryRecord.__dataclass_fields__})
