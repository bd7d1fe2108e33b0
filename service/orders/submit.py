"""The submit of an order: turns a valid request into a charged job for each distinct picture, all or none."""

import contextlib
import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ulid import ULID

from pipeline.delivery.output import ordered
from service.accounts.clients import Client
from service.catalogue.cautions import Caution
from service.database.engine import DATABASE_AWAY
from service.jobs.intake import NewJob, Refusal
from service.jobs.plan import REFUSALS, Resolved, surprises, unknown_simulation
from service.jobs.records import Asked, Kind
from service.jobs.sources import OptionsInvalid, SourceTooLarge
from service.jobs.submit import SWAP_WORKFLOW, Sent, Submit, digest, query_of
from service.orders.records import AcceptedOrder, NewOrder, NoRoom, OrderFault, OrderInvalid, OrderPlan
from service.orders.request import OrderPhoto, OrderRequest
from service.orders.store import OrderIntake
from service.storage.registry import SourceExpired, SourceNotFound

WORKFLOW = "orders"
#: Photos that are looked up at once.
_THREADS = 4
#: A photo, a variant and a preset, by their numbers in the order's lists.
Place = tuple[int, int, int]
#: The key of an order's photo, and the facts of the cut-out of the render that names it.
Source = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class OrderSubmit:
    """The use cases of submitting orders. Thread-safe; one instance serves the whole process."""

    submit: Submit
    intake: OrderIntake
    #: Maximum number of pictures of an order.
    limit: int

    def order(self, client: Client, request: OrderRequest, sent: Sent) -> AcceptedOrder:
        """Resolve all defaults, price the order, write one transaction, then enqueue its jobs.

        Raises OrderInvalid, BrandNearMiss, StoreUnavailable, InsufficientCredits, IdempotencyConflict,
        IdempotencyInFlight, RateLimited and NoRoom. After each of them, nothing was charged.
        """
        body = request.model_dump(mode="json", exclude_none=True)
        asked = Asked(WORKFLOW, body, digest(WORKFLOW.encode() + sent.raw_body, {}), {})
        if first := self.intake.first_answer(client.id, sent.idempotency_key, asked):
            return first
        pictures, faults = self._pictures(client, request)
        if faults:
            raise OrderInvalid(faults)
        same = self._same(client, pictures)
        _refuse([pictures[first] for first, *_ in same])
        new = NewOrder(
            request_id=sent.request_id,
            client_id=client.id,
            asked=asked,
            idempotency_key=sent.idempotency_key,
            pilot_brand=request.pilot_brand,
            reference=request.reference,
            metadata=request.metadata,
            jobs=list(self._jobs(client, pictures, same)),
        )
        try:
            accepted, unsent = self.intake.create(new)
        except SourceExpired as error:
            gone = {place[0] for place, one in pictures.items() if one.source_key == str(error)}
            text = "An upload that the options name was deleted. Upload it again"
            faults = [_fault(photo, request.photos[photo]) for photo in gone]
            raise OrderInvalid(faults or [OrderFault(("options",), "upload_not_found", text)]) from error
        if accepted.repeated:
            return accepted
        for _ in new.jobs:
            self.submit.metrics.submitted(Kind.SWAP)
        # The jobs are committed and charged. If the sending fails, the sweep sends them later.
        with contextlib.suppress(*DATABASE_AWAY):
            self.submit.dispatcher.send(unsent, Kind.SWAP)
        codes = [one.code for one in _shared(request, same)]
        codes += [one["code"] for job in new.jobs for one in job.spec["cautions"]]
        return replace(accepted, warnings=tuple(dict.fromkeys(codes)))

    def plan(self, client: Client, request: OrderRequest) -> OrderPlan:
        """Return the effect and price of `order`, and write nothing. Faults of photos are listed, not raised.

        Raises OrderInvalid, RateLimited, BrandNearMiss and StoreUnavailable.
        """
        pictures, faults = self._pictures(client, request)
        same = self._same(client, pictures)
        cost = sum(pictures[first].credits_cost for first, *_ in same)
        met = self.submit.intake.preflight(client.id, None, coming=len(same))
        found = dict[Caution, None]()
        if met.balance < cost:
            text = f"The balance of {met.balance} does not cover the cost of {cost}. Ask the operator for credits."
            found[Caution("insufficient_credits", text)] = None
        for refusal in (NoRoom(one, len(same)) for one in met.refused_by):
            found[Caution(refusal.code, str(refusal))] = None
        found |= dict.fromkeys(_shared(request, same))
        found |= dict.fromkeys(one for _, cautions in self._cautions(client, pictures) for one in cautions)
        return OrderPlan(request.count, len(same), cost, met.balance, list(found), faults)

    def _pictures(self, client: Client, request: OrderRequest) -> tuple[dict[Place, Resolved], list[OrderFault]]:
        """Return the pictures by photo, variant and preset, in the order in which they start, and photos' faults.

        A photo that can't be used keeps the name that was sent.

        Every photo gets its first picture before a photo gets its second, so that a cut-out is made once and is there
        for the photo's other pictures. Only pictures that may share a background start together.

        Raises OrderInvalid, RateLimited, BrandNearMiss and StoreUnavailable.
        """
        if request.count > self.limit:
            text = f"The order has {request.count} pictures (photos x variants x presets), and {self.limit} are allowed"
            raise OrderInvalid([OrderFault((), "order_too_large", f"{text}. Send several orders")])
        brand = self.submit.brand(client, request.pilot_brand)
        branded, wrong = dict[tuple[int, int], Resolved](), list(_unknown(request)) if client.sandbox else []
        catalogue, pinned = self.submit.catalogue.of(client.catalogue), None if brand is None else brand.seed
        for look, order in request.drafts(catalogue, pinned, draw=not client.sandbox):
            try:
                branded[look] = self.submit.look(client, order, brand, look[0])
            except OptionsInvalid as error:
                own = request.looks[look[0]].options.given()
                for one in error.faults:
                    loc = ("variants", look[0]) if one.field in own else ()
                    wrong.append(OrderFault((*loc, "options", one.field), one.code, one.message, one.received))
        if wrong:
            raise OrderInvalid(wrong)
        self.submit.check_refused(client, branded.values())
        sources, faults = self._sources(client, request)
        return {
            (number, *look): _of_photo(branded[look], request, photo, sources.get(number, (named, {})))
            for group in _sharing(branded)
            for number, photo in enumerate(request.photos)
            if (named := photo.source_image_s3_key or photo.source_render_public_id)
            for look in group
        }, faults

    def _same(self, client: Client, pictures: Mapping[Place, Resolved]) -> list[list[Place]]:
        """Return the places of each distinct picture, in the order in which they start."""
        catalogue, groups = self.submit.catalogue.of(client.catalogue), defaultdict[Hashable, list[Place]](list)
        for place, one in pictures.items():
            groups[one.pixels(catalogue)].append(place)
        return list(groups.values())

    def _sources(self, client: Client, request: OrderRequest) -> tuple[dict[int, Source], list[OrderFault]]:
        """Return the photos that can be used, by their places, and the faults of the others."""

        def find(photo: OrderPhoto) -> Source | Exception:
            try:
                return self.submit.sources.photo(client, photo.source_image_s3_key, photo.source_render_public_id)
            except (SourceNotFound, SourceTooLarge) as error:
                return error

        with ThreadPoolExecutor(_THREADS) as threads:
            looked = list(threads.map(find, request.photos))
        usable = self.submit.intake.registered([one[0] for one in looked if isinstance(one, tuple)])
        found, faults = dict[int, Source](), list[OrderFault]()
        for number, (photo, one) in enumerate(zip(request.photos, looked, strict=True)):
            if isinstance(one, tuple) and usable.get(one[0], True) and (one[0] in usable or self._stored(one[0])):
                found[number] = one
            else:
                faults.append(_fault(number, photo, one if isinstance(one, SourceTooLarge) else None))
        return found, faults

    def _stored(self, key: str) -> bool:
        """Return whether an unregistered photo is in the store, as the sweep deletes a photo's bytes before its row."""
        try:
            self.submit.sources.size(key)
        except SourceNotFound:
            return False
        return True

    def _cautions(self, client: Client, pictures: Mapping[Place, Resolved]) -> Iterator[tuple[Place, list[Caution]]]:
        """Yield each picture's warnings. Without an earlier render of the photo, they don't depend on the photo."""
        known, catalogue = dict[tuple[int, ...], list[Caution]](), self.submit.catalogue.of(client.catalogue)
        for place, one in pictures.items():
            same = place if one.seen else place[1:]
            if same not in known:
                known[same] = list(surprises(one, catalogue))
            yield place, known[same]

    def _jobs(
        self, client: Client, pictures: Mapping[Place, Resolved], same: Sequence[Sequence[Place]]
    ) -> Iterator[NewJob]:
        looks = {place[1:]: one for place, one in pictures.items()}
        shared = {look for group in _sharing(looks) if len(group) > 1 for look in group}
        registered = self.submit.intake.registered(sorted({one.source_key for one in pictures.values()}))
        cautions = dict(self._cautions(client, pictures))
        for places in same:
            one, others = pictures[places[0]], places[1:]
            body, query = one.request.model_dump(mode="json"), query_of(one.order)
            more: dict[str, Any] = {"shares": True} if places[0][1:] in shared else {}
            more |= {"also": [_shown(pictures[place], place) for place in others]} if others else {}
            found = dict.fromkeys(caution for place in places for caution in cautions[place])
            yield NewJob(
                request_id=str(ULID()),
                client_id=client.id,
                workflow=SWAP_WORKFLOW,
                body=body,
                body_sha256=digest(json.dumps(body).encode(), query),
                query=query,
                spec=one.spec(self.submit.catalogue.of(client.catalogue), found) | more | {"picture": list(places[0])},
                source_key=one.source_key,
                source_known=one.source_key in registered,
                credits_cost=one.credits_cost,
                pilot_brand=one.order.brand,
                reference=one.order.reference,
                places=len(places),
            )


