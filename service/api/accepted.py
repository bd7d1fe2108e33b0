"""The answer to what makes a job: accepted, and waited for where `Prefer` says so."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any
from urllib.request import parse_http_list

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from pydantic import BaseModel

from pipeline.core.order import PhotoPlace, photo_place
from service.api.lists import REFERENCE_PATTERN
from service.api.parts import Parts
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import Accepted
from service.jobs.records import JobStatus
from service.jobs.submit import Sent
from service.schemas.problems import AnyRequest, QueryInvalid, unprocessable
from service.schemas.remedies import with_received
from service.schemas.responses import JobView, WorkflowAcceptedResponse

#: The parameters of what makes a job.
Reference = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        pattern=REFERENCE_PATTERN,
        description="Your own id for it, an SKU or an order: its job, its render and its webhook have it, and"
        " the lists can be asked for it. Several jobs may have the same.",
        examples=[Example(value="order-1042/front")],
    ),
]
#: Most pairs of a job's metadata; a name and a value of one.
_MOST_PAIRS = 16
_PAIR = re.compile(r"([A-Za-z0-9_.-]{1,40}):([^\x00-\x1f\x7f-\x9f]{0,200})")
Metadata = Annotated[
    list[str] | None,
    QueryParameter(
        description=f"A pair of your own, `name:value`, told with the job, its render and its webhook; given again for"
        f" each, {_MOST_PAIRS} at most. A name has 1 to 40 letters, digits and `_.-`, a value up to 200 characters.",
        examples=[Example(value=["colour:red", "season:2027"])],
    ),
]
SubjectPlace = Annotated[
    str | None,
    QueryParameter(
        description="Which product of the photo is meant: a point on it, `x,y`, or a box around it,"
        " `left,top,right,bottom`; shares from 0 to 1 of the upright photo's width and height. It chooses among what"
        " is found; where nothing is found, the networks look again. With nothing there the job fails as"
        " subject_not_found and is refunded. It holds for this order, and beats a choice by numbers.",
        examples=[Example(value="0.42,0.55")],
    ),
]
Prefer = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        description="RFC 7240: with `wait=N` the answer comes when the job is over or after N seconds, 30 at most,"
        " with the status that the job has then, and of a swap's success with `Link` to its render and picture. With"
        " `return=representation` the body is what GET of `Content-Location` shows, which has every field of a"
        " WorkflowAcceptedResponse. Others are ignored.",
        examples=[Example(value="wait=20, return=representation")],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        pattern=r"\S",
        description="A name of your own for this order, an order's id say. The same key with the same request gets the"
        " first answer again, marked by `Idempotent-Replayed`, and nothing is charged twice: with `Prefer: wait=1` it"
        " has the job's status of now. The same request is the same route with body and query of the same values, in"
        " any order and notation. Another request is refused: the 422 names what differs.",
    ),
]


#: The seconds of `Prefer: wait` (RFC 7240).
_SECONDS = re.compile(r"[0-9]{1,9}")


async def before_a_job(request: AnyRequest) -> Response[Any] | None:
    """Hook before a request is parsed: keep its body's bytes, and refuse an Idempotency-Key that is empty."""
    request.state.raw_body = await request.body()
    key = request.headers.get("idempotency-key")
    if key is None or key.strip():
        return None
    # Not taken for none: two such requests would make two jobs, and charge both.
    text = "The header is empty. Send 1 to 255 characters, the order's id say, or leave the header out"
    where = ["header", "Idempotency-Key"]
    return unprocessable(request, [{"loc": where, "msg": text, "type": "idempotency_key_empty"}])


def sent_as(request: AnyRequest, idempotency_key: str | None) -> Sent:
    """Return how a request came; its parser was `before_a_job`."""
    return Sent(request.state.raw_body, request.state.request_id, idempotency_key)


def read_metadata(pairs: list[str] | None) -> dict[str, str]:
    """Return the pairs of the parameter `metadata`. Raises QueryInvalid."""
    read: dict[str, str] = {}
    for index, pair in enumerate(pairs or ()):
        found = _PAIR.fullmatch(pair)
        if index == _MOST_PAIRS:
            text = f"A job has {_MOST_PAIRS} pairs at most, and {len(pairs or ())} were given. Leave some out"
            raise _wrong(["query", "metadata", index], "too_long", text)
        if found is None:
            text = (
                "Should be `name:value`, the name of 1 to 40 letters, digits and `_.-`, the value of up to 200"
                " characters without control characters"
            )
            raise _wrong(["query", "metadata", index], "metadata_invalid", with_received(text, pair))
        if found[1] in read:
            text = f"The name {found[1]!r} is given twice. Leave one out"
            raise _wrong(["query", "metadata", index], "metadata_twice", text)
        read[found[1]] = found[2]
    return read


def read_subject(text: str | None) -> PhotoPlace | None:
    """Return the place that the parameter `subject` gives. Raises QueryInvalid."""
    if text is None:
        return None
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        words = "Should be numbers with commas between: x,y or left,top,right,bottom, shares from 0 to 1"
        raise _wrong(["query", "subject"], "subject_invalid", with_received(words, text)) from None
    try:
        return photo_place(numbers)
    except ValueError as error:
        raise _wrong(["query", "subject"], "subject_invalid", str(error)) from error


def _wrong(loc: list[str | int], code: str, message: str) -> QueryInvalid:
    return QueryInvalid([{"loc": loc, "msg": message, "type": code}])


def preferred_wait(fields: Sequence[str], *, limit: int) -> int | None:
    """Return for how many seconds the answer may be waited for, up to `limit`; None: no such preference, or a bad one.

    `fields`: the values of all Prefer fields of a request. Of a preference that comes twice the first counts, and what
    is not understood is ignored, as the RFC says.
    """
    seconds = _value(fields, "wait")
    return min(int(seconds), limit) if seconds is not None and _SECONDS.fullmatch(seconds) else None


def prefers_representation(fields: Sequence[str]) -> bool:
    """Tell whether the answer should be what the request has led to, `return=representation`, not a word about it."""
    return (_value(fields, "return") or "").lower() == "representation"


def _value(fields: Sequence[str], wanted: str) -> str | None:
    for preference in (one for field in fields for one in parse_http_list(field)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == wanted:
            return _unquoted(value.strip())
    return None


def _unquoted(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] == '"'
    return word[1:-1] if quoted else word


async def answer_accepted(
    request: AnyRequest,
    state: Parts,
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
    if accepted.warnings:
        headers["Backdrop-Warnings"] = ", ".join(accepted.warnings)
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    preferences = request.headers.getall("prefer", [])
    wait, applied = preferred_wait(preferences, limit=state.prefer_wait), list[str]()
    if wait is not None and state.prefer_wait:
        known = await state.notifier.wait_until_done(accepted.job_id, wait)
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
