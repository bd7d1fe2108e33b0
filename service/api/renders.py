"""The routes of one render: its measurements, picture, thumbnail and deletion."""

from typing import Annotated, Any

from litestar import Response, delete, get, put
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter
from litestar.response import Redirect

from service.api.endpoint import endpoint, get_or_head
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.problems import AnyRequest, not_found
from service.schemas.responses import RenderReview, RenderView
from service.schemas.serialize import base_url, serialize_render
from service.storage.objects import ObjectNotFound
from service.storage.thumbnail import thumbnail

RenderId = Annotated[str, PathParameter(description="The render's `public_id`, from its job or GET /v1/renders.")]


@endpoint(get, "/renders/{public_id:str}", tag="renders")
def get_render(request: AnyRequest, state: Parts, public_id: RenderId) -> RenderView:
    """Return a render's measurements and a short-lived download URL."""
    render = state.jobs.render(public_id, client_id=request.state.client.id)
    if render is None:
        raise not_found("render")
    return serialize_render(request, state, render)


@endpoint(
    get_or_head, "/renders/{public_id:str}/picture", status_code=302, tag="renders", responses={302: answers.PICTURE}
)
def get_picture(request: AnyRequest, state: Parts, public_id: RenderId) -> Redirect:
    """Redirect to a render's picture. This address stays the same as long as the render is kept.

    The store takes a single `Range`, too. HEAD redirects to a URL for HEAD.
    """
    render = state.jobs.render(public_id, client_id=request.state.client.id)
    if render is None:
        raise not_found("render")
    signed = state.renders.download_url(render.key, render.content_type, base_url(request), request.method)
    return Redirect(signed.url, status_code=302, headers={"Cache-Control": "no-store"})


@endpoint(
    get_or_head,
    "/renders/{public_id:str}/thumbnail",
    tag="renders",
    responses={200: answers.THUMBNAIL, 429: answers.TOO_MANY_THUMBNAILS, 503: answers.UNAVAILABLE},
)
async def get_render_thumbnail(request: AnyRequest, state: Parts, public_id: RenderId) -> Response[Any]:
    """Return a thumbnail of a render: WebP, at most 480 pixels on the longer side."""
    small = await state.thumbnails.run(request.state.client.id, _small, state, public_id, request.state.client.id)
    headers = {"Cache-Control": "private, max-age=86400, immutable", "Content-Length": str(len(small))}
    return Response(b"" if request.method == "HEAD" else small, media_type="image/webp", headers=headers)


def _small(state: Parts, public_id: str, client_id: str) -> bytes:
    render = state.jobs.render(public_id, client_id=client_id)
    if render is None:
        raise not_found("render")
    try:
        return thumbnail(state.renders.get(render.key, max_bytes=render.bytes))
    except ObjectNotFound as error:  # it expired a moment ago
        raise not_found("render") from error


@endpoint(put, "/renders/{public_id:str}/review", tag="renders")
def put_render_review(
    request: AnyRequest,
    state: Parts,
    public_id: RenderId,
    data: Annotated[RenderReview, Body(examples=[Example(value=RenderReview.EXAMPLE)])],
) -> RenderView:
    """Say whether a render looks right to you. It is kept with the render. Backdrop does not judge by it."""
    render = state.jobs.review(public_id, data.looks_right, client_id=request.state.client.id)
    if render is None:
        raise not_found("render")
    return serialize_render(request, state, render)


@endpoint(delete, "/renders/{public_id:str}", tag="renders")
def delete_render(request: AnyRequest, state: Parts, public_id: RenderId) -> None:
    """Delete a render's picture and report. The job stays, with the time of deletion. Repeating it is safe."""
    if not state.deletion.render(public_id, client_id=request.state.client.id):
        raise not_found("render")
