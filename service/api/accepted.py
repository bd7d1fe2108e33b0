"""The answer to what makes a job: accepted, and waited for where `Prefer` says so."""

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from pydantic import BaseModel

from service.api.lists import REFERENCE_PATTERN
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import Accepted
from service.jobs.notifier import JobNotifier
from service.jobs.records import JobStatus
from service.schemas.prefer import preferred_wait, prefers_representation
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobView, WorkflowAcceptedResponse

#: The parameters of what makes a job.
Reference = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        pattern=REFERENCE_PATTERN,
        description="Your own id for it, an SKU or an order: it is told with the job and its webhook, and the lists can"
        " be asked for it. Several jobs may have the same.",
        examples=[Example(value="order-1042/front")],
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="RFC 7240: with `wait=N` the answer comes when the job is over or after N seconds, 30 at most,"
        " with the status that the job has then. With `return=representation` the body is what GET of"
        " `Content-Location` shows, which has every field of a WorkflowAcceptedResponse. Others are ignored.",
        examples=[Example(value="wait=20, return=representation")],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        description="The same key, body and reference get the first answer again, marked by `Idempotent-Replayed`:"
        " with `Prefer: wait=1` it has the job's status of now.",
    ),
]


async def answer_accepted(
    request: AnyRequest,
    state: State,
    accepted: Accepted,
    show: Callable[[], BaseModel | None],
    *,
    location: str | None = None,
) -> Response[BaseModel]:
    """Answer 202, at once or when the job is over, as the request prefers.

    `show` returns what the request has led to, as GET of `location` answers it, by default its job's. It runs in a
    thread.
    """
    request.state.job_id = accepted.job_id  # for the request's log line
    status, headers = JobStatus.NOT_STARTED, {"Location": location or f"/v1/jobs/{accepted.job_id}"}
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    preferences = request.headers.getall("prefer", [])
    wait, applied = preferred_wait(preferences, limit=state.prefer_wait), list[str]()
    if wait is not None and state.prefer_wait:
        notifier: JobNotifier = state.notifier
        known = await notifier.wait_until_done(accepted.job_id, wait)
        status = known.status if known is not None else status
        applied.append(f"wait={wait}")
    whole, shown = prefers_representation(preferences), None
    if whole or status == JobStatus.SUCCESS:
        with suppress(*DATABASE_AWAY):  # accepted is accepted: what can't be shown now is shown at its Location
            shown = await sync_to_thread(show)
    if isinstance(shown, JobView) and shown.render is not None:
        picture = f'<{shown.render.url}>; rel="enclosure"; type="{shown.render.content_type}"'
        headers["Link"] = f'</v1/renders/{shown.render.public_id}>; rel="item", {picture}'
    if shown is not None and whole:
        applied.append("return=representation")
        headers["Content-Location"] = headers["Location"]
    if applied:
        headers["Preference-Applied"] = ", ".join(applied)
    if shown is not None and whole:
        return Response(shown, status_code=202, headers=headers)
    answer = WorkflowAcceptedResponse(
        request_id=accepted.request_id,
        job_id=accepted.job_id,
        status=status,
        credits_cost=accepted.credits_cost,
    )
    return Response(answer, status_code=202, headers=headers)
