"""The body of a swap request: its errors, their places in the answer, and that a refusal costs nothing."""

from service.settings import Settings
from tests.support.caller import SWAP, Caller, located


def test_all_errors_of_a_body_are_reported_at_once(caller: Caller) -> None:
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


def test_another_clients_brand_is_no_near_miss(caller: Caller, settings: Settings) -> None:
    caller.http.put("/v1/brands/Lumen", json={}, headers=caller.headers).raise_for_status()
    other = Caller(caller.http, settings, "other-brands", credits=10)

    assert other.submit(other.body(pilot_brand="Lumne")).status_code == 202


def test_words_that_are_no_near_miss_are_a_warning_in_the_job_as_in_the_dry_run(caller: Caller) -> None:
    body = caller.body(scene_type="an old oak desk", mood="like a rainy sunday", pilot_brand="nobody")

    plan = caller.http.post(f"{SWAP}?dry_run=true", json=body, headers=caller.headers).json()
    accepted = caller.submit(body)
    job = caller.get(f"/v1/jobs/{accepted.json()['job_id']}").json()

    assert accepted.headers["backdrop-warnings"] == "scene_in_words, mood_in_words, brand_unknown"
    assert set(accepted.json()) == {"request_id", "job_id", "status", "credits_cost"}
    scene, mood, _ = (one["message"] for one in job["warnings"])
    assert "'an old oak desk'" in scene
    assert "podium" in scene
    assert "Named moods: calm, natural" in mood
    assert [one["code"] for one in job["warnings"]] == ["scene_in_words", "mood_in_words", "brand_unknown"]
    assert job["warnings"] == plan["warnings"]
    assert caller.get("/v1/jobs").json()["items"][0]["warnings"] == plan["warnings"]
    named = caller.submit(caller.body())
    assert "backdrop-warnings" not in named.headers
    assert caller.get(f"/v1/jobs/{named.json()['job_id']}").json()["warnings"] == []
