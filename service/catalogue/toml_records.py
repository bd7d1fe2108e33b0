"""Strict conversion of TOML tables and JSON to the frozen records of `pipeline.core.spec`."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.spec import Mood, Preset, Rule, Scene
from pipeline.scene.surfaces import MATERIALS
from service.catalogue.templates import Template

Record = TypeVar("Record", Scene, Mood, Preset, Template)

#: Minimum and maximum of a mood's dials.
_DIALS = {
    "light_angle": (-90.0, 90.0),
    "softness": (0.0, 1.0),
    "exposure": (-3.0, 3.0),
    "contrast": (0.0, 1.0),
    "warmth": (-1.0, 1.0),
    "depth_of_field": (0.0, 1.0),
    "vignette": (0.0, 0.5),
    "grain": (0.0, 0.02),
}
_NULLABLE = ("size", "max_bytes", "digital_source_type", "scene_sibling")
#: Keys that are checked against another, by that other.
_AGAINST = {"fill": "fill_bounds", "background": "scene_sibling"}
#: Sound values in place of those of the wrong type.
_SOUND: Mapping[type, Scene | Mood | Preset | Template] = {
    Template: Template("sound", "-", "-", "[]"),
    Scene: Scene("sound", "-", "-", "-", "sweep"),
    Mood: Mood("sound", "-", "-", "-"),
    Preset: Preset(
        *("sound", "-", "-", 1, None, ("png",), None, (90, 70), "scene", 0.5, (0, 0, 0, 0), 0.5, None, None),
        *("https://-", "2000-01-01"),
    ),
}


class CatalogueInvalid(ValueError):
    """Raised when a catalogue has `faults`: sentences with the file, the entry, the key, the value and the remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def read_records(file: str, text: str, kind: type[Record], faults: list[str]) -> list[Record]:
    """Return the records of a TOML text's tables, as `[[scene]]`. Adds a sentence to `faults` for each fault.

    A record with a fault is in the list too, with sound values in place of wrong ones, so that other checks go on.
    """
    table = kind.__name__.lower()
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        faults.append(f"{file}: not TOML: {error}. Correct the line.")
        return []
    unknown, entries = sorted(set(document) - {table}), document.get(table)
    faults += [f"{file}: {name}: unknown table. Use only [[{table}]] tables in this file." for name in unknown]
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        received = "missing" if entries is None else f"no list of tables (received {entries!r:.60})"
        if entries is not None or not unknown:
            faults.append(f"{file}: {table}: {received}. Add at least one [[{table}]] table.")
        return []
    adapter, records = _adapter(kind), list[Record]()
    for index, entry in enumerate(entries):
        name = entry.get("name", f"number {index + 1}")
        record, wrong = _record(kind, entry, adapter)
        faults += [f"{file}: {table} {name!r:.80}: {key}: {fault}." for key, fault in wrong]
        if record.name == name:
            records.append(record)
    return records


def record_to_json(record: Record) -> dict[str, Any]:
    """Return the JSON object that `record_from_json` reads."""
    whole: dict[str, Any] = json.loads(json.dumps(asdict(record)))  # tuples become lists, as a database returns them
    return whole


def record_from_json(kind: type[Record], value: Any) -> Record:
    """Return the record of a JSON object that `record_to_json` wrote, in this or another release.

    A missing newer field gets its default, and an unknown field is ignored (`service.catalogue.spec_versions`). Raises
    ValueError with the key for other missing fields and for values of the wrong type.
    """
    try:
        return _typed(kind, value, _adapter(kind, unknown="ignore"))
    except ValidationError as error:
        raise ValueError(f"{kind.__name__.lower()}: {_first_fault(error)}") from error


_Faults = list[tuple[str, str]]


def _record(kind: type[Record], entry: dict[str, Any], adapter: TypeAdapter[Any]) -> tuple[Record, _Faults]:
    """Return the record of a table, and its faults by key. Sound values replace values of the wrong type."""
    if kind is Preset:
        # TOML has no null, so an omitted key means None.
        entry = dict.fromkeys(_NULLABLE) | entry
    if kind is Template and "layers" in entry:
        entry = entry | {"layers": json.dumps(entry["layers"], default=str, ensure_ascii=False)}
    try:
        record, wrong, bad = _typed(kind, entry, adapter), _Faults(), set[str]()
    except ValidationError as error:
        wrong, bad = list(_type_faults(kind, error)), {str(one["loc"][0]) for one in error.errors()}
        bad |= {other for key, other in _AGAINST.items() if key in bad}
        sound = asdict(_SOUND[kind])
        kept = {key: value for key, value in entry.items() if key in sound and key not in bad}
        record = _typed(kind, sound | kept, adapter)
    return record, wrong + [(key, fault) for key, fault in _faults(record) if key not in bad]


