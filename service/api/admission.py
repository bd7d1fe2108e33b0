"""Admission control: what is refused for being too much, before it is charged, and what answers say of the rate."""

from typing import Any

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from service.accounts.rate_limit import Quota, RateLimit
from service.jobs.intake import QueueFull, QueueShareTaken, TooManyUnfinishedJobs
from service.schemas.problems import AnyRequest, problem

#: Seconds to stay away: about what a job takes.
_JOB_RETRY_AFTER = 10
#: Seconds to stay away: what a queue takes to be visibly shorter.
_QUEUE_RETRY_AFTER = 30


async def rate_limited(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard, behind `authenticated`: count a submit, whatever comes of it, and refuse one too many. Raises 429.

    Previews are counted apart.
    """
    # Any value that may be read as true: no preview is counted as something else.
    preview = any(value.lower() in {"true", "1"} for value in connection.query_params.getall("preview", []))
    rate: RateLimit = connection.app.state.preview_rate if preview else connection.app.state.rate
    quota = await sync_to_thread(rate.count, connection.state.client.id)
    if quota is None:
        return
    connection.state.quota = quota
    if not quota.allowed:
        many = f"More than {quota.limit} {quota.policy} in {quota.window} s."
        detail = f"{many} Nothing was charged; try again in {quota.reset} s."
        raise problem(429, "rate_limited", detail, {"Retry-After": str(quota.reset)})


async def add_rate_limit_headers(message: Message, scope: Scope) -> None:
    """Hook before an answer is sent: put the RateLimit fields on every answer to a submit that was counted."""
    quota: Quota | None = scope["state"].get("quota")
    if quota is not None and message["type"] == "http.response.start":
        fields = [(name.lower().encode(), value.encode()) for name, value in quota.fields().items()]
        message["headers"] = [*message["headers"], *fields]


def _on_too_many(request: AnyRequest, error: TooManyUnfinishedJobs) -> Response[Any]:
    detail = (
        f"{error.limit} of your jobs are not over, and no more may be at once. Nothing was charged;"
        " try again when one has ended, or cancel one."
    )
    return problem(429, "too_many_unfinished_jobs", detail, _retry_after(request, _JOB_RETRY_AFTER)).to_response(
        request
    )


def _on_share_taken(request: AnyRequest, error: QueueShareTaken) -> Response[Any]:
    detail = (
        f"{error.waiting} of your jobs wait for a worker, which is your share of the queue now. Nothing was charged;"
        " try again when one has started, or cancel one."
    )
    return problem(429, "queue_share_taken", detail, _retry_after(request, _JOB_RETRY_AFTER)).to_response(request)


def _on_queue_full(request: AnyRequest, _: QueueFull) -> Response[Any]:
    detail = "Too many jobs of all clients wait for a worker. Nothing was charged; try again later."
    return problem(503, "queue_full", detail, _retry_after(request, _QUEUE_RETRY_AFTER)).to_response(request)


def _retry_after(request: AnyRequest, seconds: int) -> dict[str, str]:
    # draft-ietf-httpapi-ratelimit-headers-11: not before the end of the window that the RateLimit field names.
    quota: Quota | None = request.state.get("quota")
    return {"Retry-After": str(max(seconds, quota.reset if quota else 0))}


#: Which answer each refusal gets.
REFUSALS: dict[Any, Any] = {
    TooManyUnfinishedJobs: _on_too_many,
    QueueShareTaken: _on_share_taken,
    QueueFull: _on_queue_full,
}
