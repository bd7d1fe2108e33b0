"""Fixtures of the tests of cut-outs: a client at the API, and a worker in the test's own thread."""

import io
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import FunctionSegmenter, Networks
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.cache import client_caches
from service.storage.registry import ObjectRegistry
from testkit.specimens import saved
from tests.support.caller import Caller
from tests.support.worker import BOTTLE, job_runner

CUTOUTS = "/v1/cutouts"


def grey_png(codes: NDArray[np.uint8]) -> bytes:
    return saved(Image.fromarray(codes), "PNG")


class Mender(Caller):
    """A client that orders cut-outs and mends them."""

    def __init__(self, http: Any, settings: Settings, name: str, networks: Networks) -> None:
        super().__init__(http, settings, name, credits=100)
        sources, self.renders = open_buckets(settings)
        runner = job_runner(self.engine, self.jobs, (sources, self.renders), networks)
        cache = client_caches(settings, self.renders, ObjectRegistry(self.engine))
        self.runner = replace(runner, maker=replace(runner.maker, cache_for=cache))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self.http.request(method, path, headers=self.headers | options.pop("headers", {}), **options)
        assert isinstance(answer, httpx.Response)
        return answer

    def order(self, data: bytes = BOTTLE, **options: Any) -> str:
        """Upload a photo and order its cut-out, without running the job."""
        answer = self.ask("POST", CUTOUTS, json={"source_image_s3_key": self.upload(data)}, **options)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def cut_out(self, data: bytes = BOTTLE) -> dict[str, Any]:
        """Cut a photo out, and return the cut-out's view."""
        public_id = self.order(data)
        self.finish(public_id)
        return self.shown(public_id)

    def finish(self, job_id: str) -> None:
        """Run jobs, in their turns, until this job is over."""
        while self.get(f"/v1/jobs/{job_id}").json()["finished_at"] is None:
            self.runner.run(job_id)

    def shown(self, public_id: str) -> dict[str, Any]:
        answer = self.get(f"{CUTOUTS}/{public_id}")
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    def mend(self, public_id: str, mask: bytes) -> httpx.Response:
        return self.ask("PUT", f"{CUTOUTS}/{public_id}/mask", content=mask, headers={"Content-Type": "image/png"})

    def picture(self, url: str) -> NDArray[np.uint8]:
        """The pixels behind a signed URL."""
        answer = self.http.get(url)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/png"
        return np.asarray(Image.open(io.BytesIO(answer.content)))

    def swap(self, **changes: Any) -> dict[str, Any]:
        """Order and run a swap, and return its job."""
        accepted = self.submit(self.body(**changes))
        assert accepted.status_code == 202, accepted.text
        self.finish(accepted.json()["job_id"])
        job: dict[str, Any] = self.get(f"/v1/jobs/{accepted.json()['job_id']}").json()
        return job


@pytest.fixture(scope="session")
def networks(networks: Networks) -> Networks:
    """The installation's networks, whose segmenter looks at the same pixels once: many tests cut out the same photo."""
    seen: dict[tuple[int, bytes], NDArray[np.float32]] = {}

    def look(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = image.shape[1], image.tobytes()
        if pixels not in seen:
            seen[pixels] = networks.segmenter(image)
        return seen[pixels].copy()

    return replace(networks, segmenter=FunctionSegmenter(look, networks.segmenter.side))


@pytest.fixture
def mender(http: Any, settings: Settings, networks: Networks, request: pytest.FixtureRequest) -> Mender:
    """A client of the API, named for the test, and its worker."""
    return Mender(http, settings, request.node.name[:100], networks)


def plain_photo() -> bytes:
    """A photo without a product."""
    return saved(Image.new("RGB", (400, 400), (128, 128, 128)), "JPEG")
