"""Photos by URL and as multipart: stored when the answer comes, typed by content, and refused with the remedy."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from PIL import Image
from ulid import ULID

from service.api.app import create_app
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec, stored_extra_sources
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import content_type_of
from testkit.heic import heic
from testkit.receiver import receiving
from testkit.specimens import scene
from testkit.still_life import PHOTO
from tests.pipeline.photo.test_vector import ATTACKS, LOGO
from tests.service.api.test_previews import ask
from tests.service.media.test_fetcher import sends
from tests.support.caller import Caller, assert_problem, located
from tests.support.databases import migrated_engine
from tests.support.shop import REPORT, render


def upload(caller: Caller, kind: str = "", **options: Any) -> Any:
    headers = caller.headers | ({"Content-Type": kind} if kind else {})
    return caller.http.post("/v1/uploads", headers=headers, **options)


@pytest.fixture
def fetching(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow fetches from this machine's own addresses."""
    state = caller.http.app.state
    monkeypatch.setattr(state, "fetcher", replace(state.fetcher, allow_private=True))


@pytest.mark.parametrize("way", ["url", "form", "image/jpeg", "image/png", "image/jpg", "IMAGE/JPEG; q=1"])
def test_a_photo_by_url_in_a_form_or_as_the_body_is_stored_with_the_type_of_its_bytes(
    caller: Caller, fetching: None, way: str
) -> None:
    with receiving(sends(PHOTO)) as receiver:
        ways: dict[str, dict[str, Any]] = {
            "url": {"json": {"url": f"{receiver.url}/jar.png"}},
            "form": {"files": {"file": ("jar.png", PHOTO, "image/png")}},
        }
        answer = upload(caller, **ways.get(way, {"content": PHOTO, "kind": way}))

    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert (stored["content_type"], stored["bytes"]) == ("image/jpeg", len(PHOTO))
    assert stored["key"].endswith(".jpg")
    assert caller.submit(caller.body(source_image_s3_key=stored["key"])).status_code == 202


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_of_another_type_gets_the_list_of_accepted_types(caller: Caller, kind: str) -> None:
    answer = upload(caller, content=PHOTO, kind=kind)

    assert_problem(answer, 415, "unsupported_media_type")
    assert "image/jpeg" in answer.json()["detail"]
    assert "multipart/form-data" in answer.json()["detail"]


def test_a_body_that_claims_to_be_a_photo_gets_its_real_type_in_the_refusal(caller: Caller) -> None:
    wrong, gif = (
        upload(caller, content=b"GIF89a", kind="image/png"),
        upload(caller, content=b"GIF89a", kind="image/gif"),
    )

    assert located(wrong) == {("body",)}
    assert "The file is a GIF" in wrong.json()["detail"][0]["msg"]
    assert_problem(gif, 415, "unsupported_media_type")


def test_json_is_read_under_any_content_type(caller: Caller) -> None:
    answer = upload(caller, content=b'{"content_type": "image/jpeg"}', kind="application/x-www-form-urlencoded")

    assert answer.status_code == 201
    assert answer.json()["method"] == "PUT"


def test_a_heic_is_accepted_in_each_of_the_three_ways(caller: Caller, fetching: None) -> None:
    data = heic(scene())
    with receiving(sends(data)) as receiver:
        answers = [
            upload(caller, json={"url": f"{receiver.url}/phone.jpg"}),
            upload(caller, files={"file": ("phone.jpg", data, "image/jpeg")}),
            upload(caller, json={"content_type": "image/heic"}),
        ]

    assert [answer.status_code for answer in answers] == [201] * 3
    assert [answer.json().get("content_type") for answer in answers] == ["image/heic", "image/heic", None]
    assert all(answer.json()["key"].endswith(".heic") for answer in answers)


