"""Endpoints: what the routes of a client's own things have in common, and the answers to HEAD and OPTIONS."""

import inspect
from collections.abc import Callable
from typing import Any

from litestar import Response, get, head
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from service.api.auth import signed
from service.schemas.openapi import DATABASE_AWAY, MISDIRECTED, NOT_SIGNED, UNAUTHORIZED, Documented

_Handler = Callable[..., Any]


def endpoint(
    method: Callable[..., Callable[[_Handler], HTTPRouteHandler]],
    path: str,
    *,
    operation_id: str,
    tag: str,
    responses: dict[int, ResponseSpec] | None = None,
    **options: Any,
) -> Callable[[_Handler], HTTPRouteHandler]:
    """Return the route decorator of an endpoint behind `authenticated`.

    `method`: litestar's `get`, `put`, `post` or `delete`. `responses` are documented beside the 401, 421 and 503 that
    each of these endpoints can answer; `options` are litestar's. A plain function runs in a thread. All but `get` and
    `head` change something: signatures are checked, behind the router's guards, as that takes the body.
    """
    changes = method not in (get, head)
    answers = {401: NOT_SIGNED if changes else UNAUTHORIZED, 421: MISDIRECTED, 503: DATABASE_AWAY, **(responses or {})}

    def decorate(handler: _Handler) -> HTTPRouteHandler:
        if not inspect.iscoroutinefunction(handler):
            options.setdefault("sync_to_thread", True)
        options.setdefault("operation_class", Documented)
        if changes:
            options["guards"] = [*options.get("guards", ()), signed]
        # In the order of their numbers: so they stand in the document.
        documented = dict(sorted(answers.items()))
        return method(path, operation_id=operation_id, tags=[tag], responses=documented, **options)(handler)

    return decorate


def options(path: str, *methods: str) -> HTTPRouteHandler:
    """Return the answer to OPTIONS of a path whose methods have a handler each; to be registered before them.

    Litestar's own answer is made with the first of them, and names no other.
    """

    def options_of_path() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})

    made = HTTPRouteHandler(path, http_method="OPTIONS", status_code=204, include_in_schema=False, sync_to_thread=False)
    return made(options_of_path)


def with_head(route: HTTPRouteHandler) -> list[HTTPRouteHandler]:
    """Return a GET route with its function for HEAD as well, and the answer to OPTIONS.

    The function leaves out the body itself. HEAD is not in the document: generators of clients have no use for it.
    """
    (path,) = route.paths
    head = HTTPRouteHandler(
        path, http_method="HEAD", status_code=route.status_code, include_in_schema=False, sync_to_thread=True
    )
    return [options(path, "GET", "HEAD"), route, head(route.fn)]
