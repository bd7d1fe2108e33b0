"""The whole service as processes: `backdrop up`, killed and stopped at the worst moments, on both installations."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from benchmarks.storm import servers
from tests.conftest import new_database

BOTTLE = (files("service") / "sample" / "bottle.jpg").read_bytes()
BACKDROP = str(Path(sys.executable).with_name("backdrop"))


class Up:
    """A running `backdrop up` and a client of it."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        variables = {"BACKDROP_LEASE": "4", "BACKDROP_SWEEP_EVERY": "0.5", "OMP_NUM_THREADS": "2"} | settings
        self.environment = {**os.environ, **variables}  # noqa: TID251  # what the child process gets
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
        """Send a signal, wait, and check that no process of ours is left."""
        assert self.process is not None
        children = self.children()
        self.process.send_signal(number)
        status = int(self.process.wait(60))
        self.process.stdout.close()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert alive == []
        return status

    def client(self, name: str, credits: int) -> httpx.Client:
        command = [BACKDROP, "clients", "add", name, "--credits", str(credits), "--json", "--home", str(self.home)]
        added = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        key = json.loads(added.stdout)["key"]
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def upload(api: httpx.Client, data: bytes) -> str:
    reserved = api.post("/v1/uploads", json={"content_type": "image/jpeg"}).json()
    httpx.request(reserved["method"], reserved["url"], headers=reserved["headers"], content=data).raise_for_status()
    return str(reserved["key"])


def submit(api: httpx.Client, key: str) -> httpx.Response:
    body = {"source_image_s3_key": key, "scene_type": "podium", "mood": "calm", "output_preset": "open_graph"}
    return api.post("/v1/background-swap-with-spec", json=body)


