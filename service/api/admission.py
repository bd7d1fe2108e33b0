"""Admission control: limits on slow work, long answers and submits, checked before anything is charged.

`Places` limits how many are under way. `Lane` gives each kind of slow work its own threads, so that it delays no other
request. A `LongAnswer` holds a place and is sent in small parts; the server cuts off readers that are too slow.
"""

import asyncio
import contextvars
import ipaddress
import math
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Any, ParamSpec, TypeVar

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.accounts.rate_limit import Quota, RateLimit, RateLimited
from service.database.quarantine import Quarantine
from service.schemas.problems import problem
from service.storage.objects import PART, StoreUnavailable

#: Seconds until a retry makes sense: an operator has to release the installation first.
_QUARANTINE_RETRY_AFTER = 60
#: Seconds in which a stranger's body, and a client's, must arrive.
ARRIVAL, CLIENTS_ARRIVAL = 60.0, 300.0
#: Bytes of a body that are kept in memory. No JSON body is larger.
IN_MEMORY = 1 << 20
#: Seconds until a retry makes sense: about the time of a mask, a fast photo host or another connection.
SHORT_RETRY_AFTER = 2

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Places:
    """A limit for what is under way at once, in all and of each client. For one event loop."""

    #: About the time of a long answer, or until a reader that was cut off has lost its place.
    retry_after = 10

    def __init__(self, what: str, remedy: str, *, places: float, a_client: float) -> None:
        """`what`: plural, part of the 429's code."""
        self._what, self._remedy, self._places, self._a_client = what, remedy, places, a_client
        self.held: Counter[str] = Counter()

    @contextmanager
    def hold(self, client_id: str) -> Iterator[int]:
        """Hold a place, and give how many the client held before. Raises a 429 problem if there is none."""
        own = self.held[client_id]
        if own >= self._a_client or self.held.total() >= self._places:
            full = f"You already have {own} {self._what} in progress, which is the limit."
            full = full if own >= self._a_client else f"All {self._places} places for {self._what} are in use."
            detail = f"{full} Nothing was changed. {self._remedy}."
            raise problem(429, f"too_many_{self._what}", detail, {"Retry-After": str(self.retry_after)})
        self.held[client_id] += 1
        try:
            yield own
        finally:
            self.held -= Counter([client_id])  # drops a count of 0


