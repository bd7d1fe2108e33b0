"""Usage: pictures and credits of a span of time, by day, scene, preset, metadata or client.

Pictures count at the time of their submit, and credits at the time of their entry in the ledger. So the credits of a
span are the balance's change without grants, even where a job was archived (`service.operations.archive`).
"""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field

from service.database.engine import reader
from service.database.paging import Filters
from service.database.tables import clients, jobs, ledger

#: Most days of a span, and most keys with a row of their own.
MOST_DAYS, MOST_ROWS = 366, 1000
#: SQL of the sums over pictures, other jobs and entries of the ledger, which have NULL in each other's columns.
_SUMS = {
    "ordered": "count(picture)",
    "succeeded": "count(*) FILTER (WHERE picture = 'SUCCESS')",
    "not_accepted": "count(*) FILTER (WHERE picture = 'FAILURE' AND error_code = 'not_accepted')",
    "failed": "count(*) FILTER (WHERE picture = 'FAILURE' AND error_code <> 'not_accepted')",
    "accepted_first": "count(*) FILTER (WHERE picture = 'SUCCESS' AND tries = 1)",
    "accepted_retried": "count(*) FILTER (WHERE picture = 'SUCCESS' AND tries > 1)",
    "credits_spent": "sum(CASE WHEN amount < 0 THEN -amount ELSE 0 END)",
    "credits_returned": "sum(CASE WHEN amount > 0 THEN amount ELSE 0 END)",
    "credits_net": "-sum(amount)",
    "previews": "count(*) FILTER (WHERE preview)",
    "cutouts": "count(*) FILTER (WHERE operation = 'cutout')",
}


class UsageRow(BaseModel):
    """Pictures by the time of their submit, and credits by the time of their entry in the ledger."""

    key: str | None = Field(description="The row's day (UTC), scene, preset or value. Null if none is known.")
    ordered: int = Field(description="Pictures ordered. Those that none of the next three counts are unfinished.")
    succeeded: int = Field(description="Pictures made. If their order had limits, they were accepted.")
    not_accepted: int = Field(description="Pictures that failed because every try missed a limit.")
    failed: int = Field(description="Pictures that failed for another reason, or were cancelled.")
    accepted_first: int = Field(description="Pictures of orders with limits that were accepted at the first try.")
    accepted_retried: int = Field(description="Pictures of orders with limits that were accepted at a later try.")
    credits_spent: int = Field(description="Credits charged for jobs.")
    credits_returned: int = Field(description="Credits refunded for failed jobs.")
    credits_net: int = Field(description="Credits charged minus credits refunded.")
    previews: int = Field(description="Previews ordered, which are free.")
    cutouts: int = Field(description="Cut-outs ordered, which are free.")


class StoredPhotos(BaseModel):
    """The photos that a client has stored now, and its limits."""

    bytes: int = Field(description="Bytes of your stored photos. A photo whose size is not known yet counts 0.")
    quota_bytes: int = Field(description="Most bytes of stored photos; 0: no limit.")
    uploads: int = Field(description="Most uploads in `window_seconds`; 0: no limit.")
    window_seconds: int = Field(description="Seconds for which uploads are counted together.")


class UsageReport(BaseModel):
    """The usage of a span of time, in which `end` is not included."""

    start: datetime = Field(description="When the span begins.")
    end: datetime = Field(description="When the span ends.")
    rows: list[UsageRow] = Field(description="Days in order, other keys with most pictures first, and `(other)` last.")
    totals: UsageRow = Field(description="Sum of all rows.")
    missed: dict[str, int] = Field(description="Number of first tries that missed a limit, by its name.")
    photos: StoredPhotos | None = Field(None, description="Your stored photos. Null in a report on all clients.")

    def as_csv(self) -> str:
        """Return the rows as CSV (RFC 4180). A key that a spreadsheet would run as a formula gets an apostrophe."""
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, UsageRow.model_fields)
        table.writeheader()
        for row in self.rows:
            table.writerow(row.model_dump() | {"key": re.sub(r"\A[=+@\t\r-]", r"'\g<0>", row.key or "")})
        return text.getvalue()


class SpanInvalid(ValueError):
    """Raised for a span that is empty or too long."""


