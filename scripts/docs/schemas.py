"""JSON schemas of the OpenAPI document, as tables of fields."""

import json
from collections.abc import Iterator
from typing import Any

from scripts.docs.markdown import code, table, text

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches `{}`",
}


def anchor(name: str) -> str:
    """Return the anchor of a schema's section."""
    return f"schema-{name.lower()}"


def type_of(schema: dict[str, Any]) -> str:
    """Return the type of a schema as Markdown, with its bounds and default; named schemas are links."""
    bounds = [words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema]
    if "minLength" in schema and schema["minLength"] == schema.get("maxLength"):
        bounds = [f"{schema['minLength']} characters"]
    if schema.get("default") is not None:
        bounds.append(f"default `{json.dumps(schema['default'], ensure_ascii=False)}`")
    kind = _kind(schema)
    return f"{kind}, {', '.join(bounds)}" if bounds else kind


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            kinds = list(dict.fromkeys(_kind(one) for one in schema[key]))
            return " or ".join([*(one for one in kinds if one != "null"), *(["null"] if "null" in kinds else [])])
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " or ".join(code(json.dumps(one)) for one in schema["enum"])
    kinds = schema.get("type", "any JSON")
    if isinstance(kinds, list):
        return " or ".join(_kind({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"list of {_kind(schema['items'])}" if schema.get("items") else "list"
    inner = schema.get("additionalProperties")
    if kinds == "object" and isinstance(inner, dict) and inner:
        return f"object of {_kind(inner)}"
    return f"{kinds} ({schema['format']})" if "format" in schema else str(kinds)


def fields(schema: dict[str, Any]) -> str:
    """Return the table of an object's fields; '' where it names none."""
    required = set(schema.get("required", ()))
    rows = [
        (code(name) + (", required" if name in required else ""), type_of(one), text(one.get("description", "")))
        for name, one in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "meaning"), rows)


def body_of(schema: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> str:
    """Return what a request's body consists of: the fields of its objects, or the type of anything else."""
    return "\n\nor\n\n".join(
        fields(own) or text(own.get("description", "")) or type_of(own) for own in _resolved(schema, schemas)
    )


def _resolved(schema: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the schemas that a schema names or consists of, but for null."""
    parts = [part for key in ("oneOf", "anyOf", "allOf") for part in schema.get(key, ())]
    if "$ref" in schema:
        yield from _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    elif parts:
        for part in parts:
            yield from _resolved(part, schemas)
    elif schema.get("type") != "null":
        yield schema


def schema_section(name: str, schema: dict[str, Any]) -> str:
    """Return the section of a named schema: its words, and its fields or its type."""
    words = text(schema.get("description", ""))
    shown = fields(schema) or type_of(schema)
    return "\n\n".join(part for part in (f"### {name} {{#{anchor(name)}}}", words, shown) if part)
