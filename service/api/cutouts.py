"""The routes that make, show and mend cut-outs. They are free."""

from functools import partial
from typing import Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from service.api.accepted import IdempotencyKey, Prefer, Reference, answer_accepted, before_a_job, sent_as
from service.api.admission import spooled
from service.api.endpoint import endpoint
from service.api.lists import Cursor, Limit
from service.api.lists import Reference as ListedReference
from service.api.parts import Parts
from service.cutouts.mask_file import MAX_BYTES, MaskInvalid
from service.cutouts.pieces import AnswerInvalid
from service.cutouts.records import Cutout, SubjectsUnknown
from service.schemas import answers
from service.schemas.cutouts import CutoutPage, CutoutRequest, CutoutView, KeptSubjects, PieceAnswers, serialize_cutout
from service.schemas.problems import AnyRequest, fault, not_found, unprocessable

CutoutId = Annotated[str, PathParameter(description="The cut-out's `public_id`, which equals its `job_id`.")]


@endpoint(
    post,
    "/cutouts",
    status_code=202,
    summary="Cut a product out of its photo, for free",
    tag="cutouts",
    before_request=before_a_job,
    responses={202: answers.ACCEPTED_FREE, 404: answers.NOT_FOUND} | answers.SUBMIT,
)
async def create_cutout(
    request: AnyRequest,
    state: Parts,
    data: Annotated[CutoutRequest, Body(examples=[Example(value=CutoutRequest.EXAMPLE)])],
    reference: Reference = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Cut the product out of a photo, for free. This makes a job, whose id is the cut-out's `public_id`.

    Later swaps of the same bytes use this cut-out, your choice of subjects, or the mask that you gave.
    """
    accepted = await sync_to_thread(
        state.submit.cut_out,
        request.state.client,
        source_image_s3_key=data.source_image_s3_key,
        source_render_public_id=data.source_render_public_id,
        subject=tuple(data.subject) if data.subject else None,
        reference=reference,
        sent=sent_as(request, idempotency_key),
    )
    show = partial(_view, request, state, accepted.job_id)
    return await answer_accepted(request, state, accepted, show, location=f"/v1/cutouts/{accepted.job_id}")


@endpoint(get, "/cutouts", tag="cutouts")
def list_cutouts(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    reference: ListedReference = None,
) -> CutoutPage:
    """List the client's cut-outs, newest first. Each looks as in GET /v1/cutouts/{public_id}."""
    page = state.cutouts.list(request.state.client.id, limit=limit, cursor=cursor, reference=reference)
    items = [serialize_cutout(request, state, cutout) for cutout in page.items]
    return CutoutPage(items=items, next_cursor=page.next_cursor)


@endpoint(get, "/cutouts/{public_id:str}", tag="cutouts")
def get_cutout(request: AnyRequest, state: Parts, public_id: CutoutId) -> CutoutView:
    """Return a cut-out: its subjects, its doubts with their places, and short-lived URLs of its mask and preview."""
    view = _view(request, state, public_id)
    if view is None:
        raise not_found("cut-out")
    return view


def _on_unknown_subjects(request: AnyRequest, error: SubjectsUnknown) -> Response[Any]:
    text = (
        f"There is no such subject. Choose among {', '.join(map(str, error.ids))}"
        if error.ids
        else "This cut-out has no subjects to choose from. Send a mask instead"
    )
    return unprocessable(request, [{"loc": ["body", "keep"], "msg": text, "type": "subject_unknown"}])


@endpoint(
    put,
    "/cutouts/{public_id:str}/mask",
    tag="cutouts",
    request_max_body_size=MAX_BYTES,
    exception_handlers={MaskInvalid: fault(["body"], "{error.code}", "{error}")},
    responses={
        409: answers.CUTOUT_NOT_READY,
        413: answers.MASK_TOO_LARGE,
        429: answers.TOO_MANY_MASKS,
        503: answers.STORE_AWAY,
    },
)
async def put_cutout_mask(request: AnyRequest, state: Parts, public_id: CutoutId) -> CutoutView:
    """Replace the mask of a cut-out. Every later swap of the same bytes uses it.

    The API refuses a bad mask with 422 and the code mask_not_png, mask_size, mask_mode, mask_unreadable, mask_empty or
    mask_whole.
    """
    file, client_id = await spooled(request), request.state.client.id
    put = state.mending.put_mask
    mended = await state.masks.run(client_id, lambda: put(public_id, file.read(), client_id=client_id))
    return _shown(request, state, mended)


@endpoint(
    put,
    "/cutouts/{public_id:str}/subjects",
    tag="cutouts",
    exception_handlers={SubjectsUnknown: _on_unknown_subjects},
    responses={409: answers.CUTOUT_NOT_READY, 429: answers.TOO_MANY_MASKS, 503: answers.STORE_AWAY},
)
async def put_cutout_subjects(
    request: AnyRequest,
    state: Parts,
    public_id: CutoutId,
    data: Annotated[KeptSubjects, Body(examples=[Example(value=KeptSubjects.EXAMPLE)])],
) -> CutoutView:
    """Keep only the given subjects of a cut-out, by id. The others stay in the list, and you can keep them later."""
    client_id = request.state.client.id
    kept = await state.masks.run(client_id, state.mending.keep_subjects, public_id, data.keep, client_id=client_id)
    return _shown(request, state, kept)


@endpoint(
    put,
    "/cutouts/{public_id:str}/pieces",
    tag="cutouts",
    exception_handlers={AnswerInvalid: fault(["body", "{error.place}"], "{error.code}", "{error}")},
    responses={409: answers.CUTOUT_NOT_READY, 429: answers.TOO_MANY_MASKS, 503: answers.STORE_AWAY},
)
async def put_cutout_pieces(
    request: AnyRequest,
    state: Parts,
    public_id: CutoutId,
    data: Annotated[PieceAnswers, Body(examples=[Example(value=PieceAnswers.EXAMPLE)])],
) -> CutoutView:
    """Keep or drop the doubtful pieces of a cut-out. Every later swap of the same bytes uses your answers.

    Two empty lists undo all answers. The API refuses an answer with 422 and the code piece_unknown, piece_twice or
    mask_empty.
    """
    client_id = request.state.client.id
    said = await state.masks.run(client_id, state.mending.answer, public_id, data.keep, data.drop, client_id=client_id)
    return _shown(request, state, said)


@endpoint(
    delete, "/cutouts/{public_id:str}/mask", status_code=200, tag="cutouts", responses={409: answers.CUTOUT_NOT_READY}
)
def reset_cutout(request: AnyRequest, state: Parts, public_id: CutoutId) -> CutoutView:
    """Restore the networks' mask. Every later swap of the same bytes uses it."""
    return _shown(request, state, state.mending.reset(public_id, client_id=request.state.client.id))


def _view(request: AnyRequest, state: Parts, public_id: str) -> CutoutView | None:
    found = state.cutouts.get(public_id, client_id=request.state.client.id)
    return None if found is None else serialize_cutout(request, state, found)


def _shown(request: AnyRequest, state: Parts, cutout: Cutout | None) -> CutoutView:
    if cutout is None:
        raise not_found("cut-out")
    return serialize_cutout(request, state, cutout)