def test_a_refused_file_names_the_field_and_the_accepted_types(caller: Caller, fetching: None) -> None:
    with receiving(sends(b"<html>")) as receiver:
        fetched = upload(caller, json={"url": receiver.url})
    sent = upload(caller, files={"file": ("a.jpg", b"%PDF-1.7", "image/jpeg")})

    assert (located(fetched), located(sent)) == ({("body", "url")}, {("body", "file")})
    for answer in (fetched, sent):
        (one,) = answer.json()["detail"]
        assert one["code"] == "not_a_photo"
        assert "Send JPEG, PNG" in one["msg"]


@pytest.mark.parametrize(
    ("options", "field", "code"),
    [
        ({"files": {"photo": ("a.jpg", PHOTO)}}, "file", "missing"),
        ({"files": {"file": ("a.jpg", PHOTO), "more": ("b.jpg", PHOTO)}}, "more", "extra_forbidden"),
    ],
)
def test_a_wrong_form_names_the_part(caller: Caller, options: dict[str, Any], field: str, code: str) -> None:
    answer = upload(caller, **options)

    assert located(answer) == {("body", field)}
    assert answer.json()["detail"][0]["code"] == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_without_its_end_is_refused_on_arrival(caller: Caller, kind: str) -> None:
    file = BytesIO()
    Image.open(BytesIO(PHOTO)).save(file, kind)
    whole = file.getvalue()

    assert upload(caller, files={"file": ("a", whole)}).status_code == 201
    answer = upload(caller, files={"file": ("a", whole[:-40])})
    assert answer.status_code == 422
    assert "Upload the whole file again." in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_body_that_only_claims_to_be_multipart_is_refused(caller: Caller, kind: str) -> None:
    answer = caller.http.post("/v1/uploads", content=b"nothing", headers=caller.headers | {"content-type": kind})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["code"] in {"multipart_invalid", "missing"}


