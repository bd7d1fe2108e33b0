"""Authentication: bearer keys, and Shopify's signature of the raw body."""

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, cast

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from service.accounts.clients import Accounts, Client
from service.accounts.keys import key_id
from service.api.admission import IN_MEMORY, spooled
from service.catalogue.catalogue import Catalogue
from service.database.encryption import SecretUnreadable
from service.schemas.problems import AnyRequest, problem
from service.schemas.serialize import base_url
from service.telemetry.http import correlation_of

logger = logging.getLogger(__name__)

SHOPIFY_HEADER = "X-Shopify-Hmac-Sha256"
#: The client of the running request, for the decoder of bodies, which gets no request.
_CLIENT: ContextVar[Client | None] = ContextVar("client", default=None)


async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Let only known, enabled clients through, and remember the client. Raises 401, and the 421 of `base_url`."""
    key = _key(connection)
    accounts: Accounts = connection.app.state.accounts
    client = None if key is None else await sync_to_thread(accounts.authenticate, key)
    if key is None or client is None:
        detail = "The key is missing or invalid. Send a valid key as `Authorization: Bearer <key>`."
        raise problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    base_url(connection)  # fails before a submit is charged if the answer can't name its URLs
    connection.state.client = client
    connection.state.key_id = key_id(key)
    correlation_of(connection.scope)  # gives the request its id
    connection.app.state.client_bodies.count(connection, client.id)
    _CLIENT.set(client)


async def perhaps_known(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Remember the client of a route that answers without a key, too. Asks the database only if it matters."""
    key, state = _key(connection), connection.app.state
    if key is not None and state.catalogue.clients:
        _CLIENT.set(await sync_to_thread(state.accounts.authenticate, key))


def asking_client() -> str | None:
    """Return the id of the running request's client; None before it is known. Not for code in other threads."""
    client = _CLIENT.get()
    return None if client is None else client.id


def asked_catalogue(shared: Catalogue) -> Catalogue:
    """Return the catalogue for the running request: its client's own, or else the shared one. Raises CatalogueMissing.

    Not for code in other threads than the handler's.
    """
    client = _CLIENT.get()
    return shared.of(None if client is None else client.catalogue)


def _key(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


async def signed(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Check the signature of a request that changes something. Runs after `authenticated`. Raises 401, 503."""
    request = cast(AnyRequest, connection)
    client: Client = request.state.client
    signature = request.headers.get(SHOPIFY_HEADER)
    if signature is None and not client.signature_required:
        return
    if signature is None:
        detail = (
            f"This client must sign its changes, and the header {SHOPIFY_HEADER} is missing. Sign each body with the"
            " client's secret. The studio page can't sign: use a client there that need not sign."
        )
        raise problem(401, "signature_required", detail)
    accounts: Accounts = request.app.state.accounts
    try:
        secrets = accounts.shopify_secrets(client)
    except SecretUnreadable as error:
        # Not 401: the signature may be right, and only the operator can restore the secret.
        logger.error("client %s: its Shopify secret can't be read. %s", client.id, error)
        detail = "The signature can't be checked at the moment. Try again later."
        raise problem(503, "signature_unchecked", detail, {"Retry-After": "60"}) from error
    handler = request.route_handler
    large = (handler.resolve_request_max_body_size() or 0) > IN_MEMORY
    body = (await spooled(request)).read() if large else await request.body()
    if not is_signed_by_shopify(signature, body, secrets):
        detail = (
            f"{SHOPIFY_HEADER} does not match the body, or the client has no Shopify secret. Sign the raw body with"
            " that secret, or omit the header."
        )
        raise problem(401, "signature_invalid", detail)


def shopify_signature(secret: str, body: bytes) -> str:
    """Return the value of X-Shopify-Hmac-Sha256: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed_by_shopify(signature: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Return True if one of the live secrets made the signature. Takes the same time for every wrong signature."""
    # A list, not a generator, so that the time doesn't show which secret fits.
    fits = [hmac.compare_digest(shopify_signature(secret, body).encode(), signature.encode()) for secret in secrets]
    return any(fits)
