"""Strict conversion of TOML tables and JSON to the frozen records of `pipeline.core.spec`."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.spec import Mood, Preset, Rule, Scene

Record = TypeVar("Record", Scene, Mood, Preset)

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


def read_records(file: str, text: str, table: str, kind: type[Record]) -> list[Record]:
    """Return the records of a TOML text's `[[table]]` tables, in order.

    Raises ValueError for a syntax error, an unknown or missing key, or a value of the wrong type or range. It names the
    file, the entry and the key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from error
    unknown = sorted(set(document) - {table})
    if unknown:
        raise ValueError(f"{file}: {unknown[0]}: unknown table. Use only [[{table}]] tables in this file.")
    entries = document.get(table, [])
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{file}: {table}: missing. Add at least one [[{table}]] table.")
    adapter = _adapter(kind)
    return [_record(file, table, index, entry, kind, adapter) for index, entry in enumerate(entries)]


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


def _record(file: str, table: str, index: int, entry: Any, kind: type[Record], adapter: TypeAdapter[Any]) -> Record:
    name = entry.get("name", f"number {index + 1}") if isinstance(entry, dict) else f"number {index + 1}"
    where = f"{file}: {table} {name!r}"
    if kind is Preset and isinstance(entry, dict):
        # TOML has no null, so an omitted key means None.
        entry = dict.fromkeys(_NULLABLE) | entry
    try:
        record = _typed(kind, entry, adapter)
    except ValidationError as error:
        raise ValueError(f"{where}: {_first_fault(error)}") from error
    for key, fault in _faults(record):
        raise ValueError(f"{where}: {key}: {fault}.")
    return record


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


def _faults(record: Scene | Mood | Preset) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", record.name):
        yield "name", f"use only lower case letters, digits and '_' (received {record.name!r})"
    for key in ("title", "description"):
        if not getattr(record, key).strip():
            yield key, "must not be blank"
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
