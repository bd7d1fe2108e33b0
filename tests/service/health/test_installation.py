"""The state of an installation: live processes, waiting jobs, and the schema."""

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from service.database.clock import db_now
from service.database.tables import clients, deliveries, jobs
from service.health.installation import Installation, State, open_installation
from service.health.observed import InstallationMetrics
from service.health.process import NEEDED, keep_looking
from service.jobs.queue import JobQueue, worker_client
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry, sweep_heartbeat
from service.settings import Settings
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import StoreUnavailable
from service.webhooks.endpoints import Webhooks
from testkit.servers import free_port
from tests.support.databases import ON_SQLITE, take_writes
from tests.support.shop import Shop


@pytest.fixture
def queue_url(valkey_url: str) -> str:
    """A database of the queue server without workers: one of an earlier test counts as alive for half a minute."""
    url = f"{valkey_url.rpartition('/')[0]}/11"
    worker_client(url).flushdb()
    return url


@pytest.fixture
def installation(migrated_url: str, tmp_path: Path, queue_url: str) -> Iterator[Installation]:
    found = open_installation(Settings(database_url=migrated_url, home=tmp_path, queue_url=queue_url))
    yield found
    found.engine.dispose()


def test_the_oldest_waiting_job_and_all_unfinished_jobs_are_counted(
    engine: sa.Engine, installation: Installation
) -> None:
    shop = Shop(engine)
    first, _, ended = (shop.order() for _ in range(3))
    shop.jobs.cancel(ended.job_id, client_id=shop.client.id)
    with engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == first.job_id).values(created_at=db_now(-90)))

    state = installation.look()

    assert state.backlog is not None
    assert state.backlog.jobs == {("swap", "NOT_STARTED"): 2}
    assert 90 <= state.backlog.oldest < 150
    assert state.backlog.credits == 4
    assert state.schema_usable


def test_the_oldest_message_has_an_age_and_a_wrong_balance_is_counted(
    engine: sa.Engine, installation: Installation
) -> None:
    shop = Shop(engine)
    Webhooks(engine, allow_private=True).register(shop.client.name, "http://127.0.0.1:9/hook")
    cancelled = shop.order()
    shop.jobs.cancel(cancelled.job_id, client_id=shop.client.id)
    with engine.begin() as connection:
        connection.execute(deliveries.update().values(created_at=db_now(-90)))
    backlog = installation.look().backlog
    counted = [installation.unreconciled()]
    with engine.begin() as connection:
        connection.execute(clients.update().values(balance=clients.c.balance + 1))
    counted.append(installation.unreconciled())
    registry, stopping = CollectorRegistry(), threading.Event()
    metrics = InstallationMetrics(registry)

    def saw(state: State) -> None:
        metrics.saw(state)
        if state.unreconciled is not None:
            stopping.set()

    keep_looking(installation, saw, stopping, reconciles=True)

    assert backlog is not None
    assert backlog.messages == 1
    assert 90 <= backlog.oldest_message < 150
    assert counted == [0, 1]
    assert registry.get_sample_value("backdrop_credits_unreconciled_clients") == 1


@ON_SQLITE
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


@ON_SQLITE
def test_only_workers_that_take_jobs_are_counted(installation: Installation, queue_url: str) -> None:
    names = {"one": "drained", "two": "waiting for the store"}
    registry = CollectorRegistry()
    metrics = InstallationMetrics(registry)
    heartbeats = [WorkerHeartbeat(WorkerRegistry(queue_url), name, {"host": name, "pid": 1}) for name in names]
    for heartbeat in heartbeats:
        heartbeat.beat(takes_no_jobs=names[heartbeat.name])
    idle = installation.look()
    metrics.saw(idle)
    counted = [registry.get_sample_value("backdrop_workers", {"operation": "swap"})]
    heartbeats[0].beat(takes_no_jobs="")
    one = installation.look()
    metrics.saw(one)
    counted.append(registry.get_sample_value("backdrop_workers", {"operation": "swap"}))
    for heartbeat in heartbeats:
        heartbeat.stop()

    body = idle.health(NEEDED["api"])
    assert (body["status"], body["workers"]) == ("degraded", 0)
    assert body["degraded"][0]["detail"].startswith("No worker takes jobs (one:1 is drained, two:1 is waiting")
    assert one.health(NEEDED["api"])["workers"] == 1
    assert counted == [0, 1]


