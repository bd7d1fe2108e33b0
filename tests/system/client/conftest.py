"""The Python client at a real installation, and a faulty proxy of it that forwards requests and breaks chosen ones."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from backdrop_client import Backdrop, Retries, Spec
from testkit.receiver import Quiet, serving
from tests.support.served import Served

#: An order that a lean worker can make: the photo's own cut-out, without a background.
SPEC = Spec(scene="white", mood="calm", preset="transparent_cutout")
#: Retries at once: the tests check whether it retries, not when.
QUICK = Retries(first=0.01)
#: Headers that this server writes itself: it ends each answer by closing the connection.
_OWN = {"transfer-encoding", "connection", "content-length", "date", "server"}


@dataclass(frozen=True)
class Seen:
    """A request that passed."""

    method: str
    path: str
    headers: dict[str, str]
    at: float


@dataclass
class FaultyProxy:
    """A reverse proxy of the API, with faults to come."""

    target: str
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    _faults: list[tuple[str, str, Callable[["_Handler", httpx.Client], None]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, path: str, act: Callable[["_Handler", httpx.Client], None], times: int = 1) -> None:
        """Apply `act` to the next requests of a method whose path contains `path`."""
        self._faults += [(method, path, act)] * times

    def paths(self, method: str, path: str) -> list[Seen]:
        """Return the requests of a method whose path contains `path`."""
        return [one for one in self.seen if one.method == method and path in one.path]

    def take(self, method: str, path: str) -> Callable[["_Handler", httpx.Client], None]:
        """Return the fault of a request."""
        with self._lock:
            for index, (of_method, of_path, act) in enumerate(self._faults):
                if method == of_method and of_path in path:
                    del self._faults[index]
                    return act
        return hand_on


class _Handler(Quiet):
    proxy: FaultyProxy

    def handle_any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.proxy.seen.append(Seen(self.command, self.path, headers, time.monotonic()))
        self.body = self.rfile.read(int(headers.get("content-length", 0)))
        self.close_connection = True
        with suppress(OSError), httpx.Client(base_url=self.proxy.target, timeout=300) as api:
            self.proxy.take(self.command, self.path)(self, api)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  # the library's names

    def asked(self, api: httpx.Client) -> httpx.Response:
        """The API's answer, with its body unread."""
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        request = api.build_request(self.command, self.path, headers=headers, content=self.body)
        return api.send(request, stream=True)

    def say(self, answer: httpx.Response) -> None:
        """Send the status and headers of an answer."""
        self.send_response(answer.status_code)
        for name, value in answer.headers.multi_items():
            if name not in _OWN:
                self.send_header(name, value)
        self.end_headers()


def hand_on(handler: _Handler, api: httpx.Client) -> None:
    answer = handler.asked(api)
    handler.say(answer)
    for chunk in answer.iter_raw():
        handler.wfile.write(chunk)


def lose(handler: _Handler, api: httpx.Client) -> None:
    """The API has done it, but its answer never arrives."""
    handler.asked(api).read()


def spoil(handler: _Handler, api: httpx.Client) -> None:
    """A byte arrives changed."""
    answer = handler.asked(api)
    data = answer.read()
    handler.say(answer)
    handler.wfile.write(data[:-1] + bytes([data[-1] ^ 1]))


def cut(handler: _Handler, api: httpx.Client) -> None:
    """The connection ends in the middle: after the first bytes of a stream, before the last of a file."""
    answer = handler.asked(api)
    handler.say(answer)
    for chunk in answer.iter_raw():
        handler.wfile.write(chunk[:-1] if "text/event-stream" not in answer.headers["content-type"] else chunk)
        return


def hang_up(handler: _Handler, _: httpx.Client) -> None:
    """No server answers: the API is restarting."""


def keep_back(handler: _Handler, _: httpx.Client) -> None:
    """A proxy that buffers an endless answer."""
    time.sleep(8)


def refuse(status: int, json: Any = None, **headers: str) -> Callable[[_Handler, httpx.Client], None]:
    """A proxy or balancer answers in place of the API."""

    def act(handler: _Handler, _: httpx.Client) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = httpx.Response(status, json={} if json is None else json, headers=fields)
        handler.say(answer)
        handler.wfile.write(answer.content)

    return act


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """Run a faulty proxy of the API at `target`."""
    proxy = FaultyProxy(target)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with serving(handler) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


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
