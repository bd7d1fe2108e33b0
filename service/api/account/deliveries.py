"""The routes of a client's delivery log: its messages, a test, and redelivery."""

from typing import Annotated

from litestar import Response, get, post
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from service.api.admission import rate_limited
from service.api.endpoint import endpoint
from service.api.lists import CreatedAfter, CreatedBefore, Limit, any_of, read_filters
from service.api.parts import Parts
from service.schemas import answers
from service.schemas.account import DeliveryPage, DeliveryView, SentDelivery
from service.schemas.problems import AnyRequest, not_found
from service.webhooks.outbox import DeliveryState, MessageType

_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
DeliveryId = Annotated[str, PathParameter(description="The delivery's `id`, which is the message's `webhook-id`.")]


def _id_parameter(noun: str) -> QueryParameter:
    return QueryParameter(
        pattern=f"^{_ULID}$",
        max_length=26,
        description=f"List only messages about this {noun}.",
        examples=[Example(value="01J9ZC6M8J5X7Z9Q1W3R5T7Y9V")],
    )


@endpoint(get, "/webhook/deliveries", tag="webhook")
def list_deliveries(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Annotated[
        str | None,
        QueryParameter(
            pattern=f"^msg_{_ULID}$",
            max_length=30,
            description="The `next_cursor` of the page before. Omit it for the first page.",
            examples=[Example(value="msg_01J9ZC6M8J5X7Z9Q1W3R5T7Y9V")],
        ),
    ] = None,
    status: Annotated[list[DeliveryState] | None, any_of("messages in this `state`", "failed")] = None,
    type: Annotated[
        MessageType | None,
        QueryParameter(description="List only messages of this event.", examples=[Example(value="job.failed")]),
    ] = None,
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
