"""Make the README's first swap over HTTP, as a caller would.

Starts `backdrop up` on a free port, registers a client and uploads the sample product. Then it submits a job, follows
it, saves the render, and stops the service.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SPEC = {
    "scene_type": "podium",
    "mood": "calm",
    "dominant_colors": ["#e8c7b8", "#f3e9df"],
    "output_preset": "shopify_product",
}
OUTPUT = Path("out/first-swap.jpg")


def main() -> None:
    """Run all steps; exit 1 with the reason if one fails."""
    console = Console()
    backdrop = str(Path(sys.executable).with_name("backdrop"))
    with tempfile.TemporaryDirectory(prefix="backdrop-") as home:
        console.print("starting the service: Valkey, API, worker, sweep …")
        service = subprocess.Popen([backdrop, "up", "--home", home, "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert service.stdout is not None
            address = next((line.split()[1] for line in service.stdout if line.startswith("ready ")), None)
            if address is None:
                sys.exit("The service did not start. See the reason above.")
            added = subprocess.run(
                [backdrop, "clients", "add", "first-client", "--credits", "10", "--json", "--home", home],
                capture_output=True,
                check=True,
            )
            swap(console, address, json.loads(added.stdout)["key"])
        finally:
            service.send_signal(signal.SIGINT)
            service.wait(60)


def swap(console: Console, address: str, key: str) -> None:
    """Upload the sample, order a swap, follow the job and save the render."""
    photo = files("service") / "sample" / "bottle.jpg"
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30) as api:
        upload = checked(api.post("/v1/uploads", json={"content_type": "image/jpeg"})).json()
        checked(httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=photo.read_bytes()))
        body = {"source_image_s3_key": upload["key"], **SPEC}
        accepted = checked(api.post("/v1/background-swap-with-spec", json=body)).json()
        columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("queued", total=1.0)
            while (job := checked(api.get(f"/v1/jobs/{accepted['job_id']}")).json())["status"] != "SUCCESS":
                if job["status"] == "FAILURE":
                    sys.exit(f"The job failed and was refunded: {job['error']['message']}")
                bar.update(task, description=job["stage"] or "queued", completed=job["progress"])
                time.sleep(0.2)
            bar.update(task, description="done", completed=1.0)
        render = job["render"]
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        OUTPUT.write_bytes(checked(httpx.get(render["url"])).content)
        balance = api.get("/v1/credits").json()["balance"]
    palette, networks = render["report"]["palette"], render["report"]["provenance"]["networks"]
    console.print(
        f"\n{OUTPUT}  {render['width']}x{render['height']} {render['format']}, {render['bytes']:,} bytes, "
        f"{accepted['credits_cost']} credits of 10 ({balance} left)"
    )
    for asked in palette["asked"]:
        console.print(f"  asked {asked['colour']}, found {asked['nearest']}: ΔE00 {asked['delta_e00']}")
    console.print(f"  segmenter on {networks['segmenter_device']}, generator on {networks['generator_device']}")
    if warning := networks.get("device_warning"):
        console.print(f"  {warning}", style="yellow", soft_wrap=True)
    console.print(
        "\nTry next, with a photo of your own:\n"
        "  .venv/bin/backdrop swap PHOTO --scene marble_tabletop --mood fresh --color '#cfe3d4'"
        " --preset instagram_portrait -o out/mine.jpg\n"
        "  .venv/bin/backdrop catalog          scenes, moods and presets\n"
        "  .venv/bin/backdrop up               the service, until Ctrl-C",
        highlight=False,
        soft_wrap=True,
    )


def checked(answer: httpx.Response) -> httpx.Response:
    """Return the answer, or exit with its status and text."""
    if answer.is_error:
        sys.exit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer


if __name__ == "__main__":
    main()
