"""Submitting: from a valid request to a charged job on the queue."""

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from ulid import ULID

from pipeline.core.order import PhotoPlace, SwapOrder
from pipeline.delivery.output import OutputFault, output_faults
from pipeline.scene.surfaces import DressingFault, dressing_faults, tidied
from service.accounts.brands import Brands
from service.accounts.clients import Client
from service.catalogue.catalogue import Catalogue
from service.catalogue.near_miss import near_miss
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.database.engine import DATABASE_AWAY
from service.jobs.dispatcher import Dispatcher
from service.jobs.intake import Accepted, JobIntake, NewJob
from service.jobs.plan import Plan, Resolved, plan
from service.jobs.records import Asked, Kind, Operation, Render
from service.jobs.transitions import Jobs
from service.storage.objects import Bucket, ObjectNotFound
from service.storage.registry import SourceExpired
from service.telemetry.metrics import JobMetrics

SWAP_WORKFLOW = "background-swap-with-spec"
CUTOUT_WORKFLOW = "cutouts"


class SourceNotFound(LookupError):
    """Raised when the source does not exist or belongs to another client: the caller can't tell which."""


class SourceTooLarge(ValueError):
    """Raised when the uploaded photo weighs more than is taken: `limit`, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class PreviewsOff(Exception):
    """Raised when a preview is asked for where the installation makes none."""


class OutputInvalid(ValueError):
    """Raised when a size, a format or a quality is asked for that the preset can't be delivered with: `faults`."""

    def __init__(self, faults: list[OutputFault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class DressingInvalid(ValueError):
    """Raised when a scene can't be dressed as asked: `faults`."""

    def __init__(self, faults: list[DressingFault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class BrandNearMiss(LookupError):
    """Raised when a client has no brand of that `name`, but one that is spelled nearly so: `meant`."""

    def __init__(self, name: str, meant: str) -> None:
        super().__init__(name, meant)
        self.name, self.meant = name, meant


def upload_prefix(client: Client) -> str:
    """Return the namespace of a client's uploads; it reaches no key outside."""
    return f"uploads/{client.id}/"


@dataclass(frozen=True)
class Sent:
    """How a request came: its body's bytes, its id, and the name that its caller gave the order."""

    raw_body: bytes
    request_id: str
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Submit:
    """The use case, with what it needs. Lives as long as the process; safe in threads."""

    catalogue: Catalogue
    intake: JobIntake
    jobs: Jobs
    brands: Brands
    sources: Bucket
    dispatcher: Dispatcher
    max_photo_bytes: int
    #: Whether previews are made at all.
    previews: bool = True
    metrics: JobMetrics = field(default_factory=JobMetrics)

    def swap(self, client: Client, request: BackgroundSwapWithSpecRequest, order: SwapOrder, sent: Sent) -> Accepted:
        """Resolve every default, price, write ONE transaction, then enqueue the job.

        `order` is what the request's body and query ask for. A preview costs nothing. Raises PreviewsOff,
        OutputInvalid, DressingInvalid, SourceNotFound, SourceTooLarge, BrandNearMiss, StoreUnavailable,
        InsufficientCredits, IdempotencyConflict, IdempotencyInFlight, TooManyUnfinishedJobs, QueueShareTaken,
        QueueFull; after each of them nothing is charged.
        """
        if order.preview and not self.previews:
            raise PreviewsOff
        order = replace(order, dressing=tidied(order.dressing))
        query = _query(order)
        asked = Asked(SWAP_WORKFLOW, request.model_dump(mode="json"), _digest(sent.raw_body, query), query)
        if first := self._first_answer(client, sent, asked):
            return first
        resolved = self._resolve(client, request, order)
        new = NewJob(
            request_id=sent.request_id,
            client_id=client.id,
            **vars(asked),
            spec=resolved.spec(self.catalogue),
            source_key=resolved.source_key,
            credits_cost=resolved.credits_cost,
            pilot_brand=order.brand,
            idempotency_key=sent.idempotency_key,
            reference=order.reference,
            preview=order.preview,
        )
        accepted = self._accept(new)
        told = () if accepted.repeated else tuple(one["code"] for one in new.spec["cautions"])
        return replace(accepted, warnings=told)

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
        """Do as `swap` does for a cut-out of a photo, which costs nothing. Raises as `swap`."""
        body: dict[str, Any] = {
            "source_image_s3_key": source_image_s3_key,
            "source_render_public_id": source_render_public_id,
        }
        spec = {} if subject is None else {"subject": list(subject)}
        body |= spec
        query = {} if reference is None else {"reference": reference}
        asked = Asked(CUTOUT_WORKFLOW, body, _digest(CUTOUT_WORKFLOW.encode() + sent.raw_body, query), query)
        if first := self._first_answer(client, sent, asked):
            return first
        new = NewJob(
            request_id=sent.request_id,
            client_id=client.id,
            **vars(asked),
            spec=spec,
            source_key=self._source(client, source_image_s3_key, source_render_public_id)[0],
            credits_cost=0,
            idempotency_key=sent.idempotency_key,
            reference=reference,
            operation=Operation.CUTOUT,
        )
        return self._accept(new)

    def _first_answer(self, client: Client, sent: Sent, asked: Asked) -> Accepted | None:
        return self.intake.first_answer(client.id, sent.idempotency_key, asked) if sent.idempotency_key else None

    def _accept(self, new: NewJob) -> Accepted:
        try:
            known = self.intake.knows_photo(new.source_key)
            if not known:  # by now: the sweep deletes a photo's bytes before its row
                self.sources.size(new.source_key)
            accepted = self.intake.create(replace(new, source_known=known))
        except (SourceExpired, ObjectNotFound) as error:
            raise SourceNotFound from error
        if not accepted.repeated:
            self.metrics.submitted(new.kind)
            # The job is committed and charged, whatever happens here: the sweep finds it missing on the queue, later.
            with contextlib.suppress(*DATABASE_AWAY):
                self.dispatcher.send([accepted.job_id], new.kind)
        return accepted

    def plan(self, client: Client, request: BackgroundSwapWithSpecRequest, order: SwapOrder) -> Plan:
        """Tell what `swap` would do and cost, and write nothing.

        Raises PreviewsOff, OutputInvalid, DressingInvalid, SourceNotFound, SourceTooLarge, BrandNearMiss,
        StoreUnavailable; what else would refuse the swap is a caution.
        """
        if order.preview and not self.previews:
            raise PreviewsOff
        resolved = self._resolve(client, request, replace(order, dressing=tidied(order.dressing)))
        try:
            kind = Kind.PREVIEW if order.preview else Kind.SWAP
            preflight = self.intake.preflight(client.id, resolved.source_key, kind)
        except SourceExpired as error:
            raise SourceNotFound from error
        return plan(resolved, preflight, self.catalogue)

    def _resolve(self, client: Client, request: BackgroundSwapWithSpecRequest, order: SwapOrder) -> Resolved:
        """Return what is asked, with all that the client's brand of that name fills in."""
        name = order.brand
        brand = self.brands.get(name, client_id=client.id) if name else None
        if name and brand is None:
            meant = near_miss(name, (one.name for one in self.brands.list(client.id)))
            if meant is not None:
                raise BrandNearMiss(name, meant)
        if brand is not None:
            order = replace(
                order,
                colors=order.colors or tuple(brand.palette),
                seed=brand.seed if order.seed is None else order.seed,
                style_words=tuple(brand.style_words),
                pinned=brand.pinned,
            )
            request = request.model_copy(update={"dominant_colors": list(order.colors)})
        preset = self.catalogue.presets[order.preset]
        if faults := list(output_faults(preset, order.output)):
            raise OutputInvalid(faults)
        scene = self.catalogue.scene(order.scene)
        if wrong := list(dressing_faults(scene, preset, order.colors, order.dressing)):
            raise DressingInvalid(wrong)
        source_key, seen = self._source(client, request.source_image_s3_key, request.source_render_public_id)
        return Resolved(
            request=request,
            order=order,
            brand=brand,
            source_key=source_key,
            seen=seen if seen.get("subject") == (list(order.subject) if order.subject else None) else {},
            preset=preset,
        )

    def _source(self, client: Client, uploaded: str | None, rendered: str | None) -> tuple[str, dict[str, Any]]:
        """Return the photo's key, and what an earlier render of it that the request names reports of the cut-out."""
        seen: dict[str, Any] = {}
        if rendered:
            render = self.jobs.render(rendered, client_id=client.id)
            if render is None:
                raise SourceNotFound
            # From the photo behind that render, never from the flattened picture: quality survives any chain.
            key, seen = render.source_key, _seen(render)
        else:
            key = uploaded or ""
            if not key.startswith(upload_prefix(client)):
                raise SourceNotFound
        try:
            size = self.sources.size(key)
        except ObjectNotFound as error:
            raise SourceNotFound from error
        if size > self.max_photo_bytes:
            raise SourceTooLarge(self.max_photo_bytes)
        return key, seen


def _seen(render: Render) -> dict[str, Any]:
    """Return what a render reports of the cut-out, and when it was asked for.

    Where the product was not turned with its `aspect`, width over height. What its caller said of the stance was said
    of that order alone.
    """
    report: dict[str, Any] = msgspec.json.decode(render.report)
    seen: dict[str, Any] = report.get("cutout", {}) | {"asked_at": ULID.from_str(render.job_id).datetime}
    if seen.get("stance_from") == "caller":
        seen = {name: value for name, value in seen.items() if name not in ("stance", "suits", "stance_from")}
    placed = seen.get("placed_box")  # shares of the canvas; none of an older release
    turned = (report.get("placement") or {}).get("turn")
    if not placed or turned:
        return seen
    left, top, right, bottom = placed
    return seen | {"aspect": (right - left) * render.width / max(1e-6, (bottom - top) * render.height)}


def _query(order: SwapOrder) -> dict[str, Any]:
    """Return what the query asks for, by value: a default that is given is as good as one that is left out.

    In this order: `_digest` goes by it.
    """
    asked: dict[str, object] = {"seed": order.seed, "reference": order.reference}
    asked |= order.given
    asked["subject"] = None if order.subject is None else ",".join(map(repr, order.subject))
    asked["preview"] = "true" if order.preview else None
    asked |= {f"metadata.{name}": value for name, value in order.metadata}
    return {name: value for name, value in asked.items() if value is not None}


def _digest(raw_body: bytes, query: Mapping[str, Any]) -> str:
    """Return what an earlier release compares: it may still run, or have logged the key before an upgrade."""
    told = "".join(f"?{name}={value}" for name, value in query.items())
    return hashlib.sha256(raw_body + told.encode()).hexdigest()