class Full(DirectoryBucket):
    def put(self, key: str, data: bytes, content_type: str) -> None:
        raise StoreUnavailable("The disk is full.")


@ON_SQLITE
@pytest.mark.parametrize("part", ["store", "queue"])
def test_a_missing_store_or_queue_server_makes_only_workers_unavailable(installation: Installation, part: str) -> None:
    bucket = Full(Path("/nowhere"), bucket="renders", signer=UrlSigner(b"k"), url_ttl=1)
    nowhere = "redis://127.0.0.1:9/0"
    away: dict[str, Any] = {"buckets": (bucket, bucket)}
    if part == "queue":
        away = {"queue": JobQueue(nowhere), "workers": WorkerRegistry(nowhere)}

    state = replace(installation, **away).look()

    statuses = {kind: state.health(needed)["status"] for kind, needed in NEEDED.items()}
    assert statuses == {"api": "degraded", "worker": "unavailable", "sweep": "degraded"}, state.away
    detail = {"store": "The disk is full.", "queue": "The queue server does not answer."}[part]
    assert {"part": part, "detail": detail} in state.health(NEEDED["api"])["degraded"]


def test_for_an_unreachable_database_the_time_of_the_look_is_known(tmp_path: Path, queue_url: str) -> None:
    nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/backdrop"
    registry = CollectorRegistry()

    state = open_installation(Settings(database_url=nowhere, home=tmp_path, queue_url=queue_url)).look()
    InstallationMetrics(registry).saw(state)

    assert (state.away[0].part, state.backlog) == ("database", None)
    assert registry.get_sample_value("backdrop_part_up", {"part": "database"}) == 0
    assert registry.get_sample_value("backdrop_database_look_seconds") == state.database_seconds
    assert state.database_seconds is not None, "the alert BackdropDatabaseSlow uses it"


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)  # SQLite has no standby
def test_a_database_that_takes_no_writes_is_unavailable(installation: Installation) -> None:
    url = installation.engine.url.render_as_string(hide_password=False)
    take_writes(url, False)
    standby = installation.look()
    take_writes(url, True)

    assert standby.health(NEEDED["api"])["status"] == "unavailable"
    assert "accepts no writes" in standby.away[0].detail
    assert not [one for one in installation.look().away if one.part == "database"], "it asks again at each look"


@ON_SQLITE
@pytest.mark.parametrize(("version", "status"), [("0011", "unavailable"), ("9999", "ok")], ids=["older", "newer"])
def test_an_older_schema_is_refused_and_a_newer_releases_schema_is_accepted(
    engine: sa.Engine, installation: Installation, version: str, status: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    state = installation.look()

    missing = state.health(NEEDED["sweep"])["missing"]
    assert bool(missing) == (status == "unavailable")
    assert all("backdrop migrate" in one["detail"] for one in missing)


@ON_SQLITE
def test_a_quarantine_is_a_metric_for_alerts(installation: Installation) -> None:
    assert installation.quarantine is not None
    installation.quarantine.hold()
    registry = CollectorRegistry()
    metrics = InstallationMetrics(registry)
    state = installation.look()

    seen = []
    for one in (state, replace(state, held=None), replace(state, backlog=None)):
        metrics.saw(one)
        seen.append(registry.get_sample_value("backdrop_quarantined"))
    assert seen[:2] == [1, 0]
    assert math.isnan(seen[2] or 0), "the database is away, so it is unknown"
