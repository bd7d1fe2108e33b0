"""Every sample that readers copy, run against the real service: the README's, the guides', the API reference's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from backdrop_client import Backdrop
from service.schemas.openapi import load_examples
from testkit.polling import until
from testkit.up import BOTTLE, Up, ended, job_id, upload

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = load_examples()
#: Files that a sample may leave: their names, and their first bytes.
LEFT_BEHIND = {"swapped.jpg": b"\xff\xd8", "picture.jpg": b"\xff\xd8"}


def blocks(document: str, language: str) -> list[str]:
    """Return the fenced blocks of a language in a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text("utf-8"), re.MULTILINE | re.DOTALL)


CURL_BLOCKS = [block for block in blocks("README.md", "sh") if re.search(r"\bcurl\b", block)]
PYTHON_BLOCKS = blocks("README.md", "python")
#: Pages whose blocks with curl form one session; the fetched photo of `photos` is on no reachable server.
GUIDES = (
    "start/first-call",
    "guides/callers/orders",
    "guides/callers/previews",
    "guides/callers/photos",
    "guides/callers/cut-outs",
    "guides/callers/usage",
    "guides/callers/webhooks",
    "guides/agencies/brands",
)


class Desk:
    """A running service, a client of it, and the files and variables that the samples expect."""

    def __init__(self, up: Up, folder: Path) -> None:
        self.up = up
        self.folder = folder
        self.api = up.client("reader", credits=1000)
        self.key = self.api.headers["Authorization"].removeprefix("Bearer ")
        done = job_id(self.api, BOTTLE)
        old = job_id(self.api, BOTTLE)
        self.known = {
            # The first sample deletes it; deleting again is no error.
            "old_source_key": upload(self.api, BOTTLE),
            "old_render_id": ended(self.api, old)["render"]["public_id"],
            "source_key": upload(self.api, BOTTLE),
            "job_id": done,
            "brand_name": "autumn",
            "render_id": ended(self.api, done)["render"]["public_id"],
        }
        with Backdrop(up.address, self.key) as backdrop:
            cutout = backdrop.cutout(source_key=self.known["source_key"])
            self.mask = backdrop.download_mask(cutout, folder / "mended.png").read_bytes()
        self.known["cutout_id"] = cutout.public_id
        self.api.put("/v1/webhook", json={"url": "https://shop.example/before"}).raise_for_status()
        self.known["delivery_id"] = self.api.post("/v1/webhook/test").raise_for_status().json()["id"]
        self.known["order_id"] = self.order(1)

    def order(self, photos: int) -> str:
        body: dict[str, Any] = {"scene_type": "white", "mood": "calm", "presets": ["instagram_square"]}
        body["photos"] = [{"source_image_s3_key": self.known["source_key"]}] * photos
        return str(self.api.post("/v1/orders", json=body).raise_for_status().json()["order_id"])

    def has(self, **more: str) -> dict[str, str]:
        (self.folder / "photo.jpg").write_bytes(BOTTLE)
        (self.folder / "mended.png").write_bytes(self.mask)
        brand = {"palette": ["#8a4b2f"], "seed_policy": "free"}
        self.api.put(f"/v1/brands/{self.known['brand_name']}", json=brand).raise_for_status()
        self.api.put("/v1/webhook", json={"url": "https://shop.example/before"}).raise_for_status()
        delivery = f"/v1/webhook/deliveries/{self.known['delivery_id']}"
        until(lambda: self.api.get(delivery).json()["state"] != "waiting")  # a sample sends it again
        return self.known | more

    def shell(self, script: str, **more: str) -> str:
        variables = {name.upper(): value for name, value in self.has(**more).items()}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, "BACKDROP": self.up.address, "KEY": self.key, **variables},  # noqa: TID251  # PATH
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def python(self, script: str, **more: str) -> dict[str, Any]:
        names: dict[str, Any] = {"url": self.up.address, "key": self.key, **self.has(**more)}
        with Backdrop(self.up.address, names["key"]) as backdrop:
            names["backdrop"] = backdrop
            exec(compile(script, "sample", "exec"), names)
        return names


@pytest.fixture(scope="module")
def desk(running_up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(running_up, tmp_path_factory.mktemp("desk"))
    yield desk
    desk.api.close()


@pytest.fixture(autouse=True)
def at_the_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)


needs_curl = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")) and "CI" not in os.environ,  # noqa: TID251  # it fails there instead
    reason="the samples need curl and jq: install them to run these tests",
)


def test_the_readme_shows_the_whole_way_with_curl_and_in_python() -> None:
    assert CURL_BLOCKS
    assert PYTHON_BLOCKS


@needs_curl
@pytest.mark.parametrize("block", CURL_BLOCKS, ids=lambda block: block.split("\n")[0][:60])
def test_the_readmes_curl_examples_run(desk: Desk, block: str) -> None:
    desk.shell(block)

    left = [name for name in LEFT_BEHIND if name in block]
    assert left
    for name in left:
        assert (desk.folder / name).read_bytes().startswith(LEFT_BEHIND[name])


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=lambda block: block.split("\n")[0][:60])
def test_the_readmes_python_examples_run(desk: Desk, block: str) -> None:
    desk.python(block)


@needs_curl
@pytest.mark.nightly  # the gate runs the reference's samples of the same routes
@pytest.mark.parametrize("guide", GUIDES)
def test_the_curl_examples_of_a_guide_run(desk: Desk, guide: str) -> None:
    story = [block for block in blocks(f"docs/{guide}.md", "sh") if "curl" in block]
    assert story
    script = "\n".join(block for block in story if "shop.example/photos" not in block)

    desk.shell(script, render_id=desk.known["old_render_id"])


def waiting(desk: Desk, name: str) -> dict[str, str]:
    """Provide a job that can still be cancelled, or a key that can be deleted, where the sample needs it."""
    if name == "delete_key":
        made = desk.api.post("/v1/keys", json={"name": "old"}).raise_for_status()
        return {"old_key_id": made.json()["id"]}
    if name in ("delete_data", "get_data_deletion"):  # of another client
        leaver = f"leaver-{ULID()}"
        with desk.up.client(leaver, credits=0) as api:
            key = api.headers["Authorization"].removeprefix("Bearer ")
            receipt = api.delete("/v1/data", params={"confirm": leaver}).raise_for_status().json()
        return {"key": key, "client_name": leaver, "deletion_id": receipt["id"]}
    if name == "cancel_order":
        return {"waiting_order_id": desk.order(4)}
    return {"waiting_job_id": job_id(desk.api, BOTTLE)} if name == "cancel_job" else {}


@needs_curl
@pytest.mark.parametrize("name", [name for name, samples in EXAMPLES.items() if "curl" in samples])
def test_the_references_curl_samples_run(desk: Desk, name: str) -> None:
    desk.shell(EXAMPLES[name]["curl"], **waiting(desk, name))


@pytest.mark.nightly  # in the gate the same samples in curl, and client/test_calls.py makes these calls
@pytest.mark.parametrize("name", [name for name, samples in EXAMPLES.items() if "python" in samples])
def test_the_references_python_samples_run(desk: Desk, name: str) -> None:
    desk.python(EXAMPLES[name]["python"], **waiting(desk, name))
