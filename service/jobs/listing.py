"""Listings: what a client has, newest first, a page at a time. One statement a page, however many things are on it."""

from collections.abc import Callable
from dataclasses import dataclass
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
        query = JOBS.where(jobs.c.client_id == client_id, jobs.c.preview == preview)
        if status is not None:
            query = query.where(jobs.c.status == status)
        if operation is not None:
            query = query.where(jobs.c.operation == operation)
        if reference is not None:
            query = query.where(jobs.c.reference == reference)
        return read_page(self._reader, query, jobs.c.id, job_of, limit, cursor)

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
        query = RENDERS.where(renders.c.client_id == client_id, renders.c.preview == preview)
        if output_preset is not None:
            query = query.where(renders.c.output_preset == output_preset)
        if reference is not None:
            # The client twice: by it and the reference the jobs are found, few of them, and each one's render.
            query = query.where(jobs.c.client_id == client_id, jobs.c.reference == reference)
        return read_page(self._reader, query, renders.c.public_id, render_of, limit, cursor)


def read_page(
    engine: sa.Engine,
    query: sa.Select[Any],
    ids: sa.Column[str],
    read: Callable[[sa.RowMapping], Item],
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Return the page of a query's rows, each as `read` reads it, in the falling order of `ids`."""
    if cursor is not None:
        query = query.where(ids < cursor)
    # One more than asked for, and not shown: whether there is a next page.
    query = query.add_columns(ids.label("place")).order_by(ids.desc()).limit(limit + 1)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    shown = rows[:limit]
    return Page([read(row) for row in shown], shown[-1]["place"] if len(rows) > limit else None)
