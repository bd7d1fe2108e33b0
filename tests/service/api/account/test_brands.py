"""Brands: valid and invalid fields, ownership, and their effect on a request that names one."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from pipeline.background.paint import prompt
from pipeline.scene.composition import compose
from service.accounts import brands as brands_module
from service.accounts.brands import Brands, Profile, SeedPolicy
from service.accounts.clients import Accounts
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec
from service.database.tables import jobs, request_logs
from testkit.polling import at_once
from tests.support.caller import SWAP, Caller, assert_problem, located

PINNED = {
    "palette": ["ivory", "#2F5D50", "rgb(232, 199, 184)"],
    "style_words": [" linen ", "soft daylight"],
    "seed_policy": "pinned",
    "default_preset": "shopify_product",
}


def put(caller: Caller, name: str, /, **body: Any) -> httpx.Response:
    answer = caller.http.put(f"/v1/brands/{quote(name, safe='')}", json=body, headers=caller.headers)
    assert isinstance(answer, httpx.Response)
    return answer


def get(caller: Caller, name: str) -> httpx.Response:
    return caller.get(f"/v1/brands/{quote(name, safe='')}")


def job_of(caller: Caller, answer: httpx.Response) -> tuple[dict[str, Any], sa.Row[Any]]:
    """Return the spec of an accepted job, and the log of its request."""
    assert answer.status_code == 202, answer.text
    query = sa.select(jobs.c.spec, request_logs).join(request_logs, request_logs.c.request_id == jobs.c.request_id)
    with caller.engine.connect() as connection:
        row = connection.execute(query.where(jobs.c.id == answer.json()["job_id"])).one()
    return row.spec, row


# The routes


def test_a_brand_is_made_replaced_listed_and_deleted(caller: Caller) -> None:
    made = put(caller, "Lumen & Öl", **PINNED)
    brand = made.json()
    assert made.status_code == 201
    assert brand["name"] == "Lumen & Öl"
    assert brand["palette"] == ["#fffff0", "#2f5d50", "#e8c7b8"]
    assert brand["style_words"] == ["linen", "soft daylight"]
    assert (brand["seed_policy"], brand["default_preset"]) == ("pinned", "shopify_product")
    assert 0 <= brand["seed"] < 2**31
    assert get(caller, "Lumen & Öl").json() == brand

    replaced = put(caller, "Lumen & Öl", seed_policy="pinned", palette=["teal"])
    assert replaced.status_code == 200
    assert replaced.json()["palette"] == ["#008080"]
    assert (replaced.json()["style_words"], replaced.json()["default_preset"]) == ([], None)
    assert (replaced.json()["seed"], replaced.json()["created_at"]) == (brand["seed"], brand["created_at"])
    # Compared as times: on a whole second the text has no fraction, and would sort after a text that has.
    assert datetime.fromisoformat(replaced.json()["updated_at"]) >= datetime.fromisoformat(brand["updated_at"])

    put(caller, "Acme")
    assert [one["name"] for one in caller.get("/v1/brands").json()["items"]] == ["Acme", "Lumen & Öl"]

    gone = caller.http.delete("/v1/brands/Acme", headers=caller.headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert_problem(get(caller, "Acme"), 404, "not_found")
    assert_problem(caller.http.delete("/v1/brands/Acme", headers=caller.headers), 404, "not_found")


def test_a_pinned_brand_has_a_seed_and_a_free_brand_has_none(caller: Caller) -> None:
    assert put(caller, "b").json()["seed"] is None
    assert put(caller, "b", seed_policy="pinned", seed=7).json()["seed"] == 7
    assert put(caller, "b", seed_policy="pinned", seed=None).json()["seed"] == 7
    assert put(caller, "b", seed_policy="pinned", seed=0).json()["seed"] == 0
    assert put(caller, "b", seed_policy="free").json()["seed"] is None


def test_all_errors_of_a_brand_are_reported_at_once(caller: Caller) -> None:
    answer = put(
        caller,
        "wrong",
        palette=["teal", "no colour", "#12"],
        style_words=["fine", "", "x" * 61, "two\nlines", "   ", "\u202eevil"],
        seed_policy="free",
        seed=5,
        default_preset="shopify",
        name="b",
    )

    assert located(answer) == {
        ("body", "palette", 1),
        ("body", "palette", 2),
        *(("body", "style_words", index) for index in (1, 2, 3, 4, 5)),
        ("body", "seed"),
        ("body", "default_preset"),
        ("body", "name"),
    }
    assert "shopify_product" in answer.text
    assert get(caller, "wrong").status_code == 404
    assert located(put(caller, "wrong", palette=["teal"] * 7, style_words=["a"] * 13, seed_policy="often")) == {
        ("body", "palette"),
        ("body", "style_words"),
        ("body", "seed_policy"),
    }


@pytest.mark.parametrize("name", ["a", "x" * 120, "Ünïcode 店", "50% & more?#", "..", "~", "\u202eright to left"])
def test_a_name_may_be_anything_that_a_request_can_express(caller: Caller, name: str) -> None:
    encoded = name.replace(".", "%2E") if name == ".." else None
    path = f"/v1/brands/{encoded or quote(name, safe='')}"
    assert caller.http.put(path, json={}, headers=caller.headers).status_code == 201
    assert caller.http.get(path, headers=caller.headers).json()["name"] == name
    assert caller.submit(caller.body(pilot_brand=name)).status_code == 202


def test_a_name_with_a_slash_has_no_route(caller: Caller) -> None:
    assert put(caller, "a/b").status_code == 404
    assert caller.submit(caller.body(pilot_brand="a/b")).status_code == 202, "it is only recorded"


def test_a_client_has_a_maximum_number_of_brands(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brands_module, "MAX_BRANDS", 2)
    assert [put(caller, name).status_code for name in "aba"] == [201, 201, 200]
    assert_problem(put(caller, "c"), 409, "too_many_brands")


# In a swap request


def test_a_known_brand_fills_in_fields_that_the_request_omits(caller: Caller) -> None:
    seed = put(caller, "b", **PINNED).json()["seed"]

    spec, log = job_of(caller, caller.submit(caller.body(pilot_brand="b", dominant_colors=[])))

    assert spec["dominant_colors"] == ["#fffff0", "#2f5d50", "#e8c7b8"]
    assert (spec["style_words"], spec["seed"], spec["pinned"]) == (["linen", "soft daylight"], seed, True)
    assert (log.pilot_brand, log.body["dominant_colors"]) == ("b", []), "the log has the request as received"


def test_fields_of_the_request_override_the_brand(caller: Caller) -> None:
    put(caller, "b", **PINNED)
    spec, _ = job_of(caller, caller.submit(caller.body(pilot_brand="b", dominant_colors=["teal"])))
    assert spec["dominant_colors"] == ["#008080"]


def test_a_brands_options_are_for_requests_that_leave_them_out(caller: Caller) -> None:
    made = put(caller, "b", options={"shadow": "soft", "margins": "10%", "layers": [{"text": "New"}]})
    assert made.json()["options"] == {"shadow": "soft", "margins": "10%", "layers": '[{"text":"New"}]'}

    def asked(**query: str) -> dict[str, Any]:
        answer = caller.http.post(SWAP, params=query, json=caller.body(pilot_brand="b"), headers=caller.headers)
        return job_of(caller, answer)[0]

    assert asked()["shadow"] == {"shadow": "soft"}
    assert asked()["frame"] == {"margins": "10%"}
    assert asked(shadow="none")["shadow"] == {"shadow": "none"}
    assert "shadow" not in asked(shadow="scene"), "the request has the last word, even with a default value"


def test_a_brands_wrong_option_is_named(caller: Caller) -> None:
    wrong = put(caller, "b", options={"shadow": "blue", "shadow_strength": 2, "shade": "soft"})

    assert located(wrong) == {("body", "options", name) for name in ("shadow", "shadow_strength", "shade")}
    assert get(caller, "b").status_code == 404


def test_a_free_brand_draws_a_seed_for_each_swap(caller: Caller) -> None:
    put(caller, "b", **PINNED | {"seed_policy": "free"})
    specs = [job_of(caller, caller.submit(caller.body(pilot_brand="b")))[0] for _ in range(2)]
    assert [spec["pinned"] for spec in specs] == [False, False]
    assert specs[0]["seed"] != specs[1]["seed"]
    assert specs[0]["style_words"] == ["linen", "soft daylight"]


@pytest.mark.parametrize("name", ["B", "b ", "none"])
def test_a_brand_name_that_does_not_match_exactly_is_only_recorded(caller: Caller, name: str) -> None:
    put(caller, "b", **PINNED)
    spec, log = job_of(caller, caller.submit(caller.body(pilot_brand=name, dominant_colors=[])))
    assert (spec["dominant_colors"], spec["style_words"], spec["pinned"]) == ([], [], False)
    assert log.pilot_brand == name


def test_a_job_keeps_its_brand_settings_when_the_brand_changes(caller: Caller) -> None:
    put(caller, "b", **PINNED)
    answer = caller.submit(caller.body(pilot_brand="b", dominant_colors=[]))
    before, _ = job_of(caller, answer)

    put(caller, "b", palette=["black"])
    caller.http.delete("/v1/brands/b", headers=caller.headers)

    assert job_of(caller, answer)[0] == before


def test_a_repeated_request_gets_its_first_answer_after_the_brand_has_changed(caller: Caller) -> None:
    put(caller, "b", **PINNED)
    body = caller.body(pilot_brand="b", dominant_colors=[])
    once = {"Idempotency-Key": "once"}
    first = caller.submit(body, **once)

    put(caller, "b", palette=["black"])

    assert caller.submit(body, **once).json() == first.json()


def test_style_words_reach_the_prompt_and_stay_within_their_quotes() -> None:
    stored = {
        "scene_type": "podium",
        "mood": "calm",
        "dominant_colors": [],
        "output_preset": "shopify_product",
        "seed": 1,
        "style_words": ["linen", 'say "nothing" else', "«»"],
    }
    spec = resolve_spec(stored, load_catalogue())

    words = prompt(spec, compose(spec, 64, 64))

    assert 'in a style that fits the words "linen, say nothing else"' in words
    # a job from before there were brands
    old = {name: value for name, value in stored.items() if name != "style_words"}
    assert resolve_spec(old, load_catalogue()).style_words == ""


# The database


def test_simultaneous_puts_of_one_brand_create_it_once_with_one_seed(engine: sa.Engine) -> None:
    client, _ = Accounts(engine).add("shop", credits=0)
    brands = Brands(engine)
    profile = Profile(seed_policy=SeedPolicy.PINNED)

    put = at_once(*[lambda: brands.put("b", profile, client_id=client.id)] * 6)

    seeds = [brand.seed for brand, _ in put]
    assert (sorted(new for _, new in put), len(set(seeds))) == ([False] * 5 + [True], 1)
    kept = brands.get("b", client_id=client.id)
    assert kept is not None
    assert kept.seed == seeds[0]
