"""Limits: a refused request is not charged, writes nothing and uses up no idempotency key."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Request
from litestar.plugins.problem_details import ProblemDetailsException
from litestar.testing import TestClient
from redis import Redis

from service.api.admission import IN_MEMORY, Bodies, FairThreads, Lane, spooled
from service.api.app import create_app
from service.settings import Settings
from tests.service.jobs.test_limits import written
from tests.support.caller import SWAP, Caller, assert_problem, located
from tests.support.databases import migrated_engine
from tests.support.documented import compared


class Api:
    """An API with limits of its own, on the test's database and queue."""

    def __init__(self, home: Path, queue_url: str, **limits: Any) -> None:
        self.settings = Settings(home=home, queue_url=queue_url, **limits)
        self.engine = migrated_engine(self.settings)
        self.http = TestClient(create_app(self.settings))

    def caller(self, name: str, credits: int = 100) -> Caller:
        return Caller(self.http, self.settings, name, credits)


@pytest.fixture
def api(tmp_path: Path, valkey_url: str) -> Iterator[Callable[..., Api]]:
    """Makes APIs on one database and one queue."""
    made: list[Api] = []

    def make(queue_url: str = valkey_url, **limits: Any) -> Api:
        made.append(Api(tmp_path, queue_url, **limits))
        made[-1].http.__enter__()
        compared(made[-1].http)
        return made[-1]

    yield make
    for one in made:
        one.http.__exit__(None, None, None)
        one.engine.dispose()


