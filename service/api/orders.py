"""The routes of orders of many pictures."""

from typing import Annotated, Any

from litestar import Response, delete, get, post
from litestar.concurrency import sync_to_thread
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter
from litestar.response import Stream

from service.api.accepted import IdempotencyKey, before_a_job, sent_as
from service.api.admission import LongAnswer
from service.api.endpoint import endpoint, query
from service.api.lists import CreatedAfter, CreatedBefore, Cursor, Limit, Pairs, Reference, any_of, read_filters
from service.api.parts import Parts
from service.orders.archive import zipped
from service.orders.records import NoRoom, Order, OrderInvalid
from service.orders.request import OrderRequest
from service.orders.sheet import sheet
from service.schemas import answers
from service.schemas.error_responses import Fault
from service.schemas.orders import (
    OrderAcceptedResponse,
    OrderPage,
    OrderSummary,
    OrderView,
    serialize_order_plan,
    serialize_picture,
    summary,
)
from service.schemas.problems import Answer, AnyRequest, not_found, unprocessable
from service.schemas.remedies import with_received
from service.webhooks.order_end import OrderStatus

#: The last job, and how many of its places came, where a picture is the same at several.
PictureCursor = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}(\.[0-9]{1,5})?$",
        max_length=32,
        description="The `next_cursor` of the page before. Omit it for the first page.",
    ),
]
#: Largest body in bytes: 200 photos with pairs of their own.
MAX_BODY = 1024 * 1024
#: Most fields and items of a body: 200 photos with 16 pairs each have 5,000.
MAX_VALUES = 10_000
_WHICH = "Number of the sheet, from 1: a large order has several."
OrderId = Annotated[str, PathParameter(description="The `order_id` that the submit returned.")]


def _on_invalid(request: AnyRequest, error: OrderInvalid) -> Response[Any]:
    found: list[Fault] = []
    for one in error.faults:
        text = one.message if one.received is None else with_received(one.message, one.received)
        found.append({"loc": ["body", *one.loc], "msg": text, "type": one.code})
    return unprocessable(request, found)


def _on_no_room(request: AnyRequest, error: NoRoom) -> Response[Any]:
    status = 503 if error.code == "queue_full" else 429
    return Answer(status, error.code, "{error} Nothing was charged.", 10, after_window=True)(request, error)


