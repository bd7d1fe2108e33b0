"""Long answers: each holds a place, and is sent in small parts. The server cuts off readers that are too slow."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from litestar.response import Stream
from litestar.types import Receive, Scope, Send

from service.storage.objects import PART


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
