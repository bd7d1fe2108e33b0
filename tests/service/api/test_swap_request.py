"""The body of a swap request: what is refused, where the answer says so, and that it costs nothing."""

import json
from typing import Any

import pytest

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

    assert_problem(caller.http.post(SWAP, content=body, headers=caller.headers), 413, "body_too_large")
