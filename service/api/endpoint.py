"""Endpoints: what routes have in common, and the answers to HEAD and OPTIONS."""

import inspect
from collections.abc import Callable
from typing import Any

from litestar import Response, get, head
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute

from service.api.auth import signed
from service.schemas.error_responses import Fault
from service.schemas.openapi import DATABASE_AWAY, INVALID, MISDIRECTED, NOT_SIGNED, UNAUTHORIZED, Documented
from service.schemas.problems import QueryInvalid
from service.schemas.remedies import MOST_REMEDIES, inputs_of, shown

_Handler = Callable[..., Any]
#: Pages are no part of the API: what a link adds to their address is nobody's mistake.
_API = ("/v1/", "/health/")


class KnownParametersOnly(ReceiveRoutePlugin):
    """Puts `known_parameters` behind the other guards of every route of the API: a wrong key is answered first."""

    def receive_route(self, route: BaseRoute) -> None:
        """Guard a route, once it is registered."""
        if isinstance(route, HTTPRoute) and route.path.startswith(_API):
            for handler in route.route_handlers:
                if "OPTIONS" not in handler.http_methods:
                    handler.resolve_guards().append(known_parameters)


async def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: refuse query parameters that the route does not declare, and one that comes twice. Raises QueryInvalid.

    Else a typo, as `dryrun=true`, would cost credits or give a list that is not filtered.
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
            text, kind = f"Given {len(values)} times (received {sent}). Send it once", "repeated"
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

    `method`: litestar's `get`, `put`, `post` or `delete`. `responses` are documented beside the 401, 421, 422 and 503
    that each of these endpoints can answer; `options` are litestar's. A plain function runs in a thread. All but `get`
    and `head` change something: signatures are checked, behind the router's guards, as that takes the body.
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
    threads = None if inspect.iscoroutinefunction(route.fn) else True
    head = HTTPRouteHandler(
        path, http_method="HEAD", status_code=route.status_code, include_in_schema=False, sync_to_thread=threads
    )
    return [options(path, "GET", "HEAD"), route, head(route.fn)]
