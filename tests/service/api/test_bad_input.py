"""Bad input over the API: uploaded, submitted and run, it ends with its error code and costs nothing."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litestar.testing import TestClient
from PIL import Image

from pipeline.core.networks import Networks
from service.api.app import create_app
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.worker.networks import open_networks
from tests.support.caller import Caller, assert_problem
from tests.support.databases import migrated_engine
from tests.support.hostile import SENT, Sent
from tests.support.specimens import png16, saved, swapped_profile
from tests.support.worker import job_runner

BOTTLE = (files("service") / "sample" / "bottle.jpg").read_bytes()
#: One of each group that contains no picture.
FIRST = list({one.group: one for one in reversed(SENT) if one.end is not None}.values())


class Bench:
    """The API, and a worker's parts without its process."""

    def __init__(self, http: Any, settings: Settings, networks: Networks) -> None:
        self.caller = Caller(http, settings, "bench", credits=1000)
        self.settings = settings
        self.runner = job_runner(self.caller.engine, self.caller.jobs, open_buckets(settings), networks)

    def end(self, data: bytes, **changes: Any) -> dict[str, Any]:
        """Upload, submit and run; return the job as its caller sees it."""
        # On white: only the photo is unusual here.
        spec = {"scene_type": "white", "output_preset": "open_graph"} | changes
        body = self.caller.body(source_image_s3_key=self.caller.upload(data), **spec)
        accepted = self.caller.submit(body)
        assert accepted.status_code == 202, accepted.text
        self.runner.run(accepted.json()["job_id"])
        job: dict[str, Any] = self.caller.get(f"/v1/jobs/{accepted.json()['job_id']}").json()
        return job


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Bench]:
    settings = Settings(home=tmp_path_factory.mktemp("bad"), queue_url=valkey_url)
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        yield Bench(http, settings, open_networks(settings))


@pytest.mark.filterwarnings("ignore")  # Pillow warns about some, as it would in service
@pytest.mark.parametrize("sent", FIRST, ids=[str(one) for one in FIRST])
def test_one_input_of_each_group_ends_with_its_code_and_is_refunded(bench: Bench, sent: Sent) -> None:
    before = bench.caller.balance

    job = bench.end(sent.make())

    assert (job["status"], job["error"]["code"]) == ("FAILURE", sent.end)
    assert job["attempt"] == 1, "another attempt would give the same answer"
    assert job["credits_refunded"] == job["credits_cost"]
    assert bench.caller.balance == before


def bottle() -> Image.Image:
    return Image.open(BytesIO(BOTTLE)).convert("RGB").resize((480, 480))


def tagged(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(bottle().rotate(90), "JPEG", quality=92, exif=exif.tobytes())


PRODUCTS: dict[str, Callable[[], bytes]] = {
    "CMYK JPEG": lambda: saved(bottle().convert("CMYK"), "JPEG", quality=92),
    "16-bit PNG": lambda: png16(np.asarray(bottle(), dtype=np.uint16) * 257),
    "palette PNG": lambda: saved(bottle().quantize(200), "PNG"),
    "turned JPEG": lambda: tagged(6),
    "moving WebP": lambda: saved(bottle(), "WEBP", save_all=True, append_images=[bottle().rotate(5)]),
    "moving PNG": lambda: saved(bottle(), "PNG", save_all=True, append_images=[bottle().rotate(5)]),
    "JPEG with a broken profile": lambda: saved(bottle(), "JPEG", icc_profile=swapped_profile()[:300]),
    "JPEG with a ZIP behind it": lambda: saved(bottle(), "JPEG") + b"PK\x05\x06" + bytes(18),
}


# One here: tests/pipeline/photo/test_decode.py checks the pixels of each.
@pytest.mark.parametrize(
    "kind", [kind if kind == "CMYK JPEG" else pytest.param(kind, marks=pytest.mark.nightly) for kind in PRODUCTS]
)
def test_an_unusual_photo_of_a_product_is_swapped(bench: Bench, kind: str) -> None:
    job = bench.end(PRODUCTS[kind]())

    assert (job["status"], job["error"], job["credits_refunded"]) == ("SUCCESS", None, 0)
    assert (job["render"]["width"], job["render"]["height"]) == (1200, 630)


def test_doubtful_input_is_among_the_renders_warnings(bench: Bench) -> None:
    job = bench.end(saved(bottle(), "JPEG"), scene_type="somewhere nice", pilot_brand="nobody")

    assert [one["code"] for one in job["warnings"]] == ["scene_in_words", "brand_unknown"]
    assert job["render"]["warnings"][:2] == ["scene_in_words", "brand_unknown"]
    assert len(set(job["render"]["warnings"])) == len(job["render"]["warnings"])


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


@pytest.mark.parametrize("leads", ["file", "folder", "nowhere", "itself"])
def test_a_link_in_the_stores_folder_that_leads_out_of_it_is_no_photo(bench: Bench, tmp_path: Path, leads: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(BOTTLE)
    folder = bench.settings.home / "objects" / "sources" / "uploads" / bench.caller.client.id
    folder.mkdir(parents=True, exist_ok=True)
    target = {"file": tmp_path / "secret.jpg", "folder": tmp_path, "nowhere": tmp_path / "none"}
    link = folder / f"link-{leads}"
    link.symlink_to(target.get(leads, link))
    key = f"uploads/{bench.caller.client.id}/link-{leads}" + ("/secret.jpg" if leads == "folder" else "")
    before = bench.caller.balance

    submitted = bench.caller.submit(bench.caller.body(source_image_s3_key=key))
    sources = open_buckets(bench.settings)[0]
    fetched = bench.caller.http.get(sources.download_url(key, "image/jpeg", "http://testserver.local").url)

    assert_problem(submitted, 404, "not_found")
    assert_problem(fetched, 404, "not_found")
    assert bench.caller.balance == before
