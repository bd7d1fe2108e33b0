"""Previews and placements of a submit: free, counted separately, stored with the job, and never a render."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from backdrop_client import Spec
from pipeline.core.order import RECORDS, OptionRecord, options_of
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec
from service.database.tables import deliveries, jobs
from service.diagnostics.audit import Bounds, audit
from service.jobs.transitions import Jobs
from service.schemas.responses import JobRequestView
from service.storage.registry import ObjectRegistry
from service.webhooks.endpoints import Webhooks
from tests.pipeline.photo.test_vector import LOGO
from tests.service.api.test_admission import Api, api  # noqa: F401  # a fixture
from tests.support.caller import SWAP, Caller, assert_problem
from tests.support.shop import REPORT, claim_ahead, render


def ask(caller: Caller, body: Any = None, headers: Any = None, **query: Any) -> httpx.Response:
    address = f"{SWAP}?{urlencode(query)}"
    answer = caller.http.post(address, json=body or caller.body(), headers=caller.headers | (headers or {}))
    assert isinstance(answer, httpx.Response)
    return answer


def made(caller: Caller, report: dict[str, Any] = REPORT, **query: Any) -> str:
    """Return a job, carried out."""
    job_id = str(ask(caller, **query).json()["job_id"])
    claim = caller.claim(job_id)
    caller.jobs.succeed(claim, replace(render(), report=report, preview=claim.preview))
    return job_id


def test_a_preview_costs_nothing_and_its_job_returns_the_drawn_seed(caller: Caller) -> None:
    answer = ask(caller, preview="true")
    assert (answer.status_code, answer.json()["credits_cost"], caller.balance) == (202, 0, 100)

    job = caller.get(f"/v1/jobs/{answer.json()['job_id']}").json()
    assert (job["preview"], job["credits_cost"]) == (True, 0)
    asked = caller.get(f"/v1/jobs/{job['job_id']}/request").json()
    assert job["seed"] == asked["seed"] >= 0
    assert asked["preview"] is True
    paid = caller.get(f"/v1/jobs/{ask(caller, seed=job['seed']).json()['job_id']}").json()
    assert (paid["preview"], paid["seed"], caller.balance) == (False, job["seed"], 98)


def test_a_client_without_credits_can_preview(api: Callable[..., Api]) -> None:  # noqa: F811
    poor = api().caller("poor", credits=0)
    assert ask(poor, preview="true").status_code == 202
    assert_problem(ask(poor), 402, "insufficient_credits")


def test_lists_leave_previews_out_by_default(caller: Caller) -> None:
    whole, seen = made(caller), made(caller, preview="true")
    for path in ("/v1/jobs", "/v1/renders"):
        assert [one["job_id"] for one in caller.get(path).json()["items"]] == [whole]
        found = caller.get(f"{path}?preview=true").json()["items"]
        assert [(one["job_id"], one["preview"]) for one in found] == [(seen, True)]


def test_a_preview_sends_no_webhook(caller: Caller) -> None:
    Webhooks(caller.engine, allow_private=True).register(caller.client.name, "http://127.0.0.1:9/hook")
    whole = made(caller)
    made(caller, preview="true")
    cancelled = ask(caller, preview="true").json()["job_id"]
    assert caller.http.delete(f"/v1/jobs/{cancelled}", headers=caller.headers).status_code == 200
    with caller.engine.connect() as connection:
        assert list(connection.execute(sa.select(deliveries.c.job_id)).scalars()) == [whole]
    assert caller.balance == 98
    assert audit(caller.engine, Bounds(max_attempts=3)).findings == []


def test_a_placement_is_stored_with_its_job_and_returned_with_its_request(caller: Caller) -> None:
    placement = {"shift_x": 0.1, "shift_y": -0.05, "scale": 0.8, "turn": 3.5, "stance": "lying"}
    job_id = ask(caller, **placement).json()["job_id"]
    with caller.engine.connect() as connection:
        spec = connection.execute(sa.select(jobs.c.spec).where(jobs.c.id == job_id)).scalar_one()
    assert spec["placement"] == placement
    assert caller.get(f"/v1/jobs/{job_id}/request").json()["placement"] == placement
    unmoved = caller.get(f"/v1/jobs/{ask(caller).json()['job_id']}/request").json()["placement"]
    assert unmoved == {"shift_x": 0, "shift_y": 0, "scale": 1, "turn": 0, "stance": "auto"}


def test_previews_have_a_rate_of_their_own(api: Callable[..., Api]) -> None:  # noqa: F811
    caller = api(submit_rate=2, preview_rate=1).caller("looker")
    body = caller.body()
    seen = ask(caller, body, preview="True")
    assert seen.headers["ratelimit-policy"] == '"previews";q=1;w=60'
    assert_problem(ask(caller, body, preview="1"), 429, "rate_limited")
    assert ask(caller, body).headers["ratelimit"].startswith('"submits";r=1;')


def test_pictures_that_miss_their_limits_are_limited_like_previews(api: Callable[..., Api]) -> None:  # noqa: F811
    caller = api(preview_rate=6).caller("picky")
    moves = Jobs(caller.engine, lease=60.0, max_attempts=2, refused_seconds=60 / 6)
    accept = '{"palette_mean": 0.5}'
    for _ in range(2):
        claim = claim_ahead(caller.engine, moves, ask(caller, accept=accept).json()["job_id"])
        claim.missed[:] = [["palette_mean"]] * 3
        moves.fail(claim, "not_accepted", "", replace(render(), preview=True))

    body = caller.body()
    photo = {"source_image_s3_key": body.pop("source_image_s3_key")}
    order = {"photos": [photo], "presets": [body.pop("output_preset")], **body, "options": {"accept": accept}}
    many = caller.http.post("/v1/orders", json=order, headers=caller.headers)
    for answer in (ask(caller, accept=accept), many):
        assert_problem(answer, 429, "rate_limited")
        assert answer.headers["ratelimit-policy"] == '"refused";q=6;w=60'
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert "Send accept=none" in answer.json()["detail"]
    assert caller.balance == 100
    paid = ask(caller, accept="none")
    assert (paid.status_code, ask(caller, preview="true", accept=accept).status_code) == (202, 202)
    claim = claim_ahead(caller.engine, moves, paid.json()["job_id"])
    claim.missed[:] = [[]]
    moves.succeed(claim, render())
    assert ask(caller, accept=accept).status_code == 202


def test_previews_can_be_switched_off(api: Callable[..., Api]) -> None:  # noqa: F811
    one = api(previews=False)
    caller = one.caller("blind")
    for query in ({"preview": "true"}, {"preview": "true", "dry_run": "true"}):
        answer = ask(caller, **query)
        assert_problem(answer, 403, "previews_off")
        assert "ask the operator" in answer.json()["detail"]
        assert "BACKDROP_" not in answer.text
    assert ask(caller, scale=0.9).status_code == 202


def test_a_dry_run_of_a_preview_costs_nothing(caller: Caller) -> None:
    plan = ask(caller, dry_run="true", preview="true").json()
    assert (plan["credits_cost"], plan["affordable"], plan["preview"]) == (0, True, True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"scale": 1.4}, "placement_breaks_rules"),
        ({"shift_x": 0.45}, "no_honest_placement"),
        ({"shift_x": 0.02}, None),
        ({"margins": "2%"}, "frame_breaks_rules"),
        ({"margins": "16% 12%", "shift_x": 0.02}, None),
    ],
)
def test_from_an_earlier_render_the_plan_knows_which_rule_a_place_breaks(
    caller: Caller, query: dict[str, Any], code: str | None
) -> None:
    # Half as wide as high, on the 4×3 canvas of the stand-in's render.
    cutout = REPORT["cutout"] | {"stance": "standing", "placed_box": [0.4, 0.2, 0.625, 0.8]}
    earlier = caller.get(f"/v1/jobs/{made(caller, REPORT | {'cutout': cutout})}").json()["render"]["public_id"]
    body = caller.body(
        source_image_s3_key=None, source_render_public_id=earlier, output_preset="instagram_story", dominant_colors=[]
    )
    plan = ask(caller, body, dry_run="true", **query).json()
    assert [one["code"] for one in plan["warnings"]] == ([] if code is None else [code])


def test_a_placement_that_moves_a_pinned_brands_product_is_a_warning(caller: Caller) -> None:
    brand = {"palette": ["#123456"], "seed_policy": "pinned"}
    assert caller.http.put("/v1/brands/spring", json=brand, headers=caller.headers).status_code == 201
    body = caller.body(pilot_brand="spring")
    warned = [
        [one["code"] for one in ask(caller, body, dry_run="true", **query).json()["warnings"]]
        for query in ({"shift_x": 0.1}, {"scale": 0.8}, {})
    ]
    assert warned == [["placement_unpins"], [], []]


# A caller's own size, format and quality


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
