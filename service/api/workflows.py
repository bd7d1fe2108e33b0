"""The routes that make jobs; each is counted against its client's rate before its body is read."""

from functools import partial
from typing import Annotated, Any, Literal

from litestar import Response, Router, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, QueryParameter

from pipeline.core.spec import MAX_SHIFT, MAX_TURN, SCALES, SEED_LIMIT, Output, Placement, StanceWord
from pipeline.delivery.output import MAX_ASPECT, MAX_PIXELS, QUALITIES, SIDES
from service.api.accepted import (
    IdempotencyKey,
    Metadata,
    SubjectPlace,
    answer_accepted,
    before_a_job,
    read_metadata,
    read_subject,
)
from service.api.admission import rate_limited
from service.api.cutouts import create_cutout
from service.api.endpoint import endpoint
from service.api.lists import REFERENCE_PATTERN
from service.catalogue.catalogue import Catalogue
from service.catalogue.product_place import ProductPlace, product_place
from service.catalogue.specs import resolve_spec
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.cutouts.listing import Cutouts
from service.jobs.plan import Resolved
from service.jobs.submit import Submit
from service.jobs.transitions import Jobs
from service.schemas.openapi import (
    ACCEPTED,
    CONFLICT,
    IN_DOUBT,
    INSUFFICIENT_CREDITS,
    NOT_FOUND,
    PLANNED,
    PREVIEWS_OFF,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
    Submitted,
)
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobView
from service.schemas.serialize import serialize_job, serialize_plan