def job_id(api: httpx.Client, data: bytes) -> str:
    answer = submit(api, upload(api, data))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def until(reached: Callable[[], Any], timeout: float = 120.0) -> Any:
    end = time.monotonic() + timeout
    while not (value := reached()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return value


def ended(api: httpx.Client, job: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(f"/v1/jobs/{job}").json()
        return found if found["status"] in {"SUCCESS", "FAILURE"} else None

    result: dict[str, Any] = until(over)
    return result


def under_way(api: httpx.Client, job: str, stage: str = "segment") -> None:
    until(lambda: api.get(f"/v1/jobs/{job}").json()["stage"] == stage, timeout=60)


def grey() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (900, 700), (127, 127, 127)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module", params=["embedded", "production"])
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """SQLite, a directory and the embedded Valkey; or PostgreSQL, an S3 server and a Valkey by URL."""
    home = tmp_path_factory.mktemp(request.param)
    settings: dict[str, str] = {}
    if request.param == "production":
        endpoint: str = request.getfixturevalue("s3_server")
        settings = {
            "DATABASE_URL": new_database(request.getfixturevalue("postgresql_server"), "up"),
            "VALKEY_URL": request.getfixturevalue("valkey_url"),
            "BACKDROP_STORE": "s3",
            "BACKDROP_S3_ENDPOINT_URL": endpoint,
            "BACKDROP_S3_SOURCE_BUCKET": "up-sources",
            "BACKDROP_S3_RENDER_BUCKET": "up-renders",
            "AWS_ACCESS_KEY_ID": servers.S3_KEY,
            "AWS_SECRET_ACCESS_KEY": servers.S3_SECRET,
            "AWS_REGION": "us-east-1",
        }
        servers.make_buckets(endpoint, "up-sources", "up-renders")
    up = Up(home, **settings)
    up.start()
    yield up
    assert up.stop() == 0


def test_a_mixed_day_with_a_killed_worker_costs_exactly_the_successes(up: Up) -> None:
    with up.client("mixed", 50) as api, up.client("other", 50) as other:
        good = [job_id(api, BOTTLE) for _ in range(2)]
        text, plain = job_id(api, b"<html>not a picture</html>"), job_id(api, grey())
        assert submit(api, upload(api, BOTTLE).replace(".jpg", "x.jpg")).status_code == 404
        assert submit(api, upload(other, BOTTLE)).status_code == 404

        under_way(api, good[0])
        killed = up.child("service.worker.main")
        killed.send_signal(signal.SIGKILL)

        jobs = [ended(api, job) for job in (*good, text, plain)]
        assert [job["status"] for job in jobs] == ["SUCCESS", "SUCCESS", "FAILURE", "FAILURE"], jobs
        assert [job["error"] and job["error"]["code"] for job in jobs[2:]] == ["image_unreadable", "no_subject"]
        assert jobs[0]["attempt"] == 2
        assert up.child("service.worker.main").pid != killed.pid
        credits = api.get("/v1/credits").json()
        assert credits["balance"] == 50 - sum(job["credits_cost"] for job in jobs if job["status"] == "SUCCESS")
        assert credits["balance"] == sum(entry["amount"] for entry in credits["entries"])
        assert other.get("/v1/credits").json()["balance"] == 50
        for job in jobs[:2]:
            picture = httpx.get(job["render"]["url"]).raise_for_status()
            assert picture.headers["content-type"] == "image/jpeg"
            assert len(picture.content) == job["render"]["bytes"]
            assert Image.open(io.BytesIO(picture.content)).size == (1200, 630)


def stored_renders(up: Up, job: str) -> list[str]:
    """What the bucket of renders holds of a job."""
    endpoint = up.environment.get("BACKDROP_S3_ENDPOINT_URL")
    if endpoint is None:
        return [path.name for path in (up.home / "objects" / "renders").rglob(f"*{job}*")]
    with contextlib.closing(servers.s3_client(endpoint)) as s3:
        listed = s3.list_objects_v2(Bucket=up.environment["BACKDROP_S3_RENDER_BUCKET"]).get("Contents", [])
    return [one["Key"] for one in listed if job in one["Key"]]


def test_a_job_cancelled_while_it_runs_is_refunded_once_and_its_worker_takes_the_next(up: Up) -> None:
    with up.client("canceller", 10) as api:
        cancelled, waiting, wanted = (job_id(api, BOTTLE) for _ in range(3))
        under_way(api, cancelled)
        worker = up.child("service.worker.main").pid

        answers = [api.delete(f"/v1/jobs/{job}") for job in (cancelled, waiting, cancelled, waiting)]

        assert [answer.status_code for answer in answers] == [200, 200, 409, 409]
        finished = ended(api, wanted)
        assert finished["status"] == "SUCCESS"
        for job in (cancelled, waiting):
            found = api.get(f"/v1/jobs/{job}").json()
            assert (found["status"], found["error"]["code"], found["render"]) == ("FAILURE", "cancelled", None)
            assert stored_renders(up, job) == []
        assert len(stored_renders(up, wanted)) == 1
        assert up.child("service.worker.main").pid == worker, "a cancelled job is no reason to die"
        credits = api.get("/v1/credits").json()
        assert credits["balance"] == 10 - finished["credits_cost"]
        assert sorted(entry["kind"] for entry in credits["entries"]) == ["debit"] * 3 + ["grant"] + ["refund"] * 2


def test_ctrl_c_during_a_job_loses_nothing_and_leaves_no_process(up: Up) -> None:
    with up.client("interrupted", 10) as api:
        job = job_id(api, BOTTLE)
        under_way(api, job, "background")
    headers = api.headers

    assert up.stop() == 0
    up.start()

    with httpx.Client(base_url=up.address, headers=headers, timeout=30) as api:
        found = ended(api, job)
        assert found["status"] == "SUCCESS"
        assert found["attempt"] == 1, "being told to stop is not the job's fault"
        assert api.get("/v1/credits").json()["balance"] == 10 - found["credits_cost"]


def test_a_dead_part_takes_the_others_down(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.start()
    children = up.children()

    up.child("service.cli.main api").send_signal(signal.SIGKILL)

    assert up.process is not None
    assert up.process.wait(60) == 1
    up.process.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child that its parent was killed (README, Limits)"
)
def test_killing_up_itself_leaves_no_process(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.start()

    assert up.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_second_up_on_the_same_home_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    import fcntl
    import socket

    command = [BACKDROP, "up", "--home", str(tmp_path), "--port"]
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.run([*command, "0"], capture_output=True, text=True, check=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = subprocess.run([*command, str(taken.getsockname()[1])], capture_output=True, text=True, check=False)

    assert (second.returncode, "Another `backdrop up` runs" in second.stderr) == (1, True)
    assert (port.returncode, "Choose another --port" in port.stderr) == (1, True)
