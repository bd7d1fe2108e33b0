"""Measure the time of a submit at a steady rate, while the worker is busy.

    python benchmarks/speed/submits.py [--rate 50] [--seconds 60] [--production]

Starts `backdrop up` with the installation's networks on the embedded default (SQLite, a directory, Valkey), or with
--production on PostgreSQL, Valkey and an S3 server. It is an open loop: each submit is sent when it is due, whether or
not earlier ones were answered, and its time counts from that moment. So a stall delays every submit that is due in it.
"""

import http.client
import itertools
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.speed.bench import SAMPLE
from benchmarks.speed.running import backdrop_up, upload
from service.settings import Settings, load_settings
from testkit import installation

#: Callers with a connection each: more than rate × latency, so that a caller is free when a submit is due.
CALLERS = 16
SPEC = {"scene_type": "podium", "mood": "calm", "dominant_colors": ["#e8c7b8"], "output_preset": "instagram_square"}
_PATH = "/v1/background-swap-with-spec"


def submits(address: str, headers: dict[str, str], body: bytes, *, rate: float, seconds: float) -> list[float]:
    """Send `rate` submits a second, and return the seconds of each from when it was due to its answer.

    Raises RuntimeError where a submit is refused.
    """
    took, refused, numbers, lock = list[float](), Counter[int](), itertools.count(), threading.Lock()
    due_of_first = time.monotonic() + 0.1

    def call() -> None:
        line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        while (due := due_of_first + next(numbers) / rate) < due_of_first + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            line.request("POST", _PATH, body, headers)
            answer = line.getresponse()
            answer.read()
            with lock:
                took.append(time.monotonic() - due)
                refused[answer.status] += answer.status != 202
        line.close()

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if refused.total():
        raise RuntimeError(f"The API refused submits, by status: {dict(refused)}. Lower --rate.")
    return took


def measure(settings: Settings, *, rate: float, seconds: float) -> list[float]:
    """Start the service, and return the seconds of each submit."""
    with backdrop_up(settings) as api:
        headers = {"Authorization": api.headers["Authorization"], "Content-Type": "application/json"}
        body = json.dumps({"source_image_s3_key": upload(api, SAMPLE.read_bytes()), **SPEC}).encode()
        address = str(api.base_url)
        submits(address, headers, body, rate=rate, seconds=5)  # opens connections, prepares statements, fills the queue
        return submits(address, headers, body, rate=rate, seconds=seconds)


@click.command(help=__doc__)
@click.option("--rate", default=50.0, show_default=True, help="Submits a second.")
@click.option("--seconds", default=60.0, show_default=True, help="Seconds to measure, after a warm-up.")
@click.option("--production", is_flag=True, help="Use PostgreSQL and an S3 server instead of the embedded default.")
@record_option
def main(rate: float, seconds: float, production: bool, recorder: Recorder | None) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="backdrop-") as folder, ExitStack() as stack:
        home = Path(folder)
        settings = load_settings(home=home / "home")
        if production:
            made = stack.enter_context(installation.production(home)).settings
            names = ("database_url", "queue_url", "store", "s3_endpoint_url")
            settings = settings.model_copy(update={name: getattr(made, name) for name in names})
        took = np.array(measure(settings, rate=rate, seconds=seconds)) * 1000
    table = Table("submits", "a second", "median", "p95", "p99", "slowest")
    figures = [np.median(took), *np.percentile(took, [95, 99]), took.max()]
    table.add_row(str(len(took)), f"{rate:g}", *[f"{figure:.1f} ms" for figure in figures])
    Console().print(table)
    if recorder:
        where = "PostgreSQL, Valkey and S3" if production else "embedded default"
        submit = f"Time of a submit at {rate:g} a second, {where}, worker busy"
        found = (
            Measured("median", f"{submit}, median", float(figures[0]), "ms", len(took)),
            Measured("p99", f"{submit}, 99th percentile", float(figures[2]), "ms", len(took)),
        )
        recorder.write("speed", found)


if __name__ == "__main__":
    sys.exit(main())
