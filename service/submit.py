"""Submitting: from a valid request to a charged job on the queue."""

import contextlib
import hashlib
import logging
import secrets
from dataclasses import dataclass
from typing import Any

from service.accounts import Client
from service.brands import Brands
from service.catalogue import Catalogue
from service.database import DATABASE_AWAY
from service.jobs import Jobs
from service.objects import ObjectNotFound, Objects
from service.orders import Accepted, Order, Orders
from service.queue import Bell, QueueUnavailable
from service.specs import stored_spec
from service.stored import SourceDoomed
from service.swap_request import BackgroundSwapWithSpecRequest

logger = logging.getLogger(__name__)

SWAP_WORKFLOW = "background-swap-with-spec"


class SourceNotFound(LookupError):
    """Raised when the source does not exist or belongs to another client: the caller can't tell which."""


class SourceTooLarge(ValueError):
    """Raised when the uploaded photo weighs more than is taken."""


def upload_prefix(client: Client) -> str:
    """Return the namespace of a client's uploads; it reaches no key outside."""
    return f"uploads/{client.id}/"


@dataclass(frozen=True)
class Submit:
    """The use case, with what it needs. Lives as long as the process; safe in threads."""

    catalogue: Catalogue
    orders: Orders
    jobs: Jobs
    brands: Brands
    sources: Objects
    bell: Bell
    max_photo_bytes: int

    def swap(
        self,
        client: Client,
        request: BackgroundSwapWithSpecRequest,
        *,
        raw_body: bytes,
        request_id: str,
        idempotency_key: str | None,
    ) -> Accepted:
        """Resolve every default, price, write ONE transaction, then ring the bell.

        Raises SourceNotFound, SourceTooLarge, StoreUnavailable, InsufficientCredits, IdempotencyConflict,
        IdempotencyInFlight, TooManyUnfinishedJobs, QueueFull; after each of them nothing is charged.
        """
        body_sha256 = hashlib.sha256(raw_body).hexdigest()
        if idempotency_key and (first := self.orders.first_answer(client.id, idempotency_key, body_sha256)):
            return first
        spec = self._spec(client, request)
        try:
            accepted = self.orders.accept(
                Order(
                    request_id=request_id,
                    client_id=client.id,
                    workflow=SWAP_WORKFLOW,
                    body=request.model_dump(mode="json"),
                    body_sha256=body_sha256,
                    spec=spec,
                    source_key=self._source_key(client, request),
                    credits_cost=self.catalogue.presets[request.output_preset].credits,
                    pilot_brand=request.pilot_brand,
                    idempotency_key=idempotency_key or None,  # an empty header is none
                )
            )
        except SourceDoomed as error:
            raise SourceNotFound from error
        if not accepted.repeated:
            self._ring(accepted.job_id)
        return accepted

    def _spec(self, client: Client, request: BackgroundSwapWithSpecRequest) -> dict[str, Any]:
        """Return what is asked, with all that the client's brand of that name fills in."""
        name = request.pilot_brand
        brand = self.brands.get(name, client_id=client.id) if name else None
        seed = secrets.randbelow(2**31) if brand is None or brand.seed is None else brand.seed
        return stored_spec(
            scene_type=request.scene_type,
            mood=request.mood,
            dominant_colors=request.dominant_colors or (brand.palette if brand else ()),
            output_preset=request.output_preset,
            seed=seed,
            style_words=brand.style_words if brand else (),
            pinned=brand is not None and brand.pinned,
        )

    def _source_key(self, client: Client, request: BackgroundSwapWithSpecRequest) -> str:
        if request.source_render_public_id:
            render = self.jobs.render(request.source_render_public_id, client_id=client.id)
            if render is None:
                raise SourceNotFound
            # From the photo behind that render, never from the flattened picture: quality survives any chain.
            key = render.source_key
        else:
            key = request.source_image_s3_key or ""
            if not key.startswith(upload_prefix(client)):
                raise SourceNotFound
        try:
            size = self.sources.size(key)
        except ObjectNotFound as error:
            raise SourceNotFound from error
        if size > self.max_photo_bytes:
            raise SourceTooLarge
        return key

    def _ring(self, job_id: str) -> None:
        try:
            self.bell.ring(job_id)
        except QueueUnavailable as error:
            # The job is committed and charged: the sweep sends it as soon as the queue is back.
            logger.warning("queue unavailable, job %s waits for the sweep: %s", job_id, error)
            with contextlib.suppress(*DATABASE_AWAY):  # then the sweep finds it missing on the queue, later
                self.jobs.unsent(job_id)
