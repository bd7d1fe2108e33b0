"""The submit: turns a valid request into a charged job on the queue."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from pipeline.core.order import SEED_LIMIT, PhotoPlace, SwapOrder
from pipeline.scene.surfaces import tidied
from service.accounts.brands import Brand, Brands
from service.accounts.clients import Client
from service.catalogue.catalogue import Catalogue
from service.catalogue.near_miss import near_miss
from service.catalogue.specs import seed_of
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest, option_faults
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import Accepted, JobIntake, NewJob
from service.jobs.plan import REFUSALS, Plan, Resolved, plan, unknown_simulation
from service.jobs.queue import Dispatcher
from service.jobs.records import Asked, Kind, Operation
from service.jobs.sources import OptionsInvalid, Sources
from service.telemetry.metrics import JobMetrics

SWAP_WORKFLOW = "background-swap-with-spec"
CUTOUT_WORKFLOW = "cutouts"


class PreviewsOff(Exception):
    """Raised when a client requests a preview and previews are switched off."""


class BrandNearMiss(LookupError):
    """Raised when a client has no brand `name`, but a brand with the similar name `meant`."""

    def __init__(self, name: str, meant: str) -> None:
        super().__init__(name, meant)
        self.name, self.meant = name, meant


@dataclass(frozen=True)
class Sent:
    """A request's body bytes, id and idempotency key."""

    raw_body: bytes
    request_id: str
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Submit:
    """The use cases of submitting. Thread-safe; one instance serves the whole process."""

    #: The shared catalogue; that of a client is `catalogue.of(client.catalogue)`.
    catalogue: Catalogue
    intake: JobIntake
    brands: Brands
    sources: Sources
    dispatcher: Dispatcher
    #: Raises RateLimited for a client with too many refused pictures (`service.accounts.rate_limit`).
    refused: Callable[[str], None]
    #: Whether this installation makes previews.
    previews: bool = True
    metrics: JobMetrics = field(default_factory=JobMetrics)

    def swap(self, client: Client, order: SwapOrder, sent: Sent) -> Accepted:
        """Resolve all defaults, price the swap, write one transaction, then enqueue the job.

        A preview is free. Raises PreviewsOff, OptionsInvalid, SourceNotFound, SourceTooLarge, BrandNearMiss,
        StoreUnavailable, InsufficientCredits, IdempotencyConflict, IdempotencyInFlight, TooManyUnfinishedJobs,
        QueueShareTaken, QueueFull, RateLimited. After each of them, nothing was charged.
        """
        if order.preview and not self.previews:
            raise PreviewsOff
        order = replace(order, dressing=tidied(order.dressing))
        query, body = query_of(order), BackgroundSwapWithSpecRequest.of(order).model_dump(mode="json")
        asked = Asked(SWAP_WORKFLOW, body, digest(sent.raw_body, query), query)
        if first := self.intake.first_answer(client.id, sent.idempotency_key, asked):
            return first
        resolved = self._resolve(client, order)
        if refuse := REFUSALS.get(resolved.simulate or ""):
            raise refuse(resolved.preset.credits)
        new = NewJob(
            request_id=sent.request_id,
            client_id=client.id,
            **vars(asked),
            spec=resolved.spec(self.catalogue.of(client.catalogue)),
            source_key=resolved.source_key,
            credits_cost=resolved.credits_cost,
            pilot_brand=order.brand,
            idempotency_key=sent.idempotency_key,
            reference=order.reference,
            preview=order.preview,
        )
        accepted = self._accept(new)
        codes = () if accepted.repeated else tuple(one["code"] for one in new.spec["cautions"])
        return replace(accepted, warnings=codes)

    def cut_out(
        self,
        client: Client,
        *,
        source_image_s3_key: str | None,
        source_render_public_id: str | None,
        subject: PhotoPlace | None = None,
        reference: str | None,
        sent: Sent,
    ) -> Accepted:
        """Submit a free cut-out of a photo, as `swap` does. Raises the same exceptions."""
        body: dict[str, Any] = {
            "source_image_s3_key": source_image_s3_key,
            "source_render_public_id": source_render_public_id,
        }
        spec: dict[str, Any] = {} if subject is None else {"subject": list(subject)}
        body |= spec
        query = {} if reference is None else {"reference": reference}
        asked = Asked(CUTOUT_WORKFLOW, body, digest(CUTOUT_WORKFLOW.encode() + sent.raw_body, query), query)
        if first := self.intake.first_answer(client.id, sent.idempotency_key, asked):
            return first
        new = NewJob(
            request_id=sent.request_id,
            client_id=client.id,
            **vars(asked),
            # Older workers, which would count its turn as a live one, don't take it.
            spec=spec | ({"sandbox": True} if client.sandbox else {}),
            source_key=self.sources.photo(client, source_image_s3_key, source_render_public_id)[0],
            credits_cost=0,
            idempotency_key=sent.idempotency_key,
            reference=reference,
            operation=Operation.CUTOUT,
        )
        return self._accept(new)

    def _accept(self, new: NewJob) -> Accepted:
        accepted = self.intake.create(replace(new, source_known=self.sources.is_registered(new.source_key)))
        if not accepted.repeated:
            self.metrics.submitted(new.kind)
            # The job is committed and charged. If the sending fails, the sweep sends it later.
            with contextlib.suppress(*DATABASE_AWAY):
                self.dispatcher.send([accepted.job_id], new.kind)
        return accepted

    def plan(
        self,
        client: Client,
        order: SwapOrder,
        facts: Callable[[Resolved], Mapping[str, Any]] = attrgetter("seen"),
    ) -> Plan:
        """Return the effect and cost of `swap`, and write nothing.

        `facts` returns what is known of a photo's cut-out; by default only an earlier render is asked.
        Raises PreviewsOff, OptionsInvalid, SourceNotFound, SourceTooLarge, BrandNearMiss, StoreUnavailable,
        RateLimited. Other reasons for a refusal become cautions.
        """
        if order.preview and not self.previews:
            raise PreviewsOff
        resolved = self._resolve(client, order)
        resolved = replace(resolved, seen=facts(resolved))
        kind = Kind.PREVIEW if order.preview else Kind.SWAP
        preflight = self.intake.preflight(client.id, resolved.source_key, kind)
        return plan(resolved, preflight, self.catalogue.of(client.catalogue))

    def _resolve(self, client: Client, order: SwapOrder) -> Resolved:
        """Return the order with all values resolved, also those of the client's brand. Raises as `swap` does."""
        look = self.look(client, order, self.brand(client, order.brand))
        if fault := unknown_simulation(look.simulate):
            raise OptionsInvalid([fault])
        self.check_refused(client, [look])
        source_key, seen = self.sources.photo(client, order.upload, order.render)
        return look.of_photo(source_key, seen)

    def check_refused(self, client: Client, looks: Iterable[Resolved]) -> None:
        """Raise RateLimited if some looks have limits, and too many of the client's pictures missed theirs lately."""
        if any(one.order.acceptance.accept not in ("", "none") and not one.order.preview for one in looks):
            self.refused(client.id)

    def brand(self, client: Client, name: str | None) -> Brand | None:
        """Return the client's brand of this name; None if there is none. Raises BrandNearMiss."""
        brand = self.brands.get(name, client_id=client.id) if name else None
        if name and brand is None:
            meant = near_miss(name, (one.name for one in self.brands.list(client.id)))
            if meant is not None:
                raise BrandNearMiss(name, meant)
        return brand

    def look(self, client: Client, order: SwapOrder, brand: Brand | None, at: int = 0) -> Resolved:
        """Return the order with all values resolved but its photo's. Raises OptionsInvalid.

        `at` is its number among the variants of its order, which differ in their seeds.
        """
        if brand is not None:
            order = replace(
                order,
                colors=order.colors or tuple(brand.palette),
                seed=brand.seed if order.seed is None else order.seed,
                style_words=tuple(brand.style_words),
                pinned=brand.pinned,
            )
            order = order.having({name: one for name, one in brand.options.items() if name not in order.sent})
        if client.accept and not order.acceptance.accept and not order.preview:
            order = order.having({"accept": client.accept})
        catalogue = self.catalogue.of(client.catalogue)
        order = catalogue.lettered(replace(order, dressing=tidied(order.dressing)))
        if faults := list(option_faults(catalogue, order)):
            raise OptionsInvalid(faults)
        asked = order
        order, earlier = self.sources.earlier(client, catalogue, order)
        if missing := list(self.sources.missing(client, order)):
            raise OptionsInvalid(missing)
        if client.sandbox and order.seed is None:
            order = replace(order, seed=(seed_of(order) + at) % SEED_LIMIT)
        preset = catalogue.presets[order.preset]
        return Resolved(order, asked, brand, source_key="", preset=preset, earlier=earlier, sandbox=client.sandbox)


def query_of(order: SwapOrder) -> dict[str, Any]:
    """Return the values of the query that differ from the defaults.

    `digest` depends on their order.
    """
    asked: dict[str, object] = {"seed": order.seed, "reference": order.reference}
    asked |= order.given
    asked["subject"] = None if order.subject is None else ",".join(map(repr, order.subject))
    asked["preview"] = "true" if order.preview else None
    asked |= {f"metadata.{name}": value for name, value in order.metadata}
    return {name: value for name, value in asked.items() if value is not None}


def digest(raw_body: bytes, query: Mapping[str, Any]) -> str:
    """Return the digest that earlier releases compare: one may still run, or have logged the key before an upgrade."""
    asked = "".join(f"?{name}={value}" for name, value in query.items())
    return hashlib.sha256(raw_body + asked.encode()).hexdigest()
