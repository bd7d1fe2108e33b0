"""Comparison of sent answers with the OpenAPI document. A field that the document does not list is a difference too."""

import re
from collections import Counter
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


def differences(document: dict[str, Any], schema: dict[str, Any], body: Any) -> list[str]:
    """Yield how a body differs from its schema. No object may have a field that the document does not list."""
    closed = _closed({**schema, "components": document["components"]})
    return _differences(Draft202012Validator(closed), body)


def compared(http: Any) -> "Documented":
    """Compare every answer that a client gets from now on with the document of its API."""
    documented = Documented(http.get("/schema/openapi.json").json())
    http.event_hooks["response"].append(documented.check)
    return documented


class Documented:
    """A document, and how often each of its answers was compared with a sent one."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()
        self._components = _closed(document["components"])
        self._validator = cache(self._make_validator)
        self._paths: dict[str, Any] = document["paths"]
        # A photo's key has slashes; ids and names have none.
        patterns = {path: re.sub(r"\{\w+\}", "[^/]+", path.replace("{key}", ".+")) for path in self._paths}
        self._patterns = [(path, re.compile(pattern)) for path, pattern in patterns.items()]

    def check(self, answer: httpx.Response) -> None:
        """Compare an answer with the document. An answer of an undocumented path or method is ignored."""
        path = next((path for path, pattern in self._patterns if pattern.fullmatch(answer.request.url.path)), "")
        operation = self._paths.get(path, {}).get(answer.request.method.lower())
        if operation is None:
            return
        name, status = operation["operationId"], str(answer.status_code)
        asked = f"{answer.request.method} {answer.request.url}: {status}"
        assert status in operation["responses"], f"{asked} is not documented"
        self.seen[name, status] += 1
        contents = operation["responses"][status].get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if not contents:
            answer.read()
            assert not answer.content, f"{asked} has a body"
            return
        assert kind in contents, f"{asked} is {kind}, documented as {list(contents)}"
        if kind.endswith("json"):
            answer.read()
            found = _differences(self._validator(path, answer.request.method.lower(), status, kind), answer.json())
            assert not found, "\n".join([asked, *found])

    def _make_validator(self, path: str, method: str, status: str, kind: str) -> Draft202012Validator:
        schema = self._paths[path][method]["responses"][status]["content"][kind]["schema"]
        return Draft202012Validator({**_closed(schema), "components": self._components})


def _differences(validator: Draft202012Validator, body: Any) -> list[str]:
    # Of an `anyOf` report the errors of its nearest schema, not that none fits.
    found = [best_match([error]) for error in validator.iter_errors(body)]
    return [f"{error.json_path}: {error.message:.300}" for error in found if error is not None]


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    # `properties` can be a property's own name too.
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed
