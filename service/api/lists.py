"""The routes of lists: jobs, renders, credits and usage of a client."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from litestar import Response, get
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from service.accounts.clients import UnknownEntry
from service.accounts.usage import SpanInvalid, StoredPhotos, UsageReport, usage_report
from service.api.accepted import REFERENCE_PATTERN, read_metadata
from service.api.auth import asked_catalogue
from service.api.endpoint import endpoint, query
from service.api.parts import Parts
from service.database.paging import Filters
from service.jobs.records import JobStatus, Operation
from service.schemas import answers
from service.schemas.problems import AnyRequest, fault, wrong
from service.schemas.remedies import with_received
from service.schemas.responses import CreditEntry, Credits, JobPage, RenderPage
from service.schemas.serialize import serialize_job, serialize_render

Limit = Annotated[int, query("Maximum number of items on a page, 1 to 100.", 20, ge=1, le=100)]
#: Opaque to callers, but a value that can't be a ULID is a mistake and is refused.
Cursor = Annotated[
    str | None,
    QueryParameter(
        pattern="^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
        max_length=26,  # "$" also matches before a final line break
        description="The `next_cursor` of the page before. Omit it for the first page.",
        examples=[Example(value="01J9ZC6M8J5X7Z9Q1W3R5T7Y9V")],
    ),
]


Reference = Annotated[
    str | None,
    query(
        "List only items whose submit had exactly this `reference`.",
        "order-1042/front",
        min_length=1,
        max_length=200,
        pattern=REFERENCE_PATTERN,
    ),
]


Preview = Annotated[bool, query("List only previews, which lists omit otherwise.", True)]


LooksRight = Annotated[bool | None, query("List only renders whose review says this in `looks_right`.", True)]


Pairs = Annotated[
    list[str] | None,
    query(
        "List only items whose submit had this `metadata`, as `name:value`. Repeat the parameter for more"
        " pairs: all must fit.",
        ["season:2027"],
    ),
]
Scene = Annotated[
    str | None,
    query(
        "List only items with this `scene_type`: a name, or the free text as the item shows it.",
        "podium",
        min_length=1,
        max_length=120,
        pattern=REFERENCE_PATTERN,
    ),
]
# A preset that has left the catalogue may still have items, so the name need not be in it.
Preset = Annotated[
    str | None,
    query(
        "List only items of this preset: a current or former name of GET /v1/output-presets.",
        "shopify_product",
        pattern="^[a-z][a-z0-9_]*$",
        max_length=64,
    ),
]


def any_of(words: str, example: str) -> QueryParameter:
    """Return the parameter of a filter that may have several values."""
    description = f"List only {words}. Repeat the parameter for several: any may fit."
    return query(description, [example])


def _time_parameter(words: str, example: str, name: str | None = None) -> QueryParameter:
    dates = ", or a date, for its start in UTC" if name else ""
    description = f"List only items made {words}: RFC 3339, with Z or an offset{dates}."
    return query(description, example, name=name, max_length=40)


CreatedAfter = Annotated[str | None, _time_parameter("at this time or later", "2026-11-01T00:00:00Z")]
CreatedBefore = Annotated[str | None, _time_parameter("before this time", "2026-12-01T00:00:00Z")]
From = Annotated[str | None, _time_parameter("at this time or later", "2026-11-01", "from")]
To = Annotated[str | None, _time_parameter("before this time", "2026-12-01", "to")]
By = Annotated[
    str,
    query(
        "Use `day`, `scene`, `preset`, or `metadata.` and the name of a pair of yours. `scene_type` and"
        " `output_preset`, the fields of a request, mean the same.",
        "metadata.season",
        pattern=r"^(day|scene|scene_type|preset|output_preset|metadata\.[A-Za-z0-9_.-]{1,40})(?![\s\S])",
    ),
]
Format = Annotated[Literal["json", "csv"] | None, QueryParameter(description="Format, in place of `Accept`.")]


def read_filters(
    created_after: str | None = None, created_before: str | None = None, metadata: list[str] | None = None, **given: Any
) -> Filters:
    """Return the filters that a list's query names. `given`: fields of `Filters` that need no parsing.

    Raises Invalid for a pair or a time that can't be read, and for a span of time that is empty.
    """
    span = _span(("created_after", "created_before"), created_after, created_before)
    return Filters(metadata=read_metadata(metadata), **span, **given)


def _span(names: tuple[str, str], start: str | None, end: str | None) -> dict[str, Any]:
    after, before = _time(names[0], start), _time(names[1], end)
    if after is not None and before is not None and before <= after:
        text = f"Should be later than {names[0]} (received {end!r}). Swap the two, or omit one"
        raise wrong(["query", names[1]], "span_empty", text)
    return {"created_after": after, "created_before": before}


def _time(name: str, text: str | None) -> datetime | None:
    """Return a query's time. A space stands for the plus that an unescaped URL loses."""
    if text is None:
        return None
    try:
        whole = f"{text}T00:00:00Z" if name in ("from", "to") and len(text) == 10 else text.replace(" ", "+")
        time = datetime.fromisoformat(whole) if "T" in whole.upper() else None
        if time is not None and time.utcoffset() is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    words = "Should be a time of RFC 3339 with Z or an offset, such as 2026-11-01T00:00:00Z. Write a plus as %2B"
    words = f"{words}. Or send a date, such as 2026-11-01" if name in ("from", "to") else words
    raise wrong(["query", name], "time_invalid", with_received(words, text))


