"""The Python client's retries through a faulty proxy of a real API: each call is charged once."""

import pytest

from backdrop_client import Backdrop, Retries, ServerError, TooManyRequests
from tests.support.storm.photos import good
from tests.support.unreliable_network import FaultyProxy, lose, refuse
from tests.system.client.conftest import SPEC


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
