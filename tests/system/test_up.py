"""The whole service as processes: `backdrop up`, killed and stopped at the worst moments, on both installations."""

import contextlib
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from testkit import servers
from testkit.up import BACKDROP, BOTTLE, Up, ended, grey, job_id, submit, under_way, upload

# In the gate the browser's journeys and the samples run on the embedded default.
EMBEDDED = pytest.param("embedded", marks=pytest.mark.nightly)


@pytest.fixture(scope="module")
def up(servers_of: tuple[Path, dict[str, str]]) -> Iterator[Up]:
    home, variables = servers_of
    home.chmod(0o755)  # as an earlier release made it
    up = Up(home, **variables)
    up.start()
    yield up
    if not up.ended:  # the last test of each installation ends it in a way of its own
        assert up.stop() == 0


def test_a_mixed_day_with_a_killed_worker_costs_exactly_the_successes(up: Up) -> None:
    with up.client("mixed", 50) as api, up.client("other", 50) as other:
        good = [job_id(api, BOTTLE) for _ in range(2)]
        text, plain = job_id(api, b"<html>not a picture</html>"), job_id(api, grey())
        assert submit(api, upload(api, BOTTLE).replace(".jpg", "x.jpg")).status_code == 404
        assert submit(api, upload(other, BOTTLE)).status_code == 404

        killed = up.child("service.worker.main")
        under_way(api, good[0])
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
            picture = httpx.get(job["render"]["url"], timeout=300).raise_for_status()
            assert picture.headers["content-type"] == "image/jpeg"
            assert len(picture.content) == job["render"]["bytes"]
            assert Image.open(io.BytesIO(picture.content)).size == (1200, 630)


def stored_renders(up: Up, job: str) -> list[str]:
    """Return the job's objects in the bucket of renders."""
    endpoint = up.environment.get("BACKDROP_S3_ENDPOINT_URL")
    if endpoint is None:
        return [path.name for path in (up.home / "objects" / "renders").rglob(f"*{job}*")]
    with contextlib.closing(servers.s3_client(endpoint)) as s3:
        listed = s3.list_objects_v2(Bucket=up.environment["BACKDROP_S3_RENDER_BUCKET"]).get("Contents", [])
    return [one["Key"] for one in listed if job in one["Key"]]


@pytest.mark.nightly  # three swaps more; in the gate service/worker/test_interrupted_run.py cancels a running job
def test_a_job_cancelled_while_it_runs_is_refunded_once_and_its_worker_takes_the_next(up: Up) -> None:
    with up.client("canceller", 10) as api:
        cancelled, waiting, wanted = (job_id(api, BOTTLE) for _ in range(3))
        under_way(api, cancelled, "segment")
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


@pytest.mark.parametrize("servers_of", [EMBEDDED], indirect=True)
def test_only_its_owner_can_read_the_home(up: Up) -> None:
    up.client("private", 10).close()

    modes = {}
    for path in (up.home, *up.home.rglob("*")):
        with contextlib.suppress(FileNotFoundError):  # the parts write and remove files meanwhile
            modes[path.name] = path.stat().st_mode & 0o777

    assert {"backdrop.db", "api.log", "worker.log", "objects", "valkey"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


# The last tests of each installation: they end it.


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child that its parent was killed (README, Limits)"
)
@pytest.mark.parametrize("servers_of", [EMBEDDED], indirect=True)
def test_killing_up_itself_leaves_no_process(up: Up) -> None:
    assert up.stop(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize("servers_of", ["production"], indirect=True)
def test_a_dead_part_takes_the_others_down(up: Up) -> None:
    children = up.children()

    up.child("service.cli.main api").send_signal(signal.SIGKILL)

    assert up.wait(children) == 1


def test_a_second_up_on_the_same_home_and_a_port_in_use_are_refused(tmp_path: Path) -> None:
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

    assert (second.returncode, "Another `backdrop up` already uses" in second.stderr) == (1, True)
    assert (port.returncode, "Choose another --port" in port.stderr) == (1, True)
