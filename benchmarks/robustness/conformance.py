"""Check the live service against its OpenAPI document.

    python benchmarks/robustness/conformance.py --examples 2000

Starts `backdrop up` in a temporary folder, on the embedded default or with the settings of the environment.
Schemathesis sends requests with a key, credits, photos, a finished job and its render. All its checks run except
use-after-free, because a cancelled job stays readable. Admission limits are off, and streams and submits wait at most a
second. No answer may be a 5xx or undocumented.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import httpx

from benchmarks.figures import Measured, Recorder, record_option
from service.settings import Settings

BIN = Path(sys.executable).parent
SWAP = "/v1/background-swap-with-spec"
SPEC = {"scene_type": "white", "mood": "calm", "output_preset": "open_graph"}
#: Values for fields that random text does not fit: names of the catalogue, and ids of existing resources.
_CONFIG = """
hooks = "benchmarks.robustness.conformance_hooks"
[dictionaries]
presets = {{ values = {presets} }}
scenes = {{ values = ["podium", "white", "Marble tabletop"] }}
photos = {{ values = {photos} }}
jobs = {{ values = {jobs} }}
renders = {{ values = {renders} }}
things = {{ values = {things} }}
[parameters]
"body.output_preset" = {{ dictionary = "presets", probability = 0.8 }}
"body.scene_type" = {{ dictionary = "scenes", probability = 0.5 }}
"body.source_image_s3_key" = {{ dictionary = "photos", probability = 0.6 }}
"body.source_render_public_id" = {{ dictionary = "renders", probability = 0.3 }}
"path.job_id" = {{ dictionary = "jobs", probability = 0.5 }}
"path.public_id" = {{ dictionary = "things", probability = 0.7 }}
[checks.positive_data_acceptance]
# 422: rules that no schema states, such as exactly one source, known presets, and scenes that a preset forbids.
# 402: the credits may run out. 302: redirect to a picture.
expected-statuses = ["2xx", 302, 401, 402, 404, 409, 422]
"""
#: Otherwise admission would refuse most requests, and submits would wait for their jobs.
_UNLIMITED = ("SUBMIT_RATE", "PREVIEW_RATE", "UPLOAD_RATE", "UNFINISHED_LIMIT", "QUEUE_LIMIT", "STREAM_LIMIT")
_LIMITS = {f"BACKDROP_{name}": "0" for name in _UNLIMITED}
_LIMITS |= {"BACKDROP_STREAM_SECONDS": "1", "BACKDROP_PREFER_WAIT": "1"}


@dataclass(frozen=True)
class Live:
    """A running service, with the key and the resources of one client."""

    address: str
    key: str
    photos: list[str]
    job_id: str
    public_id: str
    cutout_id: str

    def config(self) -> str:
        """Return Schemathesis' configuration."""
        presets = httpx.get(f"{self.address}/v1/output-presets", timeout=300).json()["items"]
        return _CONFIG.format(
            presets=json.dumps([preset["name"] for preset in presets]),
            photos=json.dumps(self.photos),
            jobs=json.dumps([self.job_id]),
            renders=json.dumps([self.public_id]),
            things=json.dumps([self.public_id, self.cutout_id]),
        )


