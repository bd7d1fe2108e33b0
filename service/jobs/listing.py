"""Lists of a client's jobs and renders, newest first, with one SQL statement for a page of any size."""

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
    """A page of items in order. `next_cursor` is where the next page begins; None on the last page."""

    items: list[Item]
    next_cursor: str | None


class Listings:
    """The lists in the database. Thread-safe; one instance serves the whole process.

    A cursor is the id of a page's last item. Ids are ULIDs, ordered by time, so new items don't change a page. The
    cursor only marks a place: its item may be deleted or another client's.
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
        """Return a page of a client's jobs, each as `Jobs.get` returns it: at most `limit`, older than the cursor.

        It has either only previews or no previews.
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
        """Return a page of a client's renders: at most `limit`, older than the cursor; previews as in `jobs`."""
        asked = {renders.c.client_id: client_id, renders.c.preview: preview, renders.c.output_preset: output_preset}
        if reference is not None:
            # The client is repeated so that an index finds the few jobs by client and reference, then their renders.
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
    """Return a page of the query's rows with the given values (None: any), in descending order of `ids`.

    `read` converts a row to an item.
    """
    given = {column: value for column, value in asked.items() if value is not None}
    values = {f"value_{number}": value for number, value in enumerate(given.values())}
    # One extra row, not shown, reveals whether there is a next page.
    values |= {"rows": limit + 1, "place": cursor}
    with engine.connect() as connection:
        found = connection.execute(_page_of(query, ids, *given, after=cursor is not None), values)
        rows = [dict(zip(found.keys(), row, strict=True)) for row in found]  # several times faster than a RowMapping
    shown = rows[:limit]
    return Page([read(row) for row in shown], shown[-1]["place"] if len(rows) > limit else None)


@cache
def _page_of(query: sa.Select[Any], ids: sa.Column[str], *columns: sa.Column[Any], after: bool) -> sa.Select[Any]:
    """Return the statement of a page. Cached, as SQLAlchemy takes longer to compile a new one than to run it."""
    for number, column in enumerate(columns):
        query = query.where(column == sa.bindparam(f"value_{number}"))
    if after:
        query = query.where(ids < sa.bindparam("place"))
    return query.add_columns(ids.label("place")).order_by(ids.desc()).limit(sa.bindparam("rows", type_=sa.Integer))
