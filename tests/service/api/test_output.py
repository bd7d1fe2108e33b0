"""A caller's own size, format and quality: stored with the job, returned with its request, and checked."""

import json
from typing import Any

import pytest

from backdrop_client import Spec
from pipeline.core.order import RECORDS, OptionRecord, options_of
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec
from service.schemas.responses import JobRequestView
from service.storage.registry import ObjectRegistry
from tests.pipeline.photo.test_vector import LOGO
from tests.service.api.test_previews import ask
from tests.support.caller import Caller

NOTHING_OWN = {"width": None, "height": None, "format": None, "quality": None}


def test_an_output_is_stored_with_its_job_and_returned_with_its_request(caller: Caller) -> None:
    own = {"width": 1200, "height": 900, "format": "webp", "quality": 80}
    job_id = ask(caller, **own).json()["job_id"]

    assert caller.get(f"/v1/jobs/{job_id}/request").json()["output"] == own
    assert vars(resolve_spec(caller.claim(job_id).spec, load_catalogue()).output) == own
    plain = ask(caller).json()["job_id"]
    assert caller.get(f"/v1/jobs/{plain}/request").json()["output"] == NOTHING_OWN


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"format": "avif"}, ["output_breaks_rules"]),
        ({"width": 640, "height": 640}, ["output_breaks_rules"]),
        ({"format": "webp", "width": 1000, "height": 1000}, []),
    ],
)
def test_an_output_that_breaks_the_presets_rules_is_a_warning_of_the_dry_run(
    caller: Caller, query: dict[str, Any], codes: list[str]
) -> None:
    plan = ask(caller, dry_run="true", **query).json()

    assert [one["code"] for one in plan["warnings"]] == codes


@pytest.mark.parametrize(("field", "record"), RECORDS.items())
def test_every_option_is_in_the_requests_view_and_in_the_clients_spec(field: str, record: type[OptionRecord]) -> None:
    view: Any = JobRequestView.model_fields[field].annotation
    options = {name: option.example for name, _, _, option in options_of(record)}

    assert set(view.model_fields) == set(options)
    assert {name: Spec("podium", "calm", "open_graph", **{name: one}).query() for name, one in options.items()} == {
        name: {name: one if isinstance(one, int) else str(one)} for name, one in options.items()
    }


LAYERS = [{"text": "{metadata.price}", "anchor": "top_left"}]


def test_layers_are_stored_filled_in_and_returned_with_the_request(caller: Caller) -> None:
    job_id = ask(caller, layers=json.dumps(LAYERS), metadata="price:€ 12").json()["job_id"]

    stored = caller.get(f"/v1/jobs/{job_id}/request").json()["lettering"]["layers"]
    assert json.loads(stored) == [{"text": "€ 12", "anchor": "top_left"}]


@pytest.mark.parametrize(
    ("layers", "field", "code"),
    [
        ("{", "layers", "layers_invalid"),
        ([{"text": "New", "size": 0}], "layers[0].size", "layer_value_invalid"),
        (LAYERS, "layers[0].text", "layer_placeholder_unknown"),
        ([{"logo": "uploads/other/logo.png"}], "layers[0].logo", "upload_not_found"),
    ],
)
def test_a_bad_layer_is_a_422_that_names_it_and_costs_nothing(
    caller: Caller, layers: Any, field: str, code: str
) -> None:
    answer = ask(caller, layers=layers if isinstance(layers, str) else json.dumps(layers))

    assert answer.status_code == 422, answer.text
    ((loc, kind),) = [(one["loc"], one["type"]) for one in answer.json()["detail"]]
    assert (loc, kind) == (["query", field], code)
    assert "received" in answer.text
    assert caller.balance == 100


def test_a_logo_is_kept_as_long_as_a_job_or_a_brand_needs_it(caller: Caller) -> None:
    sent = caller.http.post("/v1/uploads", content=LOGO, headers=caller.headers | {"Content-Type": "image/svg+xml"})
    logo = sent.json()["key"]
    registry, order = ObjectRegistry(caller.engine), json.dumps([{"logo": logo}])
    jobs = []
    for _ in range(2):  # the second finds the logo still there
        jobs.append(ask(caller, layers=order).json()["job_id"])
        registry.mark_expired_sources(older_than=-1, limit=99)
    named = caller.http.put("/v1/brands/acme", json={"options": {"layers": json.loads(order)}}, headers=caller.headers)
    for job_id in jobs:
        caller.jobs.cancel(job_id, client_id=caller.client.id)
    registry.mark_expired_sources(older_than=-1, limit=99)
    assert (named.status_code, ask(caller, layers=order, preview="true").status_code) == (201, 202)
    caller.http.delete("/v1/brands/acme", headers=caller.headers)
    for job in caller.get("/v1/jobs?preview=true").json()["items"]:
        caller.jobs.cancel(job["job_id"], client_id=caller.client.id)
    registry.mark_expired_sources(older_than=-1, limit=99)

    assert [one["type"] for one in ask(caller, layers=order).json()["detail"]] == ["upload_not_found"]
