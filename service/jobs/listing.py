"""Rows as jobs and renders, and lists of them, newest first.

One statement reads many jobs, each with its refund and its render.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from service.accounts.ledger import refunded
from service.database.engine import reader
from service.database.paging import EVERYTHING, Condition, Filters, Narrowed, Page, read_page
from service.database.tables import jobs, renders
from service.jobs.records import Job, JobStatus, Operation, Render

_OF_JOB = ("source_key", "reference", "scene_type", "mood", "metadata")
_OF_RENDER = [name for name in Render.__dataclass_fields__ if name not in _OF_JOB]
#: The fields of a spec that a job shows, None for a cut-out. The spec is read whole, as PostgreSQL would parse it again
#: for each selected field. That took 96 % of a list's time in the database.
_OF_SPEC = ("scene_type", "mood", "output_preset", "metadata", "seed")
#: A report is answered as stored text: decoding and encoding it took a third of a list's time.
_SHOWN = {name: renders.c[name] for name in _OF_RENDER} | {"report": sa.cast(renders.c.report, sa.Text)}

#: The query for `render_of`; its users add conditions.
RENDERS = sa.select(
    *(column.label(name) for name, column in _SHOWN.items()), jobs.c.source_key, jobs.c.reference, jobs.c.spec
).join_from(renders, jobs, sa.and_(jobs.c.id == renders.c.job_id, renders.c.deleted_at.is_(None)))
#: The query for `job_of`; its users add conditions.
JOBS = sa.select(
    *(jobs.c[name] for name in ("id", "request_id", "status", "stage", "progress", "attempt", "credits_cost")),
    *(jobs.c[name] for name in ("created_at", "started_at", "finished_at", "error_code", "error_message")),
    jobs.c.source_key,
    jobs.c.reference,
    jobs.c.operation,
    jobs.c.preview,
    jobs.c.spec,
    refunded().label("refunded"),
    *(column.label(f"render_{name}") for name, column in _SHOWN.items()),
    renders.c.deleted_at.label("render_deleted_at"),
).join_from(jobs, renders, renders.c.job_id == jobs.c.id, isouter=True)


def render_of(row: sa.RowMapping | Mapping[str, Any]) -> Render:
    """Return the render of a row of `RENDERS`."""
    spec = row["spec"]
    kept: dict[str, Any] = {name: row[name] if name in row else spec.get(name) for name in Render.__dataclass_fields__}
    return Render(**kept | {"report": msgspec.Raw(row["report"])})


def job_of(row: sa.RowMapping | Mapping[str, Any]) -> tuple[Job, Render | None]:
    """Return the job of a row of `JOBS`, and its render if it has one."""
    kept: dict[str, Any] = {name: row[name] for name in Job.__dataclass_fields__ if name in row}
    spec: dict[str, Any] = row["spec"]
    kept |= {name: spec.get(name) for name in _OF_SPEC}
    shown = {"status": JobStatus(row["status"]), "warnings": spec.get("cautions") or []}
    shown["operation"] = Operation(row["operation"])
    job = Job(**kept | shown, credits_refunded=row["refunded"])
    if row["render_public_id"] is None or job.render_deleted_at is not None:
        return job, None
    render = {name: row[f"render_{name}"] for name in _OF_RENDER} | {"report": msgspec.Raw(row["render_report"])}
    return job, Render(**render, **{name: getattr(job, name) if name in kept else row[name] for name in _OF_JOB})


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
        looks_right: bool | None = None,
    ) -> Page[Render]:
        """Return a page of a client's renders: at most `limit`, older than the cursor; previews as in `jobs`.

        Renders have no status of their own, so the filter by it is ignored.
        """
        preset = filters.output_preset
        asked = {renders.c.client_id: client_id, renders.c.preview: preview, renders.c.output_preset: preset}
        asked[renders.c.looks_right] = looks_right
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
