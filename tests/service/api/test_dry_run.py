"""A dry run reports exactly what a submit would do, and does nothing. A requested seed is the job's seed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec
from service.database.clock import db_now
from service.database.tables import jobs, request_logs, stored_objects
from service.settings import Settings
from tests.service.api.test_admission import Api, api, quota  # noqa: F401  # api: a fixture
from tests.support.caller import SWAP, Caller, assert_problem, error_body, located
from tests.support.shop import RENDER


def dry(caller: Caller, body: Any, query: str = "dry_run=true", **headers: str) -> httpx.Response:
    answer = caller.http.post(f"{SWAP}?{query}", json=body, headers=caller.headers | headers)
    assert isinstance(answer, httpx.Response)
    return answer


def codes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    for one in answer.json()["warnings"]:
        assert one["message"].endswith("."), one
    return [one["code"] for one in answer.json()["warnings"]]


def drawn(caller: Caller, cutout: dict[str, Any]) -> dict[str, Any]:
    """Return the source of an order from an earlier render whose cut-out has these facts."""
    job_id = caller.submit(caller.body()).json()["job_id"]
    caller.jobs.succeed(caller.claim(job_id), replace(RENDER, public_id=job_id[::-1], report={"cutout": cutout}))
    return {"source_image_s3_key": None, "source_render_public_id": job_id[::-1]}


def everything(engine: sa.Engine) -> list[Any]:
    """Return every row of every table that a submit writes to."""
    with engine.connect() as connection:
        tables = ("request_logs", "jobs", "ledger", "stored_objects", "clients")
        return [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in tables]


def test_the_plan_matches_the_submit_that_follows(caller: Caller) -> None:
    body = caller.body(scene_type="Marble Tabletop", mood="CALM", dominant_colors=["ivory", "#ABC"])

    plan = dry(caller, body, "dry_run=true&seed=11").json()
    accepted = caller.http.post(f"{SWAP}?seed=11", json=body, headers=caller.headers).json()

    with caller.engine.connect() as connection:
        log = connection.execute(sa.select(request_logs).filter_by(request_id=accepted["request_id"])).one()
        job = connection.execute(sa.select(jobs).filter_by(id=accepted["job_id"])).one()
    assert plan["request"] == log.body
    assert {name: plan["request"][name] for name in ("scene_type", "mood", "dominant_colors")} == {
        "scene_type": "marble_tabletop",
        "mood": "calm",
        "dominant_colors": ["#fffff0", "#aabbcc"],
    }
    assert job.spec.items() >= {name: plan["request"][name] for name in job.spec.keys() & plan["request"]}.items()
    assert job.spec["seed"] == plan["seed"]
    assert (plan["seed"], plan["brand"], plan["warnings"]) == (11, None, [])
    assert (plan["credits_cost"], plan["balance"], plan["affordable"]) == (accepted["credits_cost"], 100, True)
    presets = caller.get("/v1/output-presets").json()["items"]
    assert plan["preset"] == next(one for one in presets if one["name"] == "shopify_product")


def test_a_dry_run_charges_stores_queues_and_remembers_nothing(caller: Caller) -> None:
    body, once = caller.body(), {"Idempotency-Key": "once"}
    before, waiting = everything(caller.engine), caller.http.app.state.installation.queue.size()

    first = dry(caller, body, **once)
    second = dry(caller, body | {"mood": "fresh"}, **once)

    assert (first.status_code, second.status_code) == (200, 200)
    assert "location" not in first.headers
    assert everything(caller.engine) == before
    assert caller.http.app.state.installation.queue.size() == waiting
    accepted = caller.submit(body, **once)
    assert dry(caller, body | {"mood": "fresh"}, **once).status_code == 200, "the key is ignored"
    assert caller.submit(body, **once).json() == accepted.json()


def test_an_expired_an_oversized_and_a_foreign_photo_are_refused_as_in_a_submit(
    caller: Caller, settings: Settings
) -> None:
    expired, other = caller.body(), Caller(caller.http, settings, "other-of-dry-run", credits=1)
    with caller.engine.begin() as connection:
        photo = stored_objects.c.key == expired["source_image_s3_key"]
        connection.execute(stored_objects.update().where(photo).values(doomed_at=db_now()))
    heavy = caller.body(source_image_s3_key=caller.upload(b"x" * (settings.max_photo_bytes // 2)))
    caller.http.app.state.sources.put(heavy["source_image_s3_key"], b"x" * (settings.max_photo_bytes + 1), "")

    for body in (expired, other.body()):
        assert_problem(dry(caller, body), 404, "not_found")
        assert error_body(dry(caller, body)) == error_body(caller.submit(body))
    assert located(dry(caller, heavy)) == {("body", "source_image_s3_key")}
    assert error_body(dry(caller, heavy)) == error_body(caller.submit(heavy))


def test_a_reason_to_refuse_the_submit_is_a_warning(api: Callable[..., Api]) -> None:  # noqa: F811
    one = api(unfinished_limit=1, queue_limit=1)
    caller, poor = one.caller("rich"), one.caller("poor", credits=1)
    body = caller.body()

    assert codes(dry(poor, poor.body())) == ["insufficient_credits"]
    assert dry(poor, poor.body()).json()["affordable"] is False
    assert codes(dry(caller, body)) == []
    job_id = caller.submit(body).json()["job_id"]
    assert codes(dry(caller, body)) == ["queue_full", "too_many_unfinished_jobs"]
    assert codes(dry(poor, poor.body())) == ["insufficient_credits", "queue_full"]
    caller.claim(job_id)
    assert codes(dry(caller, body)) == ["too_many_unfinished_jobs"]
    assert dry(caller, body).json()["balance"] == 98


def test_limits_are_the_orders_else_the_brands_else_the_clients_and_the_job_keeps_them(caller: Caller) -> None:
    brand = {"palette": [], "style_words": [], "seed_policy": "free", "options": {"accept": {"palette_mean": 4}}}
    caller.http.put("/v1/brands/Dawn", json=brand, headers=caller.headers).raise_for_status()
    plain, branded = caller.body(), caller.body(pilot_brand="Dawn")
    cases: list[tuple[str | None, Any, str, str | None, str]] = [
        (None, plain, "", None, ""),
        ("strict", plain, "", "strict", "strict"),
        ("strict", branded, "", "custom", '{"palette_mean":4}'),
        ("strict", branded, "&accept=standard", "standard", "standard"),
        ("strict", plain, "&accept=none", None, "none"),
        ("strict", branded, "&accept=none", None, "none"),
        ("strict", plain, "&preview=true", None, ""),
    ]
    for default, body, query, planned, kept in cases:
        caller.accounts.set_accept(caller.client.name, default)
        plan = dry(caller, body, f"dry_run=true{query}").json()
        sent = caller.http.post(f"{SWAP}?{query[1:]}", json=body, headers=caller.headers).json()
        caller.accounts.set_accept(caller.client.name, None)  # changes no accepted job
        asked = caller.get(f"/v1/jobs/{sent['job_id']}/request").json()
        assert (plan["acceptance"] and plan["acceptance"]["set"], asked["acceptance"]["accept"]) == (planned, kept)
    limits = dry(caller, branded).json()["acceptance"]["limits"]
    assert limits == {"palette_mean": 4, "attempts": 3}
    caller.accounts.set_accept(caller.client.name, "standard")
    order = {"photos": [{"source_image_s3_key": caller.upload()}], "presets": ["open_graph"]}
    order |= {"scene_type": "podium", "mood": "calm"}
    made = caller.http.post("/v1/orders", json=order, headers=caller.headers).json()
    (picture,) = caller.get(f"/v1/orders/{made['order_id']}").json()["items"]
    assert caller.get(f"/v1/jobs/{picture['job_id']}/request").json()["acceptance"] == {"accept": "standard"}


def test_the_plan_has_the_parsed_colours_or_the_brands_where_none_are_given(caller: Caller) -> None:
    brand = {"palette": ["#224466"], "style_words": [], "seed_policy": "free"}
    caller.http.put("/v1/brands/Dawn", json=brand, headers=caller.headers).raise_for_status()
    for asked, given in (["teal", "#abc"], ["#008080", "#aabbcc"]), ([], ["#224466"]):
        plan = dry(caller, caller.body(dominant_colors=asked, pilot_brand="Dawn")).json()
        assert plan["request"]["dominant_colors"] == given


@pytest.mark.parametrize(
    ("changes", "expected", "said"),
    [
        ({"scene_type": "an old oak desk"}, ["scene_in_words"], "a tabletop of wood"),
        ({"scene_type": "somewhere nice"}, ["scene_in_words"], "a sweep"),
        ({"mood": "like a rainy sunday"}, ["mood_in_words"], "words"),
        ({"pilot_brand": "nobody"}, ["brand_unknown"], "records it"),
        ({"scene_type": "white"}, ["colors_unused"], "white"),
        ({"scene_type": "white", "output_preset": "amazon_main"}, ["colors_unused"], "white"),
        ({"scene_type": "white", "output_preset": "transparent_cutout"}, ["colors_unused"], "transparent"),
        ({"scene_type": "white", "dominant_colors": []}, [], ""),
        ({"scene_type": "Podium", "mood": "calm"}, [], ""),
    ],
)
def test_doubtful_input_is_a_warning(caller: Caller, changes: dict[str, Any], expected: list[str], said: str) -> None:
    answer = dry(caller, caller.body(**changes))

    assert codes(answer) == expected
    assert all(said in one["message"] for one in answer.json()["warnings"])


def test_the_plan_names_the_colour_that_nothing_before_a_place_can_have(caller: Caller) -> None:
    body = caller.body(scene_type="kitchen", dominant_colors=["#e8d9c5", "#7a8f6a"])
    assert codes(dry(caller, body)) == []
    answer = dry(caller, body, "dry_run=true&props=none")
    assert codes(answer) == ["colors_unused"]
    assert "Nothing in kitchen is painted in #7a8f6a" in answer.json()["warnings"][0]["message"]


@pytest.mark.parametrize(
    ("stance", "suits", "scene", "said"),
    [
        (
            "lying",
            ["white", "flatlay"],
            "marble_tabletop",
            "from above, so the scene is shown from above. Send stance=lying",
        ),
        ("lying", ["white", "flatlay"], "neon", "fail and be refunded"),
        (
            "hanging",
            ["white", "podium", "flatlay"],
            "sand_dunes",
            "The product hangs, and this scene has no wall, so the scene is shown from above.",
        ),
        ("standing", ["white", "podium"], "flat_lay_linen", "surface is shown from the side."),
    ],
)
def test_from_an_earlier_render_the_plan_knows_which_scenes_suit_the_photo(
    caller: Caller, stance: str, suits: list[str], scene: str, said: str
) -> None:
    body = caller.body(scene_type=scene, **drawn(caller, {"stance": stance, "suits": suits}))
    answer = dry(caller, body)
    assert codes(answer) == ["scene_unsuited"]
    text = answer.json()["warnings"][0]["message"]
    assert said in text
    assert ("flat_lay_linen" in text) == ("flatlay" in suits)
    assert codes(dry(caller, body | {"scene_type": "podium"})) == ([] if "podium" in suits else ["scene_unsuited"])
    assert codes(dry(caller, body | {"scene_type": "white", "dominant_colors": []})) == []
    assert codes(dry(caller, body | drawn(caller, {}))) == [], "a render from before reports had the stance"
    given = drawn(caller, {"stance": stance, "stance_from": "caller", "suits": suits})
    assert codes(dry(caller, body | given)) == [], "a stance given for an earlier picture is no guess for the next"


@pytest.mark.parametrize(
    ("stance", "scene", "said"),
    [
        ("from_above", "marble_tabletop", "seen from above, so the scene is shown from above."),
        ("from_above", "neon", "fail and be refunded"),
        (
            "hanging",
            "sand_dunes",
            "The order says that the product hangs, and this scene has no wall, so the scene is shown from above.",
        ),
        (
            "standing",
            "flat_lay_linen",
            "stands, so the scene's surface is shown from the side. Send stance=from_above",
        ),
        ("lying", "neon", None),
        ("lying", "flat_lay_linen", None),
    ],
)
def test_the_plan_uses_the_callers_stance_and_prefers_it_to_an_earlier_guess(
    caller: Caller, stance: str, scene: str, said: str | None
) -> None:
    guess = {"stance": "lying", "stance_from": "guess", "suits": ["white", "flatlay"]}
    for source in ({}, drawn(caller, guess)):
        answer = dry(caller, caller.body(scene_type=scene, **source), f"dry_run=true&stance={stance}")
        assert codes(answer) == ([] if said is None else ["scene_unsuited"])
        assert said is None or said in answer.json()["warnings"][0]["message"]


def test_a_dry_run_is_counted_and_refused_as_a_submit_is(api: Callable[..., Api]) -> None:  # noqa: F811
    caller = api(submit_rate=2).caller("curious")
    body = caller.body()

    assert [quota(dry(caller, body))[0] for _ in range(2)] == [1, 0]
    assert_problem(dry(caller, body), 429, "rate_limited")


@pytest.mark.parametrize("query", ["seed=0", f"seed={2**31 - 1}"])
def test_a_requested_seed_is_the_jobs_seed(caller: Caller, query: str) -> None:
    job_id = caller.http.post(f"{SWAP}?{query}", json=caller.body(), headers=caller.headers).json()["job_id"]

    claim = caller.claim(job_id)
    assert claim.spec["seed"] == int(query.partition("=")[2])


def on(caller: Caller, changes: dict[str, Any], query: str = "") -> dict[str, tuple[str, bool]]:
    """Return the surfaces of a dry run: the colour of each, and whether the caller asked for it."""
    answer = dry(caller, caller.body(**changes), f"dry_run=true&{query}")
    assert answer.status_code == 200, answer.text
    listed = answer.json()["surfaces"]
    assert [one["share"] for one in listed] == sorted((one["share"] for one in listed), reverse=True)
    return {one["name"]: (one["color"], one["asked"]) for one in listed}


def test_the_plan_reports_which_colour_goes_on_which_surface(caller: Caller) -> None:
    table = {"scene_type": "wooden_table", "dominant_colors": ["#b5835a", "#f1e3d3", "#2e8b57"]}
    listed = dry(caller, caller.body(**table)).json()["surfaces"]

    assert [(one["title"], one["color"]) for one in listed] == [
        ("Wall", "#f1e3d3"),
        ("Table", "#b5835a"),
        ("Accent", "#2e8b57"),
    ]
    assert on(caller, table, "colors_on=wall:%232e8b57,accent:%23f1e3d3") == {
        "wall": ("#2e8b57", True),
        "table": ("#b5835a", True),
        "accent": ("#f1e3d3", True),
    }
    own = on(caller, {"scene_type": "podium", "dominant_colors": []})
    assert {asked for _, asked in own.values()} == {False}
    wood = {"scene_type": "flat_lay_wood", "dominant_colors": ["teal"]}
    assert [one["title"] for one in dry(caller, caller.body(**wood)).json()["surfaces"]] == ["Wood", "Cloth"]
    for changes in ({"scene_type": "white"}, {"scene_type": "white", "output_preset": "transparent_cutout"}):
        assert on(caller, changes) == {}


def test_surfaces_depend_on_the_angle_of_the_view(caller: Caller) -> None:
    podium = {"scene_type": "podium", "dominant_colors": ["teal", "ivory"]}

    assert set(on(caller, podium, "stance=from_above")) == {"surface", "sheet"}
    three = podium | {"dominant_colors": ["teal", "ivory", "coral"]}
    assert "accent" in on(caller, three)
    assert "accent" not in on(caller, three, "stance=hanging"), "nothing stands below a hanging product"
    dunes = {"scene_type": "sand_dunes", "dominant_colors": ["teal", "coral", "ivory"]}
    assert ["accent" in on(caller, dunes, f"props={props}") for props in ("few", "none")] == [True, False]
    for named in ("surface:teal,sheet:ivory", "floor:teal,wall:ivory"):
        seen = on(caller, podium, f"stance=from_above&colors_on={named}")
        assert seen == {"surface": ("#008080", True), "sheet": ("#fffff0", True)}


def test_a_dressing_is_stored_with_its_job_and_another_notation_is_the_same_order(caller: Caller) -> None:
    body = caller.body()
    accepted = dry(caller, body, "props=none&colors_on=wall:ivory,%20floor:%23E8C7B8", **{"Idempotency-Key": "dressed"})
    job_id = accepted.json()["job_id"]

    repeated = dry(caller, body, "colors_on=floor:%23e8c7b8,wall:ivory&props=none", **{"Idempotency-Key": "dressed"})
    assert repeated.json()["job_id"] == job_id
    plain = dry(caller, body, "", **{"Idempotency-Key": "dressed"})
    assert plain.json()["detail"][0]["code"] == "idempotency_conflict"
    kept = caller.get(f"/v1/jobs/{job_id}/request").json()["dressing"]
    assert kept == {"props": "none", "colors_on": "floor:#e8c7b8,wall:#fffff0"}
    claim = caller.claim(job_id)
    assert vars(resolve_spec(claim.spec, load_catalogue()).dressing) == kept
    twice = caller.body(dominant_colors=["ivory", "ivory"])
    assert dry(caller, twice, "colors_on=wall:ivory,floor:ivory").status_code == 202
