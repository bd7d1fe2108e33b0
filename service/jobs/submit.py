"""The submit: turns a valid request into a charged job on the queue."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import msgspec
from ulid import ULID

from pipeline.core.order import SEED_LIMIT, OptionFault, PhotoPlace, SwapOrder, given
from pipeline.scene.surfaces import tidied
from service.accounts.brands import Brand, Brands
from service.accounts.clients import Client
from service.accounts.ledger import InsufficientCredits
from service.accounts.rate_limit import Quota, RateLimited
from service.catalogue.catalogue import Catalogue
from service.catalogue.near_miss import near_miss
from service.catalogue.specs import extra_sources, order_of, seed_of, stored_extra_sources
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest, option_faults
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import Accepted, JobIntake, NewJob, QueueFull, TooManyUnfinishedJobs
from service.jobs.plan import FAILURES, Plan, Resolved, plan
from service.jobs.queue import Dispatcher
from service.jobs.records import Asked, Kind, Operation, Render
from service.jobs.transitions import Jobs
from service.storage.objects import Bucket, ObjectNotFound
from service.storage.registry import SourceExpired
from service.telemetry.metrics import JobMetrics

SWAP_WORKFLOW = "background-swap-with-spec"
CUTOUT_WORKFLOW = "cutouts"
#: The refusals that a sandbox's client can order, by the code of `metadata.simulate`, each made from the live price.
REFUSALS: Mapping[str, Callable[[int], Exception]] = {
    "insufficient_credits": lambda price: InsufficientCredits(0, price),
    "rate_limited": lambda _: RateLimited(Quota(allowed=False, limit=60, window=60, remaining=0, reset=1)),
    "too_many_unfinished_jobs": lambda _: TooManyUnfinishedJobs(1),
    "queue_full": lambda _: QueueFull(),
}


class SourceNotFound(LookupError):
    """Raised when the source does not exist or belongs to another client. The caller can't tell which."""


