"""How rows become jobs and renders: one statement reads any number of them, each job with its refund and its render."""

from typing import Any

import sqlalchemy as sa

from service.accounts.ledger import refunded
from service.database.tables import jobs, renders
from service.jobs.records import Job, JobStatus, Operation, Render

_OF_JOB = ("source_key", "reference", "scene_type", "mood", "metadata")
_OF_RENDER = [name for name in Render.__dataclass_fields__ if name not in _OF_JOB]
#: Of a spec that fills pages, what a list shows; NULL for a job that makes no picture.
_SCENE, _MOOD, _PLACE = (jobs.c.spec[name].as_string().label(name) for name in ("scene_type", "mood", "output_preset"))
_METADATA = jobs.c.spec["metadata"].label("metadata")

#: What `render_of` reads; to be narrowed by its user.
RENDERS = sa.select(
    *(renders.c[name] for name in _OF_RENDER), jobs.c.source_key, jobs.c.reference, _SCENE, _MOOD, _METADATA
).join_from(renders, jobs, sa.and_(jobs.c.id == renders.c.job_id, renders.c.deleted_at.is_(None)))
#: What `job_of` reads; to be narrowed by its user.
JOBS = sa.select(
    *(jobs.c[name] for name in ("id", "request_id", "status", "stage", "progress", "attempt", "credits_cost")),
    *(jobs.c[name] for name in ("created_at", "started_at", "finished_at", "error_code", "error_message")),
    jobs.c.source_key,
    jobs.c.reference,
    jobs.c.operation,
    *(_SCENE, _MOOD, _PLACE, _METADATA),
    jobs.c.preview,
    jobs.c.spec["seed"].as_integer().label("seed"),
    # Of a spec that fills pages, the one part that is shown.
    jobs.c.spec["cautions"].label("warnings"),
    refunded().label("refunded"),
    *(renders.c[name].label(f"render_{name}") for name in (*_OF_RENDER, "deleted_at")),
).join_from(jobs, renders, renders.c.job_id == jobs.c.id, isouter=True)


def render_of(row: sa.RowMapping) -> Render:
    """Return the render of a row of `RENDERS`."""
    return Render(**{name: row[name] for name in Render.__dataclass_fields__})


def job_of(row: sa.RowMapping) -> tuple[Job, Render | None]:
    """Return the job of a row of `JOBS`, and its render if it has one."""
    kept: dict[str, Any] = {name: row[name] for name in Job.__dataclass_fields__ if name in row}
    shown = {"status": JobStatus(row["status"]), "warnings": row["warnings"] or []}
    shown["operation"] = Operation(row["operation"])
    job = Job(**kept | shown, credits_refunded=row["refunded"])
    if row["render_public_id"] is None or job.render_deleted_at is not None:
        return job, None
    render = {name: row[f"render_{name}"] for name in _OF_RENDER}
    return job, Render(**render, **{name: row[name] for name in _OF_JOB})
