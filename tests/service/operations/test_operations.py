"""Operators' views of all clients' jobs, and draining workers."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from service.cli.main import main
from service.database.clock import db_now
from service.database.tables import jobs, workers
from service.operations.overview import Look, Overview
from service.operations.roster import WorkerRoster
from service.settings import Settings
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render

SPEC = {"seed": 7, "output_preset": "shopify_product"}
LABEL = "host:12"


def failed(shop: Shop, code: str = "internal_error", **changes: Any) -> str:
    accepted = shop.order(cost=3, spec=SPEC, **changes)
    claim = shop.claim(accepted)
    claim.stages["decode"] = 0.25
    shop.jobs.fail(claim, code, "Something broke on our side.")
    return accepted.job_id


def test_each_view_lists_its_jobs_of_all_clients(engine: sa.Engine) -> None:
    shop, other = Shop(engine), Shop(engine)
    waiting, broken = other.order().job_id, failed(shop)
    done = shop.order(spec=SPEC)
    shop.jobs.succeed(shop.claim(done), render())
    running = shop.claim(shop.order()).job_id
    overview = Overview(engine)

    def seen(look: Look, **narrowed: Any) -> list[str]:
        return [line.id for line in overview.look(look, limit=9, **narrowed)]

    assert seen(Look.WAITING) == [waiting]
    assert seen(Look.WAITING, client=shop.client.name) == []
    assert seen(Look.RUNNING) == [running]
    assert seen(Look.FAILED, code="internal_error", since=60) == [broken]
    assert seen(Look.FAILED, code="another") == seen(Look.FAILED, since=0) == []
    assert sorted(seen(Look.SLOWEST)) == sorted([broken, done.job_id])
    assert seen(Look.STUCK) == []
    assert seen(Look.STUCK, stuck_after=0) == [waiting, running]
    with engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == running).values(lease_until=db_now(-1)))
    assert seen(Look.STUCK) == [running], "its worker died, and no other has taken it over"


def test_the_slowest_jobs_took_longest_from_start_to_end(engine: sa.Engine) -> None:
    shop = Shop(engine)
    ids = [failed(shop) for _ in range(3)]
    with engine.begin() as connection:
        for job_id, seconds in zip(ids, (5, 90, 40), strict=True):
            started = jobs.update().where(jobs.c.id == job_id).values(started_at=db_now(-seconds))
            connection.execute(started)

    lines = Overview(engine).look(Look.SLOWEST, limit=2)

    assert [line.id for line in lines] == [ids[1], ids[2]]
    assert lines[0].ran == pytest.approx(90, abs=5)


def test_a_jobs_row_has_its_worker_and_its_stages_even_after_a_failure(engine: sa.Engine) -> None:
    shop = Shop(engine)
    shop.order(spec=SPEC)
    claim = shop.jobs.claim(LABEL)
    assert claim is not None
    claim.stages.update(fetch=0.5, decode=0.25)
    shop.jobs.fail(claim, "unreadable", "It is no picture.")

    (line,) = Overview(engine).look(Look.FAILED, limit=9)

    assert (line.worker, line.stages, line.preset) == (LABEL, {"fetch": 0.5, "decode": 0.25}, "shopify_product")


def test_an_exported_run_has_the_simulators_input(engine: sa.Engine) -> None:
    shop = Shop(engine)
    failed(shop)
    shop.jobs.succeed(shop.claim(shop.order(spec=SPEC)), render())
    shop.order()

    broken, done = Overview(engine).export()

    assert set(done) == {
        *("submitted", "started", "finished", "stages", "status", "attempts", "worker", "preset", "width", "height")
    }
    assert (done["status"], done["width"], done["height"], done["preset"]) == ("SUCCESS", 4, 3, "shopify_product")
    assert (broken["status"], broken["width"], broken["stages"]) == ("FAILURE", None, {"decode": 0.25})
    assert datetime.fromisoformat(done["submitted"]) <= datetime.fromisoformat(done["finished"])
    assert done["submitted"].endswith("+00:00")
    assert list(Overview(engine).export(since=0)) == []


def test_the_roster_lists_live_workers_their_jobs_and_their_drains(engine: sa.Engine) -> None:
    roster, shop = WorkerRoster(engine), Shop(engine)

    def state() -> list[tuple[str, tuple[str, ...]]]:
        return [(one.state, one.job_ids) for one in roster.all()]

    assert not roster.beat("w1", LABEL, {"in_flight": 2}, draining=False)
    assert state() == [("idle", ())]
    accepted = shop.order()
    claim = shop.jobs.claim(LABEL)
    assert claim is not None
    assert state() == [("busy", (accepted.job_id,))]

    assert roster.ask_drain("another") == []
    assert roster.ask_drain(LABEL) == roster.ask_drain(None) == [LABEL]
    assert state() == [("asked to drain", (accepted.job_id,))]
    assert roster.beat("w1", LABEL, {}, draining=False), "its next heartbeat returns the drain"
    roster.beat("w1", LABEL, {}, draining=True)
    assert state() == [("draining", (accepted.job_id,))]
    shop.jobs.fail(claim, "x", "")
    assert state() == [("drained", ())]

    roster.ask_drain(LABEL, drain=False)
    assert not roster.beat("w1", LABEL, {}, draining=True), "and takes jobs again"
    with engine.begin() as connection:
        connection.execute(workers.update().values(seen_at=db_now(-31)))
    assert state() == [("gone", ())]
    assert roster.ask_drain(None) == []
    roster.leave("w1")
    assert roster.all() == []


def test_the_commands_print_tables_and_json(tmp_path: Path) -> None:
    engine = migrated_engine(Settings(home=tmp_path))
    shop = Shop(engine)
    job_id = failed(shop)
    WorkerRoster(engine).beat("w1", LABEL, {"in_flight": 2}, draining=False)

    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(main, ["ops", *arguments, "--home", str(tmp_path)])
        assert result.exit_code == status, result.output
        return result.output

    assert all(word in run("jobs", "failed") for word in (job_id, shop.client.name, "decode 0.2", "internal_error"))
    assert [one["id"] for one in json.loads(run("jobs", "failed", "--json"))] == [job_id]
    assert "idle" in run("workers")
    assert json.loads(run("workers", "--json"))[0]["label"] == LABEL
    assert "asked to drain" in run("drain", LABEL)
    assert "No running worker" in run("drain", "nobody", status=1)
    assert json.loads(run("export-run").splitlines()[0])["stages"] == {"decode": 0.25}
    engine.dispose()