def _type_faults(kind: type[Record], error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield the key and the fault of each unknown key, missing key and value of the wrong type."""
    meant = set[str]()
    # Unknown keys first: one that misspells a missing key is one mistake.
    for one in sorted(error.errors(), key=lambda fault: fault["type"] != "unexpected_keyword_argument"):
        *path, last = map(str, one["loc"])
        key, received = ".".join([*path, last]), f"(received {one['input']!r:.80})"
        if one["type"] == "unexpected_keyword_argument":
            known = [field.name for field in fields(Rule if path else kind)]
            near = "".join(difflib.get_close_matches(last, known, 1))
            meant.add(".".join([*path, near]))
            remedy = f"Write {near}" if near else f"Remove it. The keys are {', '.join(known)}"
            yield key, f"unknown key {received}. {remedy}"
        elif one["type"] == "missing":
            if key not in meant:
                yield key, "missing. Add it"
        else:
            yield key, f"{one['msg'].replace('Input should', 'should')} {received}"


def _typed(kind: type[Record], entry: Any, adapter: TypeAdapter[Any]) -> Record:
    # Through JSON, as strict mode only takes a list for a tuple there. str() keeps a bare TOML date as written.
    made = adapter.validate_json(json.dumps(entry, default=str))
    # pydantic made a subclass; the pipeline needs the plain record.
    return kind(**{field.name: getattr(made, field.name) for field in fields(kind)})


def _adapter(kind: type[Record], *, unknown: Literal["forbid", "ignore"] = "forbid") -> TypeAdapter[Any]:
    return TypeAdapter(validated(kind, frozen=True, config=ConfigDict(extra=unknown, strict=True)))


def _first_fault(error: ValidationError) -> str:
    # A misspelt key is both unknown and missing; the unknown key is the more useful error.
    first = min(error.errors(), key=lambda fault: fault["type"] != "unexpected_keyword_argument")
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}."


def _faults(record: Scene | Mood | Preset | Template) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", record.name):
        yield "name", f"use only lower case letters, digits and '_' (received {record.name!r})"
    for key in ("title", "description", "prompt"):
        if not getattr(record, key, "has none").strip():
            yield key, "must not be blank. Write a sentence"
    match record:
        case Scene():
            yield from _scene_faults(record)
        case Mood():
            for key, (minimum, maximum) in _DIALS.items():
                if not minimum <= getattr(record, key) <= maximum:
                    yield key, f"must be from {minimum:g} to {maximum:g} (received {getattr(record, key):g})"
        case Preset():
            yield from _preset_faults(record)


def _scene_faults(scene: Scene) -> Iterator[tuple[str, str]]:
    if not scene.palette:
        yield "palette", "needs at least one colour"
    for key, finish in (("wall", scene.wall), ("surface", scene.surface)):
        if finish not in MATERIALS:  # the other finishes are those of props
            yield key, f"should be one of {', '.join(MATERIALS)} (received {finish!r})"
    for colour in scene.palette:
        try:
            hex_to_rgb(colour)
        except ValueError as error:
            yield "palette", str(error).rstrip(".")


def _preset_faults(preset: Preset) -> Iterator[tuple[str, str]]:
    if preset.credits < 1:
        yield "credits", f"must be 1 or more (received {preset.credits})"
    if preset.size is not None and min(preset.size) < max(1, preset.min_side):
        yield "size", f"must be positive, and not smaller than min_side (received {preset.size})"
    if not preset.formats:
        yield "formats", "needs at least one format"
    elif preset.background == "transparent" and preset.formats[0] == "jpeg":
        yield "formats", "must not start with jpeg, which has no alpha"
    start, floor = preset.quality
    if not 1 <= floor <= start <= 100:
        yield "quality", f"must be start, then floor, from 1 to 100 (received {preset.quality})"
    if preset.max_bytes is not None and preset.max_bytes < 1:
        yield "max_bytes", f"must be positive (received {preset.max_bytes})"
    if not 0 < preset.fill <= 1:
        yield "fill", f"must be above 0 and at most 1 (received {preset.fill:g})"
    if not all(0 <= margin < 0.5 for margin in preset.margins):
        yield "margins", f"must be from 0 to less than 0.5 (received {preset.margins})"
    if not 0 <= preset.centre_x <= 1:
        yield "centre_x", f"must be from 0 to 1 (received {preset.centre_x:g})"
    if preset.fill_bounds is not None and not 0 <= preset.fill_bounds[0] <= preset.fill <= preset.fill_bounds[1] <= 1:
        yield "fill_bounds", f"must be from 0 to 1 and include fill (received {preset.fill_bounds})"
    if preset.background == "scene" and preset.scene_sibling is not None:
        yield "scene_sibling", "is only for presets that forbid scenes. Remove it"
    if preset.digital_source_type is not None and not re.fullmatch(r"[A-Za-z]+", preset.digital_source_type):
        yield "digital_source_type", f"must be an IPTC term of letters (received {preset.digital_source_type!r})"
    sources: tuple[Preset | Rule, ...] = (preset, *preset.rules)
    for source in sources:
        if not re.fullmatch(r"https://\S+", source.source_url):
            yield "source_url", f"must start with https:// (received {source.source_url!r})"
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", source.checked_on):
            yield "checked_on", f"must be a date, YYYY-MM-DD (received {source.checked_on!r})"
