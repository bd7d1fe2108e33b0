"""The API as callers use it: the contract's answers to the letter, on a real database, queue and store."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar.testing import TestClient
from PIL import Image
from ulid import ULID

from service.api.app import create_app
from service.jobs.records import Kind, NewRender
from service.settings import Settings
from tests.support.caller import SWAP, Caller, assert_problem, located
from tests.support.databases import migrated_engine
from tests.support.shop import REPORT, render

# Accepted


def test_a_good_request_is_accepted_and_charged(caller: Caller) -> None:
    answer = caller.submit(caller.body())

    assert answer.status_code == 202
    accepted = answer.json()
    assert set(accepted) == {"request_id", "job_id", "status", "credits_cost"}
    assert len(accepted["request_id"]) == len(accepted["job_id"]) == 26
    assert accepted["status"] == "NOT_STARTED"
    assert answer.headers["x-request-id"] == accepted["request_id"]
    assert answer.headers["location"] == f"/v1/jobs/{accepted['job_id']}"
    assert caller.balance == 100 - accepted["credits_cost"]


def test_everything_that_the_contract_allows_is_accepted(caller: Caller) -> None:
    allowed: list[dict[str, Any]] = [
        {"source_render_public_id": None, "pilot_brand": None},
        {"pilot_brand": "acme"},
        {"dominant_colors": []},
        {"dominant_colors": ...},
        {"dominant_colors": ["#abc", "#AABBCC", "Teal", "rgb(1, 2, 3)", "rgb(255,255,255)", "navy"]},
        {"scene_type": "PO-di um"},
        {"scene_type": "a mossy rock in morning fog", "mood": "quiet"},
        {"scene_type": "x" * 120},
        {"source_render_public_id": ""},
        {"scene_type": "white", "output_preset": "amazon_main"},
    ]
    for changes in allowed:
        assert caller.submit(caller.body(**changes)).status_code == 202, changes


def test_a_client_can_follow_its_job(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()

    job = caller.get(f"/v1/jobs/{accepted['job_id']}").json()

    assert set(job) == {
        *("job_id", "request_id", "status", "stage", "progress", "attempt", "credits_cost", "credits_refunded"),
        *("created_at", "started_at", "finished_at", "error", "render", "warnings", "reference", "operation"),
        *("render_deleted_at", "scene_type", "mood", "output_preset", "preview", "seed", "metadata"),
    }
    assert job["request_id"] == accepted["request_id"]
    asked = caller.body()
    assert all(job[name] == asked[name] for name in ("scene_type", "mood", "output_preset"))
    assert (job["status"], job["progress"], job["error"], job["render"]) == ("NOT_STARTED", 0, None, None)
    assert job["created_at"].endswith("Z")


def without_id(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


def test_a_finished_job_shows_its_render_and_the_url_returns_its_bytes(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()
    claim = caller.claim(accepted["job_id"])
    stored = caller.settings.home / "objects" / "renders" / "renders" / "done.png"
    stored.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    Image.new("RGBA", (900, 600), (120, 60, 30, 128)).save(written, "PNG")
    picture = written.getvalue()
    stored.write_bytes(picture)
    public_id = accepted["job_id"][::-1]
    caller.jobs.succeed(
        claim,
        NewRender(
            public_id=public_id,
            key="renders/done.png",
            output_preset="shopify_product",
            width=2,
            height=3,
            format="png",
            content_type="image/png",
            bytes=len(picture),
            sha256=hashlib.sha256(picture).hexdigest(),
            seed=5,
            warnings=["upscaled"],
            report=REPORT,
        ),
    )

    render = caller.get(f"/v1/renders/{public_id}").json()

    assert set(render) == {
        *("public_id", "job_id", "output_preset", "width", "height", "format", "content_type", "bytes", "sha256"),
        *("url", "url_expires_at", "seed", "warnings", "report", "reference", "preview"),
        *("scene_type", "mood", "metadata", "looks_right"),
    }
    shown = caller.get(f"/v1/jobs/{accepted['job_id']}").json()["render"]
    assert {name: shown[name] for name in render if "url" not in name} == {
        name: render[name] for name in render if "url" not in name
    }
    url = urlsplit(render["url"])
    download = caller.http.get(f"{url.path}?{url.query}")
    assert (download.content, download.headers["content-type"]) == (picture, "image/png")
    assert_problem(caller.http.get(f"{url.path}?{url.query}0"), 403, "url_invalid")
    signed = f"{url.path}?{url.query}"
    for path, headers in ((signed, {}), (f"/v1/renders/{public_id}/thumbnail", caller.headers)):
        got, looked = (caller.http.request(method, path, headers=headers) for method in ("GET", "HEAD"))
        assert (looked.status_code, looked.content) == (200, b"")
        assert int(looked.headers["content-length"]) == len(got.content)
        assert without_id(looked) == without_id(got)
    led = [
        caller.http.request(method, f"/v1/renders/{public_id}/picture", headers=caller.headers, follow_redirects=False)
        for method in ("GET", "HEAD")
    ]
    assert [(one.status_code, one.headers["location"].partition("?")[0]) for one in led] == [
        (302, render["url"].partition("?")[0])
    ] * 2
    assert caller.http.head(led[1].headers["location"]).headers["etag"] == download.headers["etag"]
    for path in (f"/v1/renders/{public_id}/picture", f"/v1/renders/{public_id}/thumbnail", url.path):
        assert "HEAD" in caller.http.options(path, headers=caller.headers).headers["allow"]
    small = caller.get(f"/v1/renders/{public_id}/thumbnail")
    assert (small.headers["content-type"], Image.open(io.BytesIO(small.content)).size) == ("image/webp", (480, 320))
    stored.unlink()
    assert_problem(caller.get(f"/v1/renders/{public_id}/thumbnail"), 404, "not_found")
    # Another swap from that render: its source is the first photo.
    again = caller.body(source_image_s3_key=None, source_render_public_id=public_id)
    assert caller.submit(again).status_code == 202


def test_what_an_owner_says_about_a_picture_is_kept_listed_and_gone_with_it(caller: Caller) -> None:
    ids = [str(ULID()) for _ in range(3)]
    for public_id in ids:
        claim = caller.claim(caller.submit(caller.body()).json()["job_id"])
        caller.jobs.succeed(claim, replace(render(), public_id=public_id, key=f"renders/{public_id}.jpg"))

    def review(public_id: str, said: Any) -> Any:
        path = f"/v1/renders/{public_id}/review"
        return caller.http.put(path, json={"looks_right": said}, headers=caller.headers)

    def listed(query: str) -> list[str]:
        return [one["public_id"] for one in caller.get(f"/v1/renders?{query}").json()["items"]]

    good, bad, unseen = ids
    for _ in range(2):  # a repeat changes nothing
        assert (review(good, True).status_code, review(bad, False).json()["looks_right"]) == (200, False)
    shown = caller.get(f"/v1/renders/{good}").json()
    assert shown["looks_right"] is True
    assert caller.get(f"/v1/jobs/{shown['job_id']}").json()["render"]["looks_right"] is True
    assert caller.get(f"/v1/renders/{unseen}").json()["looks_right"] is None
    assert (listed("looks_right=true"), listed("looks_right=false")) == ([good], [bad])
    assert listed("looks_right=true&reference=none") == []
    assert sorted(listed("")) == sorted(ids)

    assert review(good, "perhaps").status_code == 422
    assert review(bad, None).json()["looks_right"] is None, "it is taken back"
    assert listed("looks_right=false") == []
    assert caller.http.delete(f"/v1/renders/{good}", headers=caller.headers).status_code == 204
    assert_problem(review(good, True), 404, "not_found")
    assert listed("looks_right=true") == []


# Refused


def test_too_few_credits_is_402_and_charges_nothing(http: Any, settings: Settings) -> None:
    poor = Caller(http, settings, "poor", credits=1)

    refused = poor.submit(poor.body())

    assert_problem(refused, 402, "insufficient_credits")
    assert (refused.json()["balance"], refused.json()["credits_cost"]) == (1, 2)
    assert "balance of 1 does not cover the cost of 2" in refused.json()["detail"]
    assert poor.balance == 1


# Ledger, health and methods


def test_the_ledger_explains_the_balance(caller: Caller) -> None:
    caller.submit(caller.body())

    credits = caller.get("/v1/credits").json()

    assert credits["balance"] == sum(entry["amount"] for entry in credits["entries"])
    assert [entry["kind"] for entry in credits["entries"]] == ["debit", "grant"]
    assert set(credits["entries"][0]) == {"id", "kind", "amount", "job_id", "created_at"}
    assert credits["next_cursor"] is None


def test_the_ledger_is_paged_while_it_grows(caller: Caller) -> None:
    for amount in range(1, 102):
        caller.accounts.grant(caller.client.name, amount)
    first = caller.get("/v1/credits?limit=60").json()
    caller.accounts.grant(caller.client.name, 500)

    second = caller.get(f"/v1/credits?limit=60&cursor={first['next_cursor']}").json()

    assert [len(page["entries"]) for page in (first, second)] == [60, 42]
    amounts = [entry["amount"] for page in (first, second) for entry in page["entries"]]
    assert amounts == [*range(101, 0, -1), 100]
    assert (first["balance"], second["balance"]) == (sum(amounts), sum(amounts) + 500)
    assert second["next_cursor"] is None
    unasked = caller.get("/v1/credits").json()
    assert [entry["amount"] for entry in unasked["entries"]] == [500, *range(101, 2, -1)], "the latest 100, as before"


def test_health_reports_missing_parts(tmp_path: Path, valkey_url: str) -> None:
    (tmp_path / "objects").write_text("a file where the store's folder should be")
    settings = Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0")
    with TestClient(create_app(settings)) as http:
        assert http.get("/health/live").status_code == 200
        answer = http.get("/health/ready")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert [part["part"] for part in answer.json()["missing"]] == ["database"]
    assert "store" in [part["part"] for part in answer.json()["degraded"]], "it needs no store for all but photos"
    assert "backdrop migrate" in answer.text


def test_every_answer_has_a_request_id_of_its_own(http: Any, caller: Caller) -> None:
    answers = [http.get("/health/live"), http.get("/nowhere"), http.delete("/v1/credits"), caller.submit({})]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(len(one) == 26 for one in ids)
    assert len(set(ids)) == 4
    assert_problem(answers[1], 404, "not_found")
    assert_problem(answers[2], 405, "method_not_allowed")


def test_a_path_lists_every_method_that_it_takes(http: Any, caller: Caller) -> None:
    paths = dict.fromkeys(("/v1/jobs", "/v1/renders", "/v1/credits"), "GET, OPTIONS")
    paths |= {"/v1/jobs/x": "DELETE, GET, OPTIONS", "/v1/uploads": "OPTIONS, POST"}
    for path, methods in paths.items():
        answer = http.options(path, headers=caller.headers)
        assert (answer.status_code, answer.headers["allow"]) == (204, methods)


def test_while_the_queue_is_away_health_reports_it_and_the_sweep_sends_the_job(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0")
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        ready = http.get("/health/ready")
        caller = Caller(http, settings, "patient", credits=10)
        accepted = caller.submit(caller.body())

        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert [part["part"] for part in ready.json()["degraded"]] == ["queue"]
        assert accepted.status_code == 202
        assert caller.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60) == [accepted.json()["job_id"]]


# The body of a swap request


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
