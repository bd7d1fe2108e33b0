"""The routes of a client's webhook, to which Backdrop reports the end of its jobs."""

from typing import Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter

from service.api.endpoint import endpoint
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.account import NewWebhook, RotationRequest, WebhookRequest, WebhookView
from service.schemas.problems import AnyRequest, not_found
from service.webhooks.endpoints import WebhookEndpoint

#: The rotation of a request without a body.
_DEFAULT = RotationRequest()
RotationKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        pattern=r"\S",
        description="Your own name for this rotation. If you repeat it with the same key, you get the same secret"
        " and nothing changes. Send it whenever you repeat a request whose answer you lost.",
    ),
]


@endpoint(get, "/webhook", tag="webhook", responses={404: answers.NOT_FOUND})
def get_webhook(request: AnyRequest, state: Parts) -> WebhookView:
    """Return the webhook's URL and state. The secret is not shown again."""
    found = state.webhooks.find(request.state.client.name)
    if found is None:
        raise not_found("webhook")
    return WebhookView(**_shown(found))


@endpoint(
    put,
    "/webhook",
    tag="webhook",
    responses={
        200: answers.documented(NewWebhook, description="The URL was set already; the secret stays"),
        201: answers.documented(NewWebhook, description="The URL is set, with a new secret"),
    },
)
def put_webhook(
    request: AnyRequest,
    state: Parts,
    data: Annotated[WebhookRequest, Body(examples=[Example(value={"url": "https://shop.example/hooks"})])],
) -> Response[Any]:
    """Set the webhook's URL. Backdrop reports the end of each job to it, and sends it the waiting messages, too.

    A new URL gets a new secret, which the answer shows only this once. A URL that was set already keeps its secret. If
    it had answered 410, Backdrop sends to it again.
    """
    request.state.url = data.url  # for error messages
    endpoint, secret = state.webhooks.put(request.state.client.name, data.url)
    return Response(NewWebhook(**_shown(endpoint), secret=secret), status_code=200 if secret is None else 201)


@endpoint(post, "/webhook/secret", status_code=200, tag="webhook", responses={404: answers.NOT_FOUND})
def rotate_webhook_secret(
    request: AnyRequest,
    state: Parts,
    data: Annotated[RotationRequest, Body(examples=[Example(value={"grace_hours": 24})])] = _DEFAULT,
    idempotency_key: RotationKey = None,
) -> NewWebhook:
    """Create a new secret. The answer shows it only this once. The previous secret also signs for `grace_hours`.

    Older secrets sign until their own grace ends, and at most for `grace_hours`.
    """
    name, grace = request.state.client.name, data.grace_hours * 3600
    endpoint, secret = state.webhooks.rotate(name, grace=grace, key=idempotency_key)
    return NewWebhook(**_shown(endpoint), secret=secret)


@endpoint(delete, "/webhook", tag="webhook", responses={404: answers.NOT_FOUND})
def delete_webhook(request: AnyRequest, state: Parts) -> None:
    """Remove the webhook, and drop its waiting messages."""
    state.webhooks.clear(request.state.client.name)


def _shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in WebhookView.model_fields}
