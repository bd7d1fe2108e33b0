"""Lists of a client's jobs and renders, newest first."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa

from service.database.engine import reader
from service.database.paging import EVERYTHING, Condition, Filters, Narrowed, Page, read_page
from service.database.tables import jobs, renders
from service.jobs.records import Job, Operation, Render
from service.jobs.rows import JOBS, RENDERS, job_of, render_of


class Listings:
    """The lists in the database. Thread-safe; one instance serves the whole process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reader, self._dialect = reader(engine), engine.dialect.name

    def jobs(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        filters: Filters = EVERYTHING,
        operation: Operation | None = None,
        preview: bool = False,
    ) -> Page[tuple[Job, Render | None]]:
        """Return a page of a client's jobs, each as `Jobs.get` returns it: at most `limit`, older than the cursor.

        It has either only previews or no previews.
        """
        one_status = filters.status[0] if len(filters.status) == 1 else None
        asked = {
            jobs.c.client_id: client_id,
            jobs.c.preview: preview,
            jobs.c.status: one_status,
            jobs.c.operation: operation,
            jobs.c.reference: filters.reference,
        }
        narrowed = [*filters.created(jobs.c.id, jobs.c.created_at), *_of_spec(filters, self._dialect)]
        if len(filters.status) > 1:
            narrowed += filters.statuses(jobs.c.status)
        if filters.output_preset is not None:
            narrowed.append((_of_field("output_preset", self._dialect), (filters.output_preset,)))
        return read_page(self._reader, JOBS, jobs.c.id, job_of, asked, limit, cursor, narrowed)

    def renders(
        self,
        client_id: str,
        *,
        limit: int,
        cursor: str | None = None,
        filters: Filters = EVERYTHING,
        preview: bool = False,
    ) -> Page[Render]:
        """Return a page of a client's renders: at most `limit`, older than the cursor; previews as in `jobs`.

        Renders have no status of their own, so the filter by it is ignored.
        """
        preset = filters.output_preset
        asked = {renders.c.client_id: client_id, renders.c.preview: preview, renders.c.output_preset: preset}
        if filters.reference is not None:
            # The client is repeated so that an index finds the few jobs by client and reference, then their renders.
            asked |= {jobs.c.client_id: client_id, jobs.c.reference: filters.reference}
        narrowed = [*filters.created(renders.c.public_id, renders.c.created_at)]
        narrowed += [
            (_by_job(condition), (client_id, preview, *values))
            for condition, values in _of_spec(filters, self._dialect)
        ]
        return read_page(self._reader, RENDERS, renders.c.public_id, render_of, asked, limit, cursor, narrowed)


#: A literal, as SQLite's index is partial and serves only queries that repeat its condition.
_SWAPS: sa.ColumnElement[bool] = jobs.c.operation == sa.literal_column("'swap'", sa.String)
#: Fields of a spec, written as the indexes of `service.database.tables` have them, which serve only the same SQL.
_FIELD = {"postgresql": "(jobs.spec ->> '{}')", "sqlite": "CAST(json_extract(jobs.spec, '$.{}') AS TEXT)"}


def _of_spec(filters: Filters, dialect: str) -> Iterator[Narrowed]:
    """Yield the conditions on a job's spec."""
    if filters.scene_type is not None:
        yield _of_field("scene_type", dialect), (filters.scene_type,)
    # SQLite reads the value from the index only through the cast: a JSON function's own result has a hidden subtype.
    metadata = "jobs.spec -> 'metadata'" if dialect == "postgresql" else _FIELD["sqlite"].format("metadata")
    yield from ((_of_swaps(condition), values) for condition, values in filters.pairs(metadata, dialect))


@cache
def _of_field(name: str, dialect: str) -> Condition:
    field = sa.literal_column(_FIELD[dialect].format(name), sa.Text)
    return lambda value: sa.and_(_SWAPS, field == value)


@cache
def _of_swaps(condition: Condition) -> Condition:
    return lambda *values: sa.and_(_SWAPS, condition(*values))


@cache
def _by_job(condition: Condition) -> Condition:
    """Return the condition on a render that its job fits.

    A subquery, not a join: SQLite would sort all renders of a frequent scene, whole. It reads this list once.
    """

    def made(client_id: Any, preview: Any, *values: Any) -> sa.ColumnElement[bool]:
        own = sa.and_(jobs.c.client_id == client_id, jobs.c.preview == preview)
        fits = sa.select(jobs.c.id).where(condition(*values), own)
        return renders.c.job_id.in_(fits.correlate(None))

    return made
