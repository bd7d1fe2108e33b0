"""Admission control: what is refused for being too much, before it is charged, and what answers say of the rate.

`Lane` gives each kind of slow work threads of its own, so that it holds up no other request.
"""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from service.accounts.rate_limit import Quota, RateLimit
from service.database.quarantine import Quarantine
from service.schemas.problems import problem

#: Seconds to stay away: an operator has to look first.
_QUARANTINE_RETRY_AFTER = 60
#: Seconds to stay away: what a mask, a quick photo host or another connection takes.
SHORT_RETRY_AFTER = 2

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Lane:
    """Threads for one kind of slow work. One event loop uses it.

    Of those that wait, the one with the least work of its own client before it is next: many wait for themselves.
    """

    def __init__(self, what: str, remedy: str, *, threads: int, places: int, a_client: int) -> None:
        """`what`: plural, part of the 429's code. `places`: running and waiting at once, of all; `a_client`: of one."""
        self._what, self._remedy = what, remedy
        self._threads, self._places, self._a_client = threads, places, a_client
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=what)
        self._running: Counter[str] = Counter()
        #: The number of its client's that came before it, the client, and what its turn sets.
        self._waiting: list[tuple[int, str, asyncio.Future[None]]] = []

    async def run(
        self,
        client_id: str,
        work: Callable[Arguments, Result],
        /,
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """Return what `work` returns, in a thread of the lane. Raises the problem 429 where its places are taken."""
        loop = asyncio.get_running_loop()
        mine = self._admit(client_id), client_id, loop.create_future()
        self._waiting.append(mine)
        self._start()
        try:
            await mine[2]
            context = contextvars.copy_context()
            return await loop.run_in_executor(self._executor, lambda: context.run(work, *arguments, **named))
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                self._running[client_id] -= 1
                self._running += Counter()  # forgets who has none
            self._start()

    def _admit(self, client_id: str) -> int:
        """Return how much of the client's is under way. Raises the problem 429."""
        own = self._running[client_id] + sum(client == client_id for _, client, _ in self._waiting)
        if own >= self._a_client:
            full = f"{own} {self._what} of yours are under way, and no more may be at once."
        elif self._running.total() + len(self._waiting) >= self._places:
            full = f"All {self._places} places for {self._what} are taken."
        else:
            return own
        detail = f"{full} Nothing was changed; {self._remedy}."
        raise problem(429, f"too_many_{self._what}", detail, {"Retry-After": str(SHORT_RETRY_AFTER)})

    def _start(self) -> None:
        while self._waiting and self._running.total() < self._threads:
            first = min(self._waiting, key=lambda one: one[0])
            self._waiting.remove(first)
            _, client_id, turn = first
            self._running[client_id] += 1
            if not turn.done():  # else its request was cancelled
                turn.set_result(None)

    def close(self) -> None:
        """End the threads once their work is done; what waits is not begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)


async def refuse_in_quarantine(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard of all routes: refuse what changes something while the installation is in quarantine. Raises 503."""
    if connection.scope.get("method") in {"GET", "HEAD", "OPTIONS"}:
        return
    quarantine: Quarantine = connection.app.state.quarantine
    # A thread's turn is paid for every other second at most.
    if not (quarantine.may_act() if quarantine.fresh else await sync_to_thread(quarantine.may_act)):
        detail = "This installation was restored and is not released yet. Nothing was charged; try again later."
        raise problem(503, "quarantined", detail, {"Retry-After": str(_QUARANTINE_RETRY_AFTER)})


async def rate_limited(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard, behind `authenticated`: count a submit, whatever comes of it, and refuse one too many. Raises 429.

    Previews are counted apart.
    """
    # Any value that may be read as true: no preview is counted as something else.
    preview = any(value.lower() in {"true", "1"} for value in connection.query_params.getall("preview", []))
    rate: RateLimit = connection.app.state.preview_rate if preview else connection.app.state.rate
    quota = await sync_to_thread(rate.count, connection.state.client.id)
    if quota is None:
        return
    connection.state.quota = quota
    if not quota.allowed:
        many = f"More than {quota.limit} {quota.policy} in {quota.window} s."
        detail = f"{many} Nothing was charged; try again in {quota.reset} s."
        raise problem(429, "rate_limited", detail, {"Retry-After": str(quota.reset)})


async def add_rate_limit_headers(message: Message, scope: Scope) -> None:
    """Hook before an answer is sent: put the RateLimit fields on every answer to a submit that was counted."""
    quota: Quota | None = scope["state"].get("quota")
    if quota is not None and message["type"] == "http.response.start":
        fields = [(name.lower().encode(), value.encode()) for name, value in quota.fields().items()]
        message["headers"] = [*message["headers"], *fields]
