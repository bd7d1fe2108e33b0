"""The signed URLs of the directory store: what a bucket of S3 would serve itself."""

from pathlib import PurePosixPath
from typing import Any

from litestar import Response, Router, get, put
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery

from service.api.endpoint import options
from service.schemas.problems import AnyRequest, not_found, problem
from service.storage.directory import DirectoryBucket
from service.storage.objects import ObjectNotFound, content_type_of

FILE_OPTIONS = options("/files/{bucket:str}/{key:path}", "GET", "PUT")


@put("/files/{bucket:str}/{key:path}", include_in_schema=False, status_code=204)
async def put_file(
    request: AnyRequest,
    state: State,
    bucket: FromPath[str],
    key: FromPath[str],
    expires: FromQuery[int],
    signature: FromQuery[str],
) -> None:
    """Take the bytes of a signed upload: the directory store's own half of a presigned PUT."""
    objects = _signed_bucket(request, state, bucket, expires, signature)
    data = await request.body()
    await sync_to_thread(objects.put, key.lstrip("/"), data, request.headers.get("content-type", ""))


def _on_no_file(request: AnyRequest, _: ObjectNotFound) -> Response[Any]:
    return not_found("file").to_response(request)


@get(
    "/files/{bucket:str}/{key:path}",
    include_in_schema=False,
    sync_to_thread=True,
    # Of this route alone: anywhere else an object that is not there is our mistake, a 500.
    exception_handlers={ObjectNotFound: _on_no_file},
)
def get_file(
    request: AnyRequest,
    state: State,
    bucket: FromPath[str],
    key: FromPath[str],
    expires: FromQuery[int],
    signature: FromQuery[str],
) -> Response[bytes]:
    """Serve the bytes of a signed download."""
    objects = _signed_bucket(request, state, bucket, expires, signature)
    data = objects.get(key.lstrip("/"), max_bytes=1 << 30)
    name = PurePosixPath(key).name
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400, immutable",  # a key is written once
    }
    return Response(data, media_type=content_type_of(name), headers=headers)


def _signed_bucket(request: AnyRequest, state: State, bucket: str, expires: int, signature: str) -> DirectoryBucket:
    objects = {"sources": state.sources, "renders": state.renders}.get(bucket)
    if not isinstance(objects, DirectoryBucket):  # S3 serves its own URLs
        raise not_found("file")
    if not objects.signer.allows(request.method, request.url.path, expires, signature):
        raise problem(403, "url_invalid", "This URL has expired or was changed. Ask for a new one.")
    return objects


def files_router(max_photo_bytes: int) -> Router:
    """Return the routes; a PUT takes that many bytes."""
    return Router(
        "/v1",
        route_handlers=[FILE_OPTIONS, put_file, get_file],
        request_max_body_size=max_photo_bytes,
    )
