"""The OpenAPI document: the contract's names, and examples that are true."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jsonschema import Draft202012Validator
from litestar.testing import TestClient
from pydantic import TypeAdapter

from pipeline.core.order import Placement
from pipeline.core.spec import Limits, Spec
from pipeline.report import ExpansionReport, to_json
from pipeline.swap import swap
from service.api.app import create_app
from service.database.tables import deliveries
from service.jobs.records import Operation
from service.schemas.responses import StoredReport
from service.settings import Settings
from service.storage.objects import SVG_TYPE, UPLOAD_TYPES
from service.webhooks.endpoints import Webhooks
from service.webhooks.outbox import MessageType
from testkit.still_life import PHOTO, networks, preset, spec
from tests.lanes import rest_in_gate
from tests.support.documented import differences
from tests.support.shop import Shop, render


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def described(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the place and the description of every operation, parameter and property."""
    webhooks = {f"POST webhook {name}": one["post"] for name, one in document["webhooks"].items()}
    for name, operation in [*operations(document), *webhooks.items()]:
        yield name, operation.get("description", "").partition("```")[0].strip()
        for one in operation.get("parameters", []):
            yield f"{name} {one['name']}", one.get("description", "")
    yield from _properties(document, "")


def _properties(node: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for index, one in enumerate(node):
            yield from _properties(one, f"{place}/{index}")
    elif isinstance(node, dict):
        fields = node.get("properties", {})
        yield from ((f"{place}/{name}", one.get("description", "")) for name, one in fields.items())
        for key, one in node.items():
            if key not in ("examples", "example"):
                yield from _properties(one, f"{place}/{key}")


def test_it_is_openapi_3_1_with_the_contracts_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {
        *("BackgroundSwapWithSpecRequest", "WorkflowAcceptedResponse", "JobStatus"),
        *("HTTPValidationError", "ValidationError"),
    } <= set(document["components"]["schemas"])


def test_the_job_status_has_the_contracts_values(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["JobStatus"]["enum"] == [
        "NOT_STARTED",
        "IN_PROGRESS",
        "SUCCESS",
        "FAILURE",
    ]


def test_every_operation_parameter_and_property_has_a_plain_description(document: dict[str, Any]) -> None:
    found = dict(described(document))

    assert len(found) > 400
    assert [place for place, text in found.items() if len(text.split()) < 3 or not text.endswith(".")] == []
    sentences = [(place, one) for place, text in found.items() for one in re.split(r"(?<=[.!?])\s+", text)]
    assert [(place, one) for place, one in sentences if len(one.split()) > 25] == []


def test_the_request_schema_matches_the_contract(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["BackgroundSwapWithSpecRequest"]

    assert set(schema["properties"]) == {
        *("source_image_s3_key", "source_render_public_id", "scene_type", "mood"),
        *("dominant_colors", "output_preset", "pilot_brand"),
    }
    assert sorted(schema["required"]) == ["mood", "output_preset", "scene_type"]
    assert schema["additionalProperties"] is False


ORDER = {
    "photos": [{"source_image_s3_key": "uploads/a/b.jpg", "metadata": {"colour": "red"}}],
    "presets": ["open_graph"],
}


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": {"season": "2027"}},
        {"variants": 3},
        {"variants": [{"seed": 7, "options": {"turn": 2.5}}]},
        {"options": {"layers": [{"text": "New", "anchor": "top_left", "size": 4}]}},
        {"options": {"layers": '[{"text": "New"}]'}},
        {"options": {"accept": {"set": "strict", "publishable": 0.5, "rules": "all"}}},
        {"options": {"accept": "strict"}},
    ],
)
def test_the_document_takes_what_an_order_takes(document: dict[str, Any], more: dict[str, Any]) -> None:
    assert differences(document, {"$ref": "#/components/schemas/OrderRequest"}, ORDER | more) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": ["season"]},
        {"metadata": {"season": 2027}},
        {"metadata": {"the season": "2027"}},
        {"variants": 9},
        {"variants": []},
        {"options": {"layers": [{"text": "New", "sise": 4}]}},
        {"options": {"turn": 46}},
        {"options": {"wide": 1}},
        {"reference": ""},
    ],
)
def test_the_document_refuses_what_an_order_refuses(document: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert differences(document, {"$ref": "#/components/schemas/OrderRequest"}, ORDER | wrong) != []


def test_no_field_of_a_body_has_a_default_and_an_accepted_swap_has_a_job(document: dict[str, Any]) -> None:
    """Generators take a field with a default as required."""
    schemas = document["components"]["schemas"]
    bodies = [
        one for name, one in schemas.items() if name.endswith("Request") or name in ("OrderPhoto", "OrderOptions")
    ]
    assert len(bodies) > 8
    assert [field for one in bodies for field in one["properties"].values() if "default" in field] == []
    assert schemas["WorkflowAcceptedResponse"]["properties"]["job_id"]["type"] == "string"


def test_the_swap_documents_its_answers_its_headers_and_its_security(document: dict[str, Any]) -> None:
    swap = document["paths"]["/v1/background-swap-with-spec"]["post"]

    assert {"200", "202", "401", "402", "404", "413", "422"} <= set(swap["responses"])
    assert "400" not in swap["responses"]
    planned = swap["responses"]["200"]["content"]["application/json"]["schema"]
    assert planned == {"$ref": "#/components/schemas/SwapPlan"}
    accepted = swap["responses"]["202"]["content"]["application/json"]["schema"]
    # The job first: a generated client takes the first that fits, and the job has all fields of the other.
    either = [{"$ref": f"#/components/schemas/{name}"} for name in ("JobView", "WorkflowAcceptedResponse")]
    assert accepted == {"anyOf": either}
    assert {one["name"] for one in swap["parameters"] if one["in"] == "query"} == {
        *("dry_run", "seed", "reference", "preview", "shift_x", "shift_y", "scale", "turn", "stance"),
        *("width", "height", "format", "quality", "metadata", "subject", "props", "colors_on"),
        *("background", "background_color", "background_image", "background_render", "background_fit"),
        *("background_x", "background_y", "background_zoom", "margins", "align", "copy_space", "layers"),
        *("shadow", "shadow_strength", "shadow_softness", "shadow_direction", "accept"),
    }
    headers = {one["name"]: one for one in swap["parameters"] if one["in"] == "header"}
    assert headers["X-Shopify-Hmac-Sha256"]["required"] is False
    assert headers["Idempotency-Key"]["required"] is False
    assert headers["Prefer"]["required"] is False
    assert {"Preference-Applied", "Backdrop-Warnings"} <= set(swap["responses"]["202"]["headers"])
    (scheme,) = swap["security"][0]
    assert document["components"]["securitySchemes"][scheme]["scheme"] == "bearer"


def test_every_route_that_makes_a_job_documents_its_admission(document: dict[str, Any]) -> None:
    accepted = [operation for _, operation in operations(document) if "202" in operation["responses"]]
    workflows = [operation for operation in accepted if operation["tags"][0] not in ("webhook", "data")]

    assert workflows
    for answers in (operation["responses"] for operation in workflows):
        codes = {
            example["value"]["code"]
            for status in ("429", "503")
            for example in answers[status]["content"]["application/problem+json"]["examples"].values()
        }
        assert codes == {
            *("rate_limited", "too_many_unfinished_jobs", "queue_share_taken"),
            *("queue_full", "store_unavailable", "database_unavailable", "signature_unchecked", "quarantined"),
            "catalogue_missing",
        }
        assert all({"RateLimit", "RateLimit-Policy"} <= set(answer["headers"]) for answer in answers.values())
        assert all("Retry-After" in answers[status]["headers"] for status in ("409", "429", "503"))


def test_every_route_that_needs_the_database_documents_its_outage(document: dict[str, Any]) -> None:
    private = [(name, operation) for name, operation in operations(document) if operation.get("security")]

    assert private
    for name, operation in private:
        away = operation["responses"]["503"]
        examples = away["content"]["application/problem+json"]["examples"].values()
        assert "database_unavailable" in {one["value"]["code"] for one in examples}, name
        assert "Retry-After" in away["headers"], name


def test_every_route_that_needs_a_key_documents_it(document: dict[str, Any]) -> None:
    public = {name for name, operation in operations(document) if not any(operation.get("security") or [])}

    assert public == {
        *("GET /v1/scene-types", "GET /v1/moods", "GET /v1/output-presets"),
        *("GET /health/live", "GET /health/ready", "POST /v1/verify"),
    }


def test_a_body_may_be_left_out_where_every_field_has_a_default(document: dict[str, Any]) -> None:
    left_out = {name for name, one in operations(document) if one.get("requestBody", {}).get("required") is False}

    assert left_out == {"POST /v1/keys", "POST /v1/webhook/secret", "PUT /v1/brands/{name}"}


def test_an_upload_documents_the_photo_as_bytes(document: dict[str, Any]) -> None:
    upload = document["paths"]["/v1/uploads"]["post"]

    assert {"application/json", "multipart/form-data", SVG_TYPE, *UPLOAD_TYPES} == set(upload["requestBody"]["content"])
    assert list(upload["responses"]["415"]["content"]) == ["application/problem+json"]


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for name, operation in operations(document):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                schema = media.get("schema", {})
                examples = [one["value"] for one in media.get("examples", {}).values()]
                examples += schema.get("examples", [])
                validator = Draft202012Validator({**schema, "components": document["components"]})
                for example in examples:
                    checked += 1
                    assert list(validator.iter_errors(example)) == [], name
    assert checked > 10


def test_every_type_of_message_is_sent_as_documented(document: dict[str, Any], engine: sa.Engine) -> None:
    (path,) = document["webhooks"].values()
    schema = path["post"]["requestBody"]["content"]["application/json"]["schema"]
    shop = Shop(engine)
    Webhooks(engine).register(shop.client.name, "https://shop.example/hooks")
    shop.jobs.succeed(shop.claim(shop.order()), render())
    shop.jobs.fail(shop.claim(shop.order(reference="sku-7")), "no_subject", "No product stands out.")
    shop.cut_out()
    shop.jobs.cancel_waiting(shop.order_many(2)[0].order_id, client_id=shop.client.id)
    shop.jobs.cancel(shop.order(cost=0, operation=Operation.CUTOUT).job_id, client_id=shop.client.id)
    Webhooks(engine).test(shop.client.name)

    with engine.connect() as connection:
        bodies = [json.loads(body) for body in connection.execute(sa.select(deliveries.c.body)).scalars()]
    documented = document["components"]["schemas"]["WebhookMessage"]["discriminator"]["mapping"]
    assert {body["type"] for body in bodies} == set(MessageType) == set(documented)
    for body in bodies:
        assert differences(document, schema, body) == []
        others = [body | {"type": kind} for kind in MessageType if kind.split(".")[1] not in body["type"]]
        assert all(differences(document, schema, other) for other in others), "each type has its own shape"
    assert differences(document, schema, {"type": "job.other"}) != []


def test_the_catalogues_document_their_items(document: dict[str, Any], tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0"))) as http:
        for path, name in (("scene-types", "Scene"), ("moods", "Mood"), ("output-presets", "Preset")):
            items = http.get(f"/v1/{path}").json()["items"]
            declared = set(document["components"]["schemas"][name]["properties"])
            assert all(set(item) == declared for item in items), path
            kept = http.app.state.catalogue.to_json()[path.replace("-", "_")]
            assert items == json.loads(json.dumps(kept)), "passed on as they are"


# The report's documented types against reports of real swaps


SMALL = preset((160, 160))
SWAPS: dict[str, Spec] = {
    "a scene": spec("podium", palette=("#2f5d50",), place=SMALL),
    "moved": spec("podium", place=SMALL, placement=Placement(0.05, 0, 0.7, 5)),
    "a preview": replace(spec("podium", place=preset((640, 640))), preview=True),
    "white": spec("white", place=preset((160, 160), background="white")),
    "transparent": spec("white", place=preset(None, background="transparent")),
}


@pytest.mark.parametrize("name", rest_in_gate(SWAPS))
def test_each_field_of_a_real_report_is_typed_and_valid(document: dict[str, Any], name: str) -> None:
    ticks = itertools.count()
    made = swap(PHOTO, SWAPS[name], networks(), limits=Limits(), clock=lambda: float(next(ticks)))
    report = to_json(replace(made.report, expansion=ExpansionReport(0.01, 0.0, grew=False)))
    assert differences(document, {"$ref": "#/components/schemas/Report"}, report) == []


def test_a_report_of_another_release_is_returned_as_stored() -> None:
    stored = {"palette": {"asked": [], "of_old": 1}, "provenance": {"seed": "seven"}, "more": [1]}
    assert TypeAdapter[Any](StoredReport).dump_python(stored, mode="json") == stored
