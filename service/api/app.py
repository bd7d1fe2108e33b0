"""The composition root of the API process: the only place that builds what its routes use."""

import asyncio
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import httpx
from litestar import Litestar, Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import Message, Scope

from service.accounts.brands import Brands
from service.accounts.clients import Accounts
from service.accounts.keys import Keys
from service.accounts.rate_limit import RateLimit
from service.accounts.refused import check_refused
from service.api.admission import Bodies, Lane, Places, add_rate_limit_headers, refuse_in_quarantine
from service.api.auth import asked_catalogue
from service.api.cutouts import REFUSALS
from service.api.endpoint import CheckedRoutes
from service.api.files import files_router
from service.api.orders import ORDER_REFUSALS
from service.api.pages.reference import REFERENCE
from service.api.pages.studio import STUDIO
from service.api.pages.studio_page import StudioPage
from service.api.pages.verify import verify_router
from service.api.parts import Parts
from service.api.photos import photos_router
from service.api.routes import PRIVATE, PUBLIC
from service.catalogue.catalogue import load_catalogue
from service.cutouts.listing import Cutouts
from service.cutouts.masks import MendedMasks
from service.cutouts.mending import Mending
from service.database.encryption import open_cipher
from service.database.engine import create_engine, reader
from service.database.quarantine import Quarantine
from service.health.installation import open_installation
from service.health.process import NEEDED
from service.jobs.dispatcher import Dispatcher
from service.jobs.intake import JobIntake
from service.jobs.listing import Listings
from service.jobs.notifier import JobNotifier
from service.jobs.queue import JobQueue
from service.jobs.states import JobStates
from service.jobs.submit import Submit
from service.jobs.transitions import Jobs
from service.marks.stored import own_numbers
from service.marks.verify import check_apart
from service.media.deletion import Deletion
from service.media.fetcher import Fetcher
from service.media.photos import Photos
from service.operations.erasure import Erasure
from service.orders.intake import OrderIntake
from service.orders.store import Orders
from service.orders.submit import OrderSubmit
from service.schemas import answers
from service.schemas.openapi import complete, openapi_config
from service.schemas.problems import EXCEPTION_HANDLERS, BodiesInContext
from service.schemas.responses import Health
from service.schemas.webhook_message import add_webhooks
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.mask_registry import MaskRegistry
from service.storage.registry import ObjectRegistry
from service.telemetry.http import correlation_of
from service.telemetry.metrics import JobMetrics
from service.webhooks.endpoints import Webhooks
from service.webhooks.log import DeliveryLog


