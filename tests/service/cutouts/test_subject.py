"""The product at a caller's point or box: chosen at a cut-out for its photo, or in an order for that order alone."""

from typing import Any

import httpx
import numpy as np

from testkit.still_life import two_products
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png
from tests.support.caller import SWAP

PHOTO, (MUG_MASK, VASE_MASK) = two_products()
MUG, VASE, TABLE = [0.2, 0.7], [0.73, 0.7], [0.5, 0.15]
WHITE = {"scene_type": "white", "output_preset": "transparent_cutout", "dominant_colors": []}


def choose(mender: Mender, subject: list[float], key: str) -> dict[str, Any]:
    """Cut out the product at that place, and return the cut-out's view."""
    answer = mender.ask("POST", CUTOUTS, json={"source_image_s3_key": key, "subject": subject})
    assert answer.status_code == 202, answer.text
    mender.finish(answer.json()["job_id"])
    return mender.shown(answer.json()["job_id"])


def order(mender: Mender, key: str, **query: Any) -> httpx.Response:
    body = mender.body(**WHITE, source_image_s3_key=key)
    return mender.ask("POST", SWAP, json=body, params=query)


def made(mender: Mender, key: str, **query: Any) -> dict[str, Any]:
    """Order and run a transparent picture, and return its job."""
    accepted = order(mender, key, **query)
    assert accepted.status_code == 202, accepted.text
    mender.finish(accepted.json()["job_id"])
    job: dict[str, Any] = mender.get(f"/v1/jobs/{accepted.json()['job_id']}").json()
    return job


def cut_from(job: dict[str, Any]) -> tuple[str, bool, bool]:
    """Return the origin of a picture's mask, and whether the mug and the vase are in it."""
    report = job["render"]["report"]
    left, _, right, _ = report["cutout"]["source_box"]
    return report["provenance"]["cut_by"], left < 0.4, right > 0.6


def same(mender: Mender, view: dict[str, Any], product: Any) -> bool:
    mask = mender.picture(view["mask_url"]) > 127
    return float((mask & product).sum() / (mask | product).sum()) > 0.97


def text(place: list[float]) -> str:
    return ",".join(map(str, place))


def test_a_point_at_a_cutout_chooses_for_all_later_pictures_of_the_photo(mender: Mender) -> None:
    key = mender.upload(PHOTO)
    vase = choose(mender, VASE, key)

    assert (vase["status"], vase["cut_by"]) == ("SUCCESS", "subjects")
    assert same(mender, vase, VASE_MASK)
    assert sorted(one["kept"] for one in vase["subjects"]) == [False, True], "the other one can be kept again"
    assert "several_subjects" not in {one["code"] for one in vase["warnings"]}
    assert vase["confidence"] < 1, "the networks made it"
    assert cut_from(made(mender, key)) == ("subjects", False, True)

    mug = choose(mender, MUG, key)
    assert same(mender, mug, MUG_MASK)
    assert cut_from(made(mender, key)) == ("subjects", True, False)

    path = f"{CUTOUTS}/{mug['public_id']}/subjects"
    both = mender.ask("PUT", path, json={"keep": [one["id"] for one in mug["subjects"]]}).json()
    assert both["cut_by"] == "network"
    assert same(mender, both, MUG_MASK | VASE_MASK)


def test_subjects_are_chosen_from_a_drawn_mask_which_remains_available(mender: Mender) -> None:
    key = mender.upload(PHOTO)
    view = choose(mender, MUG, key)
    codes = np.zeros((620, 1100), np.uint8)
    codes[300:500, 100:300], codes[300:500, 700:900] = 255, 255
    mender.mend(view["public_id"], grey_png(codes))

    for place, columns in (([0.2, 0.6], slice(100, 300)), ([0.7, 0.6], slice(700, 900))):
        chosen = choose(mender, place, key)
        assert chosen["cut_by"] == "subjects"
        mask = np.zeros_like(codes)
        mask[300:500, columns] = 255
        assert np.array_equal(mender.picture(chosen["mask_url"]), mask)


def test_an_order_chooses_for_itself_alone_after_any_earlier_choice(mender: Mender) -> None:
    key = mender.upload(PHOTO)
    choose(mender, VASE, key)

    job = made(mender, key, subject=text(MUG))

    assert cut_from(job) == ("network", True, False)
    assert job["render"]["report"]["cutout"]["subject"] == MUG
    assert cut_from(made(mender, key)) == ("subjects", False, True)
    assert mender.get(f"/v1/jobs/{job['job_id']}/request").json()["subject"] == MUG


def test_another_subject_under_the_same_key_is_another_cutout(mender: Mender) -> None:
    key = mender.upload(PHOTO)

    def cut(subject: list[float] | None) -> httpx.Response:
        asked = {"source_image_s3_key": key} | ({} if subject is None else {"subject": subject})
        return mender.ask("POST", CUTOUTS, json=asked, headers={"Idempotency-Key": "twice"})

    assert cut(MUG).status_code == 202
    assert "with another body: subject" in cut(VASE).json()["detail"][0]["msg"]
    assert "with another body: subject" in cut(None).json()["detail"][0]["msg"]


def test_a_dry_run_shows_the_chosen_products_place_or_none(mender: Mender) -> None:
    key = mender.upload(PHOTO)
    body = mender.body(source_image_s3_key=key)

    def place(**query: str) -> Any:
        answer = mender.ask("POST", SWAP, json=body, params={"dry_run": "true", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["place"]

    choose(mender, VASE, key)
    assert place() is not None
    assert place(subject=text(VASE)) == place()
    assert place(subject=text(MUG)) is None, "it is unknown yet"
    before = place()
    empty = choose(mender, TABLE, key)
    assert (empty["status"], empty["error"]["code"]) == ("FAILURE", "subject_not_found")
    assert place() == before
