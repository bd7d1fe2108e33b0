"""The routes that take and delete a client's photos."""

from contextlib import closing
from typing import IO, Annotated, Any

from litestar import Response, Router, delete, post
from litestar.concurrency import sync_to_thread
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter
from litestar.types import Receive
from multipart import MultipartError, MultipartParser, MultipartPart

from service.accounts.clients import Client
from service.api.admission import Lane, spooled, uploads_limited
from service.api.auth import authenticated
from service.api.endpoint import endpoint
from service.api.parts import Parts
from service.jobs.sources import upload_prefix
from service.media.photos import NotAPhoto, Photos, Stored
from service.schemas import answers
from service.schemas.problems import AnyRequest, Invalid, body_too_large, not_found, unsupported_media_type, wrong
from service.schemas.responses import StoredPhoto, Upload, UploadRequest
from service.schemas.serialize import base_url
from service.storage.objects import SVG_TYPE, UPLOAD_TYPES

#: Bytes that a multipart body needs in addition to the photo.
_FRAMING = 64 * 1024
#: The remedy for another content type.
_TAKEN = (
    f"Send the photo's bytes ({', '.join(UPLOAD_TYPES)}), multipart/form-data with the part `file`, or application/json"
    " with `content_type` or `url`."
)


async def _receive(request: AnyRequest) -> Response[Any] | None:
    """Take a photo sent as plain bytes or multipart, and limit a JSON body, before Litestar parses the body.

    Raises 413, 415 and Invalid.
    """
    state = request.app.state
    content_type = request.content_type[0].lower()
    if content_type.startswith("image/"):
        try:
            return await _stored(request, await spooled(request))
        except Invalid:
            if content_type not in (*UPLOAD_TYPES, SVG_TYPE):
                raise unsupported_media_type(content_type, _TAKEN) from None
            raise
    if content_type == RequestEncodingType.MULTI_PART:
        return await _stored(request, await spooled(request), request.content_type[1].get("boundary", ""))
    request.receive = _limited(request.receive, state.max_body_bytes)
    body = request.state.raw_body = await request.body()
    # curl's -d sends JSON as a form, so a JSON body counts as JSON under any Content-Type.
    if body and content_type != RequestEncodingType.JSON and not body.lstrip().startswith(b"{"):
        raise unsupported_media_type(content_type, _TAKEN)
    return None


def _limited(receive: Receive, most: int) -> Receive:
    """Return `receive` for a body of at most `most` bytes. It raises 413: this route's own limit is a photo's."""
    came = 0

    async def limited() -> Any:
        nonlocal came
        message = await receive()
        came += len(message["body"]) if message["type"] == "http.request" else 0
        if came > most:
            raise body_too_large(most)
        return message

    return limited


async def _stored(request: AnyRequest, body: IO[bytes], boundary: str | None = None) -> Response[Any]:
    """Store the body, or with a `boundary` its part `file`."""
    photos: Photos = request.app.state.photos
    uploads: Lane = request.app.state.uploads
    client: Client = request.state.client

    def store() -> Stored:
        if boundary is None:
            return photos.store(client, body.read())
        with closing(_part(body, boundary)) as part:
            return photos.store(client, part.raw)

    try:
        stored = await uploads.run(client.id, store)
    except NotAPhoto as error:
        raise wrong(["body"] if boundary is None else ["body", "file"], "not_a_photo", str(error)) from error
    return Response(_view(stored), status_code=201)


