"""The signed URLs of the directory store, which an S3 bucket would serve itself."""

import hashlib
import os
import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from litestar import Response, Router, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from service.api.admission import LongAnswer, spooled
from service.api.parts import Parts
from service.schemas.problems import AnyRequest, not_found, problem
from service.storage.directory import DirectoryBucket
from service.storage.objects import ObjectNotFound, content_type_of, parts_of

_PATH = "/files/{bucket:str}/{key:path}"
#: One range of bytes. Several ranges or another unit get the whole file, as RFC 9110 allows.
_RANGE = re.compile("bytes=([0-9]{0,18})-([0-9]{0,18})")


@put(_PATH, include_in_schema=False, status_code=204)
async def put_file(
    request: AnyRequest,
    state: Parts,
    bucket: FromPath[str],
    key: FromPath[str],
    expires: FromQuery[int],
    signature: FromQuery[str],
) -> None:
    """Store the bytes of a signed upload, as S3 does for a presigned PUT."""
    _signed_bucket(request, state, bucket, expires, signature)
    name = key.lstrip("/")
    state.client_bodies.count(request, _folder(name))
    body, content_type = await spooled(request), request.headers.get("content-type", "")
    # Only photos are put here. Their number of bytes counts for the client's quota.
    await state.uploads.run(_folder(name), lambda: state.photos.put(name, body.read(), content_type))


@HTTPRouteHandler(_PATH, http_method=["GET", "HEAD"], status_code=200, include_in_schema=False, sync_to_thread=True)
def get_file(
    request: AnyRequest,
    state: Parts,
    bucket: FromPath[str],
    key: FromPath[str],
    expires: FromQuery[int],
    signature: FromQuery[str],
) -> Response[Any]:
    """Return the file of a signed download, or the range of it that the request names."""
    objects = _signed_bucket(request, state, bucket, expires, signature)
    try:
        file = objects.open(key.lstrip("/"))
        facts = os.fstat(file.fileno())
        etag = f'"{_sha256(objects, key.lstrip("/"), facts.st_ino, facts.st_mtime_ns)}"'
    except ObjectNotFound as error:
        raise not_found("file") from error
    name, size = PurePosixPath(key).name, facts.st_size
    part = _asked_range(request, size, etag)
    if part is not None and not part:
        file.close()
        detail = f"The Range is outside the file, which has {size} bytes. Request bytes within it."
        raise problem(416, "range_not_satisfiable", detail, {"Content-Range": f"bytes */{size}"})
    sent = range(size) if part is None else part
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Length": str(len(sent)),
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400, immutable",  # a key is written once
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    media_type = content_type_of(name)
    if request.method == "HEAD":
        file.close()
        return Response(b"", media_type=media_type, headers=headers)
    status = 200 if part is None else 206
    file.seek(sent.start)
    place, parts = state.downloads.hold(_folder(key.lstrip("/"))), parts_of(file, len(sent))
    return LongAnswer(parts, file, place, media_type=media_type, headers=headers, status_code=status)


@lru_cache(maxsize=1024)
def _sha256(objects: DirectoryBucket, key: str, *_version: int) -> str:
    """Return the SHA-256 of a file, hex, as in its render. Kept, as a file is often read in many ranges."""
    with objects.open(key) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _asked_range(request: AnyRequest, size: int, etag: str) -> range | None:
    """Return the bytes that `Range` names, empty if it is outside the file; None for the whole file."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.method == "HEAD" or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _folder(key: str) -> str:
    """Return the key's folder, by which places are counted: each client has its own."""
    return key.rpartition("/")[0]


def _signed_bucket(request: AnyRequest, state: Parts, bucket: str, expires: int, signature: str) -> DirectoryBucket:
    objects = {"sources": state.sources, "renders": state.renders}.get(bucket)
    if not isinstance(objects, DirectoryBucket):  # S3 serves its own URLs
        raise not_found("file")
    method = "GET" if request.method == "HEAD" else request.method
    if not objects.signer.allows(method, request.url.path, expires, signature):
        raise problem(403, "url_invalid", "This URL has expired or was changed. Request a new URL.")
    return objects


def files_router(max_photo_bytes: int) -> Router:
    """Return the routes. A PUT takes at most `max_photo_bytes`."""
    return Router(
        "/v1",
        route_handlers=[put_file, get_file],
        request_max_body_size=max_photo_bytes,
    )
