"""The parts of the API's process: the only place that builds what its routes use."""

import math
import os
from dataclasses import replace
from functools import partial

import httpx
from litestar.datastructures import State

from service.accounts import brands, clients, keys, rate_limit
from service.api.admission import ARRIVAL, CLIENTS_ARRIVAL, IN_MEMORY, Bodies, Lane, Places
from service.catalogue.catalogue import load_catalogue
from service.cutouts import listing, masks, mending
from service.database import encryption, engine, quarantine
from service.health.installation import open_installation
from service.jobs import intake, notifier, queue, sources, states, submit, transitions
from service.jobs import listing as job_lists
from service.marks import stored, verify
from service.media import deletion, fetcher, photos
from service.operations.erasure import Erasure
from service.orders import store
from service.orders import submit as order_submit
from service.settings import Settings
from service.storage import buckets, mask_registry, registry
from service.telemetry.metrics import JobMetrics
from service.webhooks import endpoints


class Parts(State):
    """The parts by name. Handlers take them as the argument `state`."""

    def build(self, settings: Settings, metrics: JobMetrics) -> None:
        """Build all parts. Loads no neural network; connects only on demand."""
        self._limit(settings)
        self._open(settings)
        self._admit(settings)
        self.catalogue = load_catalogue(settings.catalogue)
        self.accounts = clients.Accounts(self.engine, self.cipher)
        self.brands, self.client_keys = brands.Brands(self.engine), keys.Keys(self.engine)
        self._jobs(settings, metrics)
        self.listings = job_lists.Listings(self.engine)
        self.orders = store.Orders(self.engine, self.jobs)
        many = store.OrderIntake(self.intake)
        self.orders_submit = order_submit.OrderSubmit(self.submit, many, settings.largest_order)
        self._photos(settings)
        self.webhooks = endpoints.Webhooks(self.engine, self.cipher, allow_private=settings.webhook_allow_private)
        self.deliveries = endpoints.DeliveryLog(self.engine)
        self.erasure = Erasure(self.engine, settings, self.jobs)

    def _limit(self, settings: Settings) -> None:
        """Keep the settings that routes use."""
        self.max_body_bytes = settings.max_body_bytes
        self.public_url, self.link_hosts = settings.public_url, settings.link_hosts
        # Seconds.
        self.prefer_wait = settings.prefer_wait
        self.stream_heartbeat, self.stream_seconds = settings.stream_heartbeat, settings.stream_seconds
        #: Whether the API is shutting down.
        self.stopping = False

    def _open(self, settings: Settings) -> None:
        """Open the database, the buckets and the queue."""
        self.engine = engine.create_engine(settings.sqlalchemy_url)
        self.cipher = encryption.open_cipher(settings)
        self.sources, self.renders = buckets.open_buckets(settings)
        self.queue = queue.JobQueue(settings.queue_url)
        self.quarantine = quarantine.Quarantine(self.engine, settings)
        self.installation = replace(
            open_installation(settings),
            engine=self.engine,
            queue=self.queue,
            buckets=(self.sources, self.renders),
            quarantine=self.quarantine,
        )

    def _admit(self, settings: Settings) -> None:
        """Limit the slow requests, the long answers and the submits."""
        # Fetches mostly wait. Pictures take CPU, so they get at most half of the cores; a mask takes several times its
        # photo's pixels of memory. Browsers request a page of thumbnails at once, and don't retry a refused one.
        half = max(1, min(2, (os.cpu_count() or 1) // 2))
        # Strangers' work, so one process at a time: it may take 600 MiB.
        self.checks = Lane("checks", "Try again", threads=1, places=8, a_client=4)
        self.deletions = Lane("deletions", "Try again", threads=2, places=16, a_client=1)
        self.fetches = Lane("fetches", "Try again, or send the bytes", threads=10, places=20, a_client=4)
        self.masks = Lane("masks", "Try again", threads=half, places=16, a_client=4)
        self.reports = Lane("reports", "Try again", threads=2, places=16, a_client=2)
        self.sheets = Lane("sheets", "Try again", threads=1, places=16, a_client=4)
        self.thumbnails = Lane("thumbnails", "Try again", threads=half, places=200, a_client=100)
        # Each thread holds a whole photo in memory.
        self.uploads = Lane("uploads", "Try again", threads=3, places=32, a_client=16)
        # Long answers: a stalled reader takes about 0.25 MiB until it is cut off. A second place, as a client with a
        # broken connection comes back before the first one is cut off.
        self.archives = Places("archives", "Finish or end one", places=64, a_client=2)
        # By the client's folder. Browsers request a page of pictures at once, and don't retry a refused one.
        self.downloads = Places("downloads", "Try again", places=400, a_client=100)
        self.exports = Places("exports", "Try again", places=16, a_client=1)
        streams = settings.stream_limit or math.inf
        self.streams = Places("streams", "Close one, or poll GET /v1/jobs/{job_id}", places=math.inf, a_client=streams)
        # Of a client, as many large bodies as it has places for uploads.
        self.bodies = Bodies(a_sender=4 * IN_MEMORY, total=16 * IN_MEMORY, seconds=ARRIVAL)
        self.client_bodies = Bodies(a_sender=16 * IN_MEMORY, total=48 * IN_MEMORY, seconds=CLIENTS_ARRIVAL)
        limit = partial(rate_limit.RateLimit, settings.queue_url, window=settings.submit_window)
        self.rate = limit(quota=settings.submit_rate)
        self.preview_rate = limit(quota=settings.preview_rate, policy="previews")
        self.upload_rate = limit(quota=settings.upload_rate, policy="uploads")

    def _jobs(self, settings: Settings, metrics: JobMetrics) -> None:
        """Build the parts of jobs, from a submit to its end."""
        self.jobs = transitions.Jobs(
            self.engine,
            lease=settings.lease,
            max_attempts=settings.max_attempts,
            public_url=settings.public_url,
            metrics=metrics,
        )
        self.job_states = states.JobStates(self.engine)
        self.notifier = notifier.JobNotifier(self.job_states.of)
        self.intake = intake.JobIntake(
            self.engine,
            key_ttl=settings.idempotency_ttl,
            unfinished_limit=settings.unfinished_limit,
            queue_limit=settings.queue_limit,
        )
        self.submit = submit.Submit(
            refused=partial(
                rate_limit.check_refused,
                engine.reader(self.engine),
                quota=settings.preview_rate,
                window=settings.submit_window,
            ),
            catalogue=self.catalogue,
            intake=self.intake,
            brands=self.brands,
            sources=sources.Sources(self.jobs, self.intake, self.sources, settings.max_photo_bytes),
            dispatcher=queue.Dispatcher(self.jobs, self.queue),
            previews=settings.previews,
            metrics=metrics,
        )

    def _photos(self, settings: Settings) -> None:
        """Build the parts of photos, cut-outs and marks."""
        self.fetcher = fetcher.Fetcher(
            httpx.create_ssl_context(), settings.fetch_timeout, settings.max_photo_bytes, settings.fetch_allow_private
        )
        objects, mended = registry.ObjectRegistry(self.engine), masks.MendedMasks(self.engine, self.renders)
        self.photos = photos.Photos(
            objects,
            self.sources,
            settings.max_photo_bytes,
            settings.stored_photos,
            settings.sandbox_stored_photos,
        )
        self.cutouts = listing.Cutouts(self.engine, kept=settings.photo_age)
        kernels = settings.kernels, settings.own_kernels
        self.mending = mending.Mending(self.engine, self.cutouts, self.renders, mended, kernels)
        self.deletion = deletion.Deletion(
            objects,
            mask_registry.MaskRegistry(self.engine),
            self.jobs,
            self.sources,
            self.renders,
            max_photo_bytes=settings.max_photo_bytes,
            upload_ends=settings.url_ttl,
            attempt_ends=settings.attempt_ends,
        )
        self.check_apart = lambda data: verify.check_apart(data, settings, stored.own_numbers(settings, self.engine))
