"""The server: how an API stops, and how slow or many callers leave it to the others."""

import json
import os
import signal
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from ulid import ULID

from service.api import server
from service.api.admission import network
from service.storage.buckets import open_buckets
from testkit.polling import until
from tests.support.shop import render
from tests.support.streams import Api, serve


def test_an_api_that_delays_its_stop_reports_it_and_answers_until_the_second_signal(
    tmp_path: Path, valkey_url: str
) -> None:
    with serve(tmp_path, valkey_url, shutdown_delay=600.0) as api:
        http = api.caller.http
        before = http.get("/health/ready").status_code
        api.server.handle_exit(signal.SIGTERM, None)

        ready = http.get("/health/ready")
        assert (before, ready.status_code, ready.json()["status"]) == (200, 503, "unavailable")
        assert ready.json()["missing"] == [{"part": "api", "detail": "The API is shutting down."}]
        assert http.get("/health/live").status_code == 200
        assert api.new_job(), "a client that has not seen it yet is served"

        api.server.handle_exit(signal.SIGTERM, None)
        until(lambda: not api.server.started or api.server.should_exit)
        # A call that races with the closing socket gets no answer; the next one finds nobody.
        with pytest.raises((httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError)):
            until(lambda: httpx.get(f"{http.base_url}/health/live").is_error)


@pytest.mark.parametrize(("delay", "number"), [(0.0, signal.SIGTERM), (600.0, signal.SIGINT)])
def test_without_a_delay_or_from_a_terminal_it_stops_at_once(
    tmp_path: Path, valkey_url: str, delay: float, number: signal.Signals
) -> None:
    with serve(tmp_path, valkey_url, shutdown_delay=delay) as api:
        assert api.server.config.timeout_keep_alive > 60, "the load balancer must close idle connections first"
        api.server.handle_exit(number, None)

        assert api.server.should_exit


def connected(api: Api, *sent: str) -> socket.socket:
    """Return a connection of its own with a small buffer, after sending these lines."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    connection.settimeout(300)
    connection.connect((api.server.config.host, api.server.config.port))
    connection.sendall("".join(line + "\r\n" for line in sent).encode())
    return connection


def upload_lines(api: Api, size: int) -> tuple[str, ...]:
    """Return the head of a PUT of that many bytes, to a key of the caller's."""
    answer = api.caller.http.post("/v1/uploads", json={"content_type": "image/jpeg"}, headers=api.caller.headers)
    url = urlsplit(answer.json()["url"])
    head = (f"PUT {url.path}?{url.query} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: image/jpeg")
    return (*head, f"Content-Length: {size}", "")


def answered(connection: socket.socket) -> tuple[int, str, str]:
    """Return status, code and detail of a problem. Asserts that no byte follows: the connection is closed."""
    got = b""
    while part := connection.recv(65536):
        got += part
    head, body = got.split(b"\r\n\r\n")
    said = json.loads(body)
    assert f"x-request-id: {said['request_id']}" in head.decode().replace("X-Request-Id", "x-request-id")
    return int(head.split()[1]), said["code"], said["detail"]