@endpoint(
    post,
    "/orders",
    status_code=202,
    summary="Order many pictures at once: photos x variants x presets",
    tag="orders",
    before_request=before_a_job,
    request_max_body_size=MAX_BODY,
    most_values=MAX_VALUES,
    exception_handlers={OrderInvalid: _on_invalid, NoRoom: _on_no_room},
    responses=answers.SUBMIT
    | {
        200: answers.ORDER_PLANNED,
        202: answers.ORDER_ACCEPTED,
        402: answers.INSUFFICIENT_CREDITS,
        413: answers.ORDER_TOO_LARGE,
    },
)
async def create_order(
    request: AnyRequest,
    state: Parts,
    data: Annotated[
        OrderRequest, Body(examples=[Example(summary="Two looks for two places", value=OrderRequest.EXAMPLE)])
    ],
    dry_run: Annotated[
        bool,
        QueryParameter(
            description="Only validate, count, price and warn: the answer is 200 with an OrderPlanView, which also"
            " lists the photos that can't be used. Nothing is charged, stored or queued."
        ),
    ] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response[Any]:
    """Accept an order, charge every picture and queue its job: all pictures, or none and no charge.

    Pictures that are the same are made once and charged once, and delivered for each place that asked for them. Each
    distinct picture is a job with its own debit and, if it fails, its own refund. The order sends one webhook message,
    order.completed, and its jobs send none. An order counts like its distinct pictures for the limits of unfinished and
    waiting jobs, and once for the rate limit.
    """
    client = request.state.client
    if dry_run:
        plan = await sync_to_thread(state.orders_submit.plan, client, data)
        return Response(serialize_order_plan(plan), status_code=200)
    sent = sent_as(request, idempotency_key)
    accepted = await sync_to_thread(state.orders_submit.order, client, data, sent)
    headers = {"Location": f"/v1/orders/{accepted.order_id}"}
    headers |= {"Backdrop-Warnings": ", ".join(accepted.warnings)} if accepted.warnings else {}
    headers |= {"Idempotent-Replayed": "true"} if accepted.repeated else {}
    return Response(OrderAcceptedResponse(**vars(accepted)), status_code=202, headers=headers)


@endpoint(get, "/orders", tag="orders")
def list_orders(
    request: AnyRequest,
    state: Parts,
    limit: Limit = 20,
    cursor: Cursor = None,
    status: Annotated[list[OrderStatus] | None, any_of("orders with this status", "PARTIAL")] = None,
    reference: Reference = None,
    metadata: Pairs = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
) -> OrderPage:
    """List the client's orders, newest first, without their pictures."""
    filters = read_filters(created_after, created_before, metadata, status=tuple(status or ()), reference=reference)
    page = state.orders.page(request.state.client.id, limit=limit, cursor=cursor, filters=filters)
    return OrderPage(items=[OrderSummary(**summary(one)) for one in page.items], next_cursor=page.next_cursor)


@endpoint(get, "/orders/{order_id:str}", tag="orders")
def get_order(
    request: AnyRequest, state: Parts, order_id: OrderId, limit: Limit = 20, cursor: PictureCursor = None
) -> OrderView:
    """Return an order's status, counts and credits, with a page of its pictures."""
    return _view(request, state, _own(request, state, order_id), limit, cursor)


@endpoint(delete, "/orders/{order_id:str}", status_code=200, tag="orders", responses={409: answers.ORDER_FINISHED})
def cancel_order(request: AnyRequest, state: Parts, order_id: OrderId) -> OrderView:
    """Cancel and refund the pictures that no worker has begun. The others go on, and finished ones stay.

    Repeating it is safe. An order that is over answers 409.
    """
    order = state.orders.cancel(order_id, client_id=request.state.client.id)
    if order is None:
        raise not_found("order")
    return _view(request, state, order, 20, None)


@endpoint(
    get, "/orders/{order_id:str}/archive", tag="orders", responses={200: answers.ZIP, 429: answers.TOO_MANY_ARCHIVES}
)
def get_order_archive(request: AnyRequest, state: Parts, order_id: OrderId) -> Stream:
    """Stream the finished pictures as a ZIP: a folder a photo, and manifest.json with every picture and its status.

    A picture that is deleted meanwhile is missing. The archive of an unfinished order has what is finished.
    """
    order = _own(request, state, order_id)
    pictures = state.orders.all_pictures(order.id, client_id=request.state.client.id)
    headers = {"Content-Disposition": f'attachment; filename="order-{order.id}.zip"', "Cache-Control": "no-store"}
    place, parts = state.archives.hold(request.state.client.id), zipped(order, pictures, state.renders)
    return LongAnswer(parts, place, media_type="application/zip", headers=headers)


@endpoint(
    get,
    "/orders/{order_id:str}/sheet",
    tag="orders",
    responses={200: answers.ORDER_SHEET, 429: answers.TOO_MANY_SHEETS, 503: answers.UNAVAILABLE},
)
async def get_order_sheet(
    request: AnyRequest,
    state: Parts,
    order_id: OrderId,
    page: Annotated[int, query(_WHICH, 1, ge=1, le=200)] = 1,
) -> Response[bytes]:
    """Return a contact sheet as WebP: a row a photo, a column for each variant and preset.

    A failed picture shows its error code. A sheet has at most 240 pictures; `Link` names the next one.
    """
    client_id = request.state.client.id
    order = await sync_to_thread(_own, request, state, order_id)
    pictures = state.orders.all_pictures(order.id, client_id=client_id)
    made = await state.sheets.run(client_id, sheet, pictures, state.renders, page)
    if made is None:
        raise not_found("sheet")
    data, more = made
    link = {"Link": f'</v1/orders/{order.id}/sheet?page={page + 1}>; rel="next"'} if more else {}
    return Response(data, media_type="image/webp", headers={"Cache-Control": "no-store"} | link)


def _own(request: AnyRequest, state: Parts, order_id: str) -> Order:
    order = state.orders.get(order_id, client_id=request.state.client.id)
    if order is None:
        raise not_found("order")
    return order


def _view(request: AnyRequest, state: Parts, order: Order, limit: int, cursor: str | None) -> OrderView:
    page = state.orders.pictures(order.id, client_id=request.state.client.id, limit=limit, cursor=cursor)
    items = [serialize_picture(request, state, one) for one in page.items]
    return OrderView(**summary(order), items=items, next_cursor=page.next_cursor)