def test_an_upload_that_is_too_large_gets_the_maximum_in_the_refusal(
    caller: Caller, fetching: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = caller.http.app.state
    monkeypatch.setattr(state, "photos", replace(state.photos, max_bytes=100))
    monkeypatch.setattr(state, "fetcher", replace(state.fetcher, max_bytes=100))
    with receiving(sends(PHOTO)) as receiver:
        answers = [upload(caller, json={"url": receiver.url}), upload(caller, files={"file": ("a.jpg", PHOTO)})]

    for answer in answers:
        assert_problem(answer, 413, "photo_too_large")
        assert answer.json()["max_bytes"] == 100
    long = upload(caller, json={"url": "https://shop.example/" + "a" * 70_000})
    assert_problem(long, 413, "body_too_large")
    assert long.json()["max_bytes"] == 65_536


def test_slow_photo_hosts_delay_only_fetches(
    caller: Caller, fetching: None, settings: Settings, request: pytest.FixtureRequest
) -> None:
    """Two clients use up their fetches; a third client's requests and its own fetch are still answered."""
    shops = [caller, *(Caller(caller.http, settings, f"{request.node.name} {n}", credits=1) for n in range(2))]
    release, come = threading.Event(), threading.Semaphore(0)

    def hold(handler: BaseHTTPRequestHandler) -> None:
        come.release()
        release.wait(300)
        sends(PHOTO)(handler)

    with receiving(hold) as slow, receiving(sends(PHOTO)) as quick, ThreadPoolExecutor(12) as pool:
        held = [pool.submit(upload, shop, json={"url": slow.url}) for shop in shops[:2] for _ in range(4)]
        try:
            assert all(come.acquire(timeout=300) for _ in held)
            refused = upload(shops[0], json={"url": quick.url})
            posted, fetched = (
                pool.submit(shops[2].get, "/v1/credits"),
                pool.submit(upload, shops[2], json={"url": quick.url}),
            )
            assert posted.result(timeout=300).status_code == 200
            assert fetched.result(timeout=300).status_code == 201
        finally:
            release.set()
        assert [one.result().status_code for one in held] == [201] * 8

    assert_problem(refused, 429, "too_many_fetches")
    assert "You already have 4 fetches in progress" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert upload(shops[0], content=PHOTO, kind="image/jpeg").status_code == 201


def test_an_svg_logo_is_checked_before_it_is_stored_and_never_served_as_a_page(caller: Caller) -> None:
    stored, hostile = (upload(caller, content=data, kind="image/svg+xml") for data in (LOGO, ATTACKS["script"][0]))

    assert (stored.status_code, stored.json()["content_type"]) == (201, "image/svg+xml")
    assert content_type_of(stored.json()["key"]) == "application/octet-stream"
    assert located(hostile) == {("body",)}
    assert "<script>" in hostile.json()["detail"][0]["msg"]
    # a PUT is not checked, so a key for one can't be had
    assert located(upload(caller, json={"content_type": "image/svg+xml"})) == {("body", "content_type")}


@pytest.mark.parametrize("background", ["image", "reference"])
def test_the_picture_behind_a_product_must_be_an_upload_of_the_client(caller: Caller, background: str) -> None:
    own, body = caller.upload(), caller.body()
    foreign = f"uploads/{ULID()}/{own.rpartition('/')[2]}"
    unknown = own.replace(".jpg", ".png")
    reserved = caller.http.post("/v1/uploads", json={"content_type": "image/png"}, headers=caller.headers).json()["key"]
    for dry_run in ("true", "false"):
        answers = [
            ask(caller, body, background=background, background_image=key, dry_run=dry_run)
            for key in (foreign, unknown, reserved, "/etc/passwd")
        ]
        assert {frozenset(located(answer)) for answer in answers} == {frozenset({("query", "background_image")})}
        assert {one["code"] for answer in answers for one in answer.json()["detail"]} == {"upload_not_found"}
    assert caller.balance == 100
    accepted = ask(caller, body, background=background, background_image=own)
    assert accepted.status_code == 202, accepted.text
    view = caller.get(f"/v1/jobs/{accepted.json()['job_id']}/request").json()["ground"]
    assert (view["background"], view["background_image"]) == (background, own)


def test_the_background_of_a_render_is_stored_with_the_order_and_a_foreign_or_deleted_one_looks_missing(
    caller: Caller,
) -> None:
    first = caller.body(scene_type="window", dominant_colors=["#e8c7b8"])
    calm = {"seed": render().seed, "changed": "ground", "missed": []}
    tries = [{"seed": 5, "missed": ["palette_mean"]}, calm]
    kept = {"set": "custom", "limits": {}, "accepted": True, "missed": [], "tries": tries}
    report = REPORT | {"provenance": REPORT["provenance"] | {"kept_seed": 99}, "acceptance": kept}
    job_id = ask(caller, first, seed=5, accept="standard").json()["job_id"]
    caller.jobs.succeed(caller.claim(job_id), replace(render(), report=report))
    public_id = caller.get(f"/v1/jobs/{job_id}").json()["render"]["public_id"]
    other = caller.body(scene_type="podium", dominant_colors=[])

    accepted = ask(caller, other, background="render", background_render=public_id)

    assert accepted.status_code == 202, accepted.text
    claim = caller.claim(accepted.json()["job_id"])
    spec = resolve_spec(claim.spec, load_catalogue())
    assert (spec.scene.name, spec.palette, spec.dressing.props) == ("window", ("#e8c7b8",), "none")
    assert spec.earlier is not None
    assert (spec.earlier.photo, spec.earlier.spec.seed) == (first["source_image_s3_key"], 99)
    assert (spec.acceptance.accept, spec.earlier.spec.acceptance.accept) == ("", "")
    assert stored_extra_sources(claim.spec) == [first["source_image_s3_key"]]
    missing = ask(caller, other, background="render", background_render=str(ULID()))
    caller.http.delete(f"/v1/renders/{public_id}", headers=caller.headers)
    gone = ask(caller, other, background="render", background_render=public_id)
    assert gone.json()["detail"][0] | {"msg": ""} == missing.json()["detail"][0] | {"msg": ""}


def test_an_upload_over_the_limit_is_refused_and_a_photo_that_is_too_heavy_costs_nothing(
    tmp_path: Path, valkey_url: str
) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, max_photo_bytes=1000)
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "heavy", credits=10)
        reserved = http.post("/v1/uploads", json={"content_type": "image/jpeg"}, headers=caller.headers).json()
        heavy = http.put(reserved["url"], content=b"x" * 1001)
        assert_problem(heavy, 413, "body_too_large")
        assert heavy.json()["max_bytes"] == 1000
        assert "1,000 bytes" in heavy.json()["detail"]
        document = http.get("/schema/openapi.json").json()["info"]["description"]
        assert "1,000 bytes and 50 megapixels, and needs at least 64 pixels" in document
        # S3 accepts what the bucket allows, so the submit checks the stored photo.
        open_buckets(settings)[0].put(reserved["key"], b"x" * 1001, "image/jpeg")
        answer = caller.submit(caller.body(source_image_s3_key=reserved["key"]))

        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "photo_too_large")
        assert caller.balance == 10


