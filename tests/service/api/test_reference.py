"""The API reference at /reference: complete without a network, and a sample for every operation."""

import re
from typing import Any

import pytest

from service.schemas.openapi import load_examples


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}


def test_the_page_and_all_its_files_come_from_the_service(http: Any) -> None:
    page = http.get("/reference")

    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/reference/swagger-ui-bundle.js", "/reference/page.js", "/reference/page.css"} <= set(loaded)
    for address in loaded:
        assert address.startswith("/")
    for address in (one for one in loaded if one.startswith("/reference/")):
        answer = http.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))


def test_the_page_may_run_no_script_and_contact_no_other_host(http: Any) -> None:
    rules = dict(rule.split(" ", 1) for rule in http.get("/reference").headers["content-security-policy"].split("; "))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"


@pytest.mark.parametrize("name", ["page.html", "examples.toml", "swagger-ui-bundle.js.map", "..%2fsettings.py"])
def test_the_folder_serves_no_other_file(http: Any, name: str) -> None:
    assert http.get(f"/reference/{name}").status_code == 404


def test_every_operation_has_a_sample_and_every_sample_an_operation(document: dict[str, Any]) -> None:
    assert set(load_examples()) == set(operations(document))


def test_the_samples_are_in_the_document(document: dict[str, Any]) -> None:
    found = operations(document)
    for name, samples in load_examples().items():
        for sample in samples.values():
            assert sample.strip() in found[name]["description"]


def test_every_operation_has_a_summary_for_people(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert " " in operation["summary"], name
        assert not operation["summary"].endswith((".", ":")), name
