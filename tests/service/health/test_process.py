"""A process's port: its liveness, its readiness, and the probe that asks."""

from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from service.health.observed import observed
from service.health.probe import probe
from service.health.process import PATIENCE, ProcessHealth
from service.settings import Settings
from tests.support.command_line import run
from tests.support.databases import migrated_engine
from tests.support.polling import until
from tests.support.storm.servers import free_port


def test_a_process_whose_loop_hangs_is_dead_and_a_slow_start_is_not() -> None:
    now = 0.0
    health = ProcessHealth("worker", lambda: now)
    now = 10 * PATIENCE
    assert health.live()[0], "it loads"

    health.is_ready()
    now += PATIENCE - 1
    assert health.live()[0]
    now += 2
    assert not health.live()[0]
    health.beat()
    assert health.live()[0]


def test_the_port_reports_readiness_and_the_probe_reads_it(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, metrics_port=free_port())
    migrated_engine(settings).dispose()
    health = ProcessHealth("worker")
    monkeypatch.setenv("BACKDROP_METRICS_PORT", str(settings.metrics_port))
    assert run("probe", "worker", "--live").exit_code == 1, "nothing answers yet"
    with observed(settings, health, CollectorRegistry()):
        loading = probe(settings, live=False)
        assert not loading.well
        assert "worker: It starts." in loading.said
        assert probe(settings, live=True).well

        health.is_ready()
        until(lambda: probe(settings, live=False).well)
        assert run("probe", "worker").exit_code == 0
        assert httpx.get(f"http://127.0.0.1:{settings.metrics_port}/else").status_code == 404

        health.is_not_ready("It stops.")
        assert "It stops." in probe(settings, live=False).said


def test_a_port_in_use_ends_the_process_for_good(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0", metrics_port=free_port())
    second = observed(settings, ProcessHealth("sweep"), CollectorRegistry())
    with observed(settings, ProcessHealth("sweep"), CollectorRegistry()), pytest.raises(SystemExit) as ended:
        second.__enter__()

    assert ended.value.code == 78
