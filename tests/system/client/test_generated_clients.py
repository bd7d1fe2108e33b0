"""Clients that others' generators make of the OpenAPI document: made without a warning, type-checked, and used."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.storm.photos import good
from tests.support.served import Served

CLIENT = Path(__file__).parents[3] / "client"
#: What a caller would write with the generated package, which is called `made`.
PROGRAM = """
import sys
import time
from io import BytesIO

from made import AuthenticatedClient
from made.api.credits_ import get_credits
from made.api.jobs import follow_job, get_job, list_jobs
from made.api.photos import create_upload
from made.api.renders import get_render, get_render_thumbnail
from made.api.workflows import background_swap_with_spec
from made.models import (
    BackgroundSwapWithSpecRequest, CreateUploadFilesBody, Credits, JobPage, JobStatus, JobView, RenderView, StoredPhoto,
    SwapPlan, WorkflowAcceptedResponse,
)
from made.types import File

address, key, photo = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=key, raise_on_unexpected_status=True)

with open(photo, "rb") as file:
    sent = CreateUploadFilesBody(file=File(payload=file, file_name="jar.png", mime_type="image/png"))
    stored = create_upload.sync(client=client, body=sent)
assert isinstance(stored, StoredPhoto), stored

spec = BackgroundSwapWithSpecRequest(
    source_image_s3_key=stored.key, scene_type="white", mood="calm", output_preset="open_graph",
)
plan = background_swap_with_spec.sync(client=client, body=spec, dry_run=True)
assert isinstance(plan, SwapPlan), plan
assert plan.preset.width == 1200 and plan.preset.rules[0].source_url, plan.preset

accepted = background_swap_with_spec.sync(client=client, body=spec, reference="order-1")
assert isinstance(accepted, WorkflowAcceptedResponse), accepted
assert accepted.job_id is not None
assert "event: job" in str(follow_job.sync(accepted.job_id, client=client))
job = get_job.sync(accepted.job_id, client=client)
assert isinstance(job, JobView), job
assert job.status == JobStatus.SUCCESS and isinstance(job.render, RenderView), job

report = job.render.report
colour = report.palette.asked[0]
assert colour.colour == "#ffffff" and colour.delta_e00 < 5, colour
assert report.fidelity.mean is not None and report.fidelity.mean < 3, report.fidelity
assert {rule.rule for rule in report.preset} >= {"size", "bytes"} and report.cutout.confidence > 0
assert report.provenance.seed == job.seed and report.provenance.timings.additional_properties["decode"] >= 0

again = get_render.sync(job.render.public_id, client=client)
assert isinstance(again, RenderView) and again.reference == "order-1", again
small = get_render_thumbnail.sync(job.render.public_id, client=client)
assert isinstance(small, File) and small.payload.read(4) == b"RIFF", small
jobs = list_jobs.sync(client=client, reference="order-1")
assert isinstance(jobs, JobPage) and [one.job_id for one in jobs.items] == [accepted.job_id], jobs
balance = get_credits.sync(client=client)
assert isinstance(balance, Credits) and balance.balance == 100 - accepted.credits_cost, balance
print("swapped")
"""
TYPESCRIPT = """
import type { components, paths } from "./api";

type Render = components["schemas"]["RenderView"];
type Submit = paths["/v1/background-swap-with-spec"]["post"];
type Events = paths["/v1/jobs/{job_id}/events"]["get"]["responses"][200]["content"]["text/event-stream"];

export const body: Submit["requestBody"]["content"]["application/json"] = {
  source_image_s3_key: "uploads/a/b.jpg", scene_type: "podium", mood: "calm", output_preset: "open_graph",
  dominant_colors: [],
};
export const query: Submit["parameters"]["query"] = { dry_run: true, seed: 7, reference: "order-1" };
export function worst(render: Render): number {
  return Math.max(...render.report.palette.asked.map((colour) => colour.delta_e00));
}
export function failed(render: Render): string[] {
  return render.report.preset.filter((rule) => rule.status === "fail").map((rule) => rule.rule);
}
// @ts-expect-error: a rule has no such status
export const never: Render["report"]["preset"][number]["status"] = "broken";
export const text: Events = "event: job";
"""


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a program and return what it said. Its failure fails the test with that."""
    environment = {**os.environ, **variables}  # noqa: TID251  # what the child process gets
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.args}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


@pytest.fixture
def document(served: Served, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_bytes(httpx.get(f"{served.url}/schema/openapi.json").content)
    return file


@pytest.mark.nightly  # that the document is valid and holds is for the gate; this fetches generators from registries
def test_a_python_client_is_made_without_a_warning_type_checked_and_swaps(
    served: Served, document: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    python, tools = environment / "bin" / "python", f"{environment}/bin:{Path(sys.executable).parent}:{os.defpath}"
    run(sys.executable, "-m", "uv", "venv", "--python", sys.executable, environment, folder=tmp_path)
    install = ("-m", "uv", "pip", "install", "--python", python)
    run(sys.executable, *install, "openapi-python-client==0.29.1", folder=tmp_path)
    asked = ("--path", document, "--config", CLIENT / "openapi-python-client.yaml", "--output-path", tmp_path / "made")
    generator = environment / "bin" / "openapi-python-client"
    run(generator, "generate", *asked, "--meta", "none", "--fail-on-warning", folder=tmp_path, PATH=tools)
    program, photo = tmp_path / "program.py", tmp_path / "jar.png"
    program.write_text(PROGRAM)
    photo.write_bytes(good())

    # its own client.py has 12 errors of the generator's
    checked = ("-p", "made.api", "-p", "made.models", "-m", "program")
    silent = ("--strict", "--follow-imports=silent", "--ignore-missing-imports", "--config-file=", "--no-incremental")
    run(sys.executable, "-m", "mypy", *silent, "--python-executable", python, *checked, folder=tmp_path)
    key = served.register("generated")
    assert "swapped" in run(python, program, served.url, key, photo, folder=tmp_path, PYTHONPATH=str(tmp_path))


@pytest.mark.nightly  # as above
@pytest.mark.skipif(
    shutil.which("npm") is None and "CI" not in os.environ,  # noqa: TID251  # which fails instead
    reason="TypeScript checks these types, and npm, of Node.js, brings it: install that to run this test",
)
def test_typescript_s_types_are_strict_and_say_what_a_report_holds(document: Path, tmp_path: Path) -> None:
    packages: dict[str, Any] = {
        "private": True,
        "dependencies": {"openapi-typescript": "7.13.0", "typescript": "5.9.3"},
    }
    (tmp_path / "package.json").write_text(json.dumps(packages))
    run("npm", "install", "--no-audit", "--no-fund", "--silent", folder=tmp_path)
    programs = tmp_path / "node_modules" / ".bin"
    run(programs / "openapi-typescript", document, "-o", "api.d.ts", folder=tmp_path)
    (tmp_path / "program.ts").write_text(TYPESCRIPT)
    run(programs / "tsc", "--strict", "--noEmit", "--skipLibCheck", "false", "program.ts", folder=tmp_path)
