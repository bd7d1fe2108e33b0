"""A sweep's looks find what is due by indexes, however many rows there are."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from service.database.tables import metadata, stored_objects
from service.jobs.intake import JobIntake
from service.jobs.records import Kind
from service.jobs.transitions import Jobs
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry
from service.webhooks.outbox import Outbox
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop

#: Small tables, which a look may read whole.
SMALL = {"brands", "mended_masks"}
INDEXES = {
    *("stored_by_age", "attempts_pictures", "doomed_objects", "renders_by_age", "previews_by_age"),
    *("unfinished_jobs", "unfinished_turns_by_kind", "jobs_of_photo", "taken_idempotency_keys"),
    *("ended_deliveries", "waiting_deliveries"),
}


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
        "unsent": partial(jobs.claim_unsent, Kind.SWAP, waiting=1000, resend_after=3600.0),
        "keys": JobIntake(engine).free_old_keys,
        "pruned": partial(Outbox(engine, lease=80).prune, after=3600.0),
        "due": Outbox(engine, lease=80).claim,
    }


@ON_SQLITE
def test_a_look_reads_no_large_table_whole(engine: sa.Engine) -> None:
    seen: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    for name, look in looks(engine).items():
        assert not look(), name
    asked = [one for one in seen if one[0].startswith(("SELECT", "UPDATE", "DELETE", "WITH"))]

    with engine.connect() as connection:
        steps = [
            str(row[3])
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    whole = {step.split()[1] for step in steps if step.startswith("SCAN ")} & set(metadata.tables)
    assert whole <= SMALL
    assert {name for name in INDEXES if not any(f" {name} (" in step for step in steps)} == set()


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
            expected = {"Anti Join"}  # of the masks' own indexes any serves in a small table
        else:
            explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            expected = {"stored_by_age"}
        plan = "\n".join(str(row) for row in explained)
    names = {f"cutouts_by_{name}" for name in ("mask_key", "preview_key", "photo_key")}
    names |= {f"mended_by_{name}" for name in ("mask_key", "base_key", "preview_key")}
    assert {word for word in expected | names if word not in plan} == set(), plan


@ON_SQLITE
def test_the_look_for_expired_photos_does_the_same_work_however_many_jobs_wait(engine: sa.Engine) -> None:
    shop = Shop(engine, credits=1000)
    registry = ObjectRegistry(engine)
    logo = f"uploads/{shop.client.id}/logo.svg"
    for key in (logo, *(f"uploads/{shop.client.id}/{number}.jpg" for number in range(50))):
        registry.register("sources", key, client_id=shop.client.id)
    spec = {"seed": 1, "lettering": {"layers": json.dumps([{"logo": logo}])}}
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def steps() -> int:
        """Return the hundreds of steps of SQLite's machine that a look takes."""
        nonlocal counted
        with engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(count, 100)
        counted = 0
        assert registry.mark_expired_sources(older_than=-1.0, limit=100) == 50, "all but the jobs' logo"
        with engine.begin() as connection:
            assert connection.connection.dbapi_connection is raw, "the look used this connection"
            connection.execute(stored_objects.update().values(doomed_at=None))
        return counted

    shop.order(spec=spec)
    few = steps()
    for _ in range(300):
        shop.order(spec=spec)
    assert 0 < steps() < 2 * few