class Lane(Places):
    """Threads for one kind of slow work.

    The client with the least work under way runs next, so a client that sends many requests delays only its own.
    """

    retry_after = SHORT_RETRY_AFTER

    def __init__(self, what: str, remedy: str, *, threads: int, places: int, a_client: int) -> None:
        """`places`: running and waiting, in all; `a_client`: of one client."""
        super().__init__(what, remedy, places=places, a_client=a_client)
        self._free = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=what)
        #: How much of the client's work came before, and the future that its turn sets.
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def run(
        self,
        client_id: str,
        work: Callable[Arguments, Result],
        /,
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Return what `work` returns, run in a thread of the lane. Raises a 429 problem if its places are taken."""
        loop = asyncio.get_running_loop()
        with self.hold(client_id) as before:
            mine = before, loop.create_future()
            self._waiting.append(mine)
            self._start()
            try:
                await mine[1]
                context = contextvars.copy_context()
                return await loop.run_in_executor(self._executor, lambda: context.run(work, *arguments, **named))
            finally:
                if mine in self._waiting:
                    self._waiting.remove(mine)
                else:
                    self._free += 1
                self._start()

    def _start(self) -> None:
        while self._waiting and self._free:
            first = min(self._waiting, key=lambda one: one[0])
            self._waiting.remove(first)
            self._free -= 1
            if not first[1].done():  # done here means that its request was cancelled
                first[1].set_result(None)

    def close(self) -> None:
        """Let running work end, and drop waiting work."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Bodies:
    """A limit on bodies that are arriving, in all and of each sender. For one event loop.

    A body counts as it arrives, up to IN_MEMORY bytes: `spooled` keeps the rest on disk. It counts until its request
    ends, and has `seconds` to arrive. So bodies that barely arrive take nothing from others.
    """

    def __init__(self, *, a_sender: int, total: int, seconds: float) -> None:
        """`a_sender`, `total`: the most bytes of one sender, and of all."""
        self._a_sender, self._total, self._seconds = a_sender, total, seconds
        self.held: Counter[str] = Counter()

    def count(self, request: ASGIConnection[Any, Any, Any, Any], sender: str) -> None:
        """Count the body of a request from now on. Reading it may raise a 408 or a 429 problem."""
        receive, due, counted, whole = request.receive, math.inf, 0, False
        request.scope["state"]["held"].callback(lambda: self._release(sender, counted))

        async def counting() -> Any:
            nonlocal due, counted, whole
            if whole:  # the next message is the end of the connection
                return await receive()
            now = asyncio.get_running_loop().time()
            due = min(due, now + self._seconds)
            try:
                async with asyncio.timeout_at(due):
                    message = await receive()
            except TimeoutError:
                detail = f"The body took over {self._seconds:g} s to arrive. Nothing was charged. Use a faster network."
                raise problem(408, "body_too_slow", detail, {"Connection": "close"}) from None
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            more = min(IN_MEMORY - counted, len(message["body"] if message["type"] == "http.request" else b""))
            if self.held[sender] + more > self._a_sender or self.held.total() + more > self._total:
                detail = "Too many of your bodies, or of all, are arriving. Nothing was charged. Try again."
                raise problem(429, "too_many_bodies", detail, {"Retry-After": str(SHORT_RETRY_AFTER)})
            self.held[sender] += more
            counted += more
            return message

        request.receive = counting

    def _release(self, sender: str, counted: int) -> None:
        self.held -= Counter({sender: counted})  # drops a count of 0


class Held:
    """Middleware that ends what a request holds, such as its counts and its file, when the request ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        with ExitStack() as held:
            scope.setdefault("state", {})["held"] = held
            await self._app(scope, receive, send)


async def spooled(request: Request[Any, Any, Any]) -> IO[bytes]:
    """Return the body as a file at its start, on disk if it is larger than IN_MEMORY. Raises StoreUnavailable."""
    file: IO[bytes] | None = request.scope["state"].get("body")
    try:
        if file is None:
            file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the end of the request closes it
            request.scope["state"]["held"].callback(file.close)
            async for part in request.stream():
                file.write(part)
            request.scope["state"]["body"] = file
        file.seek(0)
    except OSError as error:
        raise StoreUnavailable(f"a body could not be kept on disk: {error.strerror}") from error
    return file


class FairThreads(ThreadPoolExecutor):
    """The threads of all handlers. A client has at most `a_client` calls in them at once; its others wait.

    So a client whose calls compute for long delays only its own. For one event loop, which calls `submit`.
    """

    def __init__(self, threads: int, *, a_client: int, waiting: int, client: Callable[[], str | None]) -> None:
        """`waiting`: most waiting calls of a client. `client`: the id of the client of the running request."""
        super().__init__(threads, thread_name_prefix="handlers")
        self._a_client, self._most, self._client = a_client, waiting, client
        self._lock = Lock()
        self._running: Counter[str] = Counter()
        self._queued: defaultdict[str, deque[Callable[[], None]]] = defaultdict(deque)

    def submit(self, call: Callable[..., Result], /, *arguments: Any, **named: Any) -> Future[Result]:
        """Run a call, now or when it is its client's turn. Raises a 429 problem if too many of the client wait."""
        client = self._client()
        if client is None:
            return super().submit(call, *arguments, **named)
        future: Future[Result] = Future()

        def run() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(call(*arguments, **named))
            except BaseException as error:  # noqa: BLE001  # the waiting request raises it
                future.set_exception(error)
            finally:
                self._end(client)

        with self._lock:
            if len(self._queued[client]) >= self._most:
                detail = f"{self._most} of your calls are waiting, which is the limit. Nothing was changed. Send fewer."
                raise problem(429, "too_many_calls", detail, {"Retry-After": str(SHORT_RETRY_AFTER)})
            self._queued[client].append(run)
            self._start(client)
        return future

    def _end(self, client: str) -> None:
        with self._lock:
            self._running -= Counter([client])  # drops a count of 0
            self._start(client)

    def _start(self, client: str) -> None:
        if self._queued[client] and self._running[client] < self._a_client:
            self._running[client] += 1
            super().submit(self._queued[client].popleft())
        if not self._queued[client]:
            del self._queued[client]


def network(address: str) -> str:
    """Return what counts as one address: for IPv6 the /64, the usual prefix of one subscriber."""
    return str(ipaddress.ip_network((address, 64), strict=False)) if ":" in address else address


async def refuse_in_quarantine(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard every route: refuse changes while the installation is in quarantine. Raises 503."""
    if connection.scope.get("method") in {"GET", "HEAD", "OPTIONS"}:
        return
    quarantine: Quarantine = connection.app.state.quarantine
    # `fresh` spares the thread that a look at the database takes.
    if not (quarantine.may_act() if quarantine.fresh else await sync_to_thread(quarantine.may_act)):
        detail = "This installation was restored and is not released yet. Nothing was charged. Try again later."
        raise problem(503, "quarantined", detail, {"Retry-After": str(_QUARANTINE_RETRY_AFTER)})


async def rate_limited(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Count a submit, even if it fails later, and refuse it over the limit. Runs after `authenticated`.

    Raises RateLimited. Previews have a count of their own.
    """
    # Any value that may be read as true, so that no preview counts as a paid submit.
    preview = any(value.lower() in {"true", "1"} for value in connection.query_params.getall("preview", []))
    await _count(connection, connection.app.state.preview_rate if preview else connection.app.state.rate)


async def uploads_limited(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Count an upload, even if it fails later, and refuse it over the limit. Raises RateLimited."""
    await _count(connection, connection.app.state.upload_rate)


async def _count(connection: ASGIConnection[Any, Any, Any, Any], rate: RateLimit) -> None:
    quota = await sync_to_thread(rate.count, connection.state.client.id)
    if quota is None:
        return
    connection.state.quota = quota
    if not quota.allowed:
        raise RateLimited(quota)


async def add_rate_limit_headers(message: Message, scope: Scope) -> None:
    """Put the RateLimit fields on every answer to a counted submit, before it is sent."""
    quota: Quota | None = scope["state"].get("quota")
    if quota is not None and message["type"] == "http.response.start":
        fields = [(name.lower().encode(), value.encode()) for name, value in quota.fields().items()]
        message["headers"] = [*message["headers"], *fields]


class LongAnswer(Stream):
    """An answer that holds a place while it is sent. If there is none, the place's 429 problem is the answer."""

    def __init__(
        self, content: Iterable[bytes] | AsyncIterator[bytes], *held: AbstractContextManager[Any], **named: Any
    ) -> None:
        """`held`: entered in the event loop when the answer begins. `named`: status, headers and media type."""
        if not isinstance(content, AsyncIterator):
            content = (block[start : start + PART] for block in content for start in range(0, len(block), PART))
        super().__init__(content, **named)
        self._held = held

    def to_asgi_response(self, *arguments: Any, **named: Any) -> Any:
        """Return the app that sends the answer."""
        answer = super().to_asgi_response(*arguments, **named)

        async def send_in_place(scope: Scope, receive: Receive, send: Send) -> None:
            with ExitStack() as stack:
                for one in self._held:
                    stack.enter_context(one)
                await answer(scope, receive, send)

        return send_in_place
