"""Common parts of all routes."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, get_args

from litestar import Response, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import Scope

from service.api.auth import asked_catalogue, signed
from service.schemas import answers
from service.schemas.bodies import MOST_VALUES, read
from service.schemas.error_responses import Fault
from service.schemas.openapi import SECURED
from service.schemas.problems import AnyRequest, Invalid
from service.schemas.remedies import MOST_REMEDIES, inputs_of, shown

_Handler = Callable[..., Any]
#: The decorator of a GET route that answers HEAD, too. The function omits the body itself.
get_or_head = partial(HTTPRouteHandler, http_method=["GET", "HEAD"])
#: Only the API checks query parameters: other sites may add theirs to a link to a page.
_API = ("/v1/", "/health/")
#: The job that a path names.
JobId = Annotated[str, PathParameter(description="The `job_id` that the submit returned.")]


class CheckedRoutes(ReceiveRoutePlugin):
    """Checks query parameters of every API route, and lets OPTIONS name all methods of a path.

    `known_parameters` comes after the other guards, so that a wrong key is answered first. Litestar's own answer to
    OPTIONS names only the methods of the path's first handler.
    """

    def receive_route(self, route: BaseRoute) -> None:
        """Change the handlers of a route that was registered."""
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if "OPTIONS" in handler.http_methods:
                handler(partial(_options, sorted(route.methods)))
            elif route.path.startswith(_API):
                handler.resolve_guards().append(known_parameters)


def _options(methods: list[str], scope: Scope) -> Response[None]:
    return Response(None, status_code=204, headers={"Allow": ", ".join(methods)})


async def known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse undeclared and repeated query parameters. Raises Invalid.

    Otherwise a typo such as `dryrun=true` would cost credits or return an unfiltered list.
    """
    if not connection.query_params:
        return
    inputs, errors = inputs_of(handler), list[Fault]()
    for name in dict.fromkeys(connection.query_params):
        values = connection.query_params.getall(name)
        if name not in inputs.query:
            text, kind = inputs.unknown(["query", name], values[0]), "extra_forbidden"
        elif len(values) > 1 and not inputs.query[name].is_non_string_sequence:
            sent = " and ".join(map(shown, values[:2]))
            text, kind = f"This parameter was sent {len(values)} times (received {sent}). Send it once", "repeated"
        else:
            continue
        errors.append({"loc": ["query", name], "msg": text, "type": kind})
        if len(errors) == MOST_REMEDIES:
            break
    if errors:
        raise Invalid(errors)


def query(description: str, example: object, **limits: Any) -> QueryParameter:
    """Return the parameter of a query. `limits`: litestar's own, such as `max_length`."""
    return QueryParameter(description=description, examples=[Example(value=example)], **limits)


def endpoint(
    method: Callable[..., Callable[[_Handler], HTTPRouteHandler]],
    path: str,
    *,
    tag: str,
    responses: dict[int, ResponseSpec] | None = None,
    most_values: int = MOST_VALUES,
    **options: Any,
) -> Callable[[_Handler], HTTPRouteHandler]:
    """Return the route decorator of an endpoint behind `authenticated`.

    `method` is `get_or_head`, or litestar's `get`, `put`, `post` or `delete`. `options` are litestar's. `responses` are
    documented as well as those of each endpoint: 401, 421, 422, 429 and 503, 413 with a JSON body, and 404 if the path
    names a thing that must exist. A plain function runs in a thread, as does the validation of the JSON body `data`,
    which has at most `most_values` fields and items. All methods that change something check signatures by `signed`,
    after the router's guards.
    """
    changes = method not in (get, get_or_head)
    answered = {401: answers.NOT_SIGNED if changes else answers.UNAUTHORIZED, 421: answers.MISDIRECTED}
    answered |= {422: answers.INVALID, 429: answers.TOO_MANY_CALLS, 503: answers.DATABASE_AWAY}
    if "{" in path and 201 not in (responses or {}):
        answered[404] = answers.NOT_FOUND

    def decorate(handler: _Handler) -> HTTPRouteHandler:
        if not inspect.iscoroutinefunction(handler):
            options.setdefault("sync_to_thread", True)
        if changes:
            options["guards"] = [*options.get("guards", ()), signed]
        body = inspect.signature(handler).parameters.get("data")
        too_large = {}
        if body is not None:
            too_large = {413: answers.TOO_LARGE}
            options["before_request"] = _reading(
                get_args(body.annotation)[0], options.get("before_request"), most_values
            )
        # OpenAPI documents list the answers in this order.
        documented = dict(sorted((answered | too_large | (responses or {})).items()))
        return method(path, tags=[tag], responses=documented, security=SECURED, **options)(handler)

    return decorate


def _reading(model: Any, before: Callable[[AnyRequest], Awaitable[Any]] | None, most_values: int) -> Any:
    """Return the hook that validates a body of this type, after the route's own hook."""

    async def hook(request: AnyRequest) -> Any:
        answer = None if before is None else await before(request)
        if answer is None:
            context = {"catalogue": asked_catalogue(request.app.state.catalogue)}
            await read(request, model, context, most_values)
        return answer

    return hook