def usage_report(
    engine: sa.Engine, by: str, start: datetime | None, end: datetime | None, client_id: str | None
) -> UsageReport:
    """Return the usage of a client, or without an id that of all clients but those of the sandbox.

    `by`: "day", "scene", "preset", "client" or "metadata.NAME". Without an end, the span ends with today (UTC). Without
    a start, it has 30 days. Raises SpanInvalid.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = end or today + timedelta(days=1)
    start = start or max(end, today.replace(year=1970)) - timedelta(days=30)  # no date is before the year 1
    if not timedelta() < end - start <= timedelta(days=MOST_DAYS):
        raise SpanInvalid(f"The span should end after its start, and have at most {MOST_DAYS} days")
    span, live = Filters(created_after=start, created_before=end), sa.select(clients.c.id).where(~clients.c.sandbox)
    own, entries = (
        sa.and_(*(condition(*values) for condition, values in span.created(table.c.id, table.c.created_at)))
        & table.c.client_id.in_([client_id] if client_id else live)
        for table in (jobs, ledger)
    )
    dialect = engine.dialect.name
    items = sa.func.json_each if dialect == "sqlite" else sa.func.json_array_elements_text
    limit = items(jobs.c.missed[0]).table_valued("value", name="limits")
    each = sa.select(limit.c.value, sa.func.count().label("many")).select_from(jobs).join(limit, sa.true())
    each = each.where(own, ~jobs.c.preview, limit.c.value.is_not(None)).group_by(limit.c.value).order_by(limit.c.value)
    with reader(engine).connect() as connection:
        rows = [UsageRow(**row) for row in connection.execute(_rows(by, dialect, own, entries)).mappings()]
        missed = {row.value: row.many for row in connection.execute(each)}
    totals = UsageRow(key=None, **{name: sum(getattr(row, name) for row in rows) for name in _SUMS})
    return UsageReport(start=start, end=end, rows=rows, totals=totals, missed=missed)


def _key(by: str, dialect: str, table: sa.FromClause) -> Any:
    """Return SQL of the key of a job, or by day or client also of an entry of the ledger."""
    if by == "client":
        return sa.select(clients.c.name).where(clients.c.id == table.c.client_id).scalar_subquery()
    if by != "day":
        name = {"scene": "scene_type", "preset": "output_preset"}.get(by, by)
        return table.c.spec[tuple(name.split(".", 1))].as_string()
    if dialect == "sqlite":
        return sa.func.strftime("%Y-%m-%d", table.c.created_at)
    return sa.func.to_char(sa.func.timezone("UTC", table.c.created_at), "YYYY-MM-DD")


def _rows(by: str, dialect: str, own: sa.ColumnElement[bool], entries: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the statement of the rows, in their order."""
    picture = sa.case((sa.and_(jobs.c.operation == "swap", ~jobs.c.preview), jobs.c.status)).label("picture")
    columns = [picture, *(jobs.c[name] for name in ("error_code", "operation", "preview", "tries"))]
    made = sa.select(_key(by, dialect, jobs).label("key"), jobs.c.id, *columns).where(own).cte("made")
    # An entry's job may be older than the span, or archived. A spec is parsed once, as that takes most of the time.
    its = jobs.alias()
    of_job = sa.select(_key(by, dialect, its)).where(its.c.id == ledger.c.job_id).scalar_subquery()
    by_job = by not in ("day", "client")
    key = sa.func.coalesce(made.c.key, of_job) if by_job else _key(by, dialect, ledger)
    moved = sa.select(key, ledger.c.amount, *(sa.null() for _ in columns)).where(entries, ledger.c.kind != "grant")
    if by_job:
        moved = moved.outerjoin_from(ledger, made, made.c.id == ledger.c.job_id)
    ordered = sa.select(made.c.key, sa.literal_column("0").label("amount"), *(made.c[one.name] for one in columns))
    each = sa.union_all(ordered, moved).cte("each")
    sums = [sa.literal_column(text, sa.BigInteger).label(name) for name, text in _SUMS.items()]
    summed = sa.select(each.c.key, *sums).group_by(each.c.key).cte("summed")
    order = summed.c.key if by == "day" else summed.c.ordered.desc()
    place = sa.func.row_number().over(order_by=(order, summed.c.key)).label("place")
    ranked = sa.select(summed, place).cte("ranked")
    shown = sa.case((ranked.c.place > MOST_ROWS, "(other)"), else_=ranked.c.key).label("key")
    whole = (sa.cast(sa.func.sum(ranked.c[name]), sa.BigInteger).label(name) for name in _SUMS)
    return sa.select(shown, *whole).group_by(shown, ranked.c.place > MOST_ROWS).order_by(sa.func.min(ranked.c.place))
