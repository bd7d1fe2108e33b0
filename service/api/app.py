"""The API as a Litestar application."""

import asyncio
from functools import partial
from importlib.metadata import version

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import Message, Scope

from service.api.admission import FairThreads, Held, Lane, add_rate_limit_headers, refuse_in_quarantine
from service.api.auth import asking_client
from service.api.endpoint import CheckedRoutes
from service.api.pages.studio import StudioPage
from service.api.parts import Parts
from service.api.routes import all_routes
from service.schemas.bodies import BodiesRead
from service.schemas.openapi import complete, openapi_config
from service.schemas.refusals import EXCEPTION_HANDLERS
from service.schemas.webhook_message import add_webhooks
from service.settings import Settings
from service.telemetry.http import correlation_of
from service.telemetry.metrics import JobMetrics

#: Calls of one client that run at once, and that wait. Python computes one at a time, so a client's second thread only
#: hides waits for the database. A browser or an importer may send some hundred at once.
CALLS_AT_ONCE, CALLS_WAITING = 2, 256


def create_app(settings: Settings, metrics: JobMetrics | None = None) -> Litestar:
    """Build the API on a database, a queue and an object store. Loads no neural network; connects only on demand."""
    parts = Parts()
    parts.build(settings, metrics or JobMetrics())
    parts.studio = StudioPage(settings.thumbnails, (parts.sources, parts.renders))
    lanes = [part for part in parts.values() if isinstance(part, Lane)]
    app = Litestar(
        route_handlers=all_routes(settings),
        state=State(parts),
        guards=[refuse_in_quarantine],
        before_send=[_name_request, add_rate_limit_headers],
        exception_handlers=EXCEPTION_HANDLERS,
        plugins=[BodiesRead(), CheckedRoutes()],
        request_max_body_size=settings.max_body_bytes,
        openapi_config=openapi_config(version("backdrop"), settings.limits),
        middleware=[Held],
        on_startup=[partial(_start_handlers, settings.database_pool + settings.database_overflow)],
        on_shutdown=[*(lane.close for lane in lanes), parts.notifier.end, parts.engine.dispose],
        logging_config=None,
    )
    complete(app.openapi_schema)
    add_webhooks(app.openapi_schema)
    return app


async def _start_handlers(threads: int) -> None:
    # This pool runs all requests but the slow ones. asyncio's own has the number of cores plus 4 threads. That is
    # too few, as handlers mostly wait for the database. Each thread may use one connection of the database's pool.
    turns = FairThreads(threads, a_client=CALLS_AT_ONCE, waiting=CALLS_WAITING, client=asking_client)
    asyncio.get_running_loop().set_default_executor(turns)


async def _name_request(message: Message, scope: Scope) -> None:
    """Put X-Request-Id on every answer: the caller's own id, or the one that the request's log line has."""
    if message["type"] == "http.response.start":
        request_id = correlation_of(scope).request_id or ""
        message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
