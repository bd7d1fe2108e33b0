"""The 202 answer to a request that makes a job, and the wait that its `Prefer` header asks for."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated
from urllib.request import parse_http_list

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter
from pydantic import BaseModel

from pipeline.core.order import PhotoPlace, photo_place
from service.api.endpoint import query
from service.api.parts import Parts
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import Accepted
from service.jobs.records import JobStatus
from service.jobs.submit import Sent
from service.schemas.problems import AnyRequest, wrong
from service.schemas.remedies import with_received
from service.schemas.responses import JobView, WorkflowAcceptedResponse

#: A caller's own id must not have control characters, not even a line break at the end.
REFERENCE_PATTERN = "^[^\\x00-\\x1f\\x7f-\\x9f]+(?![\\s\\S])"
#: The parameters of the routes that make jobs.
Reference = Annotated[
    str | None,
    query(
        "Your own id for the job, such as an SKU or an order number. The job, its render and its webhook"
        " show it, and the lists can filter by it. Several jobs may share a reference.",
        "order-1042/front",
        min_length=1,
        max_length=200,
        pattern=REFERENCE_PATTERN,
    ),
]
#: The largest number of metadata pairs of a job.
_MOST_PAIRS = 16
_PAIR = re.compile(r"([A-Za-z0-9_.-]{1,40}):([^\x00-\x1f\x7f-\x9f]{0,200})")
Metadata = Annotated[
    list[str] | None,
    query(
        "A pair of your own as `name:value`, shown with the job, its render and its webhook. Repeat the"
        f" parameter for more pairs, up to {_MOST_PAIRS}. A name has 1 to 40 letters, digits and `_.-`; a value has"
        " at most 200 characters.",
        ["colour:red", "season:2027"],
    ),
]
SubjectPlace = Annotated[
    str | None,
    query(
        "The product that you mean: a point on it, `x,y`, or a box around it, `left,top,right,bottom`."
        " Give shares from 0 to 1 of the upright photo's width and height. Backdrop chooses among the products that it"
        " found, and looks again if it found none there. If it still finds none, the job fails as subject_not_found"
        " and is refunded. The place applies to this job only and overrides a choice by subject numbers.",
        "0.42,0.55",
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="RFC 7240. With `wait=N`, the API answers when the job is over or after N seconds (at most 30)."
        " The answer shows the job's status at that time. If a swap succeeded, `Link` names its render and its picture."
        " With `return=representation`, the body is what GET of `Content-Location` returns, with every field of"
        " WorkflowAcceptedResponse. The API ignores other preferences.",
        examples=[Example(value="wait=20, return=representation")],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        pattern=r"\S",
        description="Your own name for this request, such as an order number. If you repeat the request with the same"
        " key, the API returns the first answer, marks it with `Idempotent-Replayed`, and charges nothing. Add"
        " `Prefer: wait=1` to get the job's current status. Requests are the same if they have the same route, and the"
        " same values in body and query; order and notation don't matter. The API refuses another request with the same"
        " key: the 422 names what differs.",
    ),
]


#: The seconds of `Prefer: wait`.
_SECONDS = re.compile(r"[0-9]{1,9}")


async def before_a_job(request: AnyRequest) -> None:
    """Keep the body's bytes before Litestar parses the request. Raises Invalid for an empty Idempotency-Key."""
    request.state.raw_body = await request.body()
    # Treating an empty key as no key would make two jobs of a retry, and charge both.
    if not request.headers.get("idempotency-key", "none").strip():
        text = "The header is empty. Send 1 to 255 characters, such as an order number, or omit the header"
        raise wrong(["header", "Idempotency-Key"], "idempotency_key_empty", text)


def sent_as(request: AnyRequest, idempotency_key: str | None) -> Sent:
    """Return the body, ids and key of a request that passed `before_a_job`."""
    return Sent(request.state.raw_body, request.state.request_id, idempotency_key)


def read_metadata(pairs: list[str] | None) -> dict[str, str]:
    """Return the metadata pairs as a dictionary. Raises Invalid."""
    read: dict[str, str] = {}
    for index, pair in enumerate(pairs or ()):
        found = _PAIR.fullmatch(pair)
        if index == _MOST_PAIRS:
            text = f"A job has at most {_MOST_PAIRS} pairs (received {len(pairs or ())}). Remove some"
            raise wrong(["query", "metadata", index], "too_long", text)
        if found is None:
            text = (
                "Should be `name:value`: a name of 1 to 40 letters, digits and `_.-`, and a value of at most 200"
                " characters without control characters"
            )
            raise wrong(["query", "metadata", index], "metadata_invalid", with_received(text, pair))
        if found[1] in read:
            text = f"The name {found[1]!r} is given twice. Remove one of the pairs"
            raise wrong(["query", "metadata", index], "metadata_twice", text)
        read[found[1]] = found[2]
    return read


def read_subject(text: str | None) -> PhotoPlace | None:
    """Return the place that the parameter `subject` names. Raises Invalid."""
    if text is None:
        return None
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        words = "Should be numbers from 0 to 1, separated by commas: x,y or left,top,right,bottom"
        raise wrong(["query", "subject"], "subject_invalid", with_received(words, text)) from None
    try:
        return photo_place(numbers)
    except ValueError as error:
        raise wrong(["query", "subject"], "subject_invalid", str(error)) from error


def preferred_wait(fields: Sequence[str], *, limit: int) -> int | None:
    """Return how many seconds the answer may wait, at most `limit`; None if no valid preference asks for it."""
    seconds = _preferences(fields).get("wait", "")
    return min(int(seconds), limit) if _SECONDS.fullmatch(seconds) else None


def _preferences(fields: Sequence[str]) -> dict[str, str]:
    """Return the preferences in all Prefer fields of a request. RFC 7240: the first of two equal ones counts."""
    found: dict[str, str] = {}
    for preference in (one for field in fields for one in parse_http_list(field)):
        name, _, value = (part.strip() for part in preference.partition(";")[0].partition("="))
        quoted = len(value) > 1 and value[0] == value[-1] == '"'
        found.setdefault(name.lower(), value[1:-1] if quoted else value)
    return found


async def answer_accepted(
    request: AnyRequest,
    state: Parts,
    accepted: Accepted,
    show: Callable[[], BaseModel | None],
    *,
    location: str | None = None,
) -> Response[BaseModel]:
    """Return the 202, at once or when the job is over, as the request prefers.

    `show` runs in a thread and returns the body that GET of `location` (by default the job) would return.
    """
    request.state.job_id = accepted.job_id  # for the request's log line
    status, headers = JobStatus.NOT_STARTED, {"Location": location or f"/v1/jobs/{accepted.job_id}"}
    if accepted.warnings:
        headers["Backdrop-Warnings"] = ", ".join(accepted.warnings)
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    fields = request.headers.getall("prefer", [])
    wait, applied = preferred_wait(fields, limit=state.prefer_wait), list[str]()
    if wait is not None and state.prefer_wait:
        known = await state.notifier.wait_until_done(accepted.job_id, wait)
        status = known.status if known is not None else status
        applied.append(f"wait={wait}")
    whole, shown = _preferences(fields).get("return", "").lower() == "representation", None
    if whole or status == JobStatus.SUCCESS:
        with suppress(*DATABASE_AWAY):  # the job is accepted: the client can still read it at its Location
            shown = await sync_to_thread(show)
    if isinstance(shown, JobView) and shown.render is not None and shown.error is None:
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
