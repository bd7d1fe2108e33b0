"""The limit on submits, counted on a real Valkey server."""

import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest
from redis import Redis
from ulid import ULID

from service.accounts.rate_limit import Quota, RateLimit
from testkit.polling import at_once


@pytest.fixture
def client() -> str:
    return str(ULID())


def count(rate: RateLimit, client: str) -> Quota:
    quota = rate.count(client)
    assert quota is not None
    return quota


def test_a_quota_is_counted_down_and_then_submits_are_refused(valkey_url: str, client: str) -> None:
    rate = RateLimit(valkey_url, quota=3, window=60)

    quotas = [count(rate, client) for _ in range(5)]

    assert [(one.allowed, one.remaining) for one in quotas] == [
        *((True, 2), (True, 1), (True, 0)),
        *((False, 0), (False, 0)),
    ]
    assert all(55 <= one.reset <= 60 for one in quotas)
    assert count(rate, str(ULID())).allowed, "each client has a quota of its own"


def test_all_processes_count_together_and_never_accept_more_than_the_quota(valkey_url: str, client: str) -> None:
    processes = [RateLimit(valkey_url, quota=10, window=60) for _ in range(4)]
    quotas = at_once(*(partial(count, processes[number % 4], client) for number in range(40)))

    assert sorted((one.allowed, one.remaining) for one in quotas) == [
        *[(False, 0)] * 30,
        *[(True, remaining) for remaining in range(10)],
    ]


def test_a_client_that_waits_for_retry_after_is_accepted_again(valkey_url: str, client: str) -> None:
    rate = RateLimit(valkey_url, quota=2, window=60)
    for _ in range(2):
        count(rate, client)
    refused = count(rate, client)

    assert not refused.allowed
    with Redis.from_url(valkey_url) as server:
        (key,) = server.scan_iter(match=f"*{client}*")
        assert 0 < server.pttl(key) <= refused.reset * 1000 <= 60_000, "the server's count expires by then"
        server.pexpire(key, 1)
    time.sleep(0.01)  # a key expires when its last millisecond is over, not when it begins
    again = count(rate, client)
    assert (again.allowed, again.remaining) == (True, 1)


def test_without_a_limit_nothing_is_counted(valkey_url: str, client: str) -> None:
    assert RateLimit(valkey_url, quota=0, window=60).count(client) is None
    with Redis.from_url(valkey_url) as server:
        assert list(server.scan_iter(match=f"*{client}*")) == []


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_submit_is_accepted_uncounted_while_the_server_is_away(client: str) -> None:
    assert RateLimit("redis://127.0.0.1:9/0", quota=1, window=60).count(client) is None


def test_a_submit_does_not_wait_for_a_server_that_hangs(silent_server: socket.socket, client: str) -> None:
    rate = RateLimit(f"redis://127.0.0.1:{silent_server.getsockname()[1]}/0", quota=1, window=60)

    assert rate.count(client) is None

    silent_server.setblocking(False)
    silent_server.accept()[0].close()
    with pytest.raises(BlockingIOError):  # one try, and no second
        silent_server.accept()
