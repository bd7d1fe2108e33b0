"""Every option of an order is everywhere: API, orders, brands, command line, batches, Python client, documents."""

import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from backdrop_client import Spec
from pipeline.core.order import Option, all_options
from service.batch.spec_file import _File, _Photo
from service.cli.main import main
from tests.support.caller import SWAP, Caller

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS: dict[str, Option] = {name: option for name, _, _, option in all_options()}
#: A wrong value of each option, with what else it needs.
WRONG: dict[str, dict[str, str]] = {
    "shift_x": {"shift_x": "2"},
    "shift_y": {"shift_y": "2"},
    "scale": {"scale": "9"},
    "turn": {"turn": "90"},
    "stance": {"stance": "flying"},
    "width": {"width": "10", "height": "900"},
    "height": {"height": "10", "width": "900"},
    "format": {"format": "gif"},
    "quality": {"quality": "101"},
    "props": {"props": "many"},
    "colors_on": {"colors_on": "ceiling:#ffffff"},
    "background": {"background": "video"},
    "background_color": {"background": "color", "background_color": "#12"},
    "background_image": {"background": "image", "background_image": "uploads/none.jpg"},
    "background_render": {"background": "render", "background_render": "none"},
    "background_fit": {"background_fit": "tile"},
    "background_x": {"background_x": "2"},
    "background_y": {"background_y": "-1"},
    "background_zoom": {"background_zoom": "9"},
    "shadow": {"shadow": "long"},
    "shadow_strength": {"shadow": "soft", "shadow_strength": "2"},
    "shadow_softness": {"shadow": "soft", "shadow_softness": "2"},
    "shadow_direction": {"shadow": "hard", "shadow_direction": "400"},
    "margins": {"margins": "10em"},
    "align": {"align": "middle"},
    "copy_space": {"copy_space": "bottom"},
    "layers": {"layers": "New"},
    "accept": {"accept": "strictest"},
}


@pytest.fixture(scope="module")
def document(http: Any) -> dict[str, Any]:
    answer: dict[str, Any] = http.get("/schema/openapi.json").json()
    return answer


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


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_value_is_a_422_that_names_the_option_and_costs_nothing(caller: Caller, name: str) -> None:
    answer = caller.http.post(f"{SWAP}?{urlencode(WRONG[name])}", json=caller.body(), headers=caller.headers)

    assert answer.status_code == 422, answer.text
    errors = answer.json()["detail"]
    assert {str(one["loc"][1]).partition("[")[0] for one in errors} == {name}
    sent = WRONG[name][name]
    assert all(sent in one["msg"] for one in errors), f"the value received: {errors}"
    assert all(len(one["msg"].partition("(received")[0].split()) >= 4 for one in errors), (
        "what is wrong, and the remedy"
    )
    assert caller.balance == 100
