"""The API as a caller meets it: the contract's answers, letter by letter. Real database, queue and store."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar.testing import TestClient

from service.accounts import Accounts
from service.app import create_app
from service.database import create_engine, migrate
from service.jobs import Jobs, NewRender
from service.settings import Settings

SWAP = "/v1/background-swap-with-spec"


class Caller:
    """A registered client at the API."""

    def __init__(self, http: Any, settings: Settings, name: str, credits: int) -> None:
        self.http = http
        self.settings = settings
        self.engine = create_engine(settings.sqlalchemy_url)
        self.accounts = Accounts(self.engine)
        self.jobs = Jobs(self.engine, lease=60, max_attempts=3)
        self.client, key = self.accounts.add(name, credits=credits)
        self.headers = {"Authorization": f"Bearer {key}"}

    def upload(self, data: bytes = b"photo", content_type: str = "image/jpeg") -> str:
        answer = self.http.post("/v1/uploads", json={"content_type": content_type}, headers=self.headers)
        assert answer.status_code == 201
        url = urlsplit(answer.json()["url"])
        sent = self.http.put(f"{url.path}?{url.query}", content=data, headers=answer.json()["headers"])
        assert sent.status_code == 204
        return str(answer.json()["key"])

    def body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "source_image_s3_key": self.upload(),
            "scene_type": "podium",
            "mood": "calm",
            "dominant_colors": ["#e8c7b8", "ivory"],
            "output_preset": "shopify_product",
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def submit(self, body: Any, **headers: str) -> httpx.Response:
        answer = self.http.post(SWAP, json=body, headers=self.headers | headers)
        assert isinstance(answer, httpx.Response)
        return answer

    def get(self, path: str) -> httpx.Response:
        answer = self.http.get(path, headers=self.headers)
        assert isinstance(answer, httpx.Response)
        return answer

    @property
    def balance(self) -> int:
        return int(self.get("/v1/credits").json()["balance"])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("api"), queue_url=valkey_url)
    engine = create_engine(settings.sqlalchemy_url)
    migrate(engine)
    engine.dispose()
    return settings


@pytest.fixture(scope="module")
def http(settings: Settings) -> Iterator[Any]:
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def caller(http: Any, settings: Settings, request: pytest.FixtureRequest) -> Caller:
    return Caller(http, settings, request.node.name[:100], credits=100)


def located(answer: httpx.Response) -> set[tuple[Any, ...]]:
    """Where a 422 says the errors are, after checking its shape."""
    assert answer.status_code == 422, answer.text
    assert list(answer.json()) == ["detail"]
    for one in answer.json()["detail"]:
        assert set(one) == {"loc", "msg", "type"}
        assert one["loc"][0] in {"body", "header"}
        assert one["msg"]
    return {tuple(one["loc"]) for one in answer.json()["detail"]}


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"].endswith((".", "`.")) or " " in problem["detail"]


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


@pytest.mark.parametrize(
    "changes",
    [
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
    ],
    ids=lambda changes: next(iter(changes)) + "=" + str(next(iter(changes.values())))[:20],
)
def test_what_the_contract_allows_is_accepted(caller: Caller, changes: dict[str, Any]) -> None:
    assert caller.submit(caller.body(**changes)).status_code == 202


def test_the_job_can_be_followed_by_its_client(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()

    job = caller.get(f"/v1/jobs/{accepted['job_id']}").json()

    assert set(job) == {
        *("job_id", "request_id", "status", "stage", "progress", "attempt", "credits_cost", "credits_refunded"),
        *("created_at", "started_at", "finished_at", "error", "render"),
    }
    assert job["request_id"] == accepted["request_id"]
    assert (job["status"], job["progress"], job["error"], job["render"]) == ("NOT_STARTED", 0, None, None)
    assert job["created_at"].endswith("Z")


def test_a_finished_job_shows_its_render_and_the_url_gives_its_bytes(caller: Caller) -> None:
    accepted = caller.submit(caller.body()).json()
    claim = caller.jobs.claim(accepted["job_id"])
    assert claim is not None
    stored = caller.settings.home / "objects" / "renders" / "renders" / "done.png"
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(b"picture")
    parts: dict[str, Any] = {name: {} for name in ("palette", "fidelity", "cutout", "provenance")} | {"preset": []}
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
            bytes=7,
            sha256=hashlib.sha256(b"picture").hexdigest(),
            seed=5,
            warnings=["upscaled"],
            report=parts,
        ),
    )

    render = caller.get(f"/v1/renders/{public_id}").json()

    assert set(render) == {
        *("public_id", "job_id", "output_preset", "width", "height", "format", "content_type", "bytes", "sha256"),
        *("url", "url_expires_at", "seed", "warnings", "report"),
    }
    shown = caller.get(f"/v1/jobs/{accepted['job_id']}").json()["render"]
    assert {name: shown[name] for name in render if "url" not in name} == {
        name: render[name] for name in render if "url" not in name
    }
    url = urlsplit(render["url"])
    download = caller.http.get(f"{url.path}?{url.query}")
    assert (download.content, download.headers["content-type"]) == (b"picture", "image/png")
    assert_problem(caller.http.get(f"{url.path}?{url.query}0"), 403, "url_invalid")
    # From that render, another swap: the source is the first photo.
    again = caller.body(source_image_s3_key=None, source_render_public_id=public_id)
    assert caller.submit(again).status_code == 202


# Refused


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


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "Basic eDp5"}],
    ids=["none", "wrong", "empty", "basic"],
)
@pytest.mark.parametrize("raw", [b"{}", b"{"], ids=["any body", "malformed body"])
def test_a_missing_or_wrong_key_is_unauthorized(http: Any, headers: dict[str, str], raw: bytes) -> None:
    answer = http.post(SWAP, content=raw, headers=headers)

    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_private_route_wants_a_key(http: Any) -> None:
    for path in ("/v1/jobs/x", "/v1/renders/x", "/v1/credits"):
        assert_problem(http.get(path), 401, "unauthorized")
    assert_problem(http.post("/v1/uploads", json={"content_type": "image/jpeg"}), 401, "unauthorized")


def test_shopifys_signature_is_checked_over_the_raw_body_with_both_live_secrets(caller: Caller) -> None:
    caller.accounts.set_shopify_secret(caller.client.name, "older")
    caller.accounts.set_shopify_secret(caller.client.name, "newer")
    raw = json.dumps(caller.body(), indent=3).encode()

    def sent(secret: str, body: bytes = raw) -> httpx.Response:
        signature = base64.b64encode(hmac.digest(secret.encode(), raw, "sha256")).decode()
        headers = caller.headers | {"X-Shopify-Hmac-Sha256": signature}
        answer = caller.http.post(SWAP, content=body, headers=headers)
        assert isinstance(answer, httpx.Response)
        return answer

    assert sent("newer").status_code == 202
    assert sent("older").status_code == 202
    assert_problem(sent("oldest"), 401, "signature_invalid")
    assert_problem(sent("newer", raw + b" "), 401, "signature_invalid")
    assert_problem(sent("newer", b"{"), 401, "signature_invalid")


def test_a_signature_of_a_client_without_a_secret_is_refused(caller: Caller) -> None:
    assert_problem(caller.submit(caller.body(), **{"X-Shopify-Hmac-Sha256": "abc"}), 401, "signature_invalid")


def test_too_few_credits_is_402_and_charges_nothing(http: Any, settings: Settings) -> None:
    poor = Caller(http, settings, "poor", credits=1)

    assert_problem(poor.submit(poor.body()), 402, "insufficient_credits")
    assert poor.balance == 1


def test_a_foreign_or_missing_source_is_the_same_404(caller: Caller, http: Any, settings: Settings) -> None:
    other = Caller(http, settings, "other", credits=10)
    foreign = caller.submit(caller.body(source_image_s3_key=other.upload()))
    missing = caller.submit(caller.body(source_image_s3_key=f"uploads/{caller.client.id}/none.jpg"))
    escaping = caller.submit(caller.body(source_image_s3_key=f"uploads/{caller.client.id}/../x.jpg"))
    nothing = caller.submit(caller.body(source_image_s3_key=None, source_render_public_id="none"))

    for answer in (foreign, missing, escaping, nothing):
        assert_problem(answer, 404, "not_found")
    assert foreign.json() == missing.json() == escaping.json() == nothing.json()
    assert caller.balance == 100


def test_another_clients_job_is_the_same_404_as_none(caller: Caller, http: Any, settings: Settings) -> None:
    accepted = caller.submit(caller.body()).json()
    other = Caller(http, settings, "nosy", credits=10)

    foreign = other.get(f"/v1/jobs/{accepted['job_id']}")
    assert_problem(foreign, 404, "not_found")
    assert foreign.json() == other.get("/v1/jobs/none").json()


# Twice


def test_the_same_request_with_an_idempotency_key_is_charged_once(caller: Caller) -> None:
    body = caller.body()
    first = caller.submit(body, **{"Idempotency-Key": "once"})
    second = caller.submit(body, **{"Idempotency-Key": "once"})

    assert second.status_code == 202
    assert second.json() == first.json()
    assert caller.balance == 100 - first.json()["credits_cost"]


def test_an_empty_idempotency_key_is_none(caller: Caller) -> None:
    first, second = (caller.submit(caller.body(), **{"Idempotency-Key": ""}) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["job_id"] != second.json()["job_id"]


def test_an_idempotency_key_with_another_body_is_unprocessable(caller: Caller) -> None:
    body = caller.body()
    caller.submit(body, **{"Idempotency-Key": "once"})

    assert located(caller.submit(body | {"mood": "fresh"}, **{"Idempotency-Key": "once"})) == {
        ("header", "Idempotency-Key")
    }


# Around


def test_an_upload_takes_only_photo_types(caller: Caller) -> None:
    answer = caller.http.post("/v1/uploads", json={"content_type": "text/html"}, headers=caller.headers)

    assert located(answer) == {("body", "content_type")}


def test_an_upload_url_is_good_for_its_key_alone(caller: Caller) -> None:
    answer = caller.http.post("/v1/uploads", json={"content_type": "image/png"}, headers=caller.headers).json()
    url = urlsplit(answer["url"])

    assert answer["key"].startswith(f"uploads/{caller.client.id}/")
    assert answer["key"].endswith(".png")
    other = url.path.replace(caller.client.id, "01J9ZC4T7M3X6V2Q8R5N1B0KAD")
    assert_problem(caller.http.put(f"{other}?{url.query}", content=b"x"), 403, "url_invalid")
    assert_problem(caller.http.get(f"{url.path}?{url.query}"), 403, "url_invalid")


def test_the_catalogues_are_listed(http: Any) -> None:
    scenes = http.get("/v1/scene-types").json()["items"]
    moods = http.get("/v1/moods").json()["items"]
    presets = http.get("/v1/output-presets").json()["items"]

    assert len(scenes) >= 10
    assert "white" in {scene["name"] for scene in scenes}
    assert len(moods) >= 10
    for item in scenes + moods + presets:
        assert {"name", "title", "description"} <= set(item)
    for preset in presets:
        assert preset["credits"] >= 1
        assert preset["source_url"]


def test_the_ledger_explains_the_balance(caller: Caller) -> None:
    caller.submit(caller.body())

    credits = caller.get("/v1/credits").json()

    assert credits["balance"] == sum(entry["amount"] for entry in credits["entries"])
    assert [entry["kind"] for entry in credits["entries"]] == ["debit", "grant"]
    assert set(credits["entries"][0]) == {"id", "kind", "amount", "job_id", "created_at"}


def test_health_says_what_is_missing(tmp_path: Path, valkey_url: str) -> None:
    (tmp_path / "objects").write_text("a file where the store's folder should be")
    settings = Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0")
    with TestClient(create_app(settings)) as http:
        assert http.get("/health/live").status_code == 200
        answer = http.get("/health/ready")

    assert answer.status_code == 503
    assert {part["part"] for part in answer.json()["missing"]} == {"database", "queue", "store"}


def test_health_is_ready_when_all_is_there(http: Any) -> None:
    answer = http.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "missing": []})


def test_every_answer_has_a_request_id_of_its_own(http: Any, caller: Caller) -> None:
    answers = [http.get("/health/live"), http.get("/nowhere"), http.delete("/v1/credits"), caller.submit({})]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(len(one) == 26 for one in ids)
    assert len(set(ids)) == 4
    assert_problem(answers[1], 404, "not_found")
    assert_problem(answers[2], 405, "method_not_allowed")


def test_a_submit_while_the_queue_is_away_is_accepted_and_left_to_the_sweep(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, queue_url="redis://127.0.0.1:9/0")
    migrate(create_engine(settings.sqlalchemy_url))
    with TestClient(create_app(settings)) as http:
        caller = Caller(http, settings, "patient", credits=10)
        accepted = caller.submit(caller.body())

        assert accepted.status_code == 202
        assert caller.jobs.take_unsent(queue_lost=False, resend_after=60) == [accepted.json()["job_id"]]
