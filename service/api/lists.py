"""The routes of lists: jobs, renders and credits of a client."""

from typing import Annotated, Any

from litestar import Response, get
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from service.accounts.clients import UnknownEntry
from service.api.auth import asked_catalogue
from service.api.endpoint import endpoint
from service.api.parts import Parts
from service.jobs.records import JobStatus, Operation
from service.schemas.problems import AnyRequest, QueryInvalid, unprocessable
from service.schemas.remedies import with_received
from service.schemas.responses import CreditEntry, Credits, JobPage, RenderPage
from service.schemas.serialize import serialize_job, serialize_render

Limit = Annotated[
    int,
    QueryParameter(
        ge=1, le=100, description="Maximum number of items on a page, 1 to 100.", examples=[Example(value=20)]
    ),
]
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


#: A caller's own id must not have control characters, not even a line break at the end.
REFERENCE_PATTERN = "^[^\\x00-\\x1f\\x7f-\\x9f]+(?![\\s\\S])"
Reference = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        pattern=REFERENCE_PATTERN,
        description="List only items whose submit had exactly this `reference`.",
        examples=[Example(value="order-1042/front")],
    ),
]


Preview = Annotated[
    bool,
    QueryParameter(description="List only previews, which lists omit otherwise.", examples=[Example(value=True)]),
]


@endpoint(get, "/jobs", operation_id="list_jobs", tag="jobs")
def list_jobs(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[
        JobStatus | None,
        QueryParameter(description="List only jobs with this status.", examples=[Example(value="FAILURE")]),
    ] = None,
    operation: Annotated[
        Operation | None, QueryParameter(description="List only jobs of this kind.", examples=[Example(value="swap")])
    ] = None,
    reference: Reference = None,
    preview: Preview = False,
) -> JobPage:
    """List the client's jobs, newest first. Each looks as in GET /v1/jobs/{job_id}."""
    page = state.listings.jobs(
        request.state.client.id,
        limit=limit,
        cursor=cursor,
        status=status,
        operation=operation,
        reference=reference,
        preview=preview,
    )
    items = [serialize_job(request, state, job, render) for job, render in page.items]
    return JobPage(items=items, next_cursor=page.next_cursor)


@endpoint(get, "/renders", operation_id="list_renders", tag="renders")
def list_renders(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    output_preset: Annotated[
        str | None,
        QueryParameter(
            pattern="^[a-z][a-z0-9_]*$",
            max_length=64,
            # A preset that has left the catalogue may still have renders, so the name need not be in it.
            description="List only renders of this preset: a current or former name of GET /v1/output-presets.",
            examples=[Example(value="shopify_product")],
        ),
    ] = None,
    reference: Reference = None,
    preview: Preview = False,
) -> RenderPage:
    """List the client's renders, newest first. Each looks as in GET /v1/renders/{public_id}."""
    page = state.listings.renders(
        request.state.client.id,
        limit=limit,
        cursor=cursor,
        output_preset=output_preset,
        reference=reference,
        preview=preview,
    )
    catalogue = asked_catalogue(state.catalogue)
    if output_preset is not None and output_preset not in catalogue.presets and not page.items and cursor is None:
        text = "There is no such output preset, and you have no render of it. The nearest are: "
        text = with_received(text + ", ".join(catalogue.nearest_presets(output_preset)), output_preset)
        raise QueryInvalid([{"loc": ["query", "output_preset"], "msg": text, "type": "unknown_preset"}])
    return RenderPage(
        items=[serialize_render(request, state, render) for render in page.items], next_cursor=page.next_cursor
    )


def _on_unknown_entry(request: AnyRequest, error: UnknownEntry) -> Response[Any]:
    text = f"You have no ledger entry {error}. Send the `next_cursor` of the page before, or omit it for the first page"
    return unprocessable(request, [{"loc": ["query", "cursor"], "msg": text, "type": "cursor_unknown"}])


@endpoint(
    get,
    "/credits",
    operation_id="get_credits",
    tag="credits",
    exception_handlers={UnknownEntry: _on_unknown_entry},
)
def get_credits(request: AnyRequest, state: Parts, limit: Limit = 100, cursor: Cursor = None) -> Credits:
    """Return the balance and a page of ledger entries, newest first: the latest 100 by default."""
    balance, entries, next_cursor = state.accounts.credits(request.state.client.id, limit=limit, cursor=cursor)
    return Credits(
        balance=balance,
        entries=[CreditEntry.model_validate(vars(entry)) for entry in entries],
        next_cursor=next_cursor,
    )
