"""Common parts of all routes, and the answers to HEAD and OPTIONS."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from litestar import Response, get, head
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from service.api.auth import signed
from service.schemas.error_responses import Fault
from service.schemas.openapi import DATABASE_AWAY, INVALID, MISDIRECTED, NOT_SIGNED, UNAUTHORIZED, Documented
from service.schemas.problems import QueryInvalid
from service.schemas.remedies import MOST_REMEDIES, inputs_of, shown

_Handler = Callable[..., Any]
#: Only the API checks query parameters: other sites may add theirs to a link to a page.
_API = ("/v1/", "/health/")
#: The job that a path names.
JobId = Annotated[str, PathParameter(description="The `job_id` that the submit returned.")]


class KnownParametersOnly(ReceiveRoutePlugin):
    """Puts `known_parameters` after the other guards of every API route, so that a wrong key is answered first."""

    def receive_route(self, route: BaseRoute) -> None:
        """Add the guard to a route that was registered."""
        if isinstance(route, HTTPRoute) and route.path.startswith(_API):
            for handler in route.route_handlers:
                if "OPTIONS" not in handler.http_methods:
                    handler.resolve_guards().append(known_parameters)


async def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse undeclared and repeated query parameters. Raises QueryInvalid.

    Otherwise a typo such as `dryrun=true` would cost credits or return an unfiltered list.
    """
    if not connection.query_params:
        return
    inputs, errors = inputs_of(handler), list[Fault]()
    for name in dict.fromkeys(connection.query_params):
        values = connection.query_params.getall(name)
        if name not in inputs.query:
            text, kind = inputs.unknown(name, values[0], "query"), "extra_forbidden"
        elif len(values) > 1 and not inputs.query[name].is_non_string_sequence:
            sent = " and ".join(map(shown, values[:2]))
            text, kind = f"This parameter was sent {len(values)} times (received {sent}). Send it once", "repeated"
        else:
            continue
        errors.append({"loc": ["query", name], "msg": text, "type": kind})
        if len(errors) == MOST_REMEDIES:
            break
    if errors:
        raise QueryInvalid(errors)


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

    `method` is litestar's `get`, `put`, `post` or `delete`. `responses` are documented as well as the 401, 421, 422 and
    503 that each of these endpoints can answer; `options` are litestar's. A plain function runs in a thread. All
    methods but `get` and `head` change something, so `signed` checks their signatures after the router's guards.
    """
    changes = method not in (get, head)
    common = {401: NOT_SIGNED if changes else UNAUTHORIZED, 421: MISDIRECTED, 422: INVALID, 503: DATABASE_AWAY}
    answers = common | (responses or {})

    def decorate(handler: _Handler) -> HTTPRouteHandler:
        if not inspect.iscoroutinefunction(handler):
            options.setdefault("sync_to_thread", True)
        options.setdefault("operation_class", Documented)
        if changes:
            options["guards"] = [*options.get("guards", ()), signed]
        # OpenAPI documents list the answers in this order.
        documented = dict(sorted(answers.items()))
        return method(path, operation_id=operation_id, tags=[tag], responses=documented, **options)(handler)

    return decorate


def options(path: str, *methods: str) -> HTTPRouteHandler:
    """Return the answer to OPTIONS of a path with several handlers. Register it before them.

    Litestar's own answer names only the methods of the first handler.
    """

    def options_of_path() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})

    made = HTTPRouteHandler(path, http_method="OPTIONS", status_code=204, include_in_schema=False, sync_to_thread=False)
    return made(options_of_path)


def with_head(route: HTTPRouteHandler) -> list[HTTPRouteHandler]:
    """Return a GET route, the same function for HEAD, and the answer to OPTIONS.

    The function omits the body itself. HEAD is not in the document, as client generators have no use for it.
    """
    (path,) = route.paths
    threads = None if inspect.iscoroutinefunction(route.fn) else True
    head = HTTPRouteHandler(
        path, http_method="HEAD", status_code=route.status_code, include_in_schema=False, sync_to_thread=threads
    )
    return [options(path, "GET", "HEAD"), route, head(route.fn)]
