"""What an order starts from: a client's photos, earlier renders, and further uploads."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from ulid import ULID

from pipeline.core.order import OptionFault, SwapOrder, given
from service.accounts.clients import Client
from service.catalogue.catalogue import Catalogue
from service.catalogue.specs import extra_sources, order_of, stored_extra_sources
from service.jobs.intake import JobIntake
from service.jobs.records import Render
from service.jobs.transitions import Jobs
from service.storage.objects import Bucket, ObjectNotFound
from service.storage.registry import SourceNotFound


class SourceTooLarge(ValueError):
    """Raised when the uploaded photo has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class OptionsInvalid(ValueError):
    """Raised when a swap can't be made with the options of its order, because of `faults`."""

    def __init__(self, faults: list[OptionFault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def upload_prefix(client: Client) -> str:
    """Return the prefix of a client's upload keys. A client can only use keys with its own prefix."""
    return f"uploads/{client.id}/"


@dataclass(frozen=True)
class Sources:
    """Finds the sources of orders. Thread-safe; one instance serves the whole process."""

    jobs: Jobs
    intake: JobIntake
    bucket: Bucket
    #: Maximum size of a photo in bytes.
    max_bytes: int

    def is_registered(self, key: str) -> bool:
        """Return whether a photo has a row; one of an older release has none. Raises SourceNotFound if it is gone."""
        # The row first, as the sweep deletes a photo's bytes before its row.
        known = key in self.intake.registered([key])
        if not known:
            self.size(key)
        return known

    def size(self, key: str) -> int:
        """Return a photo's size in bytes. Raises SourceNotFound and StoreUnavailable."""
        try:
            return self.bucket.size(key)
        except ObjectNotFound as error:
            raise SourceNotFound(key) from error

    def photo(self, client: Client, uploaded: str | None, rendered: str | None) -> tuple[str, dict[str, Any]]:
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
        if self.size(key) > self.max_bytes:
            raise SourceTooLarge(self.max_bytes)
        return key, seen

    def earlier(
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

    def missing(self, client: Client, order: SwapOrder) -> Iterator[OptionFault]:
        """Yield a fault for each further upload of the order that the client does not have, or that is too large."""
        for name, key in extra_sources(order).items():
            own = key.startswith(upload_prefix(client)) and self.intake.registered([key]).get(key)
            try:
                size = self.bucket.size(key) if own else None
            except ObjectNotFound:
                size = None
            if size is None:
                text = "You have no such upload. Upload the picture first, and send the key of the answer"
                yield OptionFault(name, "upload_not_found", text, key)
            elif size > self.max_bytes:
                text = f"The picture has more than {self.max_bytes:,} bytes. Upload a smaller one"
                yield OptionFault(name, "photo_too_large", text, key)


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
