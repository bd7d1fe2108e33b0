"""Conversion of rows to jobs and renders. One statement reads many jobs, each with its refund and its render."""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from service.accounts.ledger import refunded
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