def test_photos_count_for_a_quota_which_usage_shows_and_a_deletion_frees(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, stored_photos=2 * len(PHOTO))
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        caller, other = Caller(http, settings, "hoarder", 1), Caller(http, settings, "other", 1)
        first = upload(caller, "image/jpeg", content=PHOTO).json()
        reserved = upload(caller, json={"content_type": "image/jpeg"}).json()
        assert http.put(reserved["url"], content=PHOTO).status_code == 204

        for way in ({"content": PHOTO, "kind": "image/jpeg"}, {"json": {"content_type": "image/jpeg"}}):
            refused = upload(caller, **way)
            assert_problem(refused, 409, "photos_full")
            assert f"You store {2 * len(PHOTO):,} bytes of photos" in refused.json()["detail"]
            assert "DELETE /v1/uploads/{key}" in refused.json()["detail"]
        assert caller.get("/v1/usage").json()["photos"] == {
            "bytes": 2 * len(PHOTO),
            "quota_bytes": 2 * len(PHOTO),
            "uploads": 600,
            "window_seconds": 60,
        }
        assert upload(other, "image/jpeg", content=PHOTO).status_code == 201
        http.delete(f"/v1/uploads/{first['key']}", headers=caller.headers)
        assert upload(caller, "image/jpeg", content=PHOTO).status_code == 201


def test_uploads_over_their_rate_are_refused_with_the_time_to_wait(tmp_path: Path, valkey_url: str) -> None:
    settings = Settings(home=tmp_path, queue_url=valkey_url, upload_rate=2)
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "hasty", 1)
        answers = [upload(caller, "image/jpeg", content=one) for one in (PHOTO, b"x", PHOTO)]

    assert [answer.status_code for answer in answers] == [201, 422, 429]
    assert_problem(answers[2], 429, "rate_limited")
    assert "more than 2 uploads in 60 s" in answers[2].json()["detail"]
    assert answers[2].headers["ratelimit-policy"] == '"uploads";q=2;w=60'


@pytest.mark.parametrize("leads", ["file", "folder", "nowhere", "itself"])
def test_a_link_in_the_stores_folder_that_leads_out_of_it_is_no_photo(
    caller: Caller, settings: Settings, tmp_path: Path, leads: str
) -> None:
    (tmp_path / "secret.jpg").write_bytes(PHOTO)
    link = settings.home / "objects" / "sources" / "uploads" / caller.client.id / f"link-{leads}"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = {"file": tmp_path / "secret.jpg", "folder": tmp_path, "nowhere": tmp_path / "none"}
    link.symlink_to(target.get(leads, link))
    key = f"uploads/{caller.client.id}/link-{leads}" + ("/secret.jpg" if leads == "folder" else "")

    submitted = caller.submit(caller.body(source_image_s3_key=key))
    url = open_buckets(settings)[0].download_url(key, "image/jpeg", "http://testserver.local").url

    assert_problem(submitted, 404, "not_found")
    assert_problem(caller.http.get(url), 404, "not_found")
    assert caller.balance == 100
