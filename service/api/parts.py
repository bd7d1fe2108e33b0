"""The parts of the application's state, which `service.api.app` builds and handlers use."""

from collections.abc import Callable

import sqlalchemy as sa
from litestar.datastructures import State

from service.accounts.brands import Brands
from service.accounts.clients import Accounts
from service.accounts.keys import Keys
from service.api.admission import Bodies, Lane, Places
from service.catalogue.catalogue import Catalogue
from service.cutouts.listing import Cutouts
from service.cutouts.mending import Mending
from service.health.installation import Installation
from service.jobs.intake import JobIntake
from service.jobs.listing import Listings
from service.jobs.notifier import JobNotifier
from service.jobs.states import JobStates
from service.jobs.submit import Submit
from service.jobs.transitions import Jobs
from service.marks.verify import MarksFound
from service.media.deletion import Deletion
from service.media.fetcher import Fetcher
from service.media.photos import Photos
from service.operations.erasure import Erasure
from service.orders.store import Orders
from service.orders.submit import OrderSubmit
from service.storage.objects import Bucket
from service.webhooks.endpoints import Webhooks
from service.webhooks.log import DeliveryLog


class Parts(State):
    """The parts by name, typed. Handlers take them as the argument `state`."""

    accounts: Accounts
    bodies: Bodies
    brands: Brands
    catalogue: Catalogue
    client_keys: Keys
    cutouts: Cutouts
    deletion: Deletion
    deliveries: DeliveryLog
    engine: sa.Engine
    erasure: Erasure
    fetcher: Fetcher
    installation: Installation
    intake: JobIntake
    job_states: JobStates
    jobs: Jobs
    listings: Listings
    mending: Mending
    notifier: JobNotifier
    orders: Orders
    orders_submit: OrderSubmit
    photos: Photos
    renders: Bucket
    sources: Bucket
    submit: Submit
    webhooks: Webhooks
    check_apart: Callable[[bytes | bytearray], MarksFound]
    checks: Lane
    deletions: Lane
    fetches: Lane
    masks: Lane
    reports: Lane
    sheets: Lane
    thumbnails: Lane
    uploads: Lane
    archives: Places
    downloads: Places
    exports: Places
    streams: Places
    # Seconds.
    prefer_wait: int
    stream_heartbeat: float
    stream_seconds: float
    #: Whether the API is shutting down.
    stopping: bool
