"""Who calls: bearer keys, and Shopify's signature over the raw body."""

from typing import Any

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from ulid import ULID

from service.accounts.clients import Accounts, Client
from service.schemas.problems import problem
from service.storage.signing import is_signed_by_shopify

SHOPIFY_HEADER = "X-Shopify-Hmac-Sha256"


async def authenticated(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard: let only known, enabled clients through, and remember which one. Raises 401."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    accounts: Accounts = connection.app.state.accounts
    client = await sync_to_thread(accounts.authenticate, key.strip()) if scheme.lower() == "bearer" else None
    if client is None:
        detail = "Send a valid key as `Authorization: Bearer <key>`."
        raise problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    connection.state.client = client
    connection.state.request_id = str(ULID())


async def signed_by_shopify(request: Request[Any, Any, Any]) -> None:
    """Hook before the body is parsed: where Shopify's signature is present it must fit the raw body. Raises 401."""
    body = request.state.raw_body = await request.body()
    signature = request.headers.get(SHOPIFY_HEADER)
    if signature is None:
        return
    client: Client = request.state.client
    if not is_signed_by_shopify(signature, body, client.shopify_secrets):
        detail = f"{SHOPIFY_HEADER} does not fit the body, or the client has no Shopify secret."
        raise problem(401, "signature_invalid", detail)