def _shown(one: Resolved, place: Place) -> dict[str, Any]:
    """Return a further place of a picture, and what the order shows there in place of the job's own."""
    order = one.order
    names = {"scene_type": order.scene, "mood": order.mood, "seed": order.seed, "reference": order.reference}
    return {"place": place, "shown": names | {"metadata": dict(order.metadata) or None}}


def _shared(request: OrderRequest, same: Sequence[Sequence[Place]]) -> Iterator[Caution]:
    """Yield a warning if places of the order get the same picture, with the places."""
    found = dict[str, None]()
    for places in same:
        for name, at in (("variants", 1), ("photos", 0)):
            numbers = sorted({place[at] for place in places})
            if len(numbers) > 1:
                found[f"{name} {', '.join(map(str, numbers))} for {request.presets[places[0][2]]}"] = None
    if found:
        text = f"{request.count - len(same)} of {request.count} pictures are the same as others. Each is made and"
        text += f" charged once, and delivered for all of its places: {'; '.join(found)}"
        yield Caution("pictures_shared", f"{text:.600}.")


def _sharing(looks: Mapping[tuple[int, int], Resolved]) -> list[list[tuple[int, int]]]:
    """Return the looks, each a variant and a preset, in groups whose pictures of a photo may share a background."""
    groups: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for (variant, preset), one in looks.items():
        same = ordered(one.preset, one.order.output).size if one.preset.background == "scene" else preset
        groups.setdefault((variant, same), []).append((variant, preset))
    return list(groups.values())


