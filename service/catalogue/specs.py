"""Conversion of a spec to and from the jobs table. It is stored whole, so a later catalogue changes no accepted job."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from pipeline.core.order import RECORDS, SEED_LIMIT, OptionRecord, Output, PhotoPlace, SwapOrder, given
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
    if order.lettering.layers:
        order = replace(order, lettering=filled(order))
    return {
        "scene_type": order.scene,
        "mood": order.mood,
        "dominant_colors": list(order.colors),
        "output_preset": order.preset,
        "seed": secrets.randbelow(SEED_LIMIT) if order.seed is None else order.seed,
        "style_words": list(order.style_words),
        "pinned": order.pinned,
        # Only values that differ from the default. To add a field, see `service.catalogue.spec_versions`.
        **{name: _stored(getattr(order, name)) for name, kind in RECORDS.items() if getattr(order, name) != kind()},
        **({} if order.subject is None else {"subject": list(order.subject)}),
        "records": {
            "scene": record_to_json(catalogue.scene(order.scene)),
            "mood": record_to_json(catalogue.mood(order.mood, order.scene, order.style_words)),
            "preset": record_to_json(catalogue.preset(order.preset)),
        },
    }


def planned_spec(catalogue: Catalogue, order: SwapOrder) -> Spec:
    """Return the spec of a valid order before it has a seed, with the ordered output in its preset."""
    return Spec(
        scene=catalogue.scene(order.scene),
        mood=catalogue.mood(order.mood, order.scene, order.style_words),
        palette=order.colors,
        preset=ordered(catalogue.presets[order.preset], order.output),
        seed=order.seed or 0,
        style_words=str(order.style_words),
        pinned=order.pinned,
        subject=order.subject,
        **{name: getattr(order, name) for name in RECORDS if name != "output"},
    )


def seed_of(order: SwapOrder) -> int:
    """Return the seed of a sandbox's order without one: the same for each preset, photo and upload of its request."""
    order = with_sources(order, dict.fromkeys(extra_sources(order).values(), ""))
    asked = [order.scene, order.mood, order.colors, order.style_words, order.given]
    return int.from_bytes(hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()[:8]) % SEED_LIMIT


def order_of(stored: Mapping[str, Any]) -> SwapOrder:
    """Return the order of a stored spec. Unknown fields are ignored."""
    order = SwapOrder(
        scene=stored["scene_type"],
        mood=stored["mood"],
        preset=stored["output_preset"],
        colors=tuple(stored["dominant_colors"]),
        seed=stored["seed"],
        # Jobs from before brands have neither.
        style_words=tuple(stored.get("style_words", ())),
        pinned=stored.get("pinned", False),
        subject=subject_of(stored),
    )
    return replace(order, **{name: _known(kind, stored.get(name, {})) for name, kind in RECORDS.items()})


def resolve_spec(
    stored: dict[str, Any], catalogue: Catalogue, version: int = SPEC_VERSION, *, preview: bool = False
) -> Spec:
    """Return the spec as it was stored. Only old jobs, stored without records, need the catalogue.

    `version` and `preview` are the job's. Raises SpecTooNew, and ValueError or KeyError for unreadable records and
    values that the catalogue refuses.
    """
    require_readable(version)
    scene, mood, preset = _records(stored, catalogue)
    order, old = order_of(stored), stored.get("earlier")
    return Spec(
        scene=scene,
        mood=mood,
        palette=order.colors,
        preset=preset,
        seed=stored["seed"],
        style_words=style_of(order.style_words),
        pinned=order.pinned,
        subject=order.subject,
        preview=preview,
        sandbox=stored.get("sandbox", False),
        earlier=old and Earlier(resolve_spec(old["spec"], catalogue, old["spec_version"]), old["source_key"]),
        **{name: getattr(order, name) for name in RECORDS},
    )


def _stored(options: OptionRecord) -> dict[str, Any]:
    # An output was stored whole before options were left out.
    return asdict(options) if isinstance(options, Output) else given(options)


def _known(kind: type[OptionRecord], stored: Mapping[str, Any]) -> Any:
    return kind(**{field.name: stored[field.name] for field in fields(kind) if field.name in stored})


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
    order = SwapOrder("", "", "")
    order = replace(order, **{name: _known(kind, stored.get(name, {})) for name, kind in RECORDS.items()})
    found = [*extra_sources(order).values()]
    if earlier := stored.get("earlier"):
        found += [earlier["source_key"], *stored_extra_sources(earlier["spec"])]
    return found


def _records(stored: dict[str, Any], catalogue: Catalogue) -> tuple[Scene, Mood, Preset]:
    if "records" not in stored:
        scene, mood, preset = stored["scene_type"], stored["mood"], stored["output_preset"]
        return catalogue.scene(scene), catalogue.mood(mood, scene), catalogue.preset(preset)
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
