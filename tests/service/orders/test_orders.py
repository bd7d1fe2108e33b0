"""Orders of many pictures at the API: checked and priced before, charged as a whole, followed as one."""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from ulid import ULID

from service.database.tables import deliveries
from service.diagnostics.audit import Bounds, audit
from service.storage.buckets import open_buckets
from service.webhooks.endpoints import Webhooks
from tests.support.caller import Caller, assert_problem, located
from tests.support.shop import render

ORDERS = "/v1/orders"


def body_of(caller: Caller, photos: int = 2, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "photos": [{"source_image_s3_key": caller.upload()} for _ in range(photos)],
        "scene_type": "podium",
        "mood": "calm",
        "dominant_colors": ["teal"],
        "presets": ["shopify_product", "open_graph"],
    }
    return body | changes


def ordered(caller: Caller, body: dict[str, Any], query: str = "", **headers: str) -> httpx.Response:
    answer = caller.http.post(ORDERS + query, json=body, headers=caller.headers | headers)
    assert isinstance(answer, httpx.Response)
    return answer


def view(caller: Caller, order_id: str, query: str = "?limit=100") -> dict[str, Any]:
    answer = caller.get(f"{ORDERS}/{order_id}{query}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def finish(caller: Caller, picture: dict[str, Any], *, refused: bool = False) -> None:
    """End a picture's job as a worker does, with a small picture in the store."""
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(file, "JPEG")
    key = f"renders/{caller.client.id}/{picture['job_id']}-1.jpg"
    open_buckets(caller.settings)[1].put(key, file.getvalue(), "image/jpeg")
    made = replace(render(), public_id=str(ULID()), key=key, output_preset=picture["output_preset"])
    made, claim = replace(made, bytes=len(file.getvalue()), preview=refused), caller.claim(picture["job_id"])
    if refused:
        claim.missed.append(["text"])
        caller.jobs.fail(claim, "not_accepted", "text: it is not the same.", made)
    else:
        caller.jobs.succeed(claim, made)


def test_a_dry_run_counts_prices_and_names_bad_photos_and_charges_nothing(caller: Caller) -> None:
    body = body_of(caller, variants=3)
    body["photos"].append({"source_image_s3_key": f"uploads/{caller.client.id}/none.jpg"})

    plan = ordered(caller, body, "?dry_run=true").json()

    assert (plan["pictures"], plan["credits_cost"], plan["balance"]) == (18, 36, 100)
    assert [(one["photo"], one["code"]) for one in plan["faults"]] == [(2, "source_not_found")]
    assert located(ordered(caller, body)) == {("body", "photos", 2, "source_image_s3_key")}
    assert caller.balance == 100
    assert caller.get("/v1/jobs").json()["items"] == []


def test_an_order_is_one_job_and_one_debit_a_picture(caller: Caller) -> None:
    red = {"scene_type": "marble_tabletop", "options": {"props": "none"}, "dominant_colors": ["red"]}
    body = body_of(caller, variants=[{"seed": 7}, red], metadata={"season": "2027"}, options={"shift_x": 0.1})
    body |= {"reference": "spring"}
    body["photos"][1] |= {"reference": "sku-2", "metadata": {"colour": "red"}, "subject": [0.4, 0.5]}

    accepted = ordered(caller, body)

    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["location"] == f"{ORDERS}/{accepted.json()['order_id']}"
    assert (accepted.json()["pictures"], accepted.json()["credits_cost"], caller.balance) == (8, 16, 84)
    shown = view(caller, accepted.json()["order_id"])
    assert (shown["status"], shown["counts"]["not_started"], shown["progress"]) == ("NOT_STARTED", 8, 0)
    places = [(one["variant"], one["output_preset"], one["photo"]) for one in shown["items"]]
    assert places == [(v, p, n) for v in (0, 1) for p in ("shopify_product", "open_graph") for n in (0, 1)]
    last = shown["items"][-1]
    assert (last["reference"], last["metadata"]) == ("sku-2", {"season": "2027", "colour": "red"})
    asked = caller.get(f"/v1/jobs/{last['job_id']}/request").json()
    assert (asked["request"]["scene_type"], asked["request"]["dominant_colors"]) == ("marble_tabletop", ["#ff0000"])
    assert (asked["dressing"]["props"], asked["placement"]["shift_x"], asked["subject"]) == ("none", 0.1, [0.4, 0.5])
    assert {one["seed"] for one in shown["items"] if one["variant"] == 0} == {7}
    assert len({one["seed"] for one in shown["items"] if one["variant"] == 1}) == 1
    debits = [one for one in caller.get("/v1/credits").json()["entries"] if one["kind"] == "debit"]
    assert sorted(one["job_id"] for one in debits) == [one["job_id"] for one in shown["items"]]


def test_a_number_of_variants_uses_the_seeds_after_the_orders(caller: Caller) -> None:
    order = ordered(caller, body_of(caller, photos=1, variants=3, seed=2**31 - 2, presets=["open_graph"])).json()

    assert [one["seed"] for one in view(caller, order["order_id"])["items"]] == [2**31 - 2, 2**31 - 1, 0]


def test_a_preset_without_a_scene_gets_white_without_colours(caller: Caller) -> None:
    body = body_of(caller, photos=1, presets=["amazon_main", "open_graph"], options={"colors_on": "wall:teal"})
    order = ordered(caller, body).json()

    white, scene = view(caller, order["order_id"])["items"]
    asked = caller.get(f"/v1/jobs/{white['job_id']}/request").json()
    assert (white["scene_type"], scene["scene_type"]) == ("white", "podium")
    assert (asked["request"]["dominant_colors"], asked["dressing"]["colors_on"]) == ([], "")


def test_orders_are_listed_newest_first_by_reference(caller: Caller) -> None:
    made = [ordered(caller, body_of(caller, reference=name)).json()["order_id"] for name in ("a", "b", "a")]

    page = caller.get(f"{ORDERS}?limit=2").json()
    assert [one["order_id"] for one in page["items"]] == made[:0:-1]
    assert [one["order_id"] for one in caller.get(f"{ORDERS}?cursor={page['next_cursor']}").json()["items"]] == made[:1]
    assert [one["order_id"] for one in caller.get(f"{ORDERS}?reference=a").json()["items"]] == [made[2], made[0]]


def test_a_list_of_orders_is_narrowed_by_status(caller: Caller) -> None:
    made = [ordered(caller, body_of(caller)).json()["order_id"] for _ in range(3)]
    caller.http.delete(f"{ORDERS}/{made[0]}", headers=caller.headers)
    caller.claim(view(caller, made[1])["items"][0]["job_id"])

    for query, expected in {
        "status=CANCELLED": [0],
        "status=IN_PROGRESS&status=NOT_STARTED": [2, 1],
        "status=SUCCESS&status=PARTIAL&status=FAILURE": [],
    }.items():
        items = caller.get(f"{ORDERS}?{query}").json()["items"]
        assert [one["order_id"] for one in items] == [made[number] for number in expected], query


def test_the_same_key_gets_the_same_order_and_pays_once(caller: Caller) -> None:
    body, once = body_of(caller), {"Idempotency-Key": "spring"}
    first, again = (ordered(caller, body, **once) for _ in range(2))

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert caller.balance == 92
    assert located(ordered(caller, body | {"seed": 7}, **once)) == {("header", "Idempotency-Key")}
    assert located(caller.submit(caller.body(), **once)) == {("header", "Idempotency-Key")}
    caller.submit(caller.body(), **{"Idempotency-Key": "single"})
    assert located(ordered(caller, body, **{"Idempotency-Key": "single"})) == {("header", "Idempotency-Key")}


@pytest.mark.parametrize("many", [0, 9, 10**8, 10**19, True])
def test_a_number_of_variants_out_of_range_is_refused_before_anything_is_made_of_it(caller: Caller, many: int) -> None:
    assert located(ordered(caller, body_of(caller, variants=many), "?dry_run=true")) == {("body", "variants")}


def test_an_order_that_the_balance_does_not_cover_charges_nothing(caller: Caller) -> None:
    refused = ordered(caller, body_of(caller, photos=8, variants=8))

    assert_problem(refused, 402, "insufficient_credits")
    assert (refused.json()["balance"], refused.json()["credits_cost"], caller.balance) == (100, 256, 100)
    assert caller.get(ORDERS).json()["items"] == []


def test_an_order_ends_as_partial_refunds_its_failures_and_is_delivered_whole(caller: Caller) -> None:
    order_id = ordered(caller, body_of(caller, reference="a/b ü")).json()["order_id"]
    first, second, third, fourth = view(caller, order_id)["items"]
    finish(caller, first)
    caller.jobs.fail(caller.claim(second["job_id"]), "no_subject", "No product stands out.")
    assert view(caller, order_id)["status"] == "IN_PROGRESS"
    finish(caller, third)
    finish(caller, fourth)

    shown = view(caller, order_id)
    assert (shown["status"], shown["progress"], shown["credits_refunded"]) == ("PARTIAL", 1, 2)
    assert [one["status"] for one in caller.get(f"{ORDERS}?status=PARTIAL").json()["items"]] == ["PARTIAL"]
    assert shown["completed_at"] is not None
    assert (caller.balance, shown["counts"]["succeeded"], shown["counts"]["failed"]) == (94, 3, 1)
    answer = caller.get(f"{ORDERS}/{order_id}/archive")
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    manifest = json.loads(archive.read("manifest.json"))
    assert archive.namelist() == [
        *("001-a-b-ü/shopify_product-1.jpg", "001-a-b-ü/open_graph-1.jpg", "002-a-b-ü/open_graph-1.jpg"),
        "manifest.json",
    ]
    assert [one["file"] for one in manifest["pictures"]] == [archive.namelist()[0], None, *archive.namelist()[1:3]]
    assert manifest["pictures"][1]["error"]["code"] == "no_subject"
    sheet = caller.get(f"{ORDERS}/{order_id}/sheet")
    assert Image.open(io.BytesIO(sheet.content)).format == "WEBP"
    assert caller.get(f"{ORDERS}/{order_id}/sheet?page=2").status_code == 404


def test_a_refused_picture_is_refunded_and_shown_and_neither_in_the_zip_nor_on_the_sheet(caller: Caller) -> None:
    order_id = ordered(caller, body_of(caller, photos=1)).json()["order_id"]
    first, second = view(caller, order_id)["items"]
    finish(caller, first)
    finish(caller, second, refused=True)

    shown = view(caller, order_id)
    assert (shown["status"], shown["counts"]["failed"], shown["credits_refunded"]) == ("PARTIAL", 1, 2)
    refused = shown["items"][1]
    assert (refused["error"]["code"], refused["credits_refunded"]) == ("not_accepted", 2)
    archive = zipfile.ZipFile(io.BytesIO(caller.get(f"{ORDERS}/{order_id}/archive").content))
    assert archive.namelist() == ["001/shopify_product-1.jpg", "manifest.json"]
    sheet = np.asarray(Image.open(io.BytesIO(caller.get(f"{ORDERS}/{order_id}/sheet").content)).convert("RGB"))
    red = (sheet[..., 0] > 150) & (sheet[..., 1] < 90)
    assert [bool(part.any()) for part in (red[:, 150:398], red[:, 398:])] == [True, False]
    assert caller.get("/v1/renders").json()["items"][0]["public_id"] != refused["render"]["public_id"]
    job = caller.get(f"/v1/jobs/{refused['job_id']}").json()
    assert (job["status"], job["render"]["preview"], caller.balance) == ("FAILURE", True, 98)
    again = caller.body(source_image_s3_key=..., source_render_public_id=refused["render"]["public_id"])
    assert caller.submit(again).status_code == 202


def test_a_cancelled_order_ends_what_has_not_begun_and_the_rest_goes_on(caller: Caller) -> None:
    order_id = ordered(caller, body_of(caller)).json()["order_id"]
    first = view(caller, order_id)["items"][0]
    running = caller.claim(first["job_id"])

    shown = caller.http.delete(f"{ORDERS}/{order_id}", headers=caller.headers).json()
    assert (shown["status"], shown["counts"]["cancelled"], shown["credits_refunded"]) == ("IN_PROGRESS", 3, 6)
    caller.jobs.fail(running, "no_subject", "No product stands out.")
    shown = caller.http.delete(f"{ORDERS}/{order_id}", headers=caller.headers).json()

    assert (shown["status"], caller.balance) == ("FAILURE", 100)
    whole = ordered(caller, body_of(caller, photos=1, presets=["open_graph"])).json()["order_id"]
    finish(caller, view(caller, whole)["items"][0])
    assert_problem(caller.http.delete(f"{ORDERS}/{whole}", headers=caller.headers), 409, "order_finished")


FOUR = ["amazon_main", "transparent_cutout", "shopify_product", "open_graph"]
TWO = [{"seed": 5, "mood": "calm"}, {"seed": 6, "mood": "warm", "scene_type": "marble_tabletop"}]


def test_pictures_that_are_the_same_are_made_and_charged_once_and_delivered_everywhere(caller: Caller) -> None:
    Webhooks(caller.engine).register(caller.client.name, "https://shop.example/hooks")
    body, once = body_of(caller, photos=3, variants=TWO, presets=FOUR), {"Idempotency-Key": "same"}

    plan = ordered(caller, body, "?dry_run=true").json()
    accepted = ordered(caller, body, **once)

    assert (plan["pictures"], plan["distinct_pictures"], plan["credits_cost"]) == (24, 18, 30)
    (shared,) = (one["message"] for one in plan["warnings"] if one["code"] == "pictures_shared")
    assert "6 of 24 pictures" in shared
    assert "variants 0, 1 for amazon_main; variants 0, 1 for transparent_cutout" in shared
    assert "pictures_shared" in accepted.headers["backdrop-warnings"]
    numbers = {name: accepted.json()[name] for name in ("pictures", "distinct_pictures", "credits_cost")}
    assert numbers == {name: plan[name] for name in numbers}
    assert ordered(caller, body, **once).json() == accepted.json()
    assert caller.balance == 70
    shown = view(caller, accepted.json()["order_id"])
    assert sorted((one["photo"], one["variant"], one["output_preset"]) for one in shown["items"]) == sorted(
        (photo, variant, preset) for photo in range(3) for variant in range(2) for preset in FOUR
    )
    assert sum(one["credits_cost"] for one in shown["items"]) == 30
    assert {(one["variant"], one["seed"], one["mood"]) for one in shown["items"]} == {
        (0, 5, "calm"),
        (1, 6, "warm"),
    }
    for one in {one["job_id"]: one for one in shown["items"]}.values():
        finish(caller, one)
    shown = view(caller, shown["order_id"])
    assert (shown["status"], shown["counts"]["succeeded"], shown["distinct_pictures"]) == ("SUCCESS", 24, 18)
    renders = {one["render"]["public_id"] for one in shown["items"]}
    assert len(renders) == len({one["job_id"] for one in shown["items"]}) == 18
    with caller.engine.connect() as connection:
        (message,) = map(json.loads, connection.execute(sa.select(deliveries.c.body)).scalars())
    assert {name: message["data"][name] for name in numbers} == numbers
    assert message["data"]["counts"] == shown["counts"]
    archive = zipfile.ZipFile(io.BytesIO(caller.get(f"{ORDERS}/{shown['order_id']}/archive").content))
    manifest = json.loads(archive.read("manifest.json"))["pictures"]
    assert len({one["file"] for one in manifest}) == 24
    assert {one["file"] for one in manifest} < set(archive.namelist())
    assert caller.get(f"{ORDERS}/{shown['order_id']}/sheet").status_code == 200
    assert audit(caller.engine, Bounds(max_attempts=3)).findings == []


def test_a_picture_for_several_places_fails_and_is_refunded_once(caller: Caller) -> None:
    order_id = ordered(caller, body_of(caller, photos=1, variants=3, presets=FOUR[:1])).json()["order_id"]
    first, *others = view(caller, order_id)["items"]
    assert {one["job_id"] for one in others} == {first["job_id"]}

    caller.jobs.fail(caller.claim(first["job_id"]), "no_subject", "No product stands out.")

    shown = view(caller, order_id)
    assert (shown["status"], shown["counts"]["failed"], shown["credits_refunded"]) == ("FAILURE", 3, 1)
    assert [one["credits_refunded"] for one in shown["items"]] == [1, 0, 0]
    assert caller.balance == 100


def test_pages_may_end_between_the_places_of_a_picture(caller: Caller) -> None:
    order_id = ordered(caller, body_of(caller, photos=2, variants=3, presets=FOUR[:1])).json()["order_id"]

    page = view(caller, order_id, "?limit=2")
    items = list[Any](page["items"])
    while page["next_cursor"]:
        page = view(caller, order_id, f"?limit=2&cursor={page['next_cursor']}")
        assert len(page["items"]) == 2
        items += page["items"]

    assert items == view(caller, order_id)["items"]
    assert [(one["photo"], one["variant"]) for one in items] == [(n, v) for n in range(2) for v in range(3)]


def test_a_photo_that_an_order_has_twice_is_made_once_and_each_place_has_its_own_reference(caller: Caller) -> None:
    body = body_of(
        caller, photos=1, presets=["open_graph"], options={"background": "color", "background_color": "teal"}
    )
    body["photos"] = [body["photos"][0] | {"reference": name} for name in ("sku-1", "sku-2")]

    order = ordered(caller, body).json()

    assert (order["pictures"], order["distinct_pictures"], caller.balance) == (2, 1, 98)
    assert [one["reference"] for one in view(caller, order["order_id"])["items"]] == ["sku-1", "sku-2"]