def test_a_body_that_arrives_too_slowly_is_refused_and_a_steady_one_is_accepted(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PACE_SECONDS", 5.0)
    block = bytes(server.PACE_BYTES)
    with serve(tmp_path, valkey_url) as api, ExitStack() as stack:
        steady = stack.enter_context(connected(api, *upload_lines(api, 12 * len(block))))
        slow = stack.enter_context(connected(api, *upload_lines(api, 1000)))
        slow.sendall(b"jpg")
        for _ in range(12):
            time.sleep(0.45)  # longer in total, with spare time for each block on a loaded machine
            steady.sendall(block)
        assert steady.recv(12) == b"HTTP/1.1 204"
        status, code, detail = answered(slow)

    assert (status, code) == (408, "body_too_slow")
    assert "163,840 bytes in 5 s" in detail
    assert "Send it again" in detail


def test_a_request_whose_head_never_arrives_is_refused_and_an_idle_connection_is_kept(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 3.0)
    live = ("GET /health/live HTTP/1.1", "Host: 127.0.0.1", "")
    with serve(tmp_path, valkey_url) as api, connected(api, *live) as idle, connected(api, live[0]) as half:
        with connected(api) as silent:
            answers = [answered(half), answered(silent)]
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        idle.sendall(("\r\n".join(live) + "\r\n").encode())
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")

    assert [one[:2] for one in answers] == [(408, "head_too_slow")] * 2
    assert "3 s" in answers[0][2]


def test_silent_connections_make_room_for_others_from_their_address(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url, peer_connections=4) as api, ExitStack() as stack:
        lines = upload_lines(api, 1000)
        silent = [stack.enter_context(connected(api, *lines)) for _ in range(20)]
        for closed in silent[:16]:  # after them the client's own connection is known to be closed too
            with suppress(ConnectionResetError):  # where bytes of it were unread
                assert closed.recv(1) == b"", "it was closed without an answer"

        assert api.caller.get("/v1/credits").status_code == 200
        assert len(api.server.server_state.connections) <= 4


def test_an_address_whose_connections_are_all_busy_gets_no_more(tmp_path: Path, valkey_url: str) -> None:
    with serve(tmp_path, valkey_url, peer_connections=4) as api, ExitStack() as stack:
        key = f"Authorization: {api.caller.headers['Authorization']}"
        events = (f"GET /v1/jobs/{api.new_job()}/events HTTP/1.1", "Host: 127.0.0.1", key, "")
        for _ in range(4):  # the client's own connection is silent and makes room
            stream = stack.enter_context(connected(api, *events))
            assert stream.recv(12) == b"HTTP/1.1 200"
        with connected(api) as refused:
            status, code, detail = answered(refused)

    assert (status, code) == (429, "too_many_connections")
    assert "4 connections" in detail


def test_an_ipv6_subscriber_is_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("192.0.2.7") == "192.0.2.7"


DATA = os.urandom(16 << 20)  # more than the buffers of both sides


def long_answer(api: Api, kind: str) -> tuple[str, ...]:
    """Return the request for a long answer to the caller, whose only picture is DATA."""
    caller, key = api.caller, f"renders/{api.caller.client.id}/{ULID()}-1.png"
    order = {"photos": [{"source_image_s3_key": caller.upload(DATA)}], "scene_type": "podium", "mood": "calm"}
    made = caller.http.post("/v1/orders", json=order | {"presets": ["open_graph"]}, headers=caller.headers).json()
    (picture,) = caller.get(f"/v1/orders/{made['order_id']}").json()["items"]
    open_buckets(caller.settings)[1].put(key, DATA, "image/png")
    stored = replace(render(), public_id=str(ULID()), key=key, bytes=len(DATA))
    caller.jobs.succeed(caller.claim(picture["job_id"]), stored)
    url = urlsplit(caller.get(f"/v1/renders/{stored.public_id}").json()["url"])
    paths = {"archives": f"/v1/orders/{made['order_id']}/archive", "exports": "/v1/data"}
    path = paths.get(kind, f"{url.path}?{url.query}")
    return (f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: {caller.headers['Authorization']}", "")


#: The same code counts all kinds: the gate has one.
KINDS = [
    pytest.param("archives", 2),
    *(pytest.param(*kind, marks=pytest.mark.nightly) for kind in (("downloads", 100), ("exports", 1))),
]


@pytest.mark.parametrize(("kind", "places"), KINDS)
def test_silent_readers_take_their_clients_places_and_little_memory_each(
    tmp_path: Path, valkey_url: str, kind: str, places: int
) -> None:
    with serve(tmp_path, valkey_url) as api, ExitStack() as stack:
        lines, state = long_answer(api, kind), api.server.app.state
        readers = [stack.enter_context(connected(api, *lines)) for _ in range(places)]
        assert {reader.recv(12) for reader in readers} == {b"HTTP/1.1 200"}

        with connected(api, *lines[:-1], "Connection: close", "") as refused:
            assert answered(refused)[:2] == (429, f"too_many_{kind}")
        waiting = [one.transport.get_write_buffer_size() for one in api.server.server_state.connections]
        assert max(waiting) <= (64 + 256) * 1024
        readers.pop().close()
        until(lambda: getattr(state, kind).held.total() == places - 1)
        with connected(api, *lines) as next_one:
            assert next_one.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    "kind", ["exports", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("archives", "downloads"))]
)
def test_a_reader_that_stops_is_cut_off_and_gives_its_place_back(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(server, "PACE_SECONDS", 0.3)
    with serve(tmp_path, valkey_url) as api:
        with connected(api, *long_answer(api, kind)) as reader:
            assert reader.recv(12) == b"HTTP/1.1 200"
            until(lambda: not getattr(api.server.app.state, kind).held)
            received = 0
            with suppress(ConnectionError):
                while part := reader.recv(1 << 20):
                    received += len(part)
        assert received < len(DATA)


def test_a_slow_and_steady_reader_gets_the_whole_answer(
    tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PACE_SECONDS", 4.0)
    with serve(tmp_path, valkey_url) as api, connected(api, *long_answer(api, "downloads")) as reader:
        received = 0
        for _ in range(40):  # longer in total, at four times the least rate
            time.sleep(0.2)
            received += len(reader.recv(4 * server.PACE_BYTES // 20, socket.MSG_WAITALL))
        while received < len(DATA):
            part = reader.recv(1 << 20)
            assert part, received
            received += len(part)
