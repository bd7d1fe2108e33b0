"""The archive: the rows that it writes, deletes and keeps, and sound books after it. Both databases."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.database.tables import deliveries, jobs, ledger, orders, renders, request_logs
from service.diagnostics.audit import Bounds, audit
from service.operations.archive import archive_jobs
from service.webhooks.endpoints import Webhooks
from tests.support.command_line import run
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


def archived(engine: sa.Engine) -> list[dict[str, Any]]:
    out = io.StringIO()
    out.seekable = lambda: False  # type: ignore[method-assign]  # it is no file
    count = archive_jobs(engine, out, older_than=-1.0)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert sum("jobs" in line for line in lines) == count
    return lines


def ids(engine: sa.Engine, column: sa.Column[str]) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(sa.select(column)).scalars())


def test_unneeded_rows_go_and_all_others_stay(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.operations.archive._BATCH", 2)  # one batch follows another
    shop = Shop(engine)
    broken = shop.order()
    shop.jobs.fail(shop.claim(broken), "internal_error", "Something broke.")
    deleted = shop.order()
    shop.jobs.succeed(shop.claim(deleted), render())
    with engine.begin() as connection:
        connection.execute(renders.update().values(deleted_at=sa.func.now()))
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    cancelled = shop.order()
    shop.jobs.cancel(cancelled.job_id, client_id=shop.client.id)
    with engine.begin() as connection:
        connection.execute(deliveries.update().values(state="delivered"))
    kept = {shop.order().job_id}
    kept |= {shop.cut_out()}
    waiting, keyed, lives = shop.order(), shop.order(idempotency_key="again"), shop.order()
    for accepted in (waiting, keyed):
        shop.jobs.cancel(accepted.job_id, client_id=shop.client.id)
    shop.jobs.succeed(shop.claim(lives), render())
    with engine.begin() as connection:
        connection.execute(deliveries.delete().where(deliveries.c.job_id == keyed.job_id))
    kept |= {waiting.job_id, keyed.job_id, lives.job_id}
    lines, balance = ids(engine, ledger.c.id), shop.balance

    found = archived(engine)

    gone = [broken.job_id, deleted.job_id, cancelled.job_id]
    assert [line["jobs"]["id"] for line in found] == gone
    assert [line["request_logs"]["body"] for line in found] == [{"scene_type": "same"}] * 3
    assert [line["deliveries"] and line["deliveries"]["job_id"] for line in found] == [None, None, cancelled.job_id]
    assert ids(engine, jobs.c.id) == kept
    assert len(ids(engine, request_logs.c.request_id)) == len(kept)
    assert ids(engine, ledger.c.id) == lines
    assert shop.balance == balance
    assert audit(engine, Bounds(max_attempts=2)).findings == []
    assert archived(engine) == []


def test_an_order_is_archived_whole_once_none_of_its_pictures_is_needed(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.archive._BATCH", 2)
    shop = Shop(engine)
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    order, pictures = shop.order_many(3)
    made, *others = (shop.claim_of(job_id) for job_id in pictures)
    shop.jobs.succeed(made, render())
    for claim in others:
        shop.jobs.fail(claim, "internal_error", "Something broke.")
    unfinished, waiting = shop.order_many(1)
    kept = {*pictures, *waiting}

    def changed(*changes: sa.Update) -> None:
        with engine.begin() as connection:
            for change in changes:
                connection.execute(change)

    assert archived(engine) == [], "its message waits, and a picture exists"
    changed(renders.update().values(deleted_at=sa.func.now()))
    assert archived(engine) == [], "its message waits"
    changed(deliveries.update().values(state="delivered"), renders.update().values(deleted_at=None))
    assert archived(engine) == [], "a picture exists"
    assert ids(engine, jobs.c.id) == kept
    changed(renders.update().values(deleted_at=sa.func.now()))
    whole, *lines = archived(engine)

    assert (whole["orders"]["id"], whole["request_logs"]["body"]) == (order.order_id, {"photos": 3})
    assert whole["deliveries"]["order_id"] == order.order_id
    assert [line["jobs"]["id"] for line in lines] == pictures
    assert (ids(engine, orders.c.id), ids(engine, jobs.c.id)) == ({unfinished.order_id}, {*waiting})
    assert audit(engine, Bounds(max_attempts=2)).findings == []
    assert archived(engine) == []


@ON_SQLITE
def test_the_command_appends_to_a_file_and_leaves_recent_jobs(
    migrated_url: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated_url)
    shop = Shop(engine)
    shop.jobs.cancel(shop.order().job_id, client_id=shop.client.id)
    file = tmp_path / "jobs.jsonl"

    young = run("ops", "archive", "--older-than", "1", "-o", str(file))
    assert (young.exit_code, "0 jobs archived." in young.output) == (0, True)
    monkeypatch.setattr("service.operations.archive.time.time", lambda: 4e9)
    assert "1 jobs archived." in run("ops", "archive", "--older-than", "1", "-o", str(file)).output
    assert len(file.read_text().splitlines()) == 1
