"""Server-Sent Events that follow a job, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.params import HeaderParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.endpoint import JobId, endpoint
from service.api.parts import Parts
from service.jobs.notifier import Subscription
from service.jobs.states import JobState
from service.schemas.openapi import NO_NEWS, NOT_FOUND, STREAM, TOO_MANY_STREAMS
from service.schemas.problems import AnyRequest, not_found
from service.schemas.serialize import serialize_event

#: Seconds in which a reader must take a part of a stream.
_SECONDS = 30.0


def letting_go(app: ASGIApp) -> ASGIApp:
    """Close the subscription when the request is over, even if its stream never began.

    A part that its reader does not take in _SECONDS breaks the stream off.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_SECONDS):
                await send(message)

        try:
            await app(scope, receive, send_in_time)
        finally:
            subscription: Subscription | None = scope["state"].pop("subscription", None)
            if subscription is not None:
                subscription.close()

    return call


@endpoint(
    get,
    "/jobs/{job_id:str}/events",
    operation_id="follow_job",
    tag="jobs",
    middleware=[letting_go],
    responses={
        200: STREAM,
        204: NO_NEWS,
        404: NOT_FOUND,
        429: TOO_MANY_STREAMS,
    },
)
async def follow_job(
    request: AnyRequest,
    state: Parts,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(
            name="Last-Event-ID",
            description="The id of the last event that you received. The stream continues after it.",
        ),
    ] = None,
) -> Response[Any]:
    """Stream a job's current state, then each change, until the job is over.

    After a broken connection, connect again with `Last-Event-ID`. The stream skips the states in between.
    """
    first = await sync_to_thread(state.job_states.of_client, job_id, request.state.client.id)
    if first is None:
        raise not_found("job")
    seen = last_event_id == str(first.event_id)
    if seen and first.over:
        return Response(None, status_code=204)
    subscription = request.state.subscription = state.notifier.subscribe(job_id, client_id=request.state.client.id)
    events = _events(subscription, first, seen=seen, heartbeat=state.stream_heartbeat, ends_after=state.stream_seconds)
    return ServerSentEvent(events, headers={"Cache-Control": "no-store"})


async def _events(
    subscription: Subscription, first: JobState, *, seen: bool, heartbeat: float, ends_after: float
) -> AsyncIterator[ServerSentEventMessage]:
    """Yield the first state unless it was seen, then each newer one, until the job, the time or the API ends."""
    end, last, event_id = time.monotonic() + ends_after, first, first.event_id
    if not seen:
        yield _event(first, event_id)
    while not last.over:
        left = end - time.monotonic()
        if left <= 0:
            return
        news = await subscription.next_state(min(heartbeat, left))
        if news is None:
            if subscription.stopped:
                return
            yield ServerSentEventMessage(data=None, comment="here")
        elif news.revision >= last.revision and news != last:
            last = news
            # A client that returns with an id that no state has by itself receives its state again.
            event_id = max(news.event_id, event_id + 1)
            yield _event(news, event_id)


def _event(state: JobState, event_id: int) -> ServerSentEventMessage:
    return ServerSentEventMessage(event="job", id=str(event_id), data=serialize_event(state).model_dump_json())
