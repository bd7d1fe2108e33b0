"""Observed requests: their metrics, log lines and traces, and the ids that callers give them."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry
from ulid import ULID

from service.database.tables import jobs
from service.telemetry.http import HttpMetrics, ObservedApp
from tests.support.caller import SWAP, Caller

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Observed:
    """The observed API, and its metrics."""

    def __init__(self, caller: Caller) -> None:
        self.registry = CollectorRegistry()
        self.app = ObservedApp(caller.http.app, HttpMetrics(self.registry), NoOpTracer())
        self.headers = caller.headers

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
                return await http.request(method, path, headers=self.headers | (headers or {}), **given)

        return asyncio.run(send())

    def counted(self, method: str, route: str, status: int) -> float | None:
        labels = {"http_request_method": method, "http_route": route, "http_response_status_code": str(status)}
        return self.registry.get_sample_value("http_server_request_duration_seconds_count", labels)


@pytest.fixture
def observed(caller: Caller) -> Observed:
    return Observed(caller)


def test_requests_are_counted_by_route_and_those_without_a_route_together(observed: Observed) -> None:
    for job_id in ("a", "b"):
        observed.ask("GET", f"/v1/jobs/{job_id}")
    for path in ("/nowhere/1", "/nowhere/2"):
        observed.ask("GET", path)
    observed.ask("BREW", "/v1/credits")

    assert observed.counted("GET", "/v1/jobs/{job_id}", 404) == 2
    assert observed.counted("GET", "unrouted", 404) == 2
    assert {
        sample.labels["http_request_method"]
        for family in observed.registry.collect()
        for sample in family.samples
        if "http_request_method" in sample.labels
    } == {"GET", "_OTHER"}
    assert observed.registry.get_sample_value("http_server_active_requests") == 0


def test_a_submit_that_waits_for_its_job_does_not_count_in_the_latency(observed: Observed) -> None:
    for headers in ({}, {"Prefer": "wait=1"}):
        observed.ask("POST", "/v1/cutouts", headers, json={})

    assert observed.counted("POST", "/v1/cutouts", 422) == 1
    assert observed.counted("POST", "/v1/cutouts (wait)", 422) == 1
    labels = {"http_request_method": "POST", "http_route": "/v1/cutouts", "http_response_status_code": "422"}
    slo = observed.registry.get_sample_value("http_server_request_duration_seconds_bucket", labels | {"le": "0.3"})
    assert slo is not None, "the SLO asks for this bucket"


def test_a_callers_request_id_is_returned_and_stored_with_the_job(observed: Observed, caller: Caller) -> None:
    headers = {"X-Request-Id": "shop-17/order:9", "traceparent": TRACEPARENT}
    answer = observed.ask("POST", SWAP, headers, json=caller.body())

    assert answer.headers["x-request-id"] == "shop-17/order:9"
    assert len(answer.json()["request_id"]) == 26, "the key of the log is the service's own"
    with caller.engine.connect() as connection:
        row = connection.execute(sa.select(jobs).where(jobs.c.id == answer.json()["job_id"])).one()
    assert (row.caller_request_id, row.traceparent) == ("shop-17/order:9", TRACEPARENT)
    refused = observed.ask("GET", "/v1/jobs/none", headers)
    assert refused.json()["request_id"] == refused.headers["x-request-id"] == "shop-17/order:9"


def test_an_invalid_request_id_is_replaced(observed: Observed) -> None:
    for bad in ("", "two words", "x" * 129, '"quoted"'):
        answer = observed.ask("GET", "/v1/credits", {"X-Request-Id": bad})
        ULID.from_str(answer.headers["x-request-id"])


def test_a_request_has_one_line_with_its_ids_and_its_client(
    observed: Observed, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="service.request"):
        observed.ask("GET", "/health/live")
        observed.ask("GET", "/v1/jobs?reference=secret", {"X-Request-Id": "mine"})

    (line,) = [record for record in caplog.records if record.name == "service.request"]
    assert line.getMessage().startswith("GET /v1/jobs 200 in ")
    fields = vars(line)
    assert (fields["route"], fields["status"], fields["client_id"]) == ("/v1/jobs", 200, caller.client.id)
