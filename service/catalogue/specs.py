"""A spec as the jobs table keeps it, and back: whole, so that no later catalogue changes an accepted job."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from pipeline.core.spec import AS_PRESET, UNMOVED, Mood, Output, PhotoPlace, Placement, Preset, Scene, Spec
from service.catalogue.catalogue import Catalogue, quotable
from service.catalogue.spec_versions import SPEC_VERSION, require_readable
from service.catalogue.toml_records import record_from_json, record_to_json

_Options = TypeVar("_Options", Placement, Output)


def stored_spec(
    catalogue: Catalogue,
    *,
    scene_type: str,
    mood: str,
    dominant_colors: Sequence[str],
    output_preset: str,
    seed: int,
    style_words: Sequence[str] = (),
    pinned: bool = False,
    placement: Placement = UNMOVED,
    output: Output = AS_PRESET,
    subject: PhotoPlace | None = None,
) -> dict[str, Any]:
    """Return the JSON that `resolve_spec` reads: what was asked, and the catalogue's records of it.

    Colours are #rrggbb, the seed is 0 to SEED_LIMIT - 1. Raises ValueError or KeyError for what the catalogue refuses.
    """
    return {
        "scene_type": scene_type,
        "mood": mood,
        "dominant_colors": list(dominant_colors),
        "output_preset": output_preset,
        "seed": seed,
        "style_words": list(style_words),
        "pinned": pinned,
        # Only what is given. A new field: see `service.catalogue.spec_versions`.
        **({} if placement == UNMOVED else {"placement": given_of(placement)}),
        **({} if output == AS_PRESET else {"output": asdict(output)}),
        **({} if subject is None else {"subject": list(subject)}),
        "records": {
            "scene": record_to_json(catalogue.scene(scene_type)),
            "mood": record_to_json(catalogue.mood(mood)),
            "preset": record_to_json(catalogue.preset(output_preset)),
        },
    }


def given_of(placement: Placement) -> dict[str, Any]:
    """Return what a placement asks for, by name, without what is as it comes."""
    return {name: value for name, value in vars(placement).items() if value != getattr(UNMOVED, name)}


def resolve_spec(stored: dict[str, Any], catalogue: Catalogue, version: int = SPEC_VERSION) -> Spec:
    """Return the spec as it was stored; the catalogue is asked for jobs from before the records were stored with them.

    `version` is its job's. Fields that this release does not know are ignored. Raises SpecTooNew, and ValueError or
    KeyError for records that can't be read, and for what the catalogue refuses.
    """
    require_readable(version)
    scene, mood, preset = _records(stored, catalogue)
    return Spec(
        scene=scene,
        mood=mood,
        palette=tuple(stored["dominant_colors"]),
        preset=preset,
        seed=stored["seed"],
        # A job from before brands has neither.
        style_words=style_of(stored.get("style_words", ())),
        pinned=stored.get("pinned", False),
        placement=_known(Placement, stored.get("placement", {})),
        output=_known(Output, stored.get("output", {})),
        subject=subject_of(stored),
    )


def _known(kind: type[_Options], stored: Mapping[str, Any]) -> _Options:
    return kind(**{field.name: stored[field.name] for field in fields(kind) if field.name in stored})


def subject_of(stored: Mapping[str, Any], version: int = SPEC_VERSION) -> PhotoPlace | None:
    """Return which product of its photo a stored spec means, a swap's or a cut-out's. Raises SpecTooNew."""
    require_readable(version)
    return tuple(stored["subject"]) if "subject" in stored else None


def _records(stored: dict[str, Any], catalogue: Catalogue) -> tuple[Scene, Mood, Preset]:
    if "records" not in stored:
        names = stored["scene_type"], stored["mood"], stored["output_preset"]
        return catalogue.scene(names[0]), catalogue.mood(names[1]), catalogue.preset(names[2])
    records = stored["records"]
    if not isinstance(records, dict) or not {"scene", "mood", "preset"} <= set(records):
        raise ValueError("records: scene, mood and preset belong here.")
    return (
        record_from_json(Scene, records["scene"]),
        record_from_json(Mood, records["mood"]),
        record_from_json(Preset, records["preset"]),
    )


def style_of(words: Sequence[str]) -> str:
    """Return a brand's style words as the prompt has them, quoted: they describe, and can't instruct."""
    quoted = ", ".join(word for word in map(quotable, words) if word)
    return f'in a style that fits the words "{quoted}"' if quoted else ""
