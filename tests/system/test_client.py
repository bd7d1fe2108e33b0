"""The Python client, against a real installation: API, worker and sweep in processes of their own."""

import asyncio
import hashlib
import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from backdrop_client import (
    AsyncBackdrop,
    Backdrop,
    Brand,
    Conflict,
    DownloadCorrupt,
    InsufficientCredits,
    Invalid,
    Job,
    JobFailed,
    NotFound,
    Progress,
    Retries,
    ServerError,
    Spec,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
    WebhookInvalid,
    verify_webhook,
)
from backdrop_client.results import decoded
from benchmarks.storm.photos import Deed, bad, good, telling
from benchmarks.storm.receiver import receiving
from benchmarks.storm.servers import free_port
from service.webhooks.endpoints import Webhooks
from tests.support.polling import until
from tests.support.served import Served
from tests.support.unreliable_network import FaultyProxy, cut, faulty_proxy, hang_up, keep_back, lose, refuse, spoil

#: What a lean worker can make: the photo's own cut-out, on nothing.
SPEC = Spec(scene="white", mood="calm", preset="transparent_cutout")
#: Tries again at once: what is on trial is whether, not when.
QUICK = Retries(first=0.01)
CLIENT = Path(__file__).resolve().parents[2] / "client"


@pytest.fixture
def key(served: Served, request: pytest.FixtureRequest) -> str:
    return served.register(request.node.name[:100])


@pytest.fixture
def backdrop(served: Served, key: str) -> Iterator[Backdrop]:
    with Backdrop(served.url, key, retries=QUICK) as backdrop:
        yield backdrop


@pytest.fixture
def proxy(served: Served) -> Iterator[FaultyProxy]:
    with faulty_proxy(served.url) as proxy:
        yield proxy


@pytest.fixture
def unlucky(proxy: FaultyProxy, key: str) -> Iterator[Backdrop]:
    """A client that reaches the API through a faulty proxy."""
    with Backdrop(proxy.url, key, retries=QUICK) as backdrop:
        yield backdrop


# One photo, from beginning to end


def test_a_photo_is_swapped_in_one_call(backdrop: Backdrop, tmp_path: Path) -> None:
    photo, output = tmp_path / "jar.png", tmp_path / "deep" / "out.png"
    photo.write_bytes(good())
    told: list[Progress] = []

    render = backdrop.swap_file(photo, output, SPEC, on_progress=told.append)

    assert hashlib.sha256(output.read_bytes()).hexdigest() == render.sha256
    assert list(output.parent.iterdir()) == [output]
    assert (render.output_preset, render.width, render.height) == ("transparent_cutout", 200, 240)
    assert set(render.report) == {"palette", "fidelity", "preset", "cutout", "provenance"}
    assert told[-1].status == "SUCCESS"
    assert [one.progress for one in told] == sorted(one.progress for one in told)
    assert backdrop.credits().balance == 99


