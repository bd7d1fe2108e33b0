"""Server-Sent Events that follow a job, https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import time
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Annotated, Any

from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.params import HeaderParameter
from litestar.response.sse import ServerSentEventMessage

from service.api.admission import LongAnswer
from service.api.endpoint import JobId, endpoint
from service.api.parts import Parts
from service.jobs.states import JobState
from service.schemas import answers
from service.schemas.problems import AnyRequest, not_found
from service.schemas.serialize import serialize_event


@endpoint(
    get,
    "/jobs/{job_id:str}/events",
    tag="jobs",
    responses={200: answers.STREAM, 204: answers.NO_NEWS, 429: answers.TOO_MANY_STREAMS},
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
    place = state.streams.hold(request.state.client.id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return LongAnswer(_events(state, job_id, first, seen), place, media_type="text/event-stream", headers=headers)


async def _events(state: Parts, job_id: str, first: JobState, seen: bool) -> AsyncIterator[bytes]:
    """Yield the first state unless it was seen, then each newer one, until the job, the time or the API ends."""
    end, last, event_id = time.monotonic() + state.stream_seconds, first, first.event_id
    if not seen:
        yield _event(first, event_id)
    with closing(state.notifier.subscribe(job_id)) as subscription:
        while not last.over:
            left = end - time.monotonic()
            if left <= 0:
                return
            news = await subscription.next_state(min(state.stream_heartbeat, left))
            if news is None:
                if subscription.stopped:
                    return
                yield ServerSentEventMessage(data=None, comment="here").encode()
            elif news.revision >= last.revision and news != last:
                last = news
                # A client that returns with an id that no state has by itself receives its state again.
                event_id = max(news.event_id, event_id + 1)
                yield _event(news, event_id)


def _event(state: JobState, event_id: int) -> bytes:
    data = serialize_event(state).model_dump_json()
    return ServerSentEventMessage(event="job", id=str(event_id), data=data).encode()
