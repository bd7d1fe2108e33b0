"""Queries for a client's cut-outs: one by id, or pages of them, newest first."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from service.cutouts.records import Cutout, MendedMask
from service.database.engine import reader
from service.database.paging import Page, read_page
from service.database.tables import cutouts, jobs, mended_masks, request_logs, stored_objects
from service.jobs.records import JobStatus, NewCutout, may_be_id

#: A literal, not a parameter: SQLite uses a partial index only if a query repeats its condition.
CUTOUT_JOBS: sa.ColumnElement[bool] = jobs.c.operation == sa.literal_column("'cutout'", sa.String)

#: How many of a client's newest cut-outs to search for a photo, so that the query stays fast.
_RECENT = 500

_FOUND, _MENDED = ([field.name for field in fields(kind)] for kind in (NewCutout, MendedMask))
_OF_JOB = ("request_id", "client_id", "status", "error_code", "error_message", "reference", "created_at", "source_key")
_QUERY = (
    sa.select(
        jobs.c.id.label("job_id"),
        *(jobs.c[name] for name in _OF_JOB),
        request_logs.c.body.label("asked"),
        stored_objects.c.used_at,
        *(cutouts.c[name].label(f"found_{name}") for name in _FOUND),
        *(mended_masks.c[name].label(f"mended_{name}") for name in _MENDED),
    )
    .join_from(jobs, request_logs, request_logs.c.request_id == jobs.c.request_id)
    .outerjoin(cutouts, cutouts.c.job_id == jobs.c.id)
    .outerjoin(
        mended_masks,
        sa.and_(mended_masks.c.client_id == cutouts.c.client_id, mended_masks.c.photo_sha256 == cutouts.c.photo_sha256),
    )
    .outerjoin(stored_objects, sa.and_(stored_objects.c.bucket == "sources", stored_objects.c.key == jobs.c.source_key))
    # The data of a successful cut-out was deleted with its photo, so nothing is left to show.
    .where(CUTOUT_JOBS, sa.or_(jobs.c.status != JobStatus.SUCCESS, cutouts.c.job_id.is_not(None)))
)


class Cutouts:
    """The cut-outs in the database. Thread-safe; one instance serves the whole process.

    `kept`: seconds for which a photo is kept after its last use; None: for ever.
    """

    def __init__(self, engine: sa.Engine, *, kept: float | None) -> None:
        self._reader = reader(engine)
        self._kept = kept

    def get(self, public_id: str, *, client_id: str) -> Cutout | None:
        """Return the client's cut-out; None if it has none with this id."""
        if not may_be_id(public_id):
            return None
        with self._reader.connect() as connection:
            query = _QUERY.where(jobs.c.id == public_id, jobs.c.client_id == client_id)
            row = connection.execute(query).mappings().first()
        return None if row is None else self._cutout(row)

    def of_photo(self, source_key: str, *, client_id: str) -> Cutout | None:
        """Return the newest of a client's latest 500 cut-outs that shows this photo; None if there is none.

        Failed cut-outs don't count: the chosen place may just have shown no product.
        """
        recent = sa.select(jobs.c.id, jobs.c.source_key).where(
            jobs.c.client_id == client_id, CUTOUT_JOBS, jobs.c.status != JobStatus.FAILURE
        )
        latest = recent.order_by(jobs.c.id.desc()).limit(_RECENT).subquery()
        newest = sa.select(sa.func.max(latest.c.id)).where(latest.c.source_key == source_key)
        with self._reader.connect() as connection:
            row = connection.execute(_QUERY.where(jobs.c.id == newest.scalar_subquery())).mappings().first()
        return None if row is None else self._cutout(row)

    def list(
        self, client_id: str, *, limit: int, cursor: str | None = None, reference: str | None = None
    ) -> Page[Cutout]:
        """Return a page of a client's cut-outs: at most `limit`, older than the cursor."""
        asked = {jobs.c.client_id: client_id, jobs.c.reference: reference}
        return read_page(self._reader, _QUERY, jobs.c.id, self._cutout, asked, limit, cursor)

    def _cutout(self, row: sa.RowMapping | Mapping[str, Any]) -> Cutout:
        def part(prefix: str, names: list[str]) -> dict[str, Any]:
            return {name: row[f"{prefix}_{name}"] for name in names}

        expires_at = None
        if self._kept is not None and row["used_at"] is not None:
            expires_at = row["used_at"] + timedelta(seconds=self._kept)
        return Cutout(
            job_id=row["job_id"],
            **{name: row[name] for name in (*_OF_JOB, "asked")} | {"status": JobStatus(row["status"])},
            expires_at=expires_at,
            found=None if row["found_mask_key"] is None else NewCutout(**part("found", _FOUND)),
            mended=None if row["mended_mask_key"] is None else MendedMask(**part("mended", _MENDED)),
        )
