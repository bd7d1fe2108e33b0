"""Runners of flows: the complete input and output of both clients."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import anyio
import anyio.to_thread
import httpx

from backdrop_client.connection import Connection
from backdrop_client.flow import STEP_ERRORS, Chunk, Close, Flow, Open, Pause, Send, Step, T, Work


class Runner:
    """Runs a flow step by step, blocking. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = httpx.Client(base_url=connection.url, headers=connection.headers())

    def __call__(self, flow: Flow[T]) -> T:
        """Return the flow's result, or raise its error."""
        answer: Any = None
        error: Exception | None = None
        with closing(flow), closing(_Steps(self.http, self._connection)) as steps:
            while True:
                try:
                    step = flow.send(answer) if error is None else flow.throw(error)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer, error = None, None
                try:
                    answer = steps.do(step)
                except STEP_ERRORS as failure:
                    error = failure


class _Steps:
    """The steps of one flow, with the answer that it opened."""

    def __init__(self, http: httpx.Client, connection: Connection) -> None:
        self._http, self._connection = http, connection
        self._answer: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def do(self, step: Step) -> Any:
        match step:
            case Send(call):
                return self._http.send(self._connection.request(self._http, call))
            case Open(call, silence):
                self.close()
                request = self._connection.request(self._http, call, silence)
                self._answer = self._http.send(request, stream=True)
                self._chunks = self._answer.iter_bytes()
                if not self._answer.is_success:
                    self._answer.read()  # a short body with the reason
                return self._answer
            case Chunk():
                return next(self._chunks, b"")
            case Close():
                return self.close()
            case Pause(seconds):
                return time.sleep(seconds)
            case Work(function):
                return function()

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._answer, self._chunks = None, iter(())


class AsyncRunner:
    """Runs flows in an event loop. Flows of several tasks run concurrently."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.http = httpx.AsyncClient(base_url=connection.url, headers=connection.headers())

    async def __call__(self, flow: Flow[T]) -> T:
        """Return the flow's result, or raise its error."""
        answer: Any = None
        error: Exception | None = None
        steps = _AsyncSteps(self.http, self._connection)
        try:
            while True:
                try:
                    step = flow.send(answer) if error is None else flow.throw(error)
                except StopIteration as end:
                    result: T = end.value
                    return result
                answer, error = None, None
                try:
                    answer = await steps.do(step)
                except STEP_ERRORS as failure:
                    error = failure
        finally:
            flow.close()
            with anyio.CancelScope(shield=True):
                await steps.close()


class _AsyncSteps:
    """The steps of one flow, with the answer that it opened."""

    def __init__(self, http: httpx.AsyncClient, connection: Connection) -> None:
        self._http, self._connection = http, connection
        self._answer: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def do(self, step: Step) -> Any:
        match step:
            case Send(call):
                return await self._http.send(self._connection.request(self._http, call))
            case Open(call, silence):
                await self.close()
                request = self._connection.request(self._http, call, silence)
                self._answer = await self._http.send(request, stream=True)
                self._chunks = self._answer.aiter_bytes()
                if not self._answer.is_success:
                    await self._answer.aread()  # a short body with the reason
                return self._answer
            case Chunk():
                return b"" if self._chunks is None else await anext(self._chunks, b"")
            case Close():
                return await self.close()
            case Pause(seconds):
                return await anyio.sleep(seconds)
            case Work(function):
                return await anyio.to_thread.run_sync(function)

    async def close(self) -> None:
        if self._answer is not None:
            await self._answer.aclose()
        self._answer, self._chunks = None, None
