"""Clients that public generators make from the OpenAPI document, with the commands of the docs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.photos import good
from tests.support.served import Served

CLIENT = Path(__file__).parents[3] / "client"
PAGE = (CLIENT.parent / "docs" / "guides" / "callers" / "generated-clients.md").read_text("utf-8")


def documented(language: str, word: str) -> str:
    """Return the page's block in a language that contains a word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if word in block]
    return str(found)


#: A caller's program with the generated package.
PROGRAM = """
import sys
import time
from io import BytesIO

from backdrop_api_client import AuthenticatedClient
from backdrop_api_client.api.credits_ import get_credits
from backdrop_api_client.api.jobs import follow_job, get_job, list_jobs
from backdrop_api_client.api.orders import create_order, get_order
from backdrop_api_client.api.photos import create_upload
from backdrop_api_client.api.renders import get_render, get_render_thumbnail
from backdrop_api_client.api.workflows import background_swap_with_spec
from backdrop_api_client.models import (
    AcceptanceLimits, BackgroundSwapWithSpecRequest, CreateUploadFilesBody, Credits, JobPage, JobStatus, JobSucceeded,
    JobView, OrderAcceptedResponse, OrderLayer, OrderOptions, OrderPhoto, OrderPhotoMetadata, OrderRequest,
    OrderRequestMetadata, OrderView, RenderView, StoredPhoto, SwapPlan, WorkflowAcceptedResponse,
)
from backdrop_api_client.types import File

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
whole = background_swap_with_spec.sync(client=client, body=spec, prefer="wait=60, return=representation")
assert isinstance(whole, JobView), whole
assert isinstance(whole.render, RenderView) and whole.render.job_id == whole.job_id, whole
balance = get_credits.sync(client=client)
assert isinstance(balance, Credits) and balance.balance == 100 - 2 * accepted.credits_cost, balance

red, season = OrderPhotoMetadata(), OrderRequestMetadata()
red["colour"], season["season"] = "red", "2027"
many = OrderRequest(
    photos=[OrderPhoto(source_image_s3_key=stored.key, metadata=red)], presets=["open_graph"], metadata=season,
    scene_type="white", mood="calm",
    options=OrderOptions(layers=[OrderLayer(text="New", size=4.0)], accept=AcceptanceLimits(publishable=0.0)),
)
taken = create_order.sync(client=client, body=many)
assert isinstance(taken, OrderAcceptedResponse), taken
shown = get_order.sync(taken.order_id, client=client)
assert isinstance(shown, OrderView), shown
assert shown.items[0].metadata.additional_properties == {"season": "2027", "colour": "red"}, shown.items[0].metadata


def seed_of(message: JobSucceeded) -> int:
    return message.data.render.seed
print("swapped")
"""
TYPESCRIPT = """
import type { components, paths } from "./backdrop.js";

type Render = components["schemas"]["RenderView"];
type Submit = paths["/v1/background-swap-with-spec"]["post"];
type Events = paths["/v1/jobs/{job_id}/events"]["get"]["responses"][200]["content"]["text/event-stream"];

export const body: Submit["requestBody"]["content"]["application/json"] = {
  source_image_s3_key: "uploads/a/b.jpg", scene_type: "podium", mood: "calm", output_preset: "open_graph",
  dominant_colors: [],
};
export const order: components["schemas"]["OrderRequest"] = {
  photos: [{ source_image_s3_key: "uploads/a/b.jpg", metadata: { colour: "red" } }], presets: ["open_graph"],
  metadata: { season: "2027" },
  options: { layers: [{ text: "New", anchor: "top_left", size: 4 }], accept: { set: "standard", publishable: 0 } },
};
// @ts-expect-error: a layer has no such anchor
export const nowhere: components["schemas"]["OrderLayer"] = { text: "New", anchor: "outside" };
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
#: Calls the page's compiled programs.
MAIN = """
const { readFileSync } = require("node:fs");
const { connect, swap, swapInOneCall, upload } = require("./swap.js");
const { order } = require("./order.js");

