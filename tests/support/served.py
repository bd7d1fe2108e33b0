"""A whole installation over HTTP, as callers' programs reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from service.accounts.clients import Accounts
from testkit.polling import until
from tests.support.installation import Installation, running_installation


@dataclass(frozen=True)
class Served:
    """An installation and the address of its API."""

    installation: Installation
    url: str

    def register(self, name: str, credits: int = 100, *, sandbox: bool = False) -> str:
        """Return the key of a new client."""
        return Accounts(self.installation.engine).add(name, credits=credits, sandbox=sandbox)[1]


class Caller:
    """A client with an API of its own at an installation."""

    def __init__(self, installation: Installation) -> None:
        self.address = installation.fleet.api()
        self.client, key = Accounts(installation.engine).add("caller", credits=100)
        self.api = httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {key}"}, timeout=300)
        until(self.is_ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()

    def is_ready(self) -> bool:
        return answers(self.address)

    def upload(self, photo: bytes) -> str:
        reserved = self.api.post("/v1/uploads", json={"content_type": "image/png"}).json()
        httpx.put(reserved["url"], headers=reserved["headers"], content=photo, timeout=300).raise_for_status()
        return str(reserved["key"])

    def submit(self, key: str, address: str = "") -> httpx.Response:
        """Order a cut-out of a photo, by default at the client's own API."""
        body = {
            "source_image_s3_key": key,
            "scene_type": "white",
            "mood": "calm",
            "output_preset": "transparent_cutout",
        }
        return self.api.post(f"{address}/v1/background-swap-with-spec", json=body)

    def outcome(self, accepted: httpx.Response) -> tuple[str, int]:
        assert accepted.status_code == 202, accepted.text
        path = f"/v1/jobs/{accepted.json()['job_id']}"
        job = until(lambda: (found := self.api.get(path).json()).get("finished_at") and found)
        return job["status"], job["attempt"]

    @property
    def balance(self) -> int:
        return int(self.api.get("/v1/credits").json()["balance"])


@contextmanager
def serve(home: Path, **settings: Any) -> Iterator[Served]:
    """Run API, worker and sweep on the embedded default, each in a process of its own."""
    # These tests are not about limits: a busy machine must not run into them.
    patient: dict[str, Any] = {
        "lease": 20.0,
        "max_attempts": 5,
        "worker_takes": "previews,cutouts,swaps",
        "webhook_allow_private": True,
    }
    with running_installation("embedded", home, **patient | settings) as installation:
        url = installation.fleet.api()
        until(lambda: answers(url))
        installation.all_ready()
        yield Served(installation, url)


def answers(address: str, check: str = "ready") -> bool:
    """Return whether an API answers that it is ready, or "live"."""
    try:
        return httpx.get(f"{address}/health/{check}", timeout=300).status_code == 200
    except httpx.HTTPError:
        return False
