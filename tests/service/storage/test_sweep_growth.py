"""The cost of the sweep's looks grows no faster than the number of rows. Both databases."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from service.jobs.intake import JobIntake
from service.jobs.records import Kind
from service.jobs.transitions import Jobs
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry
from service.webhooks.outbox import Outbox

FEW, MANY = 50_000, 200_000
#: Four times the rows cost sixteen times as much where each is compared with each. NOISE: seconds of a busy machine.
GROWTH, NOISE = 8.0, 0.5
NOW, LONG_AGO = "'2099-01-01 00:00:00.000000'", "'2000-01-01 00:00:00.000000'"
JOB = "id, request_id, client_id, spec, source_key, credits_cost, status, progress, attempt, created_at"
OBJECT = "bucket, key, client_id, used_at"
#: Table, values, and 10 where each tenth row has one. Rows of number `i`: a finished job, a waiting job, and the
#: photos, cut-outs, masks and messages of the first. Referenced objects are old, so that each look reads them in vain.
ROWS = (
    (
        "request_logs(request_id, client_id, workflow, body, body_sha256, idempotency_key, created_at)",
        f"'R' || i, 'C', 'w', '{{}}', '', 'k' || i, {NOW}",
    ),
    (
        "request_logs(request_id, client_id, workflow, body, body_sha256, created_at)",
        f"'S' || i, 'C', 'w', '{{}}', '', {LONG_AGO}",
    ),
    (
        f"jobs({JOB}, finished_at)",
        f"'J' || i, 'R' || i, 'C', '{{}}', 'uploads/' || i, 0, 'SUCCESS', 1, 1, {LONG_AGO}, {LONG_AGO}",
    ),
    (
        f"jobs({JOB}, sent_at, turn)",
        f"'W' || i, 'S' || i, 'C', '{{}}', 'uploads/' || i, 0, 'NOT_STARTED', 0, 0, {NOW}, {NOW}, i",
    ),
    (f"stored_objects({OBJECT}, photo_sha256)", f"'sources', 'uploads/' || i, 'C', {LONG_AGO}, 'b' || i"),
    *((f"stored_objects({OBJECT})", f"'masks', 'masks/{kind}' || i, 'C', {LONG_AGO}") for kind in "abc"),
    *((f"stored_objects({OBJECT})", f"'masks', 'masks/{kind}' || i, 'C', {LONG_AGO}", 10) for kind in "def"),
    (f"stored_objects({OBJECT})", f"'cutouts', 'cutouts/' || i, 'C', {NOW}"),
    (f"stored_objects({OBJECT})", f"'renders', 'renders/' || i, 'C', {LONG_AGO}"),
    (
        "cutouts(job_id, client_id, photo_sha256, width, height, mask_key, preview_key, photo_key, facts)",
        "'J' || i, 'C', 'b' || i, 1, 1, 'masks/a' || i, 'masks/b' || i, 'masks/c' || i, '{}'",
    ),
    (
        "mended_masks(client_id, photo_sha256, cut_by, mask_key, base_key, base_by, preview_key, facts, mended_at)",
        f"'C', 'b' || i, 'mended', 'masks/d' || i, 'masks/e' || i, 'mended', 'masks/f' || i, '{{}}', {NOW}",
        10,
    ),
    (
        "renders(public_id, job_id, client_id, output_preset, key, width, height, format, content_type, bytes, sha256,"
        " seed, warnings, report, created_at)",
        f"'P' || i, 'J' || i, 'C', '', 'renders/' || i, 1, 1, '', '', 1, '', 1, '[]', '{{}}', {NOW}",
    ),
    (
        "deliveries(id, client_id, job_id, type, body, state, attempts, created_at, ended_at)",
        f"'D' || i, 'C', 'J' || i, 't', '', 'delivered', 1, {NOW}, {NOW}",
    ),
)


def looks(engine: sa.Engine) -> dict[str, Callable[[], object]]:
    """Return the queries of a sweep's look."""
    registry, masks = ObjectRegistry(engine), MaskRegistry(engine)
    jobs = Jobs(engine, lease=20, max_attempts=3)
    some: dict[str, Any] = {"older_than": 320.0, "limit": 100}
    return {
        "sources": partial(registry.mark_expired_sources, **some),
        "renders": partial(registry.mark_expired_renders, **some),
        "previews": partial(registry.mark_expired_renders, previews=True, **some),
        "cached": partial(registry.mark_expired_cached, "cutouts", **some),
        "abandoned": partial(registry.mark_expired_abandoned, **some),
        "expired": partial(registry.expired, since=60.0, limit=100),
        "without photo": masks.forget_without_photo,
        "unnamed": partial(masks.mark_unnamed, **some),
        "failed": partial(jobs.fail_abandoned, max_wait=3600.0),
        "unsent": partial(jobs.claim_unsent, Kind.SWAP, waiting=MANY, resend_after=3600.0),
        "keys": JobIntake(engine).free_old_keys,
        "pruned": partial(Outbox(engine, lease=80).prune, after=3600.0),
        "due": Outbox(engine, lease=80).claim,
    }


def timed(look: Callable[[], object]) -> float:
    """Return the fastest of three runs in seconds, after checking that it finds nothing to do."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        found = look()
        took.append(time.perf_counter() - start)
        assert not found
    return min(took)


# The gate's short version: `test_masks_are_compared_with_their_names_by_an_index`.
@pytest.mark.nightly
def test_a_look_that_finds_nothing_grows_no_faster_than_the_rows(engine: sa.Engine) -> None:
    on_postgresql = engine.dialect.name == "postgresql"
    with engine.begin() as connection:
        if on_postgresql:  # quadratic growth takes minutes
            name = sa.make_url(engine.url).database
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET statement_timeout = '60s'")
        connection.exec_driver_sql(f"INSERT INTO clients(id, name, balance, created_at) VALUES ('C', 'c', 0, {NOW})")
    engine.dispose()
    took: dict[int, dict[str, float]] = {}
    for start, rows in ((0, FEW), (FEW, MANY)):
        with engine.begin() as connection:
            numbers = f"WITH RECURSIVE n(i) AS (SELECT {start + 1} UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
            for into, values, *every in ROWS:
                which = f"i - i / {every[0] if every else 1} * {every[0] if every else 1} = 0"
                connection.exec_driver_sql(f"INSERT INTO {into} {numbers} SELECT {values} FROM n WHERE {which}")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE" if on_postgresql else "ANALYZE")
        took[rows] = {name: timed(look) for name, look in looks(engine).items()}
    for name, seconds in took[MANY].items():
        print(f"{engine.dialect.name} {name}: {took[FEW][name]:.3f} s, {seconds:.3f} s")
        assert seconds <= GROWTH * took[FEW][name] + NOISE, name


def test_masks_are_compared_with_their_names_by_an_index(engine: sa.Engine) -> None:
    seen: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    assert MaskRegistry(engine).mark_unnamed(older_than=320.0, limit=100) == 0
    statement, parameters = seen[-1]

    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            for plan in ("seqscan", "bitmapscan", "sort", "hashjoin"):  # how small tables would be read
                connection.exec_driver_sql(f"SET LOCAL enable_{plan} = off")
            explained = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            expected = {"Anti Join", "masks_by_key"}
        else:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            expected = {"stored_by_age"}
        plan = "\n".join(str(row) for row in explained)
    names = {f"cutouts_by_{name}" for name in ("mask_key", "preview_key", "photo_key")}
    names |= {f"mended_by_{name}" for name in ("mask_key", "base_key", "preview_key")}
    assert {word for word in expected | names if word not in plan} == set(), plan
