"""`backdrop up` as a process, and a client's requests to it."""

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image

from testkit.polling import until
from testkit.specimens import saved

#: The installed program.
BACKDROP = str(Path(sys.executable).with_name("backdrop"))
BOTTLE = (files("service") / "sample" / "bottle.jpg").read_bytes()


class Up:
    """A running `backdrop up` and a client of it."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        variables = {"BACKDROP_LEASE": "12", "BACKDROP_SWEEP_EVERY": "1", "OMP_NUM_THREADS": "1"} | settings
        self.environment = {**os.environ, **variables}  # noqa: TID251  # the child's environment
        self.process: psutil.Popen | None = None
        self.address = ""

    def start(self) -> None:
        command = [BACKDROP, "up", "--home", str(self.home), "--port", "0"]
        self.process = psutil.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line + self.logs()
        self.address = line.split()[1]

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2000:] for path in sorted((self.home / "logs").glob("*.log")))

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        found: list[psutil.Process] = self.process.children(recursive=True)
        return found

    def child(self, words: str) -> psutil.Process:
        return next(child for child in self.children() if words in " ".join(child.cmdline()))

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, wait, and check that no process of the service is left."""
        assert self.process is not None
        children = self.children()
        self.process.send_signal(number)
        return self.wait(children)

    def wait(self, children: list[psutil.Process]) -> int:
        """Wait for its end, check that none of its children is left, and return its exit status."""
        assert self.process is not None
        status = int(self.process.wait(300))
        self.process.stdout.close()
        _, alive = psutil.wait_procs(children, timeout=300)
        assert alive == []
        return status

    @property
    def ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def client(self, name: str, credits: int) -> httpx.Client:
        command = [BACKDROP, "clients", "add", name, "--credits", str(credits), "--json", "--home", str(self.home)]
        added = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        key = json.loads(added.stdout)["key"]
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {key}"}, timeout=300)


def upload(api: httpx.Client, data: bytes) -> str:
    reserved = api.post("/v1/uploads", json={"content_type": "image/jpeg"}).json()
    put = httpx.request(reserved["method"], reserved["url"], headers=reserved["headers"], content=data, timeout=300)
    put.raise_for_status()
    return str(reserved["key"])


def submit(api: httpx.Client, key: str) -> httpx.Response:
    body = {"source_image_s3_key": key, "scene_type": "podium", "mood": "calm", "output_preset": "open_graph"}
    return api.post("/v1/background-swap-with-spec", json=body)


def job_id(api: httpx.Client, data: bytes) -> str:
    answer = submit(api, upload(api, data))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def ended(api: httpx.Client, job: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(f"/v1/jobs/{job}").json()
        return found if found["status"] in {"SUCCESS", "FAILURE"} else None

    result: dict[str, Any] = until(over)
    return result


def under_way(api: httpx.Client, job: str, *stages: str) -> None:
    """Wait until a job is in this step, or in one of several: a short step may pass between two looks."""

    def reached() -> bool:
        stage = api.get(f"/v1/jobs/{job}").json()["stage"]
        return stage in stages if stages else stage is not None

    until(reached)


def grey() -> bytes:
    return saved(Image.new("RGB", (900, 700), (127, 127, 127)), "JPEG")
