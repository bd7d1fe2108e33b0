"""Following a job: its current state, each change soon after it, its end, and no resources left behind."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from service.database.tables import jobs
from service.settings import Settings
from testkit import servers
from testkit.polling import until
from testkit.servers import free_port
from tests.support.caller import Caller, assert_problem
from tests.support.databases import migrated_engine
from tests.support.shop import render
from tests.support.streams import Api, cancel, serve


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("events")
    # Without heartbeats: an event that comes late raises the client's ReadTimeout after half a minute.
    with serve(home, valkey_url, stream_heartbeat=600, stream_limit=5) as one:
        yield one
        one.caller.engine.dispose()


def test_a_stream_reports_each_change_at_once_until_the_job_ends(api: Api) -> None:
    job_id, moves = api.new_job(), api.caller.jobs
    with api.follow(job_id) as stream:
        first = stream.event()
        assert first == {
            "job_id": job_id,
            "status": "NOT_STARTED",
            "stage": None,
            "progress": 0.0,
            "attempt": 0,
            "queue_position": first["queue_position"],
            "error": None,
            "credits_refunded": 0,
        }
        claim = api.caller.claim(job_id)
        seen = [stream.event()]
        for stage, progress in (("fetch", 0.0), ("segment", 0.1), ("background", 0.3)):
            moves.renew_lease(claim, stage=stage, progress=progress)
            moves.renew_lease(claim)  # a renewed lease is no event
            seen.append(stream.event())
        moves.succeed(claim, render())
        last = stream.rest()

    assert [(one["status"], one["stage"], one["progress"], one["attempt"]) for one in [*seen, *last]] == [
        ("IN_PROGRESS", None, 0.0, 1),
        ("IN_PROGRESS", "fetch", 0.0, 1),
        ("IN_PROGRESS", "segment", 0.1, 1),
        ("IN_PROGRESS", "background", 0.3, 1),
        ("SUCCESS", None, 1.0, 1),
    ]
    assert {one["queue_position"] for one in [*seen, *last]} == {None}
    api.let_go()


def test_a_failure_comes_with_its_error_and_its_refund(api: Api) -> None:
    job_id = api.new_job()
    with api.follow(job_id) as stream:
        stream.event()
        cancel(api, job_id)
        (last,) = stream.rest()

    assert (last["status"], last["credits_refunded"], last["error"]["code"]) == ("FAILURE", 2, "cancelled")


def test_the_place_in_the_queue_moves_up(api: Api) -> None:
    before, between, mine = api.new_job(), api.new_job(), api.new_job()
    with api.follow(mine) as stream:
        place = stream.event()["queue_position"]
        cancel(api, between)
        behind_one = stream.event()["queue_position"]
        api.caller.claim(before)
        next_one = stream.event()["queue_position"]
        cancel(api, mine)

    assert (place - behind_one, behind_one - next_one) == (1, 1)
    with api.caller.engine.connect() as connection:
        waiting = connection.execute(sa.select(sa.func.count()).where(jobs.c.status == "NOT_STARTED")).scalar_one()
    assert next_one == waiting, "its own place is free now"


def test_a_finished_job_is_one_event_and_the_end(api: Api) -> None:
    job_id = api.new_job()
    cancel(api, job_id)

    with api.follow(job_id) as stream:
        assert [one["status"] for one in stream.rest()] == ["FAILURE"]
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.answer.headers["x-accel-buffering"] == "no"
    path, seen = f"/v1/jobs/{job_id}/events", {"Last-Event-ID": str(stream.ids[0])}
    again = api.caller.http.get(path, headers=api.caller.headers | seen)
    assert (again.status_code, again.content) == (204, b"")
    api.let_go()


def test_a_client_that_reconnects_gets_only_newer_events(api: Api) -> None:
    job_id = api.new_job()
    with api.follow(job_id) as stream:
        stream.event()
    with api.follow(job_id, **{"Last-Event-ID": str(stream.ids[0])}) as same:
        claim = api.caller.claim(job_id)
        assert same.event()["status"] == "IN_PROGRESS", "nothing was newer before"
    api.caller.jobs.renew_lease(claim, stage="segment", progress=0.1)
    with api.follow(job_id, **{"Last-Event-ID": str(stream.ids[0])}) as newer:
        assert newer.event()["stage"] == "segment"
    assert newer.ids[0] > stream.ids[0]
    for nonsense in ("", "x", "-1", "9" * 5000, "99999999999999999999"):
        with api.follow(job_id, **{"Last-Event-ID": nonsense}) as other:
            assert other.event()["stage"] == "segment"
    cancel(api, job_id)
    with api.follow(job_id, **{"Last-Event-ID": str(newer.ids[0])}) as end:
        assert [one["status"] for one in end.rest()] == ["FAILURE"]


def test_a_job_that_is_handed_back_and_started_again_still_has_growing_ids(api: Api) -> None:
    job_id, moves = api.new_job(), api.caller.jobs
    with api.follow(job_id) as stream:
        stream.event()
        for _ in range(2):
            claim = api.caller.claim(job_id)
            assert (one := stream.event())["attempt"] == 1, one
            moves.renew_lease(claim, stage="segment", progress=0.1)
            assert (one := stream.event())["stage"] == "segment", one
            moves.release(claim, count_attempt=False)
            assert ((one := stream.event())["status"], one["stage"], one["attempt"]) == ("IN_PROGRESS", None, 0)
        cancel(api, job_id)
        assert stream.rest()[-1]["status"] == "FAILURE"


def test_a_quiet_stream_sends_heartbeats(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url, stream_heartbeat=0.3) as api:
        job_id = api.new_job()
        start = time.monotonic()
        with api.follow(job_id) as stream:
            stream.event()
            assert [stream.block() for _ in range(3)] == [[": here"]] * 3
            assert time.monotonic() - start > 0.8
        cancel(api, job_id)
        api.caller.engine.dispose()


def test_clients_that_disconnect_leave_nothing_behind(api: Api) -> None:
    job_id = api.new_job()
    for _ in range(3):
        streams = [api.follow(job_id) for _ in range(5)]
        for stream in streams:
            stream.event()
        until(lambda: api.notifier.streams() == 5)  # a stream sends its first event, then subscribes
        for stream in streams:
            stream.__exit__(None, None, None)
        api.let_go()
    address = httpx.URL(str(api.caller.http.base_url))
    for words in ("", "\r\n"):  # gone before the answer, with half a request and with a whole one
        with socket.create_connection((address.host, address.port or 0)) as half:
            key = api.caller.headers["Authorization"]
            half.sendall(
                f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n{words}".encode()
            )
    time.sleep(0.3)
    api.let_go()
    cancel(api, job_id)


def test_a_stream_over_the_limit_is_refused_until_one_is_closed(api: Api) -> None:
    job_id = api.new_job()
    streams = [api.follow(job_id) for _ in range(5)]
    refused = api.caller.get(f"/v1/jobs/{job_id}/events")

    assert_problem(refused, 429, "too_many_streams")
    assert refused.headers["retry-after"] == "10"
    other = Caller(api.caller.http, api.caller.settings, f"other-{job_id}", credits=1)
    assert_problem(other.get(f"/v1/jobs/{job_id}/events"), 404, "not_found")
    other.engine.dispose()
    streams.pop().__exit__(None, None, None)
    until(lambda: api.notifier.streams() == 4)
    with api.follow(job_id) as one_more:
        assert one_more.event()["status"] == "NOT_STARTED"
    for stream in streams:
        stream.__exit__(None, None, None)
    cancel(api, job_id)
    api.let_go()


# Outages


def test_a_stream_survives_a_database_outage_and_then_reports_the_changes(tmp_path: Path, valkey_url: str) -> None:
    with servers.public_folder() as folder, servers.postgresql(folder) as database:
        url = servers.make_database(database.url, "away")
        with serve(tmp_path, valkey_url, database_url=url, stream_heartbeat=0.6) as api:
            job_id = api.new_job()
            with api.follow(job_id) as stream:
                stream.event()
                for leave, come_back in ((database.pause, database.go_on), (database.kill, database.start)):
                    leave()
                    assert [stream.block() for _ in range(3)] == [[": here"]] * 3
                    come_back()
                    if database.pause is leave:
                        api.caller.claim(job_id)
                        assert stream.event()["status"] == "IN_PROGRESS"
                until(lambda: api.caller.http.get("/health/ready").status_code == 200)
                cancel(api, job_id)
                assert [one["status"] for one in stream.rest()] == ["FAILURE"]
            api.caller.engine.dispose()


def test_a_stopped_api_ends_its_streams_at_once(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, port=free_port())
    migrated_engine(settings).dispose()
    command = [sys.executable, "-m", "service.cli.main", "api", "--port", str(settings.port)]
    with subprocess.Popen(command, env=settings.environment()) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=300) as http:
                until(lambda: answers(http))
                caller = Caller(http, settings, "cut-off", credits=10)
                api = Api(None, caller)  # type: ignore[arg-type]  # it runs elsewhere
                job_id = api.new_job()
                streams = [api.follow(job_id) for _ in range(20)]
                for stream in streams:
                    stream.event()

                process.send_signal(signal.SIGTERM)

                # Ended, not cut: after ten seconds a cut would raise httpx.RemoteProtocolError.
                assert [stream.rest() for stream in streams] == [[]] * 20
                process.wait(300)
                caller.engine.dispose()
        finally:
            process.kill()


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_a_stream_ends_after_its_maximum_time_and_can_be_resumed(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url, stream_seconds=0.5) as api:
        job_id = api.new_job()
        with api.follow(job_id) as stream:
            assert [one["status"] for one in stream.rest()] == ["NOT_STARTED"]
        cancel(api, job_id)
        with api.follow(job_id, **{"Last-Event-ID": str(stream.ids[0])}) as again:
            assert [one["status"] for one in again.rest()] == ["FAILURE"]
        api.caller.engine.dispose()