@endpoint(
    post,
    "/background-swap-with-spec",
    status_code=202,
    operation_id="background_swap_with_spec",
    summary="Swap a product photo's background to an inline background spec",
    tag="workflows",
    before_request=before_a_job,
    operation_class=Submitted,
    responses={
        200: PLANNED,
        202: ACCEPTED,
        402: INSUFFICIENT_CREDITS,
        403: PREVIEWS_OFF,
        404: NOT_FOUND,
        409: CONFLICT,
        413: TOO_LARGE,
        429: TOO_MANY,
        500: IN_DOUBT,
        503: UNAVAILABLE,
    },
)
async def background_swap_with_spec(
    request: AnyRequest,
    state: State,
    data: Annotated[
        BackgroundSwapWithSpecRequest,
        Body(examples=[Example(summary="A cream jar on a podium", value=BackgroundSwapWithSpecRequest.EXAMPLE)]),
    ],
    dry_run: Annotated[
        bool,
        QueryParameter(
            description="Only validate, price and warn: the answer is 200 with a SwapPlan. Nothing is charged, stored"
            " or queued, and `Idempotency-Key` is not looked at; the submit is counted all the same."
        ),
    ] = False,
    seed: Annotated[
        int | None,
        QueryParameter(
            ge=0,
            le=SEED_LIMIT - 1,
            description="The same seed and spec give the same background. Left out: one is drawn.",
            examples=[Example(value=7)],
        ),
    ] = None,
    preview: Annotated[
        bool,
        QueryParameter(
            description="Make a preview: what the same request with the same seed gives without it, at 512 pixels with"
            " a watermark across. It costs nothing, is kept for an hour, has a rate limit of its own and no webhook."
            " Its `seed`, drawn where none is given, gives the picture that was looked at."
        ),
    ] = False,
    shift_x: Annotated[
        float,
        QueryParameter(
            ge=-MAX_SHIFT,
            le=MAX_SHIFT,
            description="Move the product to the right, a share of the picture's width.",
            examples=[Example(value=0.1)],
        ),
    ] = 0.0,
    shift_y: Annotated[
        float,
        QueryParameter(
            ge=-MAX_SHIFT,
            le=MAX_SHIFT,
            description="Move the product down, a share of the picture's height.",
            examples=[Example(value=-0.05)],
        ),
    ] = 0.0,
    scale: Annotated[
        float,
        QueryParameter(
            ge=SCALES[0],
            le=SCALES[1],
            description="Make the product larger, or smaller: a factor on the size that the preset gives it.",
            examples=[Example(value=0.9)],
        ),
    ] = 1.0,
    turn: Annotated[
        float,
        QueryParameter(
            ge=-MAX_TURN,
            le=MAX_TURN,
            description="Turn the product clockwise by so many degrees, about its foot where it stands.",
            examples=[Example(value=2.5)],
        ),
    ] = 0.0,
    stance: Annotated[
        StanceWord,
        QueryParameter(
            description="How the product is placed, where you know it better than our guess from the photo (`auto`)."
            " `standing`: on its foot, seen from the side. `lying`: on the surface, seen obliquely from the side;"
            " in a flat lay it lies. `hanging`: from the upper edge, before a wall. `from_above`: on the surface, and"
            " every scene is shown from above; where a scene can't be, the job fails with `no_honest_placement`.",
            examples=[Example(value="lying")],
        ),
    ] = "auto",
    subject: SubjectPlace = None,
    width: Annotated[
        int | None,
        QueryParameter(
            description=f"With `height`, a size of your own in place of the preset's: sides of {SIDES[0]} to {SIDES[1]}"
            f" pixels, {MAX_PIXELS:,} pixels in all, one side at most {MAX_ASPECT:g} times the other. The preset's"
            " rules are measured all the same. Not where the picture keeps its photo's size.",
            examples=[Example(value=1200)],
        ),
    ] = None,
    height: Annotated[int | None, QueryParameter(description="See `width`.", examples=[Example(value=900)])] = None,
    format: Annotated[
        Literal["jpeg", "png", "webp", "avif"] | None,
        QueryParameter(
            description="A format in place of the preset's first one. No JPEG where the picture is transparent.",
            examples=[Example(value="webp")],
        ),
    ] = None,
    quality: Annotated[
        int | None,
        QueryParameter(
            ge=QUALITIES[0],
            le=QUALITIES[1],
            description="Where the search for a JPEG's, WebP's or AVIF's quality starts, in place of the preset's: it"
            " rises until the product's colours arrive, and falls until the file is light enough for the place.",
            examples=[Example(value=85)],
        ),
    ] = None,
    reference: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=200,
            pattern=REFERENCE_PATTERN,
            description="Your own id for it, an SKU or an order: it is told with the job, its render and its webhook,"
            " and both lists can be asked for it. Several jobs may have the same.",
            examples=[Example(value="order-1042/front")],
        ),
    ] = None,
    metadata: Metadata = None,
    prefer: Annotated[
        str | None,
        HeaderParameter(
            name="Prefer",
            description="RFC 7240: with `wait=N` the answer comes when the job is over or after N seconds, 30 at most,"
            " with the status that the job has then, and of a success with `Link` to its render and picture. With"
            " `return=representation` the body is the job as GET /v1/jobs/{job_id} shows it, render and all, which has"
            " every field of a WorkflowAcceptedResponse; `Content-Location` says so. Others are ignored.",
            examples=[Example(value="wait=20, return=representation")],
        ),
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Accept a swap, charge its credits and queue its job; wait for its end where `Prefer` says so."""
    submit: Submit = state.submit
    client = request.state.client
    placement, output = Placement(shift_x, shift_y, scale, turn, stance), Output(width, height, format, quality)
    pairs, meant = read_metadata(metadata), read_subject(subject)
    if dry_run:
        look = partial(submit.plan, client, data, seed=seed, placement=placement, output=output)
        plan = await sync_to_thread(partial(look, subject=meant, preview=preview))
        place = await sync_to_thread(_place, state, plan.resolved, client.id)
        return Response(serialize_plan(plan, place), status_code=200)
    accepted = await sync_to_thread(
        submit.swap,
        client,
        data,
        seed=seed,
        reference=reference,
        metadata=pairs,
        placement=placement,
        output=output,
        subject=meant,
        preview=preview,
        raw_body=request.state.raw_body,
        request_id=request.state.request_id,
        idempotency_key=idempotency_key,
    )
    return await answer_accepted(request, state, accepted, partial(_job_view, request, state, accepted.job_id))


def _place(state: State, resolved: Resolved, client_id: str) -> ProductPlace | None:
    cutouts: Cutouts = state.cutouts
    catalogue: Catalogue = state.catalogue
    cutout = cutouts.of_photo(resolved.source_key, client_id=client_id)
    if cutout is None or cutout.found is None or cutout.shown is None:
        return None
    if resolved.subject is not None and cutout.asked.get("subject") != list(resolved.subject):
        return None  # it is the place of another product
    spec = resolve_spec(resolved.spec(catalogue), catalogue)
    facts, mended = dict[str, Any](cutout.shown.facts), cutout.mended
    if mended is not None and resolved.seen and resolved.seen["asked_at"] > mended.mended_at:
        # The worker's network looked at this mask, at hand was only what it saw in the photo.
        facts = facts | {
            name: resolved.seen[name] for name in ("stance", "suits", "cut_sides") if name in resolved.seen
        }
    return product_place(spec, facts, (cutout.found.width, cutout.found.height))


def _job_view(request: AnyRequest, state: State, job_id: str) -> JobView | None:
    jobs: Jobs = state.jobs
    found = jobs.get(job_id, client_id=request.state.client.id)
    return None if found is None else serialize_job(request, state, *found)


WORKFLOWS = Router("/", guards=[rate_limited], route_handlers=[background_swap_with_spec, create_cutout])
