"""The Python client through a faulty proxy of a real API: retries, downloads and waits, each call charged once."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backdrop_client import (
    Backdrop,
    DownloadCorrupt,
    NotFound,
    Progress,
    Retries,
    ServerError,
    TooManyRequests,
    WaitTimeout,
)
from testkit.photos import Deed, good, with_deed
from tests.support.served import Served
from tests.system.client.conftest import SPEC, FaultyProxy, cut, hang_up, keep_back, lose, refuse, spoil


def test_an_answer_that_is_lost_on_the_way_is_not_charged_twice(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    source = unlucky.upload(good())
    proxy.fault("POST", "/background-swap", lose, times=2)

    accepted = unlucky.swap(SPEC, source_key=source)

    keys = [one.headers["idempotency-key"] for one in proxy.paths("POST", "/background-swap")]
    assert (len(keys), len(set(keys))) == (3, 1)
    assert [job.job_id for job in unlucky.iter_jobs()] == [accepted.job_id]
    assert unlucky.credits().balance == 99


def test_an_unanswered_submit_is_sent_again_with_the_same_key_and_another_call_has_another(
    unlucky: Backdrop, proxy: FaultyProxy
) -> None:
    source = unlucky.upload(good())
    doubt = {"status": 500, "code": "outcome_unknown", "detail": "It may have been charged."}
    proxy.fault("POST", "/background-swap", refuse(500, doubt))

    first = unlucky.swap(SPEC, source_key=source)
    second = unlucky.swap(SPEC, source_key=source, idempotency_key="mine")
    same = unlucky.swap(SPEC, source_key=source, idempotency_key="mine")

    keys = [one.headers["idempotency-key"] for one in proxy.paths("POST", "/background-swap")]
    assert keys[0] == keys[1] != keys[2] == keys[3] == "mine"
    assert first.job_id != second.job_id == same.job_id


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_after_its_retry_after_and_not_before(
    unlucky: Backdrop, proxy: FaultyProxy, status: int
) -> None:
    proxy.fault("GET", "/v1/credits", refuse(status, {"code": "busy", "detail": "Busy."}, Retry_After="1"))

    assert unlucky.credits().balance == 100

    first, second = proxy.paths("GET", "/v1/credits")
    assert second.at - first.at >= 1.0


def test_a_retry_after_beyond_the_clients_patience_is_raised_at_once(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    busy = {"code": "rate_limited", "detail": "More than 300 submits."}
    proxy.fault("GET", "/v1/credits", refuse(429, busy, Retry_After="3600"))

    with pytest.raises(TooManyRequests, match="The server asks to wait 3600 s") as refused:
        unlucky.credits()

    assert refused.value.retry_after == 3600
    assert len(proxy.paths("GET", "/v1/credits")) == 1


def test_a_permanent_error_is_asked_once_and_a_missing_server_as_often_as_set(proxy: FaultyProxy, key: str) -> None:
    proxy.fault("GET", "/v1/credits", refuse(500, {"code": "internal_error", "detail": "Broke."}))
    proxy.fault("GET", "/v1/moods", refuse(502), times=9)

    with Backdrop(proxy.url, key, retries=Retries(attempts=3, first=0.01)) as backdrop:
        for call in (backdrop.credits, backdrop.moods):
            with pytest.raises(ServerError):
                call()

    assert (len(proxy.paths("GET", "/v1/credits")), len(proxy.paths("GET", "/v1/moods"))) == (1, 3)


def test_an_upload_whose_connection_breaks_is_repeated(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("PUT", "/v1/files/", lose)
    proxy.fault("POST", "/v1/uploads", lose)

    source = unlucky.upload(good())

    assert unlucky.plan(SPEC, source_key=source).affordable
    assert all("authorization" not in one.headers for one in proxy.paths("PUT", "/v1/files/"))


@pytest.mark.parametrize("fault", [spoil, cut, lose, refuse(503)], ids=["spoilt", "cut", "lost", "busy"])
def test_damaged_bytes_are_downloaded_again(unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path, fault: Any) -> None:
    proxy.fault("GET", "/v1/files/", fault, times=2)

    render = unlucky.swap_file(good(), tmp_path / "out.png", SPEC)

    assert hashlib.sha256((tmp_path / "out.png").read_bytes()).hexdigest() == render.sha256
    assert len(proxy.paths("GET", "/v1/files/")) == 3
    assert all("authorization" not in one.headers for one in proxy.paths("GET", "/v1/files/"))


def test_bytes_that_stay_damaged_leave_the_old_file(unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    output.write_bytes(b"of yesterday")
    proxy.fault("GET", "/v1/files/", spoil, times=9)

    with pytest.raises(DownloadCorrupt, match="SHA-256"):
        unlucky.swap_file(good(), output, SPEC)

    assert output.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [output]


def test_an_expired_download_url_is_renewed(backdrop: Backdrop, tmp_path: Path) -> None:
    render = backdrop.wait(backdrop.swap(SPEC, source_key=backdrop.upload(good()))).expect_render()
    stale = replace(render, url=re.sub(r"expires=\d+", "expires=1", render.url))
    assert httpx.get(stale.url, timeout=300).status_code == 403

    backdrop.download(stale, tmp_path / "out.png")

    assert (tmp_path / "out.png").stat().st_size == render.bytes


def test_a_zip_is_asked_for_again_when_all_places_are_taken(
    unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path
) -> None:
    proxy.fault("GET", "/v1/data", refuse(429), times=2)

    unlucky.export_data(tmp_path / "data.zip")

    assert len(proxy.paths("GET", "/v1/data")) == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "data.zip"]


@pytest.mark.parametrize(
    "fault",
    [
        None,
        refuse(404),
        *(pytest.param(fault, marks=pytest.mark.nightly) for fault in (refuse(406), cut, keep_back)),
    ],
    ids=["they come", "older server", "other proxy", "cut", "kept back"],
)
def test_a_wait_succeeds_with_every_fault_of_the_event_stream(
    unlucky: Backdrop, proxy: FaultyProxy, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdrop_client.waiting._SILENCE", 1.0)
    if fault:
        proxy.fault("GET", "/events", fault, times=20)
    accepted = unlucky.swap(SPEC, source_key=unlucky.upload(with_deed(Deed.SLOW)))
    reported: list[Progress] = []

    job = unlucky.wait(accepted, on_progress=reported.append, timeout=300)

    assert job.status == "SUCCESS"
    assert reported[-1].ended
    assert len({(one.status, one.stage, one.progress, one.queue_position) for one in reported}) == len(reported)


def test_a_server_without_events_is_asked_once(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("GET", "/events", refuse(404), times=20)
    source = unlucky.upload(good())

    for _ in range(2):
        unlucky.wait(unlucky.swap(SPEC, source_key=source))

    assert len(proxy.paths("GET", "/events")) == 1


def test_after_a_short_outage_the_client_requests_the_events_again(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("GET", "/events", hang_up, times=2)

    unlucky.wait(unlucky.swap(SPEC, source_key=unlucky.upload(with_deed(Deed.SLOW))))

    assert len(proxy.paths("GET", "/events")) == 3
    assert len([one for one in proxy.paths("GET", "/v1/jobs/") if not one.path.endswith("/events")]) == 1


def test_a_wait_ends_on_request_and_the_job_continues(backdrop: Backdrop, served: Served) -> None:
    with served.installation.held():
        accepted = backdrop.swap(SPEC, source_key=backdrop.upload(with_deed(Deed.HELD)))

        with pytest.raises(WaitTimeout, match=accepted.job_id):
            backdrop.wait(accepted, timeout=0.05)

    assert backdrop.wait(accepted).status == "SUCCESS"


def test_an_unknown_job_is_not_waited_for(backdrop: Backdrop) -> None:
    with pytest.raises(NotFound):
        backdrop.wait("01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", timeout=20)


def test_a_repeated_cancel_returns_the_cancelled_job(unlucky: Backdrop, proxy: FaultyProxy, served: Served) -> None:
    proxy.fault("DELETE", "/v1/jobs/", lose)

    with served.installation.held():
        accepted = unlucky.swap(SPEC, source_key=unlucky.upload(with_deed(Deed.HELD)))
        job = unlucky.cancel(accepted)

    assert (job.status, job.error and job.error.code, job.credits_refunded) == ("FAILURE", "cancelled", 1)
    assert unlucky.cancel(accepted) == job
    assert unlucky.credits().balance == 100
