"""Conversion of a spec to and from the jobs table. It is stored whole, so a later catalogue changes no accepted job."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from pipeline.core.order import RECORDS, SEED_LIMIT, OptionRecord, Output, PhotoPlace, Picture, SwapOrder, given
from pipeline.core.spec import Earlier, Mood, Preset, Scene, Spec
from pipeline.delivery.output import ordered
from pipeline.lettering.layers import filled, logos_of, with_logos
from service.catalogue.catalogue import Catalogue, quotable
from service.catalogue.spec_versions import SPEC_VERSION, require_readable
from service.catalogue.toml_records import record_from_json, record_to_json


def stored_spec(catalogue: Catalogue, order: SwapOrder) -> dict[str, Any]:
    """Return the JSON that `resolve_spec` reads: the order's values and the catalogue's records.

    Its colours are #rrggbb. An order without a seed gets a random one. Raises ValueError or KeyError for values that
    the catalogue refuses.
    """
    order = settled(order)
    scene, mood, preset = records_of(catalogue, order)
    return {
        "scene_type": order.scene,
        "mood": order.mood,
        "dominant_colors": list(order.colors),
        "output_preset": order.preset,
        "seed": order.seed,
        "style_words": list(order.style_words),
        "pinned": order.pinned,
        # Only values that differ from the default. To add a field, see `service.catalogue.spec_versions`.
        **{name: _stored(getattr(order, name)) for name, kind in RECORDS.items() if getattr(order, name) != kind()},
        **({} if order.subject is None else {"subject": list(order.subject)}),
        "records": {"scene": record_to_json(scene), "mood": record_to_json(mood), "preset": record_to_json(preset)},
    }


def settled(order: SwapOrder) -> SwapOrder:
    """Return the order with a random seed if it has none, and with its layers' placeholders filled in."""
    seed = secrets.randbelow(SEED_LIMIT) if order.seed is None else order.seed
    return replace(order, seed=seed, lettering=filled(order))


def records_of(catalogue: Catalogue, order: SwapOrder) -> tuple[Scene, Mood, Preset]:
    """Return the catalogue's records of an order. Raises ValueError or KeyError for values that it refuses."""
    mood = catalogue.mood(order.mood, order.scene, order.style_words)
    return catalogue.scene(order.scene), mood, catalogue.preset(order.preset)


def spec_of(order: SwapOrder, scene: Scene, mood: Mood, preset: Preset) -> Spec:
    """Return the spec of a valid order with these records; its seed is 0 before it has one."""
    shared: dict[str, Any] = {one.name: getattr(order, one.name) for one in fields(Picture)}
    return Spec(scene, mood, order.colors, preset, order.seed or 0, style_of(order.style_words), **shared)


def planned_spec(catalogue: Catalogue, order: SwapOrder) -> Spec:
    """Return the spec of a valid order before it has a seed, with the ordered output in its preset."""
    scene, mood, preset = records_of(catalogue, order)
    return replace(spec_of(order, scene, mood, ordered(preset, order.output)), output=Output())


def seed_of(order: SwapOrder) -> int:
    """Return the seed of a sandbox's order without one: the same for each preset, photo and upload of its request."""
    order = with_sources(order, dict.fromkeys(extra_sources(order).values(), ""))
    asked = [order.scene, order.mood, order.colors, order.style_words, order.given]
    return int.from_bytes(hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()[:8]) % SEED_LIMIT


def order_of(stored: Mapping[str, Any]) -> SwapOrder:
    """Return the order of a stored spec. Unknown fields are ignored."""
    return SwapOrder(
        scene=stored["scene_type"],
        mood=stored["mood"],
        preset=stored["output_preset"],
        colors=tuple(stored["dominant_colors"]),
        seed=stored["seed"],
        # Jobs from before brands have neither.
        style_words=tuple(stored.get("style_words", ())),
        pinned=stored.get("pinned", False),
        subject=subject_of(stored),
        **_options(stored),
    )


def resolve_spec(
    stored: dict[str, Any], catalogue: Catalogue, version: int = SPEC_VERSION, *, preview: bool = False
) -> Spec:
    """Return the spec as it was stored. Only old jobs, stored without records, need the catalogue.

    `version` and `preview` are the job's. Raises SpecTooNew, and ValueError or KeyError for unreadable records and
    values that the catalogue refuses.
    """
    require_readable(version)
    order, old = order_of(stored), stored.get("earlier")
    return replace(
        spec_of(order, *_records(stored, order, catalogue)),
        preview=preview,
        sandbox=stored.get("sandbox", False),
        earlier=old and Earlier(resolve_spec(old["spec"], catalogue, old["spec_version"]), old["source_key"]),
    )


def _stored(options: OptionRecord) -> dict[str, Any]:
    # An output was stored whole before options were left out.
    return asdict(options) if isinstance(options, Output) else given(options)


def _options(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the records of options of a stored spec, by their names."""
    return {
        name: kind(**{one: value for one, value in stored.get(name, {}).items() if one in kind.__dataclass_fields__})
        for name, kind in RECORDS.items()
    }


def subject_of(stored: Mapping[str, Any], version: int = SPEC_VERSION) -> PhotoPlace | None:
    """Return the place of the product that a stored swap or cut-out means, or None. Raises SpecTooNew."""
    require_readable(version)
    return tuple(stored["subject"]) if "subject" in stored else None


def extra_sources(order: SwapOrder) -> dict[str, str]:
    """Return the keys of the uploads that the order needs besides its photo, by the field that names them.

    At the command line they are paths of files.
    """
    ground = order.ground
    found = {f"layers[{at}].logo": name for at, name in logos_of(order.lettering.layers).items()}
    if ground.background in ("image", "reference"):
        found["background_image"] = ground.background_image
    return found


def with_sources(order: SwapOrder, names: Mapping[str, str]) -> SwapOrder:
    """Return the order with other names for its further sources: an upload's key for a file."""
    image = order.ground.background_image
    order = replace(order, ground=replace(order.ground, background_image=names.get(image, image)))
    return with_logos(order, names)


def stored_extra_sources(stored: Mapping[str, Any]) -> list[str]:
    """Return the keys of `extra_sources` of a stored spec, and the photo of its earlier render; a cut-out has none."""
    found = [*extra_sources(SwapOrder("", "", "", **_options(stored))).values()]
    if earlier := stored.get("earlier"):
        found += [earlier["source_key"], *stored_extra_sources(earlier["spec"])]
    return found


def _records(stored: dict[str, Any], order: SwapOrder, catalogue: Catalogue) -> tuple[Scene, Mood, Preset]:
    if "records" not in stored:
        return records_of(catalogue, order)
    records = stored["records"]
    if not isinstance(records, dict) or not {"scene", "mood", "preset"} <= set(records):
        raise ValueError(f"records: scene, mood and preset are required. Received {records!r:.80}.")
    return (
        record_from_json(Scene, records["scene"]),
        record_from_json(Mood, records["mood"]),
        record_from_json(Preset, records["preset"]),
    )


def style_of(words: Sequence[str]) -> str:
    """Return a brand's style words for the prompt, quoted so that they describe and can't instruct."""
    quoted = ", ".join(word for word in map(quotable, words) if word)
    return f'in a style that fits the words "{quoted}"' if quoted else ""