def _lanes() -> dict[str, Lane]:
    """Return the lanes of slow requests, by the kind of work."""
    # Fetches mostly wait. Pictures take CPU, so they get at most half of the cores; a mask takes several times its
    # photo's pixels of memory. Browsers request a page of thumbnails at once, and don't retry a refused one.
    half = max(1, min(2, (os.cpu_count() or 1) // 2))
    return {
        # Strangers' work, so one process at a time: it may take 600 MiB.
        "checks": Lane("checks", "Try again", threads=1, places=8, a_client=4),
        "deletions": Lane("deletions", "Try again", threads=2, places=16, a_client=1),
        "fetches": Lane("fetches", "Try again, or send the bytes", threads=10, places=20, a_client=4),
        "masks": Lane("masks", "Try again", threads=half, places=16, a_client=4),
        "reports": Lane("reports", "Try again", threads=2, places=16, a_client=2),
        "sheets": Lane("sheets", "Try again", threads=1, places=16, a_client=4),
        "thumbnails": Lane("thumbnails", "Try again", threads=half, places=200, a_client=100),
        "uploads": Lane("uploads", "Try again", threads=8, places=32, a_client=16),
    }


def _places(settings: Settings) -> dict[str, Places]:
    """Return the places of long answers, by kind. A stalled reader takes about 0.25 MiB until it is cut off."""
    streams = settings.stream_limit or math.inf
    return {
        # A second place, as a client with a broken connection comes back before the first one is cut off.
        "archives": Places("archives", "Finish or end one", places=64, a_client=2),
        # By the client's folder. Browsers request a page of pictures at once, and don't retry a refused one.
        "downloads": Places("downloads", "Try again", places=400, a_client=100),
        "exports": Places("exports", "Try again", places=16, a_client=1),
        "streams": Places("streams", "Close one, or poll GET /v1/jobs/{job_id}", places=math.inf, a_client=streams),
    }


def _limits(settings: Settings) -> dict[str, Any]:
    """Return the limits and addresses for the application's state."""
    return {
        "fetcher": Fetcher(
            httpx.create_ssl_context(), settings.fetch_timeout, settings.max_photo_bytes, settings.fetch_allow_private
        ),
        "bodies": Bodies(2 * settings.max_photo_bytes, 4 * settings.max_photo_bytes),
        "max_body_bytes": settings.max_body_bytes,
        "prefer_wait": settings.prefer_wait,
        "public_url": settings.public_url,
        "link_hosts": settings.link_hosts,
        "rate": RateLimit(settings.queue_url, quota=settings.submit_rate, window=settings.submit_window),
        "preview_rate": RateLimit(
            settings.queue_url, quota=settings.preview_rate, window=settings.submit_window, policy="previews"
        ),
        "stream_heartbeat": settings.stream_heartbeat,
        "stream_seconds": settings.stream_seconds,
        "stopping": False,
    }


def _parts(settings: Settings, metrics: JobMetrics) -> dict[str, Any]:
    """Return the application's other parts, by name."""
    engine = create_engine(settings.sqlalchemy_url)
    catalogue = load_catalogue(settings.catalogue)
    jobs = Jobs(
        engine,
        lease=settings.lease,
        max_attempts=settings.max_attempts,
        public_url=settings.public_url,
        metrics=metrics,
    )
    sources, renders = open_buckets(settings)
    queue = JobQueue(settings.queue_url)
    job_states = JobStates(engine)
    notifier = JobNotifier(job_states.of)
    intake = JobIntake(
        engine,
        key_ttl=settings.idempotency_ttl,
        unfinished_limit=settings.unfinished_limit,
        queue_limit=settings.queue_limit,
    )
    brands = Brands(engine)
    submit = Submit(
        refused=partial(check_refused, reader(engine), quota=settings.preview_rate, window=settings.submit_window),
        catalogue=catalogue,
        intake=intake,
        jobs=jobs,
        brands=brands,
        sources=sources,
        dispatcher=Dispatcher(jobs, queue),
        max_photo_bytes=settings.max_photo_bytes,
        previews=settings.previews,
        metrics=metrics,
    )
    cutouts = Cutouts(engine, kept=settings.photo_age)
    masks = MaskRegistry(engine)
    mending = Mending(engine, cutouts, renders, MendedMasks(engine, renders), prepare=partial(use_kernels, settings))
    registry = ObjectRegistry(engine)
    deletion = Deletion(
        registry,
        masks,
        jobs,
        sources,
        renders,
        max_photo_bytes=settings.max_photo_bytes,
        upload_ends=settings.url_ttl,
        attempt_ends=settings.attempt_ends,
    )
    cipher = open_cipher(settings)
    quarantine = Quarantine(engine, settings)
    return {
        "accounts": Accounts(engine, cipher),
        "brands": brands,
        "catalogue": catalogue,
        "check_apart": lambda data: check_apart(data, settings, own_numbers(settings, engine)),
        "cutouts": cutouts,
        "deletion": deletion,
        "deliveries": DeliveryLog(engine),
        "engine": engine,
        "erasure": Erasure(engine, settings, jobs),
        "job_states": job_states,
        "jobs": jobs,
        "client_keys": Keys(engine),
        "listings": Listings(engine),
        "intake": intake,
        "mending": mending,
        "photos": Photos(registry, sources, settings.max_photo_bytes),
        "renders": renders,
        "sources": sources,
        "studio": StudioPage(settings.thumbnails, (sources, renders)),
        "submit": submit,
        "installation": replace(
            open_installation(settings), engine=engine, queue=queue, buckets=(sources, renders), quarantine=quarantine
        ),
        "quarantine": quarantine,
        "webhooks": Webhooks(engine, cipher, allow_private=settings.webhook_allow_private),
        "notifier": notifier,
        "orders": Orders(engine, jobs),
        "orders_submit": OrderSubmit(submit, OrderIntake(intake), settings.largest_order),
    }


def create_app(settings: Settings, metrics: JobMetrics | None = None) -> Litestar:
    """Build the API on a database, a queue and an object store. Loads no neural network; connects only on demand."""
    lanes = _lanes()
    parts = lanes | _places(settings) | _limits(settings) | _parts(settings, metrics or JobMetrics())
    app = Litestar(
        route_handlers=[
            *(PRIVATE, PUBLIC, photos_router(settings.max_photo_bytes), files_router(settings.max_photo_bytes)),
            *(REFERENCE, STUDIO, live, ready),
            # An API without the extra `networks` lacks what the check needs.
            *([verify_router(settings)] * bool(settings.verify_page and find_spec("c2pa") and find_spec("numba"))),
        ],
        state=State(parts),
        guards=[refuse_in_quarantine],
        before_send=[_name_request, add_rate_limit_headers],
        exception_handlers=EXCEPTION_HANDLERS | REFUSALS | ORDER_REFUSALS,
        plugins=[BodiesInContext(lambda: {"catalogue": asked_catalogue(parts["catalogue"])}), CheckedRoutes()],
        request_max_body_size=settings.max_body_bytes,
        openapi_config=openapi_config(version("backdrop"), settings.limits),
        on_startup=[partial(_start_handlers, settings.database_pool + settings.database_overflow)],
        on_shutdown=[*(lane.close for lane in lanes.values()), parts["notifier"].end, parts["engine"].dispose],
        logging_config=None,
    )
    complete(app.openapi_schema)
    add_webhooks(app.openapi_schema)
    return app


def use_kernels(settings: Settings) -> None:
    """Use the compiled kernels that set-up or a worker saved."""
    from pipeline.kernels.cache import keep_in  # loads Numba, which only mended masks need

    keep_in(settings.kernels, settings.own_kernels)


@get("/health/live", tags=["health"], sync_to_thread=False, responses={422: answers.INVALID})
def live() -> Health:
    """Return ok while the process answers."""
    return Health(status="ok")


@get(
    "/health/ready",
    tags=["health"],
    sync_to_thread=True,
    responses={
        422: answers.INVALID,
        503: ResponseSpec(Health, description="The missing parts", generate_examples=False),
    },
)
def ready(state: Parts) -> Response[Health]:
    """Return whether the API can take requests: 503 names the missing parts if it can't.

    Without the store, the queue server or a usable worker it is "degraded", and answers all requests that need none of
    them. An API that is shutting down may take requests for some seconds more (`BACKDROP_SHUTDOWN_DELAY`).
    """
    found = state.installation.look().health(NEEDED["api"])
    if state.stopping:
        found |= {
            "status": "unavailable",
            "missing": [{"part": "api", "detail": "The API is shutting down."}, *found["missing"]],
        }
    health = Health.model_validate(found)
    return Response(health, status_code=503 if health.missing else 200)


async def _start_handlers(threads: int) -> None:
    # This pool runs all requests but the slow ones. asyncio's own has the number of cores plus 4 threads. That is
    # too few, as handlers mostly wait for the database. Each thread may use one connection of the database's pool.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="handlers"))


async def _name_request(message: Message, scope: Scope) -> None:
    """Put X-Request-Id on every answer: the caller's own id, or the one that the request's log line has."""
    if message["type"] == "http.response.start":
        request_id = correlation_of(scope).request_id or ""
        message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
