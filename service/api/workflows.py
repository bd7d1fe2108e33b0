"""The routes that make jobs. Each counts against its client's rate limit before its body is read."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import numpy as np
from litestar import Response, post
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import Body, QueryParameter

from pipeline.core.order import SEED_LIMIT, SwapOrder, all_options
from pipeline.placement.facts import CutoutFacts
from pipeline.placement.place import Place, Refusal, scene_report
from pipeline.placement.plan import fitted, shown
from pipeline.scene.surfaces import painted
from service.api.accepted import (
    IdempotencyKey,
    Metadata,
    Prefer,
    Reference,
    SubjectPlace,
    answer_accepted,
    before_a_job,
    read_metadata,
    read_subject,
    sent_as,
)
from service.api.auth import asked_catalogue
from service.api.endpoint import endpoint, query
from service.api.parts import Parts
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.jobs.plan import Plan, Resolved
from service.schemas import answers
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobView, SwapPlan
from service.schemas.serialize import serialize_job, serialize_plan


def read_order(
    data: BackgroundSwapWithSpecRequest,
    seed: Annotated[
        int | None,
        query(
            "From 0 to 2147483647. The same seed and spec give the same background. If omitted, Backdrop draws a seed.",
            7,
            ge=0,
            le=SEED_LIMIT - 1,
        ),
    ] = None,
    preview: Annotated[
        bool,
        QueryParameter(
            description="Make a free preview: the same picture as the paid request with the same seed, at 512 pixels"
            " with a watermark. Backdrop keeps it for an hour. Previews have their own rate limit and send no webhook."
            " To get the full picture, repeat the request with the preview's `seed`."
        ),
    ] = False,
    subject: SubjectPlace = None,
    reference: Reference = None,
    metadata: Metadata = None,
) -> SwapOrder:
    """Return the order that a body and its query ask for, without options. Raises Invalid."""
    return data.order(
        seed=seed,
        preview=preview,
        metadata=tuple(read_metadata(metadata).items()),
        subject=read_subject(subject),
        reference=reference,
    )


def with_order(handler: Callable[..., Awaitable[Response[Any]]]) -> Callable[..., Awaitable[Response[Any]]]:
    """Replace a handler's parameter `order` by the query parameters of `read_order`, and pass it the order.

    Litestar validates a dependency (`Provide`) before the handler's other arguments. With one, an answer could not list
    all errors of the query and the body at once.
    """
    query = list(_parameters())
    declared = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for one in signature(handler).parameters.values()
        for parameter in (query if one.name == "order" else [one])
    ]

    @wraps(handler)
    async def handle(**sent: Any) -> Response[Any]:
        asked = {one.name: sent.pop(one.name) for one in query}
        options = {name: asked.pop(name) for name, *_ in all_options()}
        named = frozenset([*options, "seed"]).intersection(sent["request"].query_params)
        return await handler(**sent, order=read_order(sent["data"], **asked).having(options | {"sent": named}))

    handle.__annotations__ = {one.name: one.annotation for one in declared} | {"return": Response[Any]}
    vars(handle)["__signature__"] = Signature(declared, return_annotation=Response[Any])
    return handle


def _parameters() -> Iterator[Parameter]:
    """Yield the query parameters of `read_order`: its own, and one for each field of an order's records."""
    yield from list(signature(read_order).parameters.values())[1:]
    for name, kind, default, option in all_options():
        least, most = option.bounds or (None, None)
        about = query(option.description, option.example, ge=least, le=most)
        yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about])


@endpoint(
    post,
    "/background-swap-with-spec",
    status_code=202,
    summary="Swap a product photo's background to an inline background spec",
    tag="workflows",
    before_request=before_a_job,
    responses=answers.SUBMIT
    | {
        200: answers.PLANNED,
        202: answers.ACCEPTED,
        402: answers.INSUFFICIENT_CREDITS,
        403: answers.PREVIEWS_OFF,
        404: answers.NOT_FOUND,
    },
)
@with_order
async def background_swap_with_spec(
    request: AnyRequest,
    state: Parts,
    data: Annotated[
        BackgroundSwapWithSpecRequest,
        Body(examples=[Example(summary="A cream jar on a podium", value=BackgroundSwapWithSpecRequest.EXAMPLE)]),
    ],
    *,
    dry_run: Annotated[
        bool,
        QueryParameter(
            description="Only validate, price and warn: the answer is 200 with a SwapPlan. Nothing is charged, stored"
            " or queued, and `Idempotency-Key` has no effect. The request still counts against the rate limit."
        ),
    ] = False,
    order: SwapOrder,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Accept a swap, charge its credits and queue its job. With `Prefer: wait=N`, wait for its end."""
    client = request.state.client
    if dry_run:
        facts = partial(_facts, state, client_id=client.id)
        plan = await sync_to_thread(state.submit.plan, client, order, facts)
        return Response(await sync_to_thread(_planned, state, plan), status_code=200)
    accepted = await sync_to_thread(state.submit.swap, client, order, sent_as(request, idempotency_key))
    return await answer_accepted(request, state, accepted, partial(_job_view, request, state, accepted.job_id))


def _planned(state: Parts, plan: Plan) -> SwapPlan:
    """Return a plan with where the product goes, as far as the cut-out shows it, the scene, and its surfaces."""
    resolved = plan.resolved
    spec, kept = resolved.placing(asked_catalogue(state.catalogue)), resolved.seen
    facts = CutoutFacts.read(kept, resolved.order.placement.stance)
    place = None
    if facts.box is not None:
        found = fitted(spec, facts, *(spec.preset.size or kept["size"]))
        place = found if isinstance(found, Place) else None
    drawn = shown(spec, facts)
    if isinstance(drawn, Refusal) or resolved.order.ground.background == "image":
        return serialize_plan(plan, place, None, [])
    # A pinned background is made before its product's colour is known.
    colour = None if place is not None and place.pinned else kept.get("colour")
    stands = facts.stance is None or facts.stands_in(drawn.scene.kind)
    surfaces = painted(drawn, None if colour is None else np.array(colour), stands=stands)
    return serialize_plan(plan, place, scene_report(spec, drawn, facts), surfaces)


def _facts(state: Parts, resolved: Resolved, client_id: str) -> Mapping[str, Any]:
    """Return the facts of the photo's cut-out and the photo's `size`; else those of an earlier render."""
    cutout = state.cutouts.of_photo(resolved.source_key, client_id=client_id)
    if cutout is None or cutout.found is None or cutout.shown is None:
        return resolved.seen
    subject = resolved.order.subject
    if subject is not None and cutout.asked.get("subject") != list(subject):
        return resolved.seen  # the cut-out shows another product
    kept, mended = dict[str, Any](cutout.shown.facts), cutout.mended
    if mended is not None and resolved.seen and resolved.seen["asked_at"] > mended.mended_at:
        # The worker's network has classified the mended mask since; `kept` has only its view of the photo.
        kept = kept | {name: resolved.seen[name] for name in ("stance", "suits", "cut_sides") if name in resolved.seen}
    return kept | {"size": (cutout.found.width, cutout.found.height)}


def _job_view(request: AnyRequest, state: Parts, job_id: str) -> JobView | None:
    found = state.jobs.get(job_id, client_id=request.state.client.id)
    return None if found is None else serialize_job(request, state, *found)
