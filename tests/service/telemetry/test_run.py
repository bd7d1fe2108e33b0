"""An observed job, from its request to its webhook: one trace, one line at its end, and its metrics."""

import asyncio
import contextlib
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from pipeline.core.networks import Networks
from service.database.tables import jobs
from service.jobs.transitions import Jobs
from service.settings import Settings
from service.telemetry.correlation import Correlation, correlated, current
from service.telemetry.http import HttpMetrics, ObservedApp
from service.telemetry.logs import configure_logs
from service.telemetry.metrics import JobMetrics, RunMetrics, WebhookMetrics
from service.telemetry.tracing import tracing
from service.webhooks.endpoints import Webhooks
from service.worker.observation import RunObserver
from testkit.receiver import receiving
from testkit.still_life import Darkener, by_colour
from tests.support.caller import SWAP, Caller
from tests.support.collector import collecting
from tests.support.webhooks import Messenger, run
from tests.support.worker import BOTTLE, ON_WHITE, Worker

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NETWORKS = Networks(by_colour, Darkener(), {"segmenter": "by_colour 1", "generator": "darkener"})


def observed_worker(engine: sa.Engine, home: Path, registry: CollectorRegistry, **observer: Any) -> Worker:
    worker = Worker(engine, home, NETWORKS)
    metrics = JobMetrics(registry)
    moves = Jobs(engine, lease=60, max_attempts=2, metrics=metrics)
    worker.shop.jobs = moves
    watcher = replace(RunObserver(RunMetrics(registry), worker="W1"), **observer)
    worker.runner = replace(worker.runner, jobs=moves, observer=watcher)
    return worker


def test_one_trace_leads_from_a_callers_request_to_each_stage_and_to_the_webhook(
    caller: Caller, tmp_path: Path
) -> None:
    with collecting() as collector, receiving() as receiver, contextlib.ExitStack() as stack:
        settings = caller.settings.model_copy(update={"otlp_endpoint": collector.url})
        processes = ("api", "worker", "sweep")
        tracers = {process: stack.enter_context(tracing(settings, process)) for process in processes}
        Webhooks(caller.engine, allow_private=True).register(caller.client.name, receiver.url)
        body = caller.body(source_image_s3_key=caller.upload(BOTTLE), output_preset="open_graph", **ON_WHITE)
        app = ObservedApp(caller.http.app, HttpMetrics(), tracers["api"])

        async def submit() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
                return await http.post(SWAP, json=body, headers=caller.headers | {"traceparent": CALLERS})

        job_id = asyncio.run(submit()).json()["job_id"]
        worker = observed_worker(caller.engine, caller.settings.home, CollectorRegistry(), tracer=tracers["worker"])
        worker.runner.run(job_id)
        loop = Messenger(caller.engine).loop(metrics=WebhookMetrics(), tracer=tracers["sweep"])
        run(loop, lambda: receiver.received)
        stack.close()

    request, attempt = collector.named(f"POST {SWAP}"), collector.named("process swaps")
    assert {span.trace_id for span in collector.spans} == {CALLERS[3:35]}
    assert request.parent_id == CALLERS[36:52]
    assert (request.service, request.attributes["http.response.status_code"]) == ("backdrop-api", 202)
    assert attempt.parent_id == request.span_id
    assert (attempt.service, attempt.attributes["messaging.message.id"]) == ("backdrop-worker", job_id)
    stages = [span for span in collector.spans if span.name.startswith("stage ")]
    assert {"stage fetch", "stage decode", "stage segment", "stage encode", "stage store"} <= {
        one.name for one in stages
    }
    assert {one.parent_id for one in stages} == {attempt.span_id}
    sent = collector.named("POST webhook")
    assert (sent.service, sent.parent_id) == ("backdrop-sweep", attempt.span_id)
    assert receiver.received[0].headers["traceparent"] == f"00-{sent.trace_id}-{sent.span_id}-01"


