"""The routes of a client's photos: where they go, and how they go away."""

from typing import Annotated

from litestar import delete, post
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter
from ulid import ULID

from service.api.endpoint import endpoint
from service.jobs.submit import upload_prefix
from service.media.deletion import Deletion
from service.schemas.openapi import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE_STORE
from service.schemas.problems import AnyRequest, not_found
from service.schemas.responses import Upload, UploadRequest
from service.schemas.serialize import base_url
from service.storage.objects import UPLOAD_TYPES, Bucket
from service.storage.registry import ObjectRegistry


@endpoint(
    post,
    "/uploads",
    status_code=201,
    operation_id="create_upload",
    tag="photos",
    responses={413: TOO_LARGE, 422: INVALID},
)
def create_upload(
    request: AnyRequest,
    state: State,
    data: Annotated[UploadRequest, Body(examples=[Example(value={"content_type": "image/jpeg"})])],
) -> Upload:
    """Reserve a key of the client's own and say where to PUT the bytes."""
    sources: Bucket = state.sources
    key = f"{upload_prefix(request.state.client)}{ULID()}.{UPLOAD_TYPES[data.content_type]}"
    registry: ObjectRegistry = state.registry
    registry.register("sources", key, client_id=request.state.client.id)
    signed = sources.upload_url(key, data.content_type, base_url(request))
    return Upload(key=key, method="PUT", url=signed.url, headers=signed.headers, expires_at=signed.expires_at)


@endpoint(
    delete,
    "/uploads/{key:path}",
    status_code=204,
    operation_id="delete_upload",
    tag="photos",
    responses={404: NOT_FOUND, 503: UNAVAILABLE_STORE},
)
def delete_upload(
    request: AnyRequest,
    state: State,
    key: Annotated[
        str,
        PathParameter(
            description="The `key` that the upload was given, its slashes as they are or as %2F.",
            examples=[Example(value="uploads/01J9ZC6M8H4D2F0A9B7C5E3G1K/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V.jpg")],
        ),
    ],
) -> None:
    """Delete a photo and what was kept of it: its bytes, and the cut-outs of these bytes. Twice is as good as once.

    Its jobs that are not over end as FAILURE with the error code `source_deleted`, and their credits come back. Renders
    that were made of it stay: delete them by DELETE /v1/renders/{public_id}.
    """
    deletion: Deletion = state.deletion
    client, name = request.state.client, key.removeprefix("/")
    if not name.startswith(upload_prefix(client)) or not deletion.photo(name, client_id=client.id):
        raise not_found("photo")
