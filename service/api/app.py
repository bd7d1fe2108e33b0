"""The API as a Litestar application."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import Message, Scope

from service.api.admission import Lane, add_rate_limit_headers, refuse_in_quarantine
from service.api.auth import asked_catalogue
from service.api.endpoint import CheckedRoutes
from service.api.pages.studio import StudioPage
from service.api.parts import Parts
from service.api.routes import all_routes
from service.schemas.openapi import complete, openapi_config
from service.schemas.refusals import EXCEPTION_HANDLERS, BodiesInContext
from service.schemas.webhook_message import add_webhooks
from service.settings import Settings
from service.telemetry.http import correlation_of
from service.telemetry.metrics import JobMetrics


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
        plugins=[BodiesInContext(lambda: {"catalogue": asked_catalogue(parts.catalogue)}), CheckedRoutes()],
        request_max_body_size=settings.max_body_bytes,
        openapi_config=openapi_config(version("backdrop"), settings.limits),
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
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="handlers"))


async def _name_request(message: Message, scope: Scope) -> None:
    """Put X-Request-Id on every answer: the caller's own id, or the one that the request's log line has."""
    if message["type"] == "http.response.start":
        request_id = correlation_of(scope).request_id or ""
        message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
