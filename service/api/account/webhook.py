"""The routes of a client's webhook, to which Backdrop reports the end of its jobs, and of its deliveries."""

from typing import Annotated, Any

from litestar import Response, delete, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, PathParameter, QueryParameter

from service.api.admission import rate_limited
from service.api.endpoint import endpoint, query
from service.api.lists import CreatedAfter, CreatedBefore, Limit, any_of, read_filters
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.account import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    RotationRequest,
    SentDelivery,
    WebhookRequest,
    WebhookView,
)
from service.schemas.problems import AnyRequest, not_found
from service.webhooks.endpoints import WebhookEndpoint
from service.webhooks.outbox import DeliveryState, MessageType

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
_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
DeliveryId = Annotated[str, PathParameter(description="The delivery's `id`, which is the message's `webhook-id`.")]


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


def _id_parameter(noun: str) -> QueryParameter:
    return query(
        f"List only messages about this {noun}.", "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", pattern=f"^{_ULID}$", max_length=26
    )


@endpoint(get, "/webhook/deliveries", tag="webhook")
def list_deliveries(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Annotated[
        str | None,
        query(
            "The `next_cursor` of the page before. Omit it for the first page.",
            "msg_01J9ZC6M8J5X7Z9Q1W3R5T7Y9V",
            pattern=f"^msg_{_ULID}$",
            max_length=30,
        ),
    ] = None,
    status: Annotated[list[DeliveryState] | None, any_of("messages in this `state`", "failed")] = None,
    type: Annotated[MessageType | None, query("List only messages of this event.", "job.failed")] = None,
    job_id: Annotated[str | None, _id_parameter("job")] = None,
    order_id: Annotated[str | None, _id_parameter("order")] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> DeliveryPage:
    """List the messages to the webhook, newest first: their states, attempts and the receiver's last answers.

    A message that has ended stays in the log for the operator's `BACKDROP_WEBHOOK_KEEP_DAYS`, 30 by default.
    """
    page = state.deliveries.page(
        request.state.client.id,
        limit=limit,
        cursor=cursor,
        filters=read_filters(created_after, created_before, status=tuple(status or ())),
        type=type,
        job_id=job_id,
        order_id=order_id,
    )
    return DeliveryPage(items=[DeliveryView(**vars(one)) for one in page.items], next_cursor=page.next_cursor)


@endpoint(get, "/webhook/deliveries/{id:str}", tag="webhook")
def get_delivery(request: AnyRequest, state: Parts, id: DeliveryId) -> SentDelivery:
    """Return a message of the log with its body, exactly as signed and sent at the latest attempt."""
    return _found(request, state, id)


@endpoint(
    post,
    "/webhook/deliveries/{id:str}/redeliver",
    status_code=202,
    tag="webhook",
    guards=[rate_limited],
    responses={409: answers.DELIVERY_UNDER_WAY, 429: answers.RATE_LIMITED},
)
def redeliver(request: AnyRequest, state: Parts, id: DeliveryId) -> SentDelivery:
    """Send a message again now, in any state, also a delivered one. It keeps its id and starts a new set of attempts.

    Only the picture's download URL in its body is new. The request counts against the rate limit of submits.
    """
    _found(request, state, id)
    state.webhooks.resend(request.state.client.name, id)
    return _found(request, state, id)


@endpoint(
    post,
    "/webhook/test",
    status_code=202,
    tag="webhook",
    guards=[rate_limited],
    responses={404: answers.NOT_FOUND, 429: answers.RATE_LIMITED},
)
def test_webhook(request: AnyRequest, state: Parts) -> Response[SentDelivery]:
    """Send a signed message of the type `webhook.test` to the webhook. Backdrop tries it once.

    The answer names the delivery: GET `Location` shows the receiver's answer some seconds later. The request counts
    against the rate limit of submits.
    """
    message_id = state.webhooks.test(request.state.client.name)
    return Response(_found(request, state, message_id), headers={"Location": f"/v1/webhook/deliveries/{message_id}"})


def _found(request: AnyRequest, state: Parts, delivery_id: str) -> SentDelivery:
    found = state.deliveries.get(request.state.client.id, delivery_id)
    if found is None:
        raise not_found("delivery")
    record, body = found
    return SentDelivery(**vars(record), body=body)
