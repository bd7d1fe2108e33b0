"""Hosts of links: the request's Host header makes them, so it must be the API's own."""

from typing import Any

import pytest

from service.settings import Settings
from tests.support.caller import Caller, assert_problem

UPLOAD = {"content_type": "image/jpeg"}


def test_no_link_is_made_from_a_foreign_host(caller: Caller) -> None:
    body = caller.body()
    for host in ("evil.example", "evil.example:8000", "localhost@evil.example", "localhost:x", "10.9.8.7"):
        named = {"Host": host}
        for answer in (
            caller.submit(body, **named),
            caller.http.post("/v1/uploads", json=UPLOAD, headers=caller.headers | named),
            caller.http.get("/v1/renders", headers=caller.headers | named),
            caller.http.get("/", headers=named),
        ):
            assert_problem(answer, 421, "host_not_trusted")
            assert "evil.example" not in answer.text
            assert "BACKDROP_PUBLIC_URL" in answer.json()["detail"]
    assert caller.balance == 100, "a submit whose answers could not be given is not charged"


def test_an_answer_without_links_is_given_under_any_name(caller: Caller) -> None:
    # Kubernetes' probes send the pod's address, load balancers any name.
    for path in ("/health/live", "/health/ready", "/v1/moods", "/schema/openapi.json"):
        assert caller.http.get(path, headers={"Host": "10.1.2.3:8000"}).status_code != 421


def test_this_machine_and_the_connections_address_need_no_setting(caller: Caller) -> None:
    for host in ("localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "testserver.local"):
        answer = caller.http.post("/v1/uploads", json=UPLOAD, headers=caller.headers | {"Host": host})
        assert answer.json()["url"].startswith(f"http://{host}/v1/files/sources/")


def test_trusted_hosts_are_accepted_and_with_a_public_url_the_header_does_not_matter(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Any = caller.http.app.state
    asked = {"json": UPLOAD, "headers": caller.headers | {"Host": "shop.lan:8000"}}

    monkeypatch.setattr(state, "link_hosts", Settings(trusted_hosts="other.lan, Shop.lan").link_hosts)
    assert caller.http.post("/v1/uploads", **asked).json()["url"].startswith("http://shop.lan:8000/v1/files/")

    monkeypatch.setattr(state, "link_hosts", Settings(public_url="https://shop.example").link_hosts)
    monkeypatch.setattr(state, "public_url", "https://shop.example")
    assert caller.http.post("/v1/uploads", **asked).json()["url"].startswith("https://shop.example/v1/files/")


def test_with_s3_any_host_is_accepted_as_links_lead_to_the_buckets() -> None:
    assert Settings(store="s3").link_hosts is None