def _part(body: IO[bytes], boundary: str) -> MultipartPart:
    """Return the only part of a multipart body, `file`. Raises Invalid."""
    try:
        parts = MultipartParser(body, boundary).parts()
    except (MultipartError, UnicodeError, LookupError) as error:
        text = "The body is not multipart/form-data. Let a library or curl's -F write it"
        raise wrong(["body"], "multipart_invalid", text) from error
    file = next((part for part in parts if part.name == "file" and part.filename), None)
    others = sorted({part.name for part in parts} - {"file"})
    for part in parts:
        if part is not file or others:
            part.close()
    if file is None:
        text = "The part `file` is missing, or has no file name. Send the photo as `file`, with a file name"
        raise wrong(["body", "file"], "missing", text)
    if others:
        text = "There is no such part. Send only `file`"
        raise Invalid([{"loc": ["body", name], "msg": text, "type": "extra_forbidden"} for name in others])
    return file


@endpoint(
    post,
    "/uploads",
    tag="photos",
    guards=[uploads_limited],
    before_request=_receive,
    responses={
        409: answers.PHOTOS_FULL,
        201: answers.UPLOADED,
        415: answers.NOT_A_PHOTO_TYPE,
        429: answers.TOO_MANY_UPLOADS,
        503: answers.UNAVAILABLE_STORE,
    },
)
async def create_upload(
    request: AnyRequest,
    state: Parts,
    data: Annotated[
        UploadRequest,
        Body(
            examples=[
                Example(summary="Reserve a key and a URL for a PUT", value={"content_type": "image/jpeg"}),
                Example(summary="Fetch a photo", value={"url": "https://shop.example/photos/jar.jpg"}),
            ]
        ),
    ],
) -> Response[Any]:
    """Upload a photo: reserve a key for a PUT, fetch the photo from a `url`, or send its bytes.

    With `content_type`, the answer names a URL, and the photo exists once you PUT its bytes there. With `url`, Backdrop
    downloads the photo from a public address before it answers. You can also send the photo as the body, with its own
    Content-Type such as image/jpeg, or as the part `file` of a multipart/form-data body. Backdrop detects the format
    from the bytes. A logo for a layer may also be an SVG of plain shapes, sent as bytes or by its `url`.
    """
    client: Client = request.state.client
    request.state.url = data.url  # for error messages
    if data.url is not None:
        try:
            stored = await state.fetches.run(
                client.id, lambda url: state.photos.store(client, state.fetcher.fetch(url)), data.url
            )
        except NotAPhoto as error:
            raise wrong(["body", "url"], "not_a_photo", str(error)) from error
        return Response(_view(stored))
    assert data.content_type is not None, "the schema requires exactly one of content_type and url"
    key = await sync_to_thread(state.photos.reserve, client, data.content_type)
    signed = state.sources.upload_url(key, data.content_type, base_url(request))
    put = Upload(key=key, method="PUT", url=signed.url, headers=signed.headers, expires_at=signed.expires_at)
    return Response(put)


def _view(stored: Stored) -> StoredPhoto:
    return StoredPhoto.model_validate(vars(stored))


@endpoint(delete, "/uploads/{key:path}", tag="photos", responses={503: answers.UNAVAILABLE_STORE})
def delete_upload(
    request: AnyRequest,
    state: Parts,
    key: Annotated[
        str,
        PathParameter(
            description="The `key` of the upload, with its slashes plain or as %2F.",
            examples=[Example(value="uploads/01J9ZC6M8H4D2F0A9B7C5E3G1K/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V.jpg")],
        ),
    ],
) -> None:
    """Delete a photo and its cut-outs. Repeating the request is safe.

    Its unfinished jobs end as FAILURE with the error code `source_deleted`, and their credits are refunded. Renders
    made from it stay: delete them by DELETE /v1/renders/{public_id}.
    """
    client, name = request.state.client, key.removeprefix("/")
    if not name.startswith(upload_prefix(client)) or not state.deletion.photo(name, client_id=client.id):
        raise not_found("photo")


def photos_router(max_photo_bytes: int) -> Router:
    """Return the routes. A multipart body holds a photo of at most `max_photo_bytes`."""
    return Router(
        "/v1",
        guards=[authenticated],
        route_handlers=[create_upload, delete_upload],
        request_max_body_size=max_photo_bytes + _FRAMING,
    )
