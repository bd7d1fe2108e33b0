"""A process's port: its liveness, its readiness, and the probe that asks."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from service.health.observed import observed
from service.health.parts import Patient, StoreCheck, Unusable
from service.health.process import PATIENCE, ProcessHealth, probe
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket, StoreUnavailable
from testkit.polling import until
from testkit.servers import free_port
from tests.support.command_line import run
from tests.support.databases import migrated_engine


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


# Checks of parts that hang, or that answer and refuse writes


class Full:
    """A bucket that answers, on a real one. When `full`, it refuses writes."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.full, self.writes = False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.writes += 1
        if self.full:
            raise StoreUnavailable("No space left on device")
        self._bucket.put(key, data, content_type)


def test_a_store_gets_a_test_write_every_minute_and_at_each_look_while_it_refuses(
    s3_settings: dict[str, Any], tmp_path: Path
) -> None:
    now = 0.0
    sources, renders = open_buckets(Settings(home=tmp_path, **s3_settings))
    full: Any = Full(renders)
    check = StoreCheck((sources, full), clock=lambda: now)

    check()
    check()
    assert full.writes == 1, "an answer counts for a minute"
    now, full.full = 61.0, True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            check()
    full.full = False
    check()
    check()
    assert full.writes == 4
    assert list(renders.entries()) == [], "nothing is left"


def test_a_hanging_part_blocks_no_look_and_recovers() -> None:
    answers, asked = threading.Event(), list[int]()

    def look() -> dict[str, Any]:
        asked.append(1)
        answers.wait(600)
        return {"queued": 3}

    patient = Patient("queue server", look)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Unusable, match="The queue server has not answered for"):
            patient()
    assert time.monotonic() - began < 30, "the first look waits for a moment, the others not at all"
    assert len(asked) == 1, "it is asked once, not by a thread for each look"

    answers.set()

    def found() -> dict[str, Any] | None:
        try:
            return patient()
        except Unusable:
            return None

    assert until(found) == {"queued": 3}