class SourceTooLarge(ValueError):
    """Raised when the uploaded photo has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class PreviewsOff(Exception):
    """Raised when a client requests a preview and previews are switched off."""


class OptionsInvalid(ValueError):
    """Raised when a swap can't be made with the options of its order, because of `faults`."""

    def __init__(self, faults: list[OptionFault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class BrandNearMiss(LookupError):
    """Raised when a client has no brand `name`, but a brand with the similar name `meant`."""

    def __init__(self, name: str, meant: str) -> None:
        super().__init__(name, meant)
        self.name, self.meant = name, meant


def upload_prefix(client: Client) -> str:
    """Return the prefix of a client's upload keys. A client can only use keys with its own prefix."""
    return f"uploads/{client.id}/"


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
    jobs: Jobs
    brands: Brands
    sources: Bucket
    dispatcher: Dispatcher
    max_photo_bytes: int
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
            source_key=self.source(client, source_image_s3_key, source_render_public_id)[0],
            credits_cost=0,
            idempotency_key=sent.idempotency_key,
            reference=reference,
            operation=Operation.CUTOUT,
        )
        return self._accept(new)

    def _accept(self, new: NewJob) -> Accepted:
        try:
            known = new.source_key in self.intake.registered([new.source_key])
            if not known:  # after that look-up, as the sweep deletes a photo's bytes before its row
                self.sources.size(new.source_key)
            accepted = self.intake.create(replace(new, source_known=known))
        except (SourceExpired, ObjectNotFound) as error:
            raise SourceNotFound from error
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
        try:
            kind = Kind.PREVIEW if order.preview else Kind.SWAP
            preflight = self.intake.preflight(client.id, resolved.source_key, kind)
        except SourceExpired as error:
            raise SourceNotFound from error
        return plan(resolved, preflight, self.catalogue.of(client.catalogue))

    def _resolve(self, client: Client, order: SwapOrder) -> Resolved:
        """Return the order with all values resolved, also those of the client's brand. Raises as `swap` does."""
        look = self.look(client, order, self.brand(client, order.brand))
        if fault := unknown_simulation(look.simulate):
            raise OptionsInvalid([fault])
        self.check_refused(client, [look])
        source_key, seen = self.source(client, order.upload, order.render)
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
        order, earlier = self._earlier(client, catalogue, order)
        if missing := list(self._missing(client, order)):
            raise OptionsInvalid(missing)
        if client.sandbox and order.seed is None:
            order = replace(order, seed=(seed_of(order) + at) % SEED_LIMIT)
        preset = catalogue.presets[order.preset]
        return Resolved(order, asked, brand, source_key="", preset=preset, earlier=earlier, sandbox=client.sandbox)

    def _earlier(
        self, client: Client, catalogue: Catalogue, order: SwapOrder
    ) -> tuple[SwapOrder, dict[str, Any] | None]:
        """Return the order with the background of the render that it names, and that render as a spec stores it.

        A background that needs no product's photo is only copied into the order. Raises OptionsInvalid.
        """
        public_id = order.ground.background_render
        if order.ground.background != "render":
            return order, None
        text = "You have no such render, or its photo was deleted. Send the public id of one of your renders"
        missing = OptionsInvalid([OptionFault("background_render", "render_not_found", text, public_id)])
        render = self.jobs.render(public_id, client_id=client.id)
        found = self.jobs.spec_of_render(public_id, client_id=client.id)
        if render is None or found is None:
            raise missing
        spec, version = found
        report = msgspec.json.decode(render.report)
        seed, tries = report["provenance"]["kept_seed"], report.get("acceptance", {}).get("tries", ())
        if any(one["seed"] == render.seed and one.get("changed") == "ground" for one in tries):
            spec = spec | {"dressing": {**spec.get("dressing", {}), "props": "none"}}
        old = order_of(spec)
        preset = spec.get("records", {}).get("preset", {}).get("background", "scene")
        if preset != "scene" or (old.ground.composed and catalogue.scene(old.scene).kind == "white"):
            text = "That render has a white or transparent background. Send the id of a render with another background"
            raise OptionsInvalid([OptionFault("background_render", "render_without_background", text, public_id)])
        if old.ground.background in ("color", "image"):
            own = given(replace(order.ground, background="scene", background_render=""))  # its fit, not the earlier's
            return replace(order, ground=replace(old.ground, **own)), None
        unused = ("acceptance", "cautions", "metadata", "lettering")
        kept = {name: one for name, one in spec.items() if name not in unused}
        kept |= {"seed": spec["seed"] if seed is None else seed}
        new = {"spec": kept, "spec_version": version, "source_key": render.source_key}
        earlier: dict[str, Any] = spec.get("earlier", new)
        keys = stored_extra_sources({"earlier": earlier})
        usable = self.intake.registered(keys)
        if not all(usable.get(key) for key in keys):
            raise missing
        scenery = ("scene", "mood", "colors", "seed", "style_words", "dressing")
        return replace(order, **{name: getattr(old, name) for name in scenery}), earlier

    def _missing(self, client: Client, order: SwapOrder) -> Iterator[OptionFault]:
        """Yield a fault for each further upload of the order that the client does not have, or that is too large."""
        for name, key in extra_sources(order).items():
            own = key.startswith(upload_prefix(client)) and self.intake.registered([key]).get(key)
            try:
                size = self.sources.size(key) if own else None
            except ObjectNotFound:
                size = None
            if size is None:
                text = "You have no such upload. Upload the picture first, and send the key of the answer"
                yield OptionFault(name, "upload_not_found", text, key)
            elif size > self.max_photo_bytes:
                text = f"The picture has more than {self.max_photo_bytes:,} bytes. Upload a smaller one"
                yield OptionFault(name, "photo_too_large", text, key)

    def source(self, client: Client, uploaded: str | None, rendered: str | None) -> tuple[str, dict[str, Any]]:
        """Return the photo's key, and the cut-out's facts from the earlier render that the request names.

        Raises SourceNotFound, SourceTooLarge and StoreUnavailable.
        """
        seen: dict[str, Any] = {}
        if rendered:
            render = self.jobs.render(rendered, client_id=client.id)
            if render is None:
                raise SourceNotFound
            # The photo behind the render, not its flattened picture, so that chains of swaps lose no quality.
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
    """Return a render's facts of the cut-out, and the time of its request.

    If the product was not turned, they include its `aspect`, width over height. A stance that the caller gave is
    omitted, as it only applied to that order.
    """
    report: dict[str, Any] = msgspec.json.decode(render.report)
    seen: dict[str, Any] = report.get("cutout", {}) | {"asked_at": ULID.from_str(render.job_id).datetime}
    if seen.get("stance_from") == "caller":
        seen = {name: value for name, value in seen.items() if name not in ("stance", "suits", "stance_from")}
    placed = seen.get("placed_box")  # shares of the canvas; older releases have none
    turned = (report.get("placement") or {}).get("turn")
    if not placed or turned:
        return seen
    left, top, right, bottom = placed
    return seen | {"aspect": (right - left) * render.width / max(1e-6, (bottom - top) * render.height)}


def unknown_simulation(code: str | None) -> OptionFault | None:
    """Return the fault of a sandbox's `metadata.simulate` that is no code which it can simulate."""
    if code is None or code in FAILURES or code in REFUSALS:
        return None
    text = f"A sandbox can't simulate this. Send one of: {', '.join([*FAILURES, *REFUSALS])}"
    return OptionFault("metadata.simulate", "simulate_unknown", text, code)


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