def _of_photo(look: Resolved, request: OrderRequest, photo: OrderPhoto, source: Source) -> Resolved:
    """Return a look of the order for one photo."""
    order = replace(
        look.order,
        upload=photo.source_image_s3_key,
        render=photo.source_render_public_id,
        subject=None if photo.subject is None else tuple(photo.subject),
        reference=photo.reference or request.reference,
        metadata=tuple((request.metadata | photo.metadata).items()),
    )
    return replace(look, order=order).of_photo(*source)


def _refuse(pictures: Sequence[Resolved]) -> None:
    """Raise the refusal that a picture of a sandbox's order asks for."""
    for refuse in filter(None, (REFUSALS.get(one.simulate or "") for one in pictures)):
        refusal = refuse(sum(one.preset.credits for one in pictures))
        raise NoRoom(refusal, len(pictures)) if isinstance(refusal, Refusal) else refusal


def _unknown(request: OrderRequest) -> Iterator[OrderFault]:
    """Yield a fault for each `metadata.simulate` of a sandbox's order that names no error which it can simulate."""
    places = [(("photos", number), photo.metadata) for number, photo in enumerate(request.photos)]
    for place, pairs in [((), request.metadata), *places]:
        if fault := unknown_simulation(pairs.get("simulate")):
            yield OrderFault((*place, "metadata", "simulate"), fault.code, fault.message, fault.received)


def _fault(number: int, photo: OrderPhoto, error: SourceTooLarge | None = None) -> OrderFault:
    key, render = photo.source_image_s3_key, photo.source_render_public_id
    loc = ("photos", number, "source_image_s3_key" if key else "source_render_public_id")
    if error is not None:
        text = f"The photo has more than {error.limit:,} bytes. Upload a smaller one"
        return OrderFault(loc, "photo_too_large", text, key or render)
    known = "a key from POST /v1/uploads" if key else "an id from GET /v1/renders"
    text = f"There is no such source, or it is not yours. Send {known}"
    return OrderFault(loc, "source_not_found", text, key or render)
