"""TOML tables and JSON to the frozen records of `pipeline.core.spec`, strictly: errors name what isn't understood."""

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
    """Return the records in a TOML text's `[[table]]` tables, in the file's order.

    Raises ValueError naming the file, the entry and the key for a syntax error, an unknown or missing key, a value of
    another type, or one out of range.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from error
    unknown = sorted(set(document) - {table})
    if unknown:
        raise ValueError(f"{file}: {unknown[0]}: only [[{table}]] tables belong here.")
    entries = document.get(table, [])
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{file}: {table}: at least one [[{table}]] table is needed.")
    adapter = _adapter(kind)
    return [_record(file, table, index, entry, kind, adapter) for index, entry in enumerate(entries)]


def record_to_json(record: Record) -> dict[str, Any]:
    """Return the JSON object that `record_from_json` reads."""
    whole: dict[str, Any] = json.loads(json.dumps(asdict(record)))  # tuples become the lists that a database gives back
    return whole


def record_from_json(kind: type[Record], value: Any) -> Record:
    """Return the record of a JSON object, as `record_to_json` wrote it in any release.

    A field that has come since has its default, and one that this release does not know is ignored
    (`service.catalogue.spec_versions`). Raises ValueError naming the key for a missing one, and for a value of another
    type.
    """
    try:
        return _typed(kind, value, _adapter(kind, unknown="ignore"))
    except ValidationError as error:
        raise ValueError(f"{kind.__name__.lower()}: {_first_fault(error)}") from error


def _record(file: str, table: str, index: int, entry: Any, kind: type[Record], adapter: TypeAdapter[Any]) -> Record:
    name = entry.get("name", f"number {index + 1}") if isinstance(entry, dict) else f"number {index + 1}"
    where = f"{file}: {table} {name!r}"
    if kind is Preset and isinstance(entry, dict):
        # TOML has no null: what these leave out is None
        entry = dict.fromkeys(_NULLABLE) | entry
    try:
        record = _typed(kind, entry, adapter)
    except ValidationError as error:
        raise ValueError(f"{where}: {_first_fault(error)}") from error
    for key, fault in _faults(record):
        raise ValueError(f"{where}: {key}: {fault}.")
    return record


def _typed(kind: type[Record], entry: Any, adapter: TypeAdapter[Any]) -> Record:
    # through JSON, where strict mode takes a list for a tuple; str() writes a bare TOML date as it was read
    made = adapter.validate_json(json.dumps(entry, default=str))
    # pydantic made a subclass of its own; the pipeline gets the plain record
    return kind(**{field.name: getattr(made, field.name) for field in fields(kind)})


def _adapter(kind: type[Record], *, unknown: Literal["forbid", "ignore"] = "forbid") -> TypeAdapter[Any]:
    return TypeAdapter(validated(kind, frozen=True, config=ConfigDict(extra=unknown, strict=True)))


def _first_fault(error: ValidationError) -> str:
    # a misspelt key is both unknown and missing: the first tells more
    first = min(error.errors(), key=lambda fault: fault["type"] != "unexpected_keyword_argument")
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}."


def _faults(record: Scene | Mood | Preset) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", record.name):
        yield "name", "lower case letters, digits and '_' only"
    for key in ("title", "description"):
        if not getattr(record, key).strip():
            yield key, "must not be empty"
    match record:
        case Scene():
            yield from _scene_faults(record)
        case Mood():
            for key, (minimum, maximum) in _DIALS.items():
                if not minimum <= getattr(record, key) <= maximum:
                    yield key, f"must lie between {minimum:g} and {maximum:g}"
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
        yield "credits", "must be 1 or more"
    if preset.size is not None and min(preset.size) < max(1, preset.min_side):
        yield "size", "must be positive, and no smaller than min_side"
    if not preset.formats:
        yield "formats", "needs at least one"
    elif preset.background == "transparent" and preset.formats[0] == "jpeg":
        yield "formats", "JPEG has no alpha"
    start, floor = preset.quality
    if not 1 <= floor <= start <= 100:
        yield "quality", "is start then floor, within 1 to 100"
    if preset.max_bytes is not None and preset.max_bytes < 1:
        yield "max_bytes", "must be positive"
    if not 0 < preset.fill <= 1:
        yield "fill", "must lie above 0 and at most at 1"
    if not all(0 <= margin < 0.5 for margin in preset.margins):
        yield "margins", "must lie between 0 and 0.5"
    if not 0 <= preset.centre_x <= 1:
        yield "centre_x", "must lie between 0 and 1"
    if preset.fill_bounds is not None and not 0 <= preset.fill_bounds[0] <= preset.fill <= preset.fill_bounds[1] <= 1:
        yield "fill_bounds", "must lie between 0 and 1 and hold fill"
    if preset.background == "scene" and preset.scene_sibling is not None:
        yield "scene_sibling", "is for presets that forbid scenes"
    if preset.digital_source_type is not None and not re.fullmatch(r"[A-Za-z]+", preset.digital_source_type):
        yield "digital_source_type", "is an IPTC term, letters only"
    sources: tuple[Preset | Rule, ...] = (preset, *preset.rules)
    for source in sources:
        if not re.fullmatch(r"https://\S+", source.source_url):
            yield "source_url", "must start with https://"
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", source.checked_on):
            yield "checked_on", "must be a date, YYYY-MM-DD"