@endpoint(get, "/jobs", tag="jobs")
def list_jobs(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[list[JobStatus] | None, any_of("jobs with this status", "FAILURE")] = None,
    operation: Annotated[Operation | None, query("List only jobs of this kind.", "swap")] = None,
    reference: Reference = None,
    metadata: Pairs = None,
    scene_type: Scene = None,
    output_preset: Preset = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    preview: Preview = False,
) -> JobPage:
    """List the client's jobs, newest first. Each looks as in GET /v1/jobs/{job_id}."""
    given = {"reference": reference, "scene_type": scene_type, "output_preset": output_preset}
    filters = read_filters(created_after, created_before, metadata, status=tuple(status or ()), **given)
    page = state.listings.jobs(
        request.state.client.id, limit=limit, cursor=cursor, filters=filters, operation=operation, preview=preview
    )
    if not page.items and cursor is None:
        _check_preset(state, output_preset, "job")
    items = [serialize_job(request, state, job, render) for job, render in page.items]
    return JobPage(items=items, next_cursor=page.next_cursor)


@endpoint(get, "/renders", tag="renders")
def list_renders(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    output_preset: Preset = None,
    reference: Reference = None,
    metadata: Pairs = None,
    scene_type: Scene = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    preview: Preview = False,
    looks_right: LooksRight = None,
) -> RenderPage:
    """List the client's renders, newest first. Each looks as in GET /v1/renders/{public_id}."""
    given = {"reference": reference, "scene_type": scene_type, "output_preset": output_preset}
    filters = read_filters(created_after, created_before, metadata, **given)
    client_id = request.state.client.id
    page = state.listings.renders(
        client_id, limit=limit, cursor=cursor, filters=filters, preview=preview, looks_right=looks_right
    )
    if not page.items and cursor is None:
        _check_preset(state, output_preset, "render")
    return RenderPage(
        items=[serialize_render(request, state, render) for render in page.items], next_cursor=page.next_cursor
    )


def _check_preset(state: Parts, name: str | None, item: str) -> None:
    """Refuse a preset for which an empty list would hide a typing error. Raises Invalid."""
    if name is not None and name not in (catalogue := asked_catalogue(state.catalogue)).presets:
        text = f"There is no such output preset, and you have no {item} of it. The nearest are: "
        text = with_received(text + ", ".join(catalogue.nearest_presets(name)), name)
        raise wrong(["query", "output_preset"], "unknown_preset", text)


_NO_ENTRY = "You have no ledger entry {error}. Send the `next_cursor` of the page before, or omit it for the first page"
_CREDITS_REFUSALS = {UnknownEntry: fault(["query", "cursor"], "cursor_unknown", _NO_ENTRY)}


@endpoint(get, "/credits", tag="credits", exception_handlers=_CREDITS_REFUSALS)
def get_credits(
    request: AnyRequest, state: Parts, limit: Limit = 100, cursor: Cursor = None, start: From = None, end: To = None
) -> Credits:
    """Return the current balance and a page of ledger entries, newest first: the latest 100 by default."""
    client_id, filters = request.state.client.id, Filters(**_span(("from", "to"), start, end))
    balance, entries, next_cursor = state.accounts.credits(client_id, limit=limit, cursor=cursor, filters=filters)
    return Credits(
        balance=balance,
        sandbox=request.state.client.sandbox,
        entries=[CreditEntry.model_validate(vars(entry)) for entry in entries],
        next_cursor=next_cursor,
    )


def _stored_photos(request: AnyRequest, state: Parts) -> StoredPhotos:
    stored, quota = state.photos.stored(request.state.client)
    uploads, window = state.upload_rate.quota, state.upload_rate.window
    return StoredPhotos(bytes=stored, quota_bytes=quota, uploads=uploads, window_seconds=window)


@endpoint(get, "/usage", tag="credits", responses={429: answers.TOO_MANY_REPORTS})
async def get_usage(
    request: AnyRequest, state: Parts, start: From = None, end: To = None, by: By = "day", format: Format = None
) -> Response[UsageReport]:
    """Count the client's pictures and sum its credits, for a span of up to 366 days: the last 30 by default."""
    client_id, span = request.state.client.id, _span(("from", "to"), start, end)
    asked = (by, span["created_after"], span["created_before"], client_id)
    try:
        report = await state.reports.run(client_id, usage_report, state.engine, *asked)
        report.photos = await sync_to_thread(_stored_photos, request, state)
    except SpanInvalid as error:
        text = with_received(str(error), start or end)
        raise wrong(["query", "from" if start else "to"], "span_invalid", text) from error
    if (format or request.accept.best_match(["application/json", "text/csv"])) in ("csv", "text/csv"):
        return Response[Any](report.as_csv(), media_type="text/csv")
    return Response(report)
