"""The API page, from the OpenAPI document of the app."""

import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scripts.docs.markdown import code, fence, page, table, tabs, text
from scripts.docs.schemas import body_of, schema_section, type_of
from service.api.app import create_app
from service.schemas.openapi import load_examples
from service.settings import Settings

#: Titles of the tags, in the order of the page.
_TAGS = {
    "workflows": "Swaps",
    "orders": "Orders of many pictures",
    "photos": "Photos",
    "cutouts": "Cut-outs",
    "jobs": "Jobs",
    "renders": "Renders",
    "catalogues": "Scenes, moods and presets",
    "brands": "Brands",
    "credits": "Credits",
    "keys": "Keys",
    "webhook": "Webhook",
    "data": "All of your data",
    "marks": "Marks",
    "health": "Health",
}
_LANGUAGES = {"curl": ("curl", "sh"), "python": ("Python", "python")}
_LEAD = """\
This page lists every route of the API with its parameters, body, answers, errors and an example. A running service
shows the same at `/reference`, where you can try each route, and gives the OpenAPI document at `/schema/openapi.json`.

In the examples `$BACKDROP` is the address of the service and `$KEY` is a client's key."""


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of an API with default settings; no server, database or network is used."""
    with tempfile.TemporaryDirectory() as home:
        # model_construct reads no environment: the page is the same on every machine.
        settings = Settings.model_construct(home=Path(home), queue_url="redis://127.0.0.1:1")
        made: dict[str, Any] = create_app(settings).openapi_schema.to_schema()
    return made


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each route: its method in capitals, its path and its operation object."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def api_page() -> str:
    """Return the page as Markdown."""
    parts = []
    for tag, title in _TAGS.items():
        own = [one for one in operations() if one[2]["tags"] == [tag]]
        parts.append(f"## {title} {{#{tag}}}")
        parts += [_operation(*one) for one in own]
    left = sorted({tag for *_, operation in operations() for tag in operation["tags"]} - set(_TAGS))
    if left:
        raise ValueError(f"scripts/docs/api.py: _TAGS has no title for {', '.join(left)}. Add one.")
    parts += ["## Webhook messages {#webhook-messages}", *_webhooks()]
    parts += ["## Header fields of answers {#header-fields}", _headers()]
    parts += ["## Schemas {#schemas}", *(schema_section(name, one) for name, one in sorted(_schemas().items()))]
    return page("API", _LEAD, parts, "the OpenAPI document")


def _schemas() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["components"]["schemas"]
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    name = operation["operationId"]
    # The samples are in the description, too: they are shown in tabs instead.
    words = operation["description"].partition("```")[0].strip()
    samples = load_examples().get(name, {})
    shown = [(title, fence(language, samples[key])) for key, (title, language) in _LANGUAGES.items() if key in samples]
    parts = [
        f"### {method} {path} {{#{name}}}",
        # Some descriptions begin with the summary.
        "" if words.startswith(operation["summary"]) else f"**{text(operation['summary'])}.**",
        "\n\n".join(text(paragraph) for paragraph in words.split("\n\n")),
        "" if operation.get("security") else "This route needs no key.",
        tabs(shown),
        _parameters(operation.get("parameters", [])),
        *_body(operation.get("requestBody")),
        "**Answers**",
        table(("status", "meaning", "body", "header fields"), map(_answer, sorted(operation["responses"].items()))),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(parameters: Iterable[dict[str, Any]]) -> str:
    rows = [
        (
            code(one["name"]),
            one["in"] + (", required" if one.get("required") else ""),
            type_of(one["schema"]),
            text(one.get("description") or one["schema"].get("description", "")),
        )
        for one in parameters
    ]
    shown = table(("parameter", "in", "type", "meaning"), rows)
    return shown and f"**Parameters**\n\n{shown}"


def _body(body: dict[str, Any] | None) -> Iterator[str]:
    if body is None:
        return
    needed = "required" if body.get("required") else "optional"
    # Types of content with the same body are one entry.
    kinds: dict[str, list[str]] = {}
    for kind, media in body["content"].items():
        kinds.setdefault(body_of(media["schema"], _schemas()), []).append(kind)
    for shown, names in kinds.items():
        yield f"**Body** ({needed}): {', '.join(map(code, names))}"
        yield shown


def _answer(answer: tuple[str, dict[str, Any]]) -> tuple[str, str, str, str]:
    status, about = answer
    bodies = [
        f"{type_of(media['schema'])} (`{kind}`)" if "schema" in media else code(kind)
        for kind, media in about.get("content", {}).items()
    ]
    codes = [f"[`{name}`](errors.md#{name})" for name, _ in examples_of(about)]
    words = text(about["description"]) + (f": {', '.join(codes)}" if codes else "")
    return code(status), words, "; ".join(bodies), ", ".join(code(name) for name in about.get("headers", {}))


def examples_of(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the code and the detail of each problem that is an example of an answer; a 422 gives its list as none."""
    for media in answer.get("content", {}).values():
        for example in media.get("examples", {}).values():
            value = example.get("value")
            if isinstance(value, dict) and "request_id" in value and isinstance(value.get("detail"), str):
                yield value["code"], value["detail"]


def _webhooks() -> Iterator[str]:
    for name, methods in document()["webhooks"].items():
        for operation in methods.values():
            yield f"### {name} {{#webhook-{name}}}"
            yield text(operation.get("description") or operation.get("summary") or "")
            yield _parameters(operation.get("parameters", []))
            yield from _body(operation.get("requestBody"))


def _headers() -> str:
    found: dict[str, dict[str, Any]] = {}
    for *_, operation in operations():
        for answer in operation["responses"].values():
            found |= answer.get("headers", {})
    rows = [(code(name), type_of(one["schema"]), text(one["description"])) for name, one in sorted(found.items())]
    return table(("field", "type", "meaning"), rows)