def test_a_jobs_end_is_logged_for_operators_and_counted_with_its_trace_and_without_its_client(
    caller: Caller, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    worker = observed_worker(caller.engine, tmp_path, registry)
    with correlated(Correlation("asked", traceparent=CALLERS)):
        good, bad, unwanted = (worker.order(data, **ON_WHITE) for data in (BOTTLE, b"no photo", BOTTLE))
    with caplog.at_level(logging.INFO, logger="service.job"):
        for accepted in (good, bad):
            worker.runner.run(accepted.job_id)
    worker.shop.jobs.cancel(unwanted.job_id, client_id=worker.shop.client.id)

    lines = [vars(record) for record in caplog.records if record.name == "service.job"]
    done, failed = lines
    assert done["client_id"] == worker.shop.client.id
    assert (done["preset"], done["size"], done["attempt"], done["worker"]) == ("open_graph", "240x126", 1, "W1")
    assert done["wait"] >= 0
    assert {"fetch", "decode", "segment", "encode", "store"} <= set(done["stages"])
    assert sum(done["stages"].values()) <= done["seconds"] + 0.01
    assert (failed["outcome"], failed["error"]) == ("failure", "image_unreadable")
    assert "decode" in failed["stages"], "a failed job has them too"
    with caller.engine.connect() as connection:
        ours = sa.select(jobs.c.worker, jobs.c.stages).where(jobs.c.id.in_([good.job_id, bad.job_id]))
        rows = connection.execute(ours.order_by(jobs.c.id)).all()
    assert rows == [(line["worker"], line["stages"]) for line in lines], "the same in the job's row"

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("backdrop_jobs_finished_total", operation="swap", status="SUCCESS", error_type="") == 1
    assert value("backdrop_jobs_finished_total", operation="swap", status="FAILURE", error_type="image_unreadable") == 1
    assert value("backdrop_jobs_finished_total", operation="swap", status="FAILURE", error_type="cancelled") == 1
    assert (value("backdrop_refunds_total"), value("backdrop_refunded_credits_total")) == (2, 4)
    assert value("backdrop_job_wait_seconds_count", operation="swap") == 2
    assert value("backdrop_stage_duration_seconds_count", stage="decode") == 2
    assert value("backdrop_attempt_duration_seconds_count", operation="swap", outcome="failure") == 1
    assert value("backdrop_jobs_in_flight") == 0
    encode, _ = choose_encoder("application/openmetrics-text")
    text = encode(registry).decode()
    assert f'# {{trace_id="{CALLERS[3:35]}"}}' in text
    assert worker.shop.client.id not in text


def test_a_json_line_has_the_ids_of_its_subject(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logs(Settings(log_format="json", log_level="warning"))
        with correlated(Correlation("asked", job_id="01J", traceparent=CALLERS)):
            logging.getLogger("service.x").info("not logged: %s", "the level")
            try:
                raise ZeroDivisionError("in\ntwo lines")
            except ZeroDivisionError:
                logging.getLogger("service.x").exception("broke", extra={"attempt": 2})
    finally:
        root.handlers, root.level = before, level

    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["timestamp"])
    assert (entry["level"], entry["logger"], entry["message"], entry["attempt"]) == ("ERROR", "service.x", "broke", 2)
    assert (entry["request_id"], entry["job_id"], entry["trace_id"]) == ("asked", "01J", CALLERS[3:35])
    assert entry["exception.type"] == "ZeroDivisionError"


def test_no_trace_is_made_until_an_endpoint_is_set() -> None:
    with tracing(Settings(), "api") as tracer, tracer.start_as_current_span("nothing") as span:
        assert not span.is_recording()
        assert current() == Correlation()


def test_without_an_endpoint_a_callers_trace_goes_on() -> None:
    callers = Correlation(traceparent=CALLERS)
    with tracing(Settings(), "api") as tracer, correlated(callers), tracer.start_as_current_span("nothing"):
        assert current() == callers


@pytest.mark.parametrize("bad", ["", "no trace", CALLERS.upper(), f"00-{'0' * 32}{CALLERS[35:]}", CALLERS + "-more"])
def test_an_invalid_trace_counts_as_none(bad: str) -> None:
    with correlated(Correlation("asked", traceparent=bad)):
        assert current() == Correlation("asked")


def test_an_endpoint_without_the_library_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(SystemExit) as ended, tracing(Settings(otlp_endpoint="http://127.0.0.1:9"), "api"):
        pass
    assert ended.value.code == 78
    assert "Install backdrop[tracing]" in caplog.text
