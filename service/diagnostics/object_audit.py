"""The audit of the render bucket: each render has its bytes with the right hash, and each other object has a reason.

Reads every render's bytes, and changes nothing. The service may write meanwhile, so findings are checked twice.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from service.database.clock import ago
from service.database.engine import reader
from service.database.tables import UNFINISHED, jobs, renders, stored_objects
from service.diagnostics.audit import Audit, Finding
from service.storage.mask_registry import NAMED
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge
from service.storage.registry import CACHED

#: Kinds of objects in the bucket of renders that have a row each.
_ACCOUNTED = (*CACHED, "masks")
#: Rows of one query. No transaction stays open while bytes are fetched.
_PAGE = 500
#: The job whose attempt wrote an object. `service.worker.run` makes the keys.
_OF_JOB = re.compile(r"renders/[0-9A-Z]{26}/([0-9A-Z]{26})-\d+\..*")


def audit_objects(engine: sa.Engine, store: Bucket, *, leftovers_kept: float = 0.0) -> Audit:
    """Compare the render bucket with the rows.

    An object that is kept for later swaps needs a row, or it would never be deleted. Another object may lack a
    row while its job runs, and for `leftovers_kept` seconds after the job's end. The leftovers of killed attempts are
    deleted later. Raises SQLAlchemyError, StoreUnavailable.
    """
    engine = reader(engine)
    unnamed = _keys(store)
    listed, checked = len(unnamed), 0
    kept = {key for key in unnamed if key.startswith(tuple(f"{bucket}/" for bucket in _ACCOUNTED))}
    findings = [Finding("mask_has_its_bytes", {"key": key}) for key in sorted(_missing(engine, store, unnamed))]
    unnamed -= kept
    for row in _render_rows(engine):
        unnamed.discard(row["key"])
        checked += row["bytes"]
        if (wrong := _wrong(store, row)) and _is_kept(engine, row["public_id"]):
            findings.append(wrong)
    left, unknown = _leftovers(engine, unnamed, leftovers_kept), _unknown(engine, kept)
    if left or unknown:
        there = _keys(store)
        left, unknown = left & there, unknown & there
    findings += [Finding("object_has_its_render", {"key": key}) for key in sorted(left)]
    findings += [Finding("kept_object_has_its_row", {"key": key}) for key in sorted(unknown)]
    counts = {"objects": listed, "objects without a render": len(unnamed), "objects kept for later": len(kept)}
    return Audit(findings, counts | {"bytes checked": checked})


def _keys(store: Bucket) -> set[str]:
    return {key for key, _ in store.entries()}


def _render_rows(engine: sa.Engine) -> Iterator[sa.RowMapping]:
    columns = [renders.c[name] for name in ("public_id", "job_id", "key", "bytes", "sha256")]
    kept = renders.c.deleted_at.is_(None)
    query = sa.select(*columns).where(kept).order_by(renders.c.public_id).limit(_PAGE)
    after = ""
    while True:
        with engine.begin() as connection:
            rows = connection.execute(query.where(renders.c.public_id > after)).mappings().all()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1]["public_id"]


def _wrong(store: Bucket, row: sa.RowMapping) -> Finding | None:
    found: dict[str, Any] = {name: row[name] for name in ("public_id", "job_id", "key")}
    try:
        data = store.get(row["key"], max_bytes=row["bytes"])
    except ObjectNotFound:
        return Finding("render_has_its_bytes", found)
    except ObjectTooLarge:
        return Finding("render_has_its_size", found | {"bytes": row["bytes"], "stored": store.size(row["key"])})
    if len(data) != row["bytes"]:
        return Finding("render_has_its_size", found | {"bytes": row["bytes"], "stored": len(data)})
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != row["sha256"]:
        return Finding("render_has_its_sha256", found | {"sha256": row["sha256"], "stored": sha256})
    return None


def _is_kept(engine: sa.Engine, public_id: str) -> bool:
    with engine.begin() as connection:
        kept = sa.and_(renders.c.public_id == public_id, renders.c.deleted_at.is_(None))
        query = sa.select(renders.c.public_id).where(kept)
        return connection.execute(query).first() is not None


def _leftovers(engine: sa.Engine, keys: set[str], left: float) -> set[str]:
    """Return the keys that no row names, and whose job is unknown or ended more than `left` seconds ago.

    Leaves out objects that are marked as expired or deleted, because they are deleted soon.
    """
    running = sa.select(jobs.c.id).where(sa.or_(UNFINISHED, jobs.c.finished_at > ago(left)))
    kept = sa.select(renders.c.key).where(renders.c.deleted_at.is_(None))
    going = sa.select(stored_objects.c.key).where(
        stored_objects.c.bucket == "renders", stored_objects.c.doomed_at.is_not(None)
    )
    with engine.begin() as connection:
        excused = set(connection.execute(running).scalars())
        left_over = keys.difference(connection.execute(sa.union_all(kept, going)).scalars())
    return {key for key in left_over if (match := _OF_JOB.fullmatch(key)) is None or match[1] not in excused}


def _missing(engine: sa.Engine, store: Bucket, listed: set[str]) -> set[str]:
    """Return the keys of masks and previews that a cut-out names but the bucket lacks. Looks twice."""
    named = sa.union(*(sa.select(column).where(column.is_not(None)) for column in NAMED))

    def names() -> set[str]:
        with engine.begin() as connection:
            return set(connection.execute(named).scalars())

    missing = names() - listed
    return (missing & names()) - _keys(store) if missing else missing


def _unknown(engine: sa.Engine, keys: set[str]) -> set[str]:
    """Return the keys of kept objects without a row."""
    query = sa.select(stored_objects.c.key).where(stored_objects.c.bucket.in_(_ACCOUNTED))
    with engine.begin() as connection:
        return keys.difference(connection.execute(query).scalars())
