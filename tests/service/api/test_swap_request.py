"""The body of a swap request: what is refused, where the answer says so, and that it costs nothing."""

import json
from typing import Any

import pytest

from service.settings import Settings
from tests.support.caller import SWAP, Caller, assert_problem, located


@pytest.mark.parametrize("field", ["scene_type", "mood", "output_preset"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (..., "missing"),
        (None, "string_type"),
        (7, "string_type"),
        (["podium"], "string_type"),
        ("", "string_too_short"),
        ("x" * 121, "string_too_long"),
        ("a\u0000b", "control_character"),
    ],
    ids=["missing", "null", "number", "array", "empty", "too long", "control character"],
)
def test_a_required_field_that_is_wrong_is_named(caller: Caller, field: str, value: Any, kind: str) -> None:
    answer = caller.submit(caller.body(**{field: value}))

    assert located(answer) == {("body", field)}
    assert kind in {one["type"] for one in answer.json()["detail"]}
    assert caller.balance == 100


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"source_image_s3_key": 7}, ("source_image_s3_key",)),
        ({"source_image_s3_key": "x" * 513}, ("source_image_s3_key",)),
        ({"source_image_s3_key": None, "source_render_public_id": []}, ("source_render_public_id",)),
        ({"source_image_s3_key": ...}, ("source_image_s3_key", "source_render_public_id")),
        ({"source_image_s3_key": ""}, ("source_image_s3_key", "source_render_public_id")),
        ({"source_render_public_id": "x"}, ("source_image_s3_key", "source_render_public_id")),
        ({"dominant_colors": None}, ("dominant_colors",)),
        ({"dominant_colors": "red"}, ("dominant_colors",)),
        ({"dominant_colors": ["red"] * 7}, ("dominant_colors",)),
        ({"dominant_colors": ["red", "reddish"]}, ("dominant_colors", 1)),
        ({"dominant_colors": ["#12"]}, ("dominant_colors", 0)),
        ({"dominant_colors": [""]}, ("dominant_colors", 0)),
        ({"dominant_colors": [3]}, ("dominant_colors", 0)),
        ({"dominant_colors": ["rgb(1, 2, 300)"]}, ("dominant_colors", 0)),
        ({"dominant_colors": ["hsl(1, 2%, 3%)"]}, ("dominant_colors", 0)),
        ({"output_preset": "shopify"}, ("output_preset",)),
        ({"output_preset": "amazon_main"}, ("scene_type",)),
        ({"pilot_brand": ""}, ("pilot_brand",)),
        ({"pilot_brand": 1}, ("pilot_brand",)),
        ({"scene_type": "   "}, ("scene_type",)),
        ({"dominant_colours": ["red"]}, ("dominant_colours",)),
    ],
    ids=str,
)
def test_a_wrong_value_is_named_and_costs_nothing(
    caller: Caller, changes: dict[str, Any], where: tuple[Any, ...]
) -> None:
    assert located(caller.submit(caller.body(**changes))) == {("body", *where)}
    assert caller.balance == 100


def test_all_errors_of_a_body_come_at_once(caller: Caller) -> None:
    body = {
        "scene_type": None,
        "dominant_colors": ["red", "nope", 5],
        "output_preset": "shopfy_product",
        "typo": 1,
        "pilot_brand": "",
    }

    assert located(caller.submit(body)) == {
        ("body", "source_image_s3_key", "source_render_public_id"),
        ("body", "scene_type"),
        ("body", "mood"),
        ("body", "dominant_colors", 1),
        ("body", "dominant_colors", 2),
        ("body", "output_preset"),
        ("body", "pilot_brand"),
        ("body", "typo"),
    }


def test_an_unknown_preset_is_answered_with_the_nearest(caller: Caller) -> None:
    message = caller.submit(caller.body(output_preset="shopify_produkt")).json()["detail"][0]["msg"]

    assert "shopify_product" in message


