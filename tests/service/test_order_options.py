"""Every option of an order is everywhere: API, orders, brands, command line, batches, Python client, documents."""

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backdrop_client import Spec
from pipeline.core.order import Option, all_options
from service.batch.spec_file import _File, _Photo
from service.cli.main import main
from tests.service.schemas.test_bad_requests import QUERIES
from tests.support.caller import SWAP

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS: dict[str, Option] = {name: option for name, _, _, option in all_options()}


def parameters(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["paths"][SWAP]["post"]["parameters"]}


def body_options(document: dict[str, Any], path: str, method: str) -> dict[str, dict[str, Any]]:
    """Return the properties of `options` in a body; empty without the route."""
    content = document["paths"].get(path, {}).get(method, {}).get("requestBody", {}).get("content", {})
    node = content.get("application/json", {}).get("schema", {})
    for name in (None, "options"):
        node = node if name is None else node.get("properties", {}).get(name, {})
        for one in (node, *node.get("allOf", ()), *node.get("anyOf", ())):
            if "$ref" in one:
                node = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
    found: dict[str, dict[str, Any]] = node.get("properties", {})
    return found


def is_described(node: dict[str, Any]) -> bool:
    """Return whether a parameter or property has a description of a sentence, and an example."""
    words = node.get("description", "")
    return len(words.split()) >= 3 and words.endswith(".") and bool(node.get("examples") or "example" in node)


@cache
def pages() -> str:
    """Return the text of all pages that are written by hand."""
    return "".join(one.read_text("utf-8") for one in DOCS.rglob("*.md") if "reference" not in one.parts)


def empty_cells(document: dict[str, Any], name: str) -> Iterator[str]:
    """Yield each interface that lacks an option."""
    option = f"--{name.replace('_', '-')}"
    query = parameters(document).get(name)
    if query is None:
        yield "query of the API"
    elif not is_described(query):
        yield "description or example in the OpenAPI document"
    for path, method in (("/v1/orders", "post"), ("/v1/brands/{name}", "put")):
        field = body_options(document, path, method).get(name)
        if field is None or not is_described(field):
            yield f"{method.upper()} {path}"
    if not any(option in one.opts for one in main.commands["swap"].params):
        yield f"backdrop swap {option}"
    if not all(name in one.model_fields for one in (_File, _Photo)):
        yield "spec.toml of a batch"
    if name not in {one.name for one in fields(Spec)}:
        yield "Spec of the Python client"
    elif name not in Spec("podium", "calm", "open_graph", **{name: OPTIONS[name].example}).query():
        yield "query of the Python client"
    if not re.search(rf"`{name}[`:=]|[?&]{name}=|{option}\b|\b{name} = ", pages()):
        yield "page of the docs"


@pytest.mark.parametrize("name", OPTIONS)
def test_every_interface_has_the_option(document: dict[str, Any], name: str) -> None:
    assert list(empty_cells(document, name)) == []


def test_every_option_has_a_wrong_value_among_the_bad_requests() -> None:
    assert OPTIONS.keys() == {name.partition("[")[0] for _, name, _, _ in QUERIES} & OPTIONS.keys()
