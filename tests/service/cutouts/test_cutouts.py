"""Cut-outs: ordered, shown and listed. They cost nothing, and their jobs end as other jobs do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from pipeline.core.networks import Networks
from service.database.tables import ledger
from service.settings import Settings
from testkit.polling import until
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png, plain_photo
from tests.support.caller import SWAP
from tests.support.worker import BOTTLE


def test_a_cutout_is_free_and_its_job_shows_it(mender: Mender) -> None:
    answer = mender.ask("POST", CUTOUTS, json={"source_image_s3_key": mender.upload()}, params={"reference": "sku-7"})

    assert answer.status_code == 202
    accepted = answer.json()
    assert set(accepted) == {"request_id", "job_id", "status", "credits_cost"}
    assert (accepted["status"], accepted["credits_cost"]) == ("NOT_STARTED", 0)
    assert answer.headers["location"] == f"{CUTOUTS}/{accepted['job_id']}"
    waiting = mender.shown(accepted["job_id"])
    assert (waiting["public_id"], waiting["status"], waiting["reference"]) == (
        accepted["job_id"],
        "NOT_STARTED",
        "sku-7",
    )
    assert (waiting["mask_url"], waiting["width"], waiting["subjects"], waiting["cut_by"]) == (
        None,
        None,
        [],
        "network",
    )

    view = mender.cut_out()

    assert (view["status"], view["error"], view["width"], view["height"]) == ("SUCCESS", None, 490, 630)
    assert view["confidence"] > 0.8
    assert view["stance"] == "standing"
    assert view["cut_sides"] == []
    assert "podium" in view["suitable_scene_types"]
    assert set(view["suitable_scene_kinds"]) >= {"white"}
    mask, preview = mender.picture(view["mask_url"]), mender.picture(view["preview_url"])
    assert mask.shape == (630, 490)
    assert preview.shape == (630, 490, 4)
    assert np.array_equal(preview[..., 3], mask)
    assert not preview[mask == 0].any()
    rows, columns = np.nonzero(mask > 127)
    box = view["product_box"]
    assert (box["left"], box["top"]) == (columns.min(), rows.min())
    assert (box["left"] + box["width"], box["top"] + box["height"]) == (columns.max() + 1, rows.max() + 1)
    assert [one["id"] for one in view["subjects"]] == [1]
    assert view["subjects"][0]["share"] == 1
    assert view["expires_at"] > view["created_at"]


def test_a_free_job_has_no_line_in_the_ledger(mender: Mender) -> None:
    view = mender.cut_out()
    failed = mender.cut_out(b"no picture")

    assert (failed["status"], failed["error"]["code"]) == ("FAILURE", "image_unreadable")
    assert mender.balance == 100
    lines = sa.select(ledger.c.id).where(ledger.c.job_id.in_([view["job_id"], failed["job_id"]]))
    with mender.engine.connect() as connection:
        assert connection.execute(lines).all() == []


def test_a_plan_has_the_products_place_once_its_photo_is_cut_out_and_the_picture_matches(
    mender: Mender,
) -> None:
    def planned(body: dict[str, Any]) -> dict[str, Any]:
        answer = mender.ask("POST", SWAP, json=body, params={"dry_run": "true", "turn": "5"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def place(body: dict[str, Any]) -> dict[str, Any] | None:
        plan: dict[str, Any] | None = planned(body)["place"]
        return plan

    def colours(body: dict[str, Any]) -> dict[str, str]:
        return {one["name"]: one["color"] for one in planned(body)["surfaces"]}

    body = mender.body(source_image_s3_key=mender.upload(BOTTLE), output_preset="open_graph")
    body |= {"scene_type": "podium", "dominant_colors": ["#72766b", "#f4ead9"]}
    assert place(body) is None, "it is unknown yet"
    assert colours(body) == {"wall": "#72766b", "floor": "#f4ead9"}
    view = mender.cut_out()
    body["source_image_s3_key"] = view["source_image_s3_key"]
    plan = place(body)
    assert plan is not None
    assert (plan["anchor"], plan["edges"]) == ("foot", [])
    assert colours(body) == {"wall": "#f4ead9", "floor": "#72766b"}, "no product gets a wall of its own colour"

    job = mender.swap(**body)
    assert job["render"]["report"]["cutout"]["placed_box"] == pytest.approx(plan["box"], abs=0.01)
    assigned = {one["surface"]: one["colour"] for one in job["render"]["report"]["palette"]["assigned"]}
    assert assigned.items() >= colours(body).items()
    by_render = {"source_image_s3_key": None, "source_render_public_id": job["render"]["public_id"]}
    assert place(body | by_render) == plan, "the photo behind a render is the same photo"
    rows = slice(0, view["height"] // 2)
    mask = mender.picture(view["mask_url"]).copy()
    mask[rows] = 0
    assert mender.mend(view["public_id"], grey_png(mask)).status_code == 200
    mended = place(body)
    assert mended is not None
    assert mended["box"] != plan["box"], "it is the mended product's"


def test_a_cutout_is_enough_for_the_plan_to_say_why_the_scene_is_turned_and_how_to_get_its_own_view(
    http: Any, settings: Settings, networks: Networks
) -> None:
    class Above:
        side = 32

        def __call__(self, views: Any) -> dict[Any, float]:
            return {"above": 0.98, "elevation": 0.9}

    mender = Mender(http, settings, "turned", replace(networks, viewpoint=Above()))
    body = mender.body(source_image_s3_key=mender.cut_out()["source_image_s3_key"], scene_type="marble_tabletop")

    def planned(**params: str) -> tuple[list[str], dict[str, Any]]:
        plan = mender.ask("POST", SWAP, json=body, params={"dry_run": "true", **params}).json()
        return [one["code"] for one in plan["warnings"]], plan["scene"]

    codes, scene = planned()
    assert codes == ["scene_unsuited"]
    assert (scene["asked"], scene["painted"], scene["angle"], scene["own_view"]) == (
        *("tabletop", "flatlay"),
        *("above", "lying"),
    )
    assert scene["changed"] == "The product was photographed from above, so the scene is shown from above."
    codes, scene = planned(stance=scene["own_view"])
    assert (codes, scene["painted"], scene["changed"], scene["own_view"]) == ([], "tabletop", None, None)


def test_with_return_representation_one_call_returns_the_cutout(mender: Mender) -> None:
    body = {"source_image_s3_key": mender.upload(plain_photo())}
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(
            mender.ask, "POST", CUTOUTS, json=body, headers={"Prefer": "wait=20, return=representation"}
        )
        job_id = until(lambda: next((one["job_id"] for one in mender.get("/v1/jobs").json()["items"]), None))
        mender.finish(job_id)
        answer = waits.result()

    assert answer.status_code == 202
    assert answer.headers["content-location"] == answer.headers["location"] == f"{CUTOUTS}/{job_id}"
    assert answer.headers["preference-applied"] == "wait=20, return=representation"
    view = answer.json()
    assert (view["public_id"], view["status"], view["credits_cost"]) == (job_id, "SUCCESS", 0)
    assert mender.picture(view["mask_url"]).shape == (400, 400)


def test_a_photo_without_a_product_has_an_empty_cutout_with_a_warning(mender: Mender) -> None:
    view = mender.cut_out(plain_photo())

    assert view["status"] == "SUCCESS"
    assert (view["product_box"], view["subjects"], view["confidence"]) == (None, [], 0)
    assert [one["code"] for one in view["warnings"]] == ["no_subject"]
    assert not mender.picture(view["mask_url"]).any()


def test_cutouts_are_listed_newest_first_by_pages_and_references(mender: Mender) -> None:
    ids = [mender.order(params={"reference": name}) for name in ("a", "b", "a")]
    mender.submit(mender.body())

    first = mender.get(f"{CUTOUTS}?limit=2").json()
    rest = mender.get(f"{CUTOUTS}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["public_id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert [one["public_id"] for one in mender.get(f"{CUTOUTS}?reference=a").json()["items"]] == [ids[2], ids[0]]
    assert mender.get(f"{CUTOUTS}/{ids[0]}").json() == mender.get(CUTOUTS).json()["items"][2]
    jobs = mender.get("/v1/jobs?operation=cutout").json()["items"]
    assert [one["job_id"] for one in jobs] == ids[::-1]
    assert {one["operation"] for one in mender.get("/v1/jobs").json()["items"]} == {"cutout", "swap"}


def test_a_cutouts_job_is_cancelled_and_read_as_any_other(mender: Mender) -> None:
    public_id = mender.order()

    assert mender.get(f"/v1/jobs/{public_id}/request").json()["seed"] is None
    assert mender.ask("DELETE", f"/v1/jobs/{public_id}").json()["error"]["code"] == "cancelled"
    assert mender.shown(public_id)["error"]["code"] == "cancelled"
    assert mender.balance == 100