@contextmanager
def live(home: Path, **variables: str) -> Iterator[Live]:
    """Start the service and yield it with a client, credits, photos and a finished job. Raises RuntimeError.

    It has this process's settings; `variables` of the environment override them.
    """
    environment = Settings(home=home, port=0).environment() | _LIMITS | variables
    up = [str(BIN / "backdrop"), "up", "--home", str(home), "--port", "0"]
    with subprocess.Popen(up, env=environment, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            ready = service.stdout.readline().split()
            if len(ready) != 2:
                raise RuntimeError(f"The service did not start. See {home / 'logs'}.")
            yield _stocked(ready[1], home, environment)
        finally:
            service.send_signal(signal.SIGINT)


def _stocked(address: str, home: Path, environment: dict[str, str]) -> Live:
    add = [str(BIN / "backdrop"), "clients", "add", "conformance", "--credits", "1000000", "--json"]
    added = subprocess.run([*add, "--home", str(home)], env=environment, capture_output=True, check=True)
    key = json.loads(added.stdout)["key"]
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=300) as api:
        bottle = (files("service") / "sample" / "bottle.jpg").read_bytes()
        bottle_key = _uploaded(api, bottle)
        job = _finished(api, SWAP, {"source_image_s3_key": bottle_key, **SPEC})
        cutout = _finished(api, "/v1/cutouts", {"source_image_s3_key": bottle_key})
        # Jobs of unreadable photos end at once, so requests have the machine.
        photos = [_uploaded(api, b"no picture") for _ in range(3)]
    return Live(address, key, photos, job["job_id"], job["render"]["public_id"], cutout["job_id"])


def conform(
    service: Live, folder: Path, *, examples: int, seed: int, document: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the checks with up to `examples` cases of each operation, and return the finished process.

    `document`: the OpenAPI document to check against; default: the service's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    promised = f"{service.address}/schema/openapi.json"
    if document is not None:
        promised = str(folder / "openapi.json")
        Path(promised).write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(service.config())
    command = [
        *(str(BIN / "schemathesis"), "run", promised, "--url", service.address),
        *("--header", f"Authorization: Bearer {service.key}", "--continue-on-failure"),
        # DELETE cancels a job; its record and its refund stay readable.
        *("--checks", "all", "--exclude-checks", "use_after_free"),
        *("--request-timeout", "300"),  # seconds; its default of 10 is too short on a busy machine
        *("--max-examples", str(examples), "--seed", str(seed), "--suppress-health-check", "all"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _uploaded(api: httpx.Client, data: bytes) -> str:
    reserved = api.post("/v1/uploads", json={"content_type": "image/jpeg"}).raise_for_status().json()
    httpx.put(reserved["url"], headers=reserved["headers"], content=data, timeout=300).raise_for_status()
    return str(reserved["key"])


def _finished(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    job_id = api.post(path, json=body).raise_for_status().json()["job_id"]
    job: dict[str, Any] = {"status": "NOT_STARTED"}
    while job["status"] not in {"SUCCESS", "FAILURE"}:
        time.sleep(0.25)
        job = api.get(f"/v1/jobs/{job_id}").json()
    if job["status"] == "FAILURE":
        raise RuntimeError(f"A job of the sample failed: {job['error']['message']}")
    return job


@click.command()
@click.option("--examples", default=2000, show_default=True, help="Maximum number of cases of each operation.")
@click.option("--seed", default=1, show_default=True)
@record_option
def main(examples: int, seed: int, recorder: Recorder | None) -> None:
    """Check the live service against its OpenAPI document. Exits with status 1 where they differ."""
    with tempfile.TemporaryDirectory(prefix="backdrop-") as folder, live(Path(folder) / "home") as service:
        done = conform(service, Path(folder) / "checks", examples=examples, seed=seed)
        click.echo(done.stdout + done.stderr)
        ready = httpx.get(f"{service.address}/health/ready", timeout=60)
        click.echo(f"after it: /health/ready {ready.status_code}")
        if done.returncode:
            log = (Path(folder) / "home" / "logs" / "api.log").read_text()
            click.echo("\n".join(line for line in log.splitlines() if " INFO " not in line)[-20_000:])
        elif recorder:
            # Schemathesis ends with "Test cases: 1234 generated, …".
            cases = re.search(r"([\d,]+) generated", done.stdout)
            if cases is None:
                raise click.ClickException("Schemathesis printed no number of cases, so there is nothing to record.")
            what = "Generated requests that were answered as documented, without a 5xx"
            count = int(cases[1].replace(",", ""))
            recorder.write("robustness", [Measured("cases", what, count, "requests", count)])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