def quota(answer: httpx.Response) -> tuple[int, int]:
    """Return the remaining quota and its seconds, after checking both header fields."""
    assert re.fullmatch(r'"submits";q=\d+;w=\d+', answer.headers["ratelimit-policy"])
    found = re.fullmatch(r'"submits";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    return int(found[1]), int(found[2])


def assert_refused(answer: httpx.Response, status: int, code: str, *, at_least: int) -> None:
    assert_problem(answer, status, code)
    assert int(answer.headers["retry-after"]) >= max(1, at_least)
    assert int(answer.headers["retry-after"]) >= quota(answer)[1], "the draft: not before the window's end"


def test_every_counted_answer_to_a_submit_states_the_clients_quota(api: Callable[..., Api]) -> None:
    caller, poor = api(submit_rate=10).caller("counted"), api(submit_rate=10).caller("poor", credits=0)
    body = caller.body()

    answers = [
        caller.submit(body),
        caller.submit({}),
        caller.submit(body | {"source_image_s3_key": "uploads/none.jpg"}),
        caller.submit(body, **{"X-Shopify-Hmac-Sha256": "wrong"}),
        caller.http.post(SWAP, content=b"{", headers=caller.headers),
        caller.submit(body | {"pilot_brand": "x" * 70_000}),
    ]

    assert [answer.status_code for answer in answers] == [202, 422, 404, 401, 422, 413]
    assert [quota(answer)[0] for answer in answers] == [9, 8, 7, 6, 5, 4]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"submits";q=10;w=60'}
    broke = poor.submit(poor.body())
    assert (broke.status_code, quota(broke)[0]) == (402, 9)


def test_a_request_other_than_a_known_clients_submit_is_not_counted(api: Callable[..., Api]) -> None:
    caller = api(submit_rate=3).caller("reader")
    stranger = caller.http.post(SWAP, json={}, headers={"Authorization": "Bearer wrong"})
    others = [caller.get("/v1/credits"), caller.get("/v1/jobs/none"), caller.http.get("/v1/moods"), stranger]
    caller.upload()

    assert all("ratelimit" not in answer.headers for answer in others)
    assert quota(caller.submit({}))[0] == 2


def test_a_submit_over_the_rate_is_refused_before_its_body_is_read(api: Callable[..., Api]) -> None:
    one = api(submit_rate=2)
    caller = one.caller("hasty")
    body = caller.body()
    caller.submit(body)
    caller.submit(body)
    before = written(one.engine)

    for answer in (caller.submit(body), caller.http.post(SWAP, content=b"{", headers=caller.headers)):
        assert_refused(answer, 429, "rate_limited", at_least=1)
        assert answer.headers["retry-after"] == str(quota(answer)[1])
        assert quota(answer)[0] == 0
    assert written(one.engine) == before
    assert one.caller("patient").submit(body | {"source_image_s3_key": None}).status_code == 422


def test_a_submit_over_the_rate_leaves_its_idempotency_key_free(api: Callable[..., Api]) -> None:
    one = api(submit_rate=1)
    caller = one.caller("late")
    body = caller.body()
    caller.submit({})
    refused = caller.submit(body, **{"Idempotency-Key": "k"})
    assert_refused(refused, 429, "rate_limited", at_least=1)

    with Redis.from_url(one.settings.queue_url) as server:  # the window ends, and its count with it
        server.delete(*server.scan_iter(match=f"*{caller.client.id}*"))

    assert caller.submit(body | {"mood": "fresh"}, **{"Idempotency-Key": "k"}).status_code == 202


def test_a_job_over_the_limit_of_unfinished_jobs_is_refused_until_one_has_ended(api: Callable[..., Api]) -> None:
    one = api(unfinished_limit=2)
    caller = one.caller("busy")
    body = caller.body()
    accepted = [caller.submit(body, **{"Idempotency-Key": key}).json() for key in ("a", "b")]
    before, balance = written(one.engine), caller.balance

    refused = caller.submit(body, **{"Idempotency-Key": "c"})

    assert_refused(refused, 429, "too_many_unfinished_jobs", at_least=10)
    assert (written(one.engine), caller.balance) == (before, balance)
    assert caller.submit(body, **{"Idempotency-Key": "a"}).json() == accepted[0], "a repeat is no new job"
    assert one.caller("idle").submit({}).status_code == 422
    caller.http.delete(f"/v1/jobs/{accepted[0]['job_id']}", headers=caller.headers)
    assert caller.submit(body | {"mood": "fresh"}, **{"Idempotency-Key": "c"}).status_code == 202


def test_a_full_queue_refuses_all_clients_until_a_job_is_started(api: Callable[..., Api]) -> None:
    one = api(queue_limit=2)
    caller, second, other = one.caller("filler"), one.caller("second"), one.caller("unlucky")
    body = caller.body()
    accepted = [caller.submit(body, **{"Idempotency-Key": "b"}).json()]
    assert second.submit(second.body()).status_code == 202
    before = written(one.engine)

    refused = other.submit(other.body(), **{"Idempotency-Key": "k"})

    assert_refused(refused, 503, "queue_full", at_least=30)
    assert (written(one.engine), other.balance) == (before, 100)
    assert caller.submit(body, **{"Idempotency-Key": "b"}).json() == accepted[0], "a repeat is no new job"
    assert located(caller.submit(body | {"mood": "fresh"}, **{"Idempotency-Key": "b"})) == {
        ("header", "Idempotency-Key")
    }
    caller.claim(accepted[0]["job_id"])
    assert other.submit(other.body(), **{"Idempotency-Key": "k"}).status_code == 202


def test_a_client_that_fills_its_share_of_the_queue_blocks_no_other(api: Callable[..., Api]) -> None:
    one = api(queue_limit=8)
    busy, idle = one.caller("busy"), one.caller("idle")
    body = busy.body()
    accepted = [busy.submit(body) for _ in range(8)]
    before = written(one.engine)

    assert [answer.status_code for answer in accepted] == [202] * 4 + [429] * 4
    assert_refused(accepted[-1], 429, "queue_share_taken", at_least=10)
    assert "4 of your jobs are waiting" in accepted[-1].json()["detail"]
    assert (written(one.engine), busy.balance) == (before, 100 - 4 * accepted[0].json()["credits_cost"])
    assert idle.submit(idle.body()).status_code == 202
    busy.http.delete(f"/v1/jobs/{accepted[0].json()['job_id']}", headers=busy.headers)
    assert busy.submit(body).status_code == 202


def test_while_valkey_is_away_the_rate_is_not_counted_but_the_jobs_are(api: Callable[..., Api]) -> None:
    caller = api("redis://127.0.0.1:9/0", submit_rate=1, unfinished_limit=2).caller("lucky")
    body = caller.body()

    answers = [caller.submit(body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert_problem(answers[2], 429, "too_many_unfinished_jobs")
    assert answers[2].headers["retry-after"] == "10"
    assert all("ratelimit" not in answer.headers for answer in answers)


async def begun(work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
    """Run a request up to its own code, without its lane's threads."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    return task


def test_a_lane_is_shared_fairly_between_clients() -> None:
    """One thread, held: the lane takes one request of each client in turn, not in the order of arrival."""
    done, release = list[str](), threading.Event()

    def work(name: str) -> str:
        release.wait(300)
        done.append(name)
        return name

    async def crowd() -> None:
        lane = Lane("masks", "try again", threads=1, places=6, a_client=3)
        tasks = [await begun(lane.run(name[0], work, name)) for name in ("a1", "a2", "a3", "b1", "b2", "c1")]
        for client, said in (("a", "You already have 3 masks in progress"), ("d", "All 6 places for masks are in use")):
            with pytest.raises(ProblemDetailsException, match=said) as caught:
                await lane.run(client, work, "too many")
            assert (caught.value.status_code, caught.value.extra) == (429, {"code": "too_many_masks"})
            assert int((caught.value.headers or {})["Retry-After"]) >= 1
        tasks[4].cancel()  # b2, whose client has gone
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await lane.run("a", work, "a4") == "a4"
        lane.close()

    asyncio.run(crowd())

    assert done == ["a1", "b1", "c1", "a2", "a3", "a4"]


def request_of(parts: list[bytes], sender: str = "a") -> Any:
    """Return a request whose body arrives in these parts, and then stops without an end."""
    left = list(parts)

    async def receive() -> Any:
        if not left:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    route: Any = SimpleNamespace(resolve_request_max_body_size=lambda: None)
    scope: Any = {"type": "http", "client": (sender, 1), "headers": [], "route_handler": route}
    return Request(scope | {"state": {"held": ExitStack()}}, receive)


async def taken(request: Any) -> None:
    async for _ in request.stream():
        pass


def test_bodies_that_never_end_count_until_their_requests_end() -> None:
    bodies = Bodies(a_sender=10, total=15, seconds=0.2)

    async def fill() -> None:
        first, second, other = request_of([b"1234567"]), request_of([b"1234567"]), request_of([b"1234567"])
        bodies.count(first, "a")
        with pytest.raises(ProblemDetailsException, match=r"took over 0.2 s to arrive"):
            await taken(first)
        assert bodies.held == {"a": 7}
        bodies.count(second, "a")
        with pytest.raises(ProblemDetailsException, match="Too many of your bodies"):
            await taken(second)
        bodies.count(other, "b")
        with pytest.raises(ProblemDetailsException, match="took over"):
            await taken(other)
        for one in (first, second, other):
            one.scope["state"]["held"].close()
        assert not bodies.held

    asyncio.run(fill())


def test_a_large_body_is_kept_on_disk_and_counts_as_its_part_in_memory() -> None:
    bodies, part = Bodies(a_sender=2 * IN_MEMORY, total=2 * IN_MEMORY, seconds=60.0), bytes(IN_MEMORY // 2)

    async def send() -> None:
        request = request_of([])
        left = [part] * 8

        async def receive() -> Any:
            return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

        request.receive = receive
        bodies.count(request, "a")
        file: Any = await spooled(request)
        assert (len(file.read()), bodies.held) == (4 * IN_MEMORY, {"a": IN_MEMORY})
        assert file.name is not None, "it is a file on disk"
        request.scope["state"]["held"].close()
        assert file.closed

    asyncio.run(send())


def test_a_client_whose_calls_compute_delays_only_its_own() -> None:
    asking = "a"
    threads = FairThreads(6, a_client=2, waiting=3, client=lambda: asking)
    release, started = threading.Event(), threading.Semaphore(0)

    def work() -> str:
        started.release()
        assert release.wait(30)
        return asking

    slow = [threads.submit(work) for _ in range(5)]
    for _ in range(2):
        assert started.acquire(timeout=30)
    with pytest.raises(ProblemDetailsException, match="3 of your calls are waiting"):
        threads.submit(work)
    asking = "b"
    assert threads.submit(lambda: "other").result(30) == "other"
    assert not started.acquire(blocking=False), "the others of the first client wait"
    assert slow[4].cancel(), "its request ended while it waited"
    release.set()
    assert [one.result(30) for one in slow[:4]] == ["b"] * 4
    threads.shutdown()


def test_a_call_that_fails_gives_its_place_to_the_next() -> None:
    threads = FairThreads(2, a_client=1, waiting=2, client=lambda: "a")
    failed, then = threads.submit(lambda: 1 / 0), threads.submit(lambda: "next")

    assert isinstance(failed.exception(30), ZeroDivisionError)
    assert then.result(30) == "next"
    threads.shutdown()
