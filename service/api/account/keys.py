"""The routes of a client's keys."""

from typing import Annotated

from litestar import delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, PathParameter

from service.api.endpoint import endpoint
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.account import KeyItems, KeyRequest, KeyView, NewKey
from service.schemas.problems import AnyRequest, not_found

KeyId = Annotated[str, PathParameter(description="The key's `id`, from POST /v1/keys or GET /v1/keys.")]
CreationKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        pattern=r"\S",
        description="Your own name for this request. If you repeat it with the same name, no second key is made: the"
        " 409 `key_exists` names the first one.",
    ),
]
#: The key of a request without a body.
_UNNAMED = KeyRequest()


@endpoint(get, "/keys", tag="keys")
def list_keys(request: AnyRequest, state: Parts) -> KeyItems:
    """List the client's valid keys, oldest first, without their secret text."""
    own = request.state.key_id
    items = [KeyView(**vars(key), current=key.id == own) for key in state.client_keys.list(request.state.client.id)]
    return KeyItems(items=items)


@endpoint(post, "/keys", tag="keys", responses={409: answers.NO_NEW_KEY})
def create_key(
    request: AnyRequest,
    state: Parts,
    data: Annotated[KeyRequest, Body(examples=[Example(value={"name": "warehouse"})])] = _UNNAMED,
    idempotency_key: CreationKey = None,
) -> NewKey:
    """Create another key. The answer shows it only this once. Earlier keys stay valid."""
    key, text = state.client_keys.add(request.state.client.id, data.name, idempotency_key)
    return NewKey(**vars(key), key=text)


@endpoint(delete, "/keys/{key_id:str}", tag="keys", responses={409: answers.LAST_KEY})
def delete_key(request: AnyRequest, state: Parts, key_id: KeyId) -> None:
    """Revoke a key immediately, which may be the key of this request. A key that never expires must remain."""
    if not state.client_keys.delete(key_id, request.state.client.id):
        raise not_found("key")
