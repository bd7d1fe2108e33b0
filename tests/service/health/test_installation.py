"""What is seen of an installation: who lives, what waits, and which schema is found."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from benchmarks.storm.servers import free_port
from service.database.clock import db_now
from service.database.tables import jobs
from service.health.installation import Installation, open_installation
from service.health.metrics import InstallationMetrics
from service.health.process import NEEDED
from service.jobs.queue import JobQueue
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry, sweep_heartbeat
from service.settings import Settings
from tests.support.databases import take_writes
from tests.support.shop import Shop

#: A database of the queue server on which no other test's worker is registered.
ALONE = 9


@pytest.fixture
def queue_url(valkey_url: str) -> str:
    return f"{valkey_url.rpartition('/')[0]}/{ALONE}"


@pytest.fixture
def installation(migrated_url: str, tmp_path: Path, queue_url: str) -> Iterator[Installation]:
    found = open_installation(Settings(database_url=migrated_url, home=tmp_path, queue_url=queue_url))
    yield found
    found.engine.dispose()


def test_the_oldest_waiting_job_and_all_that_is_unfinished_are_counted(
    engine: sa.Engine, installation: Installation
) -> None:
    shop = Shop(engine)
    first, _, ended = (shop.order() for _ in range(3))
    shop.jobs.cancel(ended.job_id, client_id=shop.client.id)
    with engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == first.job_id).values(created_at=db_now(-90)))

    state = installation.look()

    assert state.backlog is not None
    assert state.backlog.jobs == {"NOT_STARTED": 2}
    assert 90 <= state.backlog.oldest < 150
    assert state.schema_usable


def test_an_api_is_degraded_until_a_worker_and_a_sweep_live(installation: Installation, queue_url: str) -> None:
    alone = installation.look().health(NEEDED["api"])
    heartbeats = [WorkerHeartbeat(WorkerRegistry(queue_url), "here", {}), sweep_heartbeat(queue_url)]
    for heartbeat in heartbeats:
        heartbeat.beat()
    attended = installation.look().health(NEEDED["api"])
    for heartbeat in heartbeats:
        heartbeat.stop()

    assert alone["status"] == "degraded"
    assert [one["part"] for one in alone["degraded"]] == ["worker", "sweep"]
    assert (attended["status"], attended["workers"], attended["sweeps"]) == ("ok", 1, 1)


def test_a_queue_server_that_is_away_keeps_only_workers_from_their_part(installation: Installation) -> None:
    nowhere = "redis://127.0.0.1:9/0"
    away = replace(installation, queue=JobQueue(nowhere), workers=WorkerRegistry(nowhere))

    state = away.look()

    told = {kind: state.health(needed)["status"] for kind, needed in NEEDED.items()}
    assert told == {"api": "degraded", "worker": "unavailable", "sweep": "degraded"}, state.away


def test_of_a_database_that_does_not_answer_is_known_how_long_it_was_asked(tmp_path: Path, queue_url: str) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/backdrop"
    registry = CollectorRegistry()

    state = open_installation(Settings(database_url=nowhere, home=tmp_path, queue_url=queue_url)).look()
    InstallationMetrics(registry).saw(state)

    assert (state.away[0].part, state.backlog) == ("database", None)
    assert registry.get_sample_value("backdrop_part_up", {"part": "database"}) == 0
    assert registry.get_sample_value("backdrop_database_look_seconds") == state.database_seconds
    assert state.database_seconds is not None, "BackdropDatabaseSlow is about it, too"


def test_a_database_that_takes_no_writes_can_not_be_used(installation: Installation) -> None:
    url = installation.engine.url.render_as_string(hide_password=False)
    if installation.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no standby")
    take_writes(url, False)
    standby = installation.look()
    take_writes(url, True)

    assert standby.health(NEEDED["api"])["status"] == "unavailable"
    assert "takes no writes" in standby.away[0].detail
    assert not [one for one in installation.look().away if one.part == "database"], "it asks anew at each look"


@pytest.mark.parametrize(("version", "status"), [("0011", "unavailable"), ("9999", "ok")], ids=["older", "newer"])
def test_an_older_schema_is_refused_and_a_newer_release_s_is_worked_with(
    engine: sa.Engine, installation: Installation, version: str, status: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    state = installation.look()

    missing = state.health(NEEDED["sweep"])["missing"]
    assert bool(missing) == (status == "unavailable")
    assert all("backdrop migrate" in one["detail"] for one in missing)