const [address, key, photo] = process.argv.slice(2);
(async () => {
  const api = connect(address, key);
  const spec = { scene_type: "white", mood: "calm", dominant_colors: [] };
  const photos = [{ source_image_s3_key: await upload(api, new Blob([readFileSync(photo)]), "image/png") }];
  const body = { ...spec, ...photos[0], output_preset: "transparent_cutout" };
  const swapped = [await swap(api, body), await swapInOneCall(api, body)];
  const options = { layers: [{ text: "New", size: 4 }], accept: { publishable: 0 } };
  const many = { ...spec, photos, presets: ["open_graph"], metadata: { season: "2027" }, options };
  const sent = await api.POST("/v1/orders", { body: many });
  for (const id of [sent.data.order_id, await order(address, key, { ...many, variants: 2 })]) {
    const shown = await api.GET("/v1/orders/{order_id}", { params: { path: { order_id: id } } });
    swapped.push(shown.data.items.map((picture) => picture.metadata.season));
  }
  console.log(JSON.stringify(swapped));
})();
"""


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a program and return its output. If it fails, the test fails with that output."""
    environment = {**os.environ, **variables}  # noqa: TID251  # the child's environment
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.args}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


@pytest.mark.nightly  # the gate checks that the document is valid; this downloads generators from registries
def test_the_documented_commands_make_a_python_client_that_type_checks_and_swaps(
    served: Served, tmp_path: Path
) -> None:
    environment, made = tmp_path / "environment", tmp_path / "backdrop-api-client"
    python, tools = environment / "bin" / "python", f"{environment}/bin:{os.defpath}"
    run(sys.executable, "-m", "venv", environment, folder=tmp_path)
    shutil.copy(CLIENT / "openapi-python-client.yaml", tmp_path)

    commands = documented("sh", "openapi-python-client")
    printed = run("bash", "-euxo", "pipefail", "-c", commands, folder=tmp_path, PATH=tools, BACKDROP=served.url)

    assert "encountered while generating" not in printed, printed
    program, photo = made / "program.py", made / "jar.png"
    program.write_text(PROGRAM)
    photo.write_bytes(good())
    checked = ("-p", "backdrop_api_client", "-m", "program")
    silent = ("--strict", "--follow-imports=silent", "--ignore-missing-imports", "--config-file=", "--no-incremental")
    run(sys.executable, "-m", "mypy", *silent, "--python-executable", python, *checked, folder=made)
    key = served.register("generated")
    assert "swapped" in run(python, "-P", program, served.url, key, photo, folder=tmp_path)


@pytest.mark.nightly  # as above
@pytest.mark.skipif(
    shutil.which("npm") is None and "CI" not in os.environ,  # noqa: TID251  # it fails there instead
    reason="TypeScript checks these types, and npm, of Node.js, brings it: install that to run this test",
)
def test_the_documented_typescript_is_strict_without_a_cast_and_swaps(served: Served, tmp_path: Path) -> None:
    swap = documented("ts", "pictureOf")
    assert not re.search(r"\bas (\w*[A-Z{]|any|unknown|never)|: any\b|\w!|@ts-", swap), "a cast"
    (tmp_path / "swap.ts").write_text(swap)
    (tmp_path / "order.ts").write_text(documented("ts", "createOrder"))
    (tmp_path / "types.ts").write_text(TYPESCRIPT)
    (tmp_path / "main.js").write_text(MAIN)
    (tmp_path / "jar.png").write_bytes(good())

    run("bash", "-euxo", "pipefail", "-c", documented("sh", "openapi-typescript"), folder=tmp_path, BACKDROP=served.url)

    run("bash", "-euxo", "pipefail", "-c", documented("sh", "hey-api"), folder=tmp_path, BACKDROP=served.url)

    run("npx", "tsc", "--strict", "--noEmit", "--skipLibCheck", "false", "types.ts", folder=tmp_path)
    package = tmp_path / "package.json"
    package.write_text(json.dumps(json.loads(package.read_text()) | {"type": "module"}))
    compiler = ("npx", "tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--noEmit")
    run(*compiler, "swap.ts", folder=tmp_path)
    package.write_text(json.dumps(json.loads(package.read_text()) | {"type": "commonjs"}))
    first, second, *ordered = json.loads(
        run("node", "main.js", served.url, served.register("typed"), "jar.png", folder=tmp_path)
    )
    assert (first["width"], first["format"]) == (second["render"]["width"], second["render"]["format"])
    assert second["status"] == "SUCCESS"
    assert ordered == [["2027"], ["2027", "2027"]]