def test_the_same_without_blocking_and_several_at_once(served: Served, key: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with AsyncBackdrop(served.url, key, retries=QUICK) as backdrop:
            calls = (backdrop.swap_file(good(number), tmp_path / f"{number}.png", SPEC) for number in range(3))
            renders = await asyncio.gather(*calls)
            listed = [render.public_id async for render in backdrop.iter_renders()]

            assert sorted(listed) == sorted(render.public_id for render in renders)
            assert (await backdrop.credits()).balance == 97
            assert {item.name for item in await backdrop.moods()} >= {"calm", "fresh"}
            with pytest.raises(NotFound):
                await backdrop.job("01J9ZC6M8J5X7Z9Q1W3R5T7Y9V")
        hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
        assert hashes == {render.sha256 for render in renders}

    asyncio.run(story())


def test_step_by_step_a_photo_comes_from_bytes_a_path_or_an_open_file(backdrop: Backdrop, tmp_path: Path) -> None:
    path = tmp_path / "jar"  # no extension: its bytes say what it is
    path.write_bytes(good())
    keys = [backdrop.upload(photo) for photo in (good(), path, str(path), io.BytesIO(good()))]
    assert len(set(keys)) == 4

    plan = backdrop.plan(replace(SPEC, seed=5), source_key=keys[0])
    assert (plan.credits_cost, plan.balance, plan.affordable, plan.seed) == (1, 100, True, 5)
    accepted = backdrop.swap(replace(SPEC, seed=5), source_key=keys[0])
    job = backdrop.wait(accepted)
    again = backdrop.wait(backdrop.swap(SPEC, source_render=job.expect_render().public_id))

    assert (job.status, job.expect_render().seed, again.status) == ("SUCCESS", 5, "SUCCESS")
    assert backdrop.download(again.expect_render().public_id, tmp_path / "again.png").stat().st_size > 0


def test_a_submit_can_wait_for_the_end(backdrop: Backdrop) -> None:
    source = backdrop.upload(good())

    assert backdrop.swap(SPEC, source_key=source, wait=25).status == "SUCCESS"


def test_a_brand_is_made_changed_and_listed(backdrop: Backdrop) -> None:
    made = backdrop.save_brand(Brand("acme & cö", ["#e8c7b8"], ["linen"], "pinned", default_preset="open_graph"))

    assert made.seed is not None
    assert backdrop.brand("acme & cö") == made
    assert backdrop.save_brand(replace(made, palette=[])).seed == made.seed
    assert [brand.name for brand in backdrop.brands()] == ["acme & cö"]


def test_lists_are_followed_from_page_to_page(backdrop: Backdrop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_client.api._PAGE", 2)
    source = backdrop.upload(good())
    # One after the other: two workers finish jobs as they please, and renders are listed in the order of their making.
    jobs = [backdrop.swap(SPEC, source_key=source, wait=25).job_id for _ in range(5)]

    assert [job.job_id for job in backdrop.iter_jobs()] == jobs[::-1]
    assert [render.job_id for render in backdrop.iter_renders(preset="transparent_cutout")] == jobs[::-1]
    assert not list(backdrop.iter_renders(preset="web_hero"))
    assert not list(backdrop.iter_jobs(status="FAILURE"))


def test_the_catalogues_are_typed(backdrop: Backdrop) -> None:
    presets = {item.name: item for item in backdrop.output_presets()}

    assert presets["shopify_product"].about["credits"] == 2
    assert all(item.title and item.description for item in [*backdrop.scene_types(), *backdrop.moods()])


def test_what_the_readme_shows_works(served: Served, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("jar.jpg", "lamp.jpg"):
        Path(name).write_bytes(good())
    blocks = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 4

    for block in blocks:
        ours = {'"https://backdrop.example"': repr(served.url), '"bd_…"': repr(key)}
        # A lean worker paints no scenes.
        ours |= dict.fromkeys(['"shopify_product"', '"instagram_story"', '"open_graph"'], '"transparent_cutout"')
        for theirs, here in {**ours, "podium": "white"}.items():
            block = block.replace(theirs, here)
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "jar.jpg",
        "lamp.jpg",
        "transparent_cutout.jpg",
    ]


# What goes wrong is told as it is


def test_a_job_that_fails_says_why_and_gives_its_credits_back(backdrop: Backdrop, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"no_subject.*1 credits came back") as failure:
        backdrop.swap_file(bad()["no_subject"], tmp_path / "out.png", SPEC)

    assert failure.value.code == "no_subject"
    assert not list(tmp_path.iterdir())
    assert backdrop.credits().balance == 100


def test_all_that_is_wrong_with_a_request_is_told_field_by_field(backdrop: Backdrop) -> None:
    wrong = Spec(scene="", mood="calm", preset="shopify", colors=["red", "reddish"])

    with pytest.raises(Invalid) as refused:
        backdrop.plan(wrong)

    assert {one.field for one in refused.value.fields} >= {"scene_type", "output_preset", "dominant_colors[1]"}
    assert "output_preset: There is no such output preset. The nearest are: shopify_product" in str(refused.value)
    assert len(refused.value.request_id or "") == 26
    with pytest.raises(Invalid):
        backdrop.swap(wrong)


def test_each_refusal_has_a_kind_and_a_remedy(served: Served, backdrop: Backdrop) -> None:
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


@pytest.mark.parametrize(
    ("url", "key", "remedy"),
    [("backdrop.example", "bd_1", "https://"), ("http://localhost", "", "clients add"), ("http://x", "a b", "none")],
)
def test_an_address_or_a_key_that_can_not_be_is_refused_at_once(url: str, key: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Backdrop(url, key)


def test_nobody_there_and_somebody_else_there_are_told_apart(proxy: FaultyProxy) -> None:
    with (
        Backdrop(f"http://127.0.0.1:{free_port()}", "bd_1", retries=Retries(attempts=2, first=0.01)) as alone,
        pytest.raises(Unreachable, match="GET /v1/credits"),
    ):
        alone.credits()
    proxy.fault("GET", "/v1/credits", refuse(200, {"hello": "world"}))
    with Backdrop(proxy.url, "bd_1") as elsewhere, pytest.raises(UnexpectedAnswer, match="Is it a Backdrop"):
        elsewhere.credits()


def test_what_a_newer_server_adds_is_ignored(backdrop: Backdrop) -> None:
    job = backdrop.wait(backdrop.swap(SPEC, source_key=backdrop.upload(good())))
    request = httpx.Request("GET", "http://x/v1/jobs/1")
    answer: dict[str, Any] = {"job_id": "1", "request_id": "2", "status": "NOT_STARTED", "stage": None, "progress": 0}
    answer |= {"attempt": 0, "credits_cost": 1, "credits_refunded": 0, "created_at": "2026-11-25T10:00:00Z"}
    answer |= {"started_at": None, "finished_at": None, "error": None, "render": None, "mood_of_the_worker": ["fine"]}

    assert decoded(httpx.Response(200, json=answer, request=request), Job).created_at.utcoffset() is not None
    assert not decoded(httpx.Response(200, json=answer, request=request), Job).ended
    assert job.ended


# Tried again, and paid once


def test_an_answer_that_is_lost_on_the_way_is_not_paid_twice(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    source = unlucky.upload(good())
    proxy.fault("POST", "/background-swap", lose, times=2)

    accepted = unlucky.swap(SPEC, source_key=source)

    keys = [one.headers["idempotency-key"] for one in proxy.paths("POST", "/background-swap")]
    assert (len(keys), len(set(keys))) == (3, 1)
    assert [job.job_id for job in unlucky.iter_jobs()] == [accepted.job_id]
    assert unlucky.credits().balance == 99


def test_a_submit_in_doubt_is_sent_again_with_the_same_key_and_another_call_has_another(
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
def test_a_busy_server_is_asked_again_when_it_says_and_not_before(
    unlucky: Backdrop, proxy: FaultyProxy, status: int
) -> None:
    proxy.fault("GET", "/v1/credits", refuse(status, {"code": "busy", "detail": "Busy."}, Retry_After="1"))

    assert unlucky.credits().balance == 100

    first, second = proxy.paths("GET", "/v1/credits")
    assert second.at - first.at >= 1.0


def test_who_asks_for_more_patience_than_there_is_is_told_at_once(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    busy = {"code": "rate_limited", "detail": "More than 300 submits."}
    proxy.fault("GET", "/v1/credits", refuse(429, busy, Retry_After="3600"))

    with pytest.raises(TooManyRequests, match="The server asks to wait 3600 s") as refused:
        unlucky.credits()

    assert refused.value.retry_after == 3600
    assert len(proxy.paths("GET", "/v1/credits")) == 1


def test_what_is_broken_is_asked_once_and_what_stays_away_as_often_as_told(proxy: FaultyProxy, key: str) -> None:
    proxy.fault("GET", "/v1/credits", refuse(500, {"code": "internal_error", "detail": "Broke."}))
    proxy.fault("GET", "/v1/moods", refuse(502), times=9)

    with Backdrop(proxy.url, key, retries=Retries(attempts=3, first=0.01)) as backdrop:
        for call in (backdrop.credits, backdrop.moods):
            with pytest.raises(ServerError):
                call()

    assert (len(proxy.paths("GET", "/v1/credits")), len(proxy.paths("GET", "/v1/moods"))) == (1, 3)


def test_an_upload_whose_connection_breaks_is_made_again(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("PUT", "/v1/files/", lose)
    proxy.fault("POST", "/v1/uploads", lose)

    source = unlucky.upload(good())

    assert unlucky.plan(SPEC, source_key=source).affordable
    assert all("authorization" not in one.headers for one in proxy.paths("PUT", "/v1/files/"))


# Waiting


@pytest.mark.parametrize(
    "fault",
    [None, refuse(404), refuse(406), cut, keep_back],
    ids=["they come", "older server", "other proxy", "cut", "kept back"],
)
def test_a_job_is_waited_for_whatever_becomes_of_its_events(
    unlucky: Backdrop, proxy: FaultyProxy, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdrop_client.waiting._SILENCE", 1.0)
    if fault:
        proxy.fault("GET", "/events", fault, times=20)
    accepted = unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.SLOW)))
    told: list[Progress] = []

    job = unlucky.wait(accepted, on_progress=told.append, timeout=120)

    assert job.status == "SUCCESS"
    assert told[-1].ended
    assert len({(one.status, one.stage, one.progress, one.queue_position) for one in told}) == len(told)


def test_a_server_without_events_is_asked_for_them_once(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    proxy.fault("GET", "/events", refuse(404), times=20)
    source = unlucky.upload(good())

    for _ in range(2):
        unlucky.wait(unlucky.swap(SPEC, source_key=source))

    assert len(proxy.paths("GET", "/events")) == 1


def test_a_server_that_was_away_for_a_moment_is_asked_for_its_events_again(
    unlucky: Backdrop, proxy: FaultyProxy
) -> None:
    proxy.fault("GET", "/events", hang_up, times=2)

    unlucky.wait(unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.SLOW))))

    assert len(proxy.paths("GET", "/events")) == 3
    assert len([one for one in proxy.paths("GET", "/v1/jobs/") if not one.path.endswith("/events")]) == 1


def test_waiting_ends_when_it_is_told_to_and_the_job_goes_on(backdrop: Backdrop) -> None:
    accepted = backdrop.swap(SPEC, source_key=backdrop.upload(telling(Deed.SLOW)))
    started = time.monotonic()

    with pytest.raises(WaitTimeout, match=accepted.job_id):
        backdrop.wait(accepted, timeout=0.5)

    assert time.monotonic() - started < 10
    assert backdrop.wait(accepted).status == "SUCCESS"


def test_a_job_of_nobody_is_not_waited_for(backdrop: Backdrop) -> None:
    with pytest.raises(NotFound):
        backdrop.wait("01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", timeout=20)


def test_a_cancelled_job_comes_back_as_often_as_it_is_cancelled(unlucky: Backdrop, proxy: FaultyProxy) -> None:
    accepted = unlucky.swap(SPEC, source_key=unlucky.upload(telling(Deed.SLOW)))
    proxy.fault("DELETE", "/v1/jobs/", lose)

    job = unlucky.cancel(accepted)

    assert (job.status, job.error and job.error.code, job.credits_refunded) == ("FAILURE", "cancelled", 1)
    assert unlucky.cancel(accepted) == job
    assert unlucky.credits().balance == 100


# Downloading


@pytest.mark.parametrize("fault", [spoil, cut, lose, refuse(503)], ids=["spoilt", "cut", "lost", "busy"])
def test_bytes_that_arrive_wrong_are_fetched_again(
    unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path, fault: Any
) -> None:
    proxy.fault("GET", "/v1/files/", fault, times=2)

    render = unlucky.swap_file(good(), tmp_path / "out.png", SPEC)

    assert hashlib.sha256((tmp_path / "out.png").read_bytes()).hexdigest() == render.sha256
    assert len(proxy.paths("GET", "/v1/files/")) == 3
    assert all("authorization" not in one.headers for one in proxy.paths("GET", "/v1/files/"))


def test_bytes_that_are_always_wrong_leave_what_was_there(
    unlucky: Backdrop, proxy: FaultyProxy, tmp_path: Path
) -> None:
    output = tmp_path / "out.png"
    output.write_bytes(b"of yesterday")
    proxy.fault("GET", "/v1/files/", spoil, times=9)

    with pytest.raises(DownloadCorrupt, match="SHA-256"):
        unlucky.swap_file(good(), output, SPEC)

    assert output.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [output]


def test_a_download_url_that_has_expired_is_renewed(backdrop: Backdrop, tmp_path: Path) -> None:
    render = backdrop.wait(backdrop.swap(SPEC, source_key=backdrop.upload(good()))).expect_render()
    stale = replace(render, url=re.sub(r"expires=\d+", "expires=1", render.url))
    assert httpx.get(stale.url).status_code == 403

    backdrop.download(stale, tmp_path / "out.png")

    assert (tmp_path / "out.png").stat().st_size == render.bytes


# Webhooks


def test_a_message_of_the_server_is_verified_and_typed(served: Served, backdrop: Backdrop, tmp_path: Path) -> None:
    name = "test_a_message_of_the_server_is_verified_and_typed"
    with receiving() as receiver:
        hooks = Webhooks(served.installation.engine, allow_private=True)
        _, secret = hooks.register(name, receiver.url)
        render = backdrop.swap_file(good(), tmp_path / "out.png", SPEC)
        message = until(lambda: receiver.received and receiver.received[0], timeout=20)
        hooks.clear(name)

    event = verify_webhook(message.headers, message.body, secret)

    assert (event.id, event.type) == (message.id, "job.succeeded")
    assert event.data.render is not None
    assert (event.data.job_id, event.data.render.sha256) == (render.job_id, render.sha256)
    for headers, body in [
        (message.headers, message.body.replace(b"SUCCESS", b"FAILURE")),
        ({**message.headers, "webhook-timestamp": "1"}, message.body),
        ({**message.headers, "webhook-signature": "v1,no base64"}, message.body),
        ({}, message.body),
    ]:
        with pytest.raises(WebhookInvalid):
            verify_webhook(headers, body, secret)
    with pytest.raises(WebhookInvalid):
        verify_webhook(message.headers, message.body, "whsec_" + "A" * 44)
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(message.headers, message.body, "")
