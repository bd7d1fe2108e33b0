"""A registered client at the API, as most tests of the API need, and checks of the API's two error shapes."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.jobs.records import Claim
from service.jobs.transitions import Jobs
from service.settings import Settings
from tests.support.shop import claim_ahead

SWAP = "/v1/background-swap-with-spec"


class Caller:
    """A registered client at the API."""

    def __init__(self, http: Any, settings: Settings, name: str, credits: int, *, sandbox: bool = False) -> None:
        self.http = http
        self.settings = settings
        self.engine = create_engine(settings.sqlalchemy_url)
        self.accounts = Accounts(self.engine)
        self.jobs = Jobs(self.engine, lease=60, max_attempts=3)
        self.client, key = self.accounts.add(name, credits=credits, sandbox=sandbox)
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

    def claim(self, job_id: str) -> Claim:
        return claim_ahead(self.engine, self.jobs, job_id)

    @property
    def balance(self) -> int:
        return int(self.get("/v1/credits").json()["balance"])


def error_body(answer: httpx.Response) -> dict[str, Any]:
    """Return an error's body without the id of its request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def located(answer: httpx.Response) -> set[tuple[Any, ...]]:
    """Return the places of a 422's errors, after checking its shape."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (422, "invalid", "about:blank")
    assert body["request_id"] == answer.headers["x-request-id"]
    for one in answer.json()["detail"]:
        assert set(one) == {"loc", "msg", "type", "code"}
        assert one["loc"][0] in {"body", "header", "query", "path"}
        assert one["msg"]
        assert one["code"]
        assert "instance of" not in one["msg"], "a class of the program"
    return {tuple(one["loc"]) for one in answer.json()["detail"]}


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"].endswith((".", "`.")) or " " in problem["detail"]
