"""Authentication: bearer keys, and Shopify's signature over the raw body."""

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterable
from typing import Any

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from ulid import ULID

from service.accounts.clients import Accounts, Client
from service.accounts.keys import key_id
from service.database.encryption import SecretUnreadable
from service.schemas.problems import AnyRequest, problem
from service.schemas.serialize import base_url

logger = logging.getLogger(__name__)

SHOPIFY_HEADER = "X-Shopify-Hmac-Sha256"


async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard: let only known, enabled clients through, and remember which one. Raises 401, and `base_url`'s 421."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    accounts: Accounts = connection.app.state.accounts
    client = await sync_to_thread(accounts.authenticate, key.strip()) if scheme.lower() == "bearer" else None
    if client is None:
        detail = "Send a valid key as `Authorization: Bearer <key>`."
        raise problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    base_url(connection)  # before a submit is charged whose answers could not be given
    connection.state.client = client
    connection.state.key_id = key_id(key.strip())
    connection.scope["state"].setdefault("request_id", str(ULID()))


async def signed_by_shopify(request: AnyRequest) -> None:
    """Hook before the body is parsed: where Shopify's signature is present it must fit the body. Raises 401, 503."""
    body = request.state.raw_body = await request.body()
    signature = request.headers.get(SHOPIFY_HEADER)
    if signature is None:
        return
    client: Client = request.state.client
    accounts: Accounts = request.app.state.accounts
    try:
        secrets = accounts.shopify_secrets(client)
    except SecretUnreadable as error:
        # Not 401: the signature may be right, and what is wrong is mended here.
        logger.error("client %s: its Shopify secret can't be read. %s", client.id, error)
        detail = "The signature can't be checked at the moment. Try again later."
        raise problem(503, "signature_unchecked", detail, {"Retry-After": "60"}) from error
    if not is_signed_by_shopify(signature, body, secrets):
        detail = f"{SHOPIFY_HEADER} does not fit the body, or the client has no Shopify secret."
        raise problem(401, "signature_invalid", detail)


def shopify_signature(secret: str, body: bytes) -> str:
    """Return what Shopify puts into X-Shopify-Hmac-Sha256: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def is_signed_by_shopify(signature: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Tell whether one of the live secrets made the signature. Takes the same time for every wrong one."""
    # A list, not a generator: every secret is tried, whichever fits.
    fits = [hmac.compare_digest(shopify_signature(secret, body).encode(), signature.encode()) for secret in secrets]
    return any(fits)
