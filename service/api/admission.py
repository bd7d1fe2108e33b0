"""Admission: what is refused for being too much, before anything is charged, and what answers say of the rate."""

from typing import Any

from litestar import Request, Response
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from service.accounts.rate_limit import RateLimit, Standing
from service.jobs.intake import QueueFull, TooManyUnfinishedJobs
from service.schemas.problems import problem

AnyRequest = Request[Any, Any, Any]

#: Seconds to stay away: about what a job takes, and what a queue takes to be visibly shorter.
_A_JOB, _A_QUEUE = 10, 30


async def within_rate(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard, behind `authenticated`: count a submit, whatever comes of it, and refuse one too many. Raises 429."""
    rate: RateLimit = connection.app.state.rate
    standing = await sync_to_thread(rate.hit, connection.state.client.id)
    if standing is None:
        return
    connection.state.standing = standing
    if not standing.allowed:
        detail = (
            f"More than {standing.quota} submits in {standing.window} s. Nothing was charged;"
            f" try again in {standing.reset} s."
        )
        raise problem(429, "rate_limited", detail, {"Retry-After": str(standing.reset)})


async def tell_rate(message: Message, scope: Scope) -> None:
    """Hook before an answer is sent: put the RateLimit fields on every answer to a submit that was counted."""
    standing: Standing | None = scope["state"].get("standing")
    if standing is not None and message["type"] == "http.response.start":
        fields = [(name.lower().encode(), value.encode()) for name, value in standing.fields().items()]
        message["headers"] = [*message["headers"], *fields]


def _on_too_many(request: AnyRequest, error: TooManyUnfinishedJobs) -> Response[Any]:
    detail = (
        f"{error.limit} of your jobs are not over, and no more may be at once. Nothing was charged;"
        " try again when one has ended, or cancel one."
    )
    return problem(429, "too_many_unfinished_jobs", detail, _retry_after(request, _A_JOB)).to_response(request)


def _on_queue_full(request: AnyRequest, _: QueueFull) -> Response[Any]:
    detail = "Too many jobs of all clients wait for a worker. Nothing was charged; try again later."
    return problem(503, "queue_full", detail, _retry_after(request, _A_QUEUE)).to_response(request)


def _retry_after(request: AnyRequest, seconds: int) -> dict[str, str]:
    # The draft: not before the end of the window that the RateLimit field of the same answer names.
    standing: Standing | None = request.state.get("standing")
    return {"Retry-After": str(max(seconds, standing.reset if standing else 0))}


#: Which answer each refusal gets.
REFUSALS: dict[Any, Any] = {TooManyUnfinishedJobs: _on_too_many, QueueFull: _on_queue_full}