@pytest.mark.parametrize(
    ("changes", "field", "meant"),
    [
        ({"scene_type": "podum"}, "scene_type", "podium"),
        ({"scene_type": "Marble Tabeltop"}, "scene_type", "marble_tabletop"),
        ({"mood": "clam"}, "mood", "calm"),
        ({"output_preset": "shopify_prodcut"}, "output_preset", "shopify_product"),
        ({"pilot_brand": "Lumne"}, "pilot_brand", "Lumen"),
        ({"pilot_brand": "lumen"}, "pilot_brand", "Lumen"),
        # one mistake, one error: on pure white the scene is not forbidden as well
        ({"scene_type": "whte", "output_preset": "amazon_main"}, "scene_type", "white"),
    ],
    ids=str,
)
def test_a_near_miss_of_a_name_is_refused_with_the_name_and_costs_nothing(
    caller: Caller, changes: dict[str, Any], field: str, meant: str
) -> None:
    caller.http.put("/v1/brands/Lumen", json={}, headers=caller.headers).raise_for_status()
    body = caller.body(**changes)

    for answer in (caller.submit(body), caller.http.post(f"{SWAP}?dry_run=true", json=body, headers=caller.headers)):
        assert located(answer) == {("body", field)}
        assert [f"Did you mean {meant}?" in one["msg"] for one in answer.json()["detail"]] == [True]
    assert caller.balance == 100
    assert caller.get("/v1/jobs").json()["items"] == []


def test_another_client_s_brand_is_no_near_miss(caller: Caller, settings: Settings) -> None:
    caller.http.put("/v1/brands/Lumen", json={}, headers=caller.headers).raise_for_status()
    other = Caller(caller.http, settings, "other-brands", credits=10)

    assert other.submit(other.body(pilot_brand="Lumne")).status_code == 202


def test_what_is_no_near_miss_is_warned_of_in_the_job_as_in_the_dry_run(caller: Caller) -> None:
    body = caller.body(scene_type="an old oak desk", mood="like a rainy sunday", pilot_brand="nobody")

    plan = caller.http.post(f"{SWAP}?dry_run=true", json=body, headers=caller.headers).json()
    accepted = caller.submit(body)
    job = caller.get(f"/v1/jobs/{accepted.json()['job_id']}").json()

    assert accepted.headers["backdrop-warnings"] == "scene_in_words, mood_in_words, brand_unknown"
    assert set(accepted.json()) == {"request_id", "job_id", "status", "credits_cost"}
    scene, mood, _ = (one["message"] for one in job["warnings"])
    assert "'an old oak desk'" in scene
    assert "podium" in scene
    assert "Moods with a name: calm, natural" in mood
    assert [one["code"] for one in job["warnings"]] == ["scene_in_words", "mood_in_words", "brand_unknown"]
    assert job["warnings"] == plan["warnings"]
    assert caller.get("/v1/jobs").json()["items"][0]["warnings"] == plan["warnings"]
    named = caller.submit(caller.body())
    assert "backdrop-warnings" not in named.headers
    assert caller.get(f"/v1/jobs/{named.json()['job_id']}").json()["warnings"] == []


def test_a_preset_that_forbids_the_scene_names_its_sibling(caller: Caller) -> None:
    error = caller.submit(caller.body(output_preset="amazon_main")).json()["detail"][0]

    assert error["type"] == "scene_forbidden"
    assert "amazon_lifestyle" in error["msg"]


@pytest.mark.parametrize(
    ("raw", "where", "kind"),
    [
        (b"", ("body",), "missing"),
        (b"{", ("body", 1), "json_invalid"),
        (b'{"mood": }', ("body", 9), "json_invalid"),
        (b"\xff\xfe{}", ("body", 0), "json_invalid"),
        (b'{"mood": NaN}', None, None),
        (b"[" * 20_000, ("body", 0), "json_invalid"),
        (b"[]", ("body",), "model_type"),
        (b'"text"', ("body",), "model_type"),
        (b"null", None, None),
    ],
    ids=["empty", "cut off", "no value", "not UTF-8", "NaN", "deep", "array", "string", "null"],
)
def test_a_body_that_is_no_object_is_unprocessable(
    caller: Caller, raw: bytes, where: tuple[Any, ...] | None, kind: str | None
) -> None:
    answer = caller.http.post(SWAP, content=raw, headers=caller.headers)

    found = located(answer)
    if where is not None:
        assert found == {where}
        assert answer.json()["detail"][0]["type"] == kind


def test_a_body_over_the_limit_is_too_large(caller: Caller) -> None:
    body = json.dumps(caller.body(pilot_brand="x" * 70_000)).encode()

    refused = caller.http.post(SWAP, content=body, headers=caller.headers)

    assert_problem(refused, 413, "body_too_large")
    assert refused.json()["max_bytes"] == 65_536
