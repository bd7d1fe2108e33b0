"""Waiting for a job with the Python client over unreliable connections."""

from typing import Any

import pytest

from backdrop_client import Backdrop, NotFound, Progress, WaitTimeout
from tests.support.served import Served
from tests.support.storm.photos import Deed, good, telling
from tests.support.unreliable_network import FaultyProxy, cut, hang_up, keep_back, lose, refuse
from tests.system.client.conftest import SPEC


@pytest.mark.parametrize(
    "fault",
    [None, refuse(404), refuse(406), cut, keep_back],
    ids=["they come", "older server", "other proxy", "cut", "kept back"],
)
def test_a_wait_succeeds_with_every_fault_of_the_event_stream(
    unlucky: Backdrop, proxy: FaultyProxy, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdrop_client.waiting._SILENCE", 1.0)
    if fault:
        proxy.fault("GET", "/events", fault, times=20)
    accepted = unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.SLOW)))
    reported: list[Progress] = []

    job = unlucky.wait(accepted, on_progress=reported.append, timeout=300)

    assert job.status == "SUCCESS"
    assert reported[-1].ended
    assert len({(one.status, one.stage, one.progress, one.queue_position) for one in reported}) == len(reported)


def test_a_server_without_events_is_asked_for_them_once(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("GET", "/events", refuse(404), times=20)
    source = unlucky.upload(good())

    for _ in range(2):
        unlucky.wait(unlucky.swap(SPEC, source_key=source))

    assert len(proxy.paths("GET", "/events")) == 1


def test_after_a_short_outage_the_server_is_asked_for_its_events_again(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("GET", "/events", hang_up, times=2)

    unlucky.wait(unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.SLOW))))

    assert len(proxy.paths("GET", "/events")) == 3
    assert len([one for one in proxy.paths("GET", "/v1/jobs/") if not one.path.endswith("/events")]) == 1


def test_a_wait_ends_on_request_and_the_job_goes_on(backdrop: Backdrop, served: Served) -> None:
    with served.installation.held():
        accepted = backdrop.swap(SPEC, source_key=backdrop.upload(telling(Deed.HELD)))

        with pytest.raises(WaitTimeout, match=accepted.job_id):
            backdrop.wait(accepted, timeout=0.05)

    assert backdrop.wait(accepted).status == "SUCCESS"


def test_an_unknown_job_is_not_waited_for(backdrop: Backdrop) -> None:
    with pytest.raises(NotFound):
        backdrop.wait("01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", timeout=20)


def test_a_repeated_cancel_returns_the_cancelled_job(unlucky: Backdrop, proxy: FaultyProxy, served: Served) -> None:
    proxy.fault("DELETE", "/v1/jobs/", lose)

    with served.installation.held():
        accepted = unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.HELD)))
        job = unlucky.cancel(accepted)

    assert (job.status, job.error and job.error.code, job.credits_refunded) == ("FAILURE", "cancelled", 1)
    assert unlucky.cancel(accepted) == job
    assert unlucky.credits().balance == 100
