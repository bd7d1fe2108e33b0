"""Listings: what a client has, newest first, a page at a time. One statement a page, however many things are on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from service.database.engine import reader
from service.database.tables import jobs, renders
from service.jobs.records import Job, JobStatus, Operation, Render
from service.jobs.rows import JOBS, RENDERS, job_of, render_of

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some things in their order. `next_cursor`: where the page after it begins; None: there is nothing more."""

    items: list[Item]
    next_cursor: str | None


class Listings:
    """The listings of one database. Lives as long as the process; safe in threads.

    A cursor is the id of the last thing on a page. Ids are ULIDs, so their order is that of time, and a page stays what
    it is while new things come before it. The id need not exist any more, nor be the client's: it is only a place.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._reader = reader(engine)

    def jobs(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        status: JobStatus | None = None,
        operation: Operation | None = None,
        reference: str | None = None,
        preview: bool = False,
    ) -> Page[tuple[Job, Render | None]]:
        """Return a page of a client's jobs as `Jobs.get` returns each: at most `limit`, those before the cursor.

        Either of previews alone, or of the others.
        """
        asked = {
            jobs.c.client_id: client_id,
            jobs.c.preview: preview,
            jobs.c.status: status,
            jobs.c.operation: operation,
            jobs.c.reference: reference,
        }
        return read_page(self._reader, JOBS, jobs.c.id, job_of, asked, limit, cursor)

    def renders(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        output_preset: str | None = None,
        reference: str | None = None,
        preview: bool = False,
    ) -> Page[Render]:
        """Return a page of a client's renders: at most `limit`, those before the cursor; previews as in `jobs`."""
        asked = {renders.c.client_id: client_id, renders.c.preview: preview, renders.c.output_preset: output_preset}
        if reference is not None:
            # The client twice: by it and the reference the jobs are found, few of them, and each one's render.
            asked |= {jobs.c.client_id: client_id, jobs.c.reference: reference}
        return read_page(self._reader, RENDERS, renders.c.public_id, render_of, asked, limit, cursor)


def read_page(
    engine: sa.Engine,
    query: sa.Select[Any],
    ids: sa.Column[str],
    read: Callable[[Mapping[str, Any]], Item],
    asked: Mapping[sa.Column[Any], object],
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Return the page of a query's rows with the values asked for (None: any), in the falling order of `ids`.

    `read` makes an item of a row.
    """
    given = {column: value for column, value in asked.items() if value is not None}
    values = {f"value_{number}": value for number, value in enumerate(given.values())}
    # One more than asked for, and not shown: whether there is a next page.
    values |= {"rows": limit + 1, "place": cursor}
    with engine.connect() as connection:
        found = connection.execute(_page_of(query, ids, *given, after=cursor is not None), values)
        rows = [dict(zip(found.keys(), row, strict=True)) for row in found]  # read several times as fast as a mapping
    shown = rows[:limit]
    return Page([read(row) for row in shown], shown[-1]["place"] if len(rows) > limit else None)


@cache
def _page_of(query: sa.Select[Any], ids: sa.Column[str], *columns: sa.Column[Any], after: bool) -> sa.Select[Any]:
    """Return the statement of a page. Made once: SQLAlchemy takes longer to know a new one again than to run it."""
    for number, column in enumerate(columns):
        query = query.where(column == sa.bindparam(f"value_{number}"))
    if after:
        query = query.where(ids < sa.bindparam("place"))
    return query.add_columns(ids.label("place")).order_by(ids.desc()).limit(sa.bindparam("rows", type_=sa.Integer))
