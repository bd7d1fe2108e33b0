"""The Python client's errors against a real installation."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from backdrop_client import (
    Backdrop,
    Conflict,
    InsufficientCredits,
    Invalid,
    Job,
    JobFailed,
    NotFound,
    Retries,
    Spec,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from backdrop_client.results import decoded
from testkit.photos import bad, good
from testkit.servers import free_port
from tests.support.served import Served
from tests.system.client.conftest import SPEC, FaultyProxy, refuse


def test_a_failed_job_raises_its_reason_and_is_refunded(backdrop: Backdrop, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"no_subject.*1 credits refunded") as failure:
        backdrop.swap_file(bad()["no_subject"], tmp_path / "out.png", SPEC)

    assert failure.value.code == "no_subject"
    assert not list(tmp_path.iterdir())
    assert backdrop.credits().balance == 100


def test_every_error_of_a_request_is_reported_with_its_field(backdrop: Backdrop) -> None:
    wrong = Spec(scene="", mood="calm", preset="shopify", colors=["red", "reddish"])

    with pytest.raises(Invalid) as refused:
        backdrop.plan(wrong)

    assert {one.field for one in refused.value.fields} >= {"scene_type", "output_preset", "dominant_colors[1]"}
    assert "output_preset: There is no such output preset. The nearest are: shopify_product" in str(refused.value)
    assert len(refused.value.request_id or "") == 26
    with pytest.raises(Invalid):
        backdrop.swap(wrong)


def test_each_refusal_has_a_class_and_a_remedy(served: Served, backdrop: Backdrop) -> None:
    source = backdrop.upload(good())
    over = backdrop.wait(backdrop.swap(SPEC, source_key=source))

    with pytest.raises(Conflict) as conflict:
        backdrop.cancel(over)
    assert conflict.value.code == "job_finished"
    with pytest.raises(NotFound):
        backdrop.swap(SPEC, source_key="uploads/another/photo.png")
    with Backdrop(served.url, "bd_unknown") as stranger, pytest.raises(Unauthorized):
        stranger.credits()
    with Backdrop(served.url, served.register("poor", credits=0)) as poor:
        photo = poor.upload(good())
        assert [one.code for one in poor.plan(SPEC, source_key=photo).warnings] == ["insufficient_credits"]
        with pytest.raises(InsufficientCredits, match="backdrop clients grant") as refused:
            poor.swap(SPEC, source_key=photo)
    assert (refused.value.status, refused.value.code) == (402, "insufficient_credits")
    assert refused.value.figures == {"balance": 0, "credits_cost": 1}


@pytest.mark.parametrize(
    ("url", "key", "remedy"),
    [
        ("backdrop.example", "bd_1", "https://"),
        ("http://localhost", "", "clients add"),
        ("http://x", "a b", "clients add"),
    ],
)
def test_an_impossible_address_or_key_is_refused_at_once(url: str, key: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Backdrop(url, key)


def test_no_server_and_another_server_raise_different_errors(proxy: FaultyProxy) -> None:
    with (
        Backdrop(f"http://127.0.0.1:{free_port()}", "bd_1", retries=Retries(attempts=2, first=0.01)) as alone,
        pytest.raises(Unreachable, match="GET /v1/credits"),
    ):
        alone.credits()
    proxy.fault("GET", "/v1/credits", refuse(200, {"hello": "world"}))
    with Backdrop(proxy.url, "bd_1") as elsewhere, pytest.raises(UnexpectedAnswer, match="Is it a Backdrop"):
        elsewhere.credits()


def test_unknown_fields_of_a_newer_server_are_ignored(backdrop: Backdrop) -> None:
    job = backdrop.wait(backdrop.swap(SPEC, source_key=backdrop.upload(good())))
    request = httpx.Request("GET", "http://x/v1/jobs/1")
    answer: dict[str, Any] = {"job_id": "1", "request_id": "2", "status": "NOT_STARTED", "stage": None, "progress": 0}
    answer |= {"attempt": 0, "credits_cost": 1, "credits_refunded": 0, "created_at": "2026-11-25T10:00:00Z"}
    answer |= {"started_at": None, "finished_at": None, "error": None, "render": None, "mood_of_the_worker": ["fine"]}

    assert decoded(httpx.Response(200, json=answer, request=request), Job).created_at.utcoffset() is not None
    assert not decoded(httpx.Response(200, json=answer, request=request), Job).ended
    assert job.ended
