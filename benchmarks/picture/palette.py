"""Measure how near the delivered file comes to the asked colours.

    python benchmarks/picture/palette.py [--swaps 60]

Swaps have random palettes of 1–5 colours (dark, pale, saturated, near-grey and mixed in turn) over all scenes and
moods. Colours are measured on the delivered files. The product is drawn with its own alpha, so no cut-out affects the
figures.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from models.device import resolve_device
from models.loading import load_generator
from models.segmenter import load_segmenter
from pipeline.core.networks import FunctionSegmenter, Networks, Segmenter
from pipeline.core.spec import Limits, Spec
from pipeline.report import to_json
from pipeline.swap import swap
from scripts.renderer.specs import HELD_OUT, held_out_tasks
from service.settings import load_settings
from service.worker.kernels import use_kept_kernels
from service.worker.networks import generator_choice

#: Default number of swaps, and the longer side of their canvas in pixels.
SWAPS, SIDE = 60, 640
#: Bars of the mean and the 95th percentile, CIEDE2000; shares within them are counted.
BARS = (5.0, 10.0)


def orders(numbers: Iterable[int], side: int) -> list[tuple[bytes, Spec]]:
    """Return the photos and specs of those numbers, 0 to HELD_OUT - 1; the canvas's longer side is `side` pixels."""
    tasks, found = held_out_tasks(), []
    for task in (tasks[number] for number in numbers):
        scale = side / max(task.width, task.height)
        size = round(task.width * scale), round(task.height * scale)
        place = replace(task.spec.preset, size=size, formats=("jpeg",), quality=(90, 80))
        found.append((product(task.product_aspect), replace(task.spec, preset=place)))
    return found


def product(aspect: float) -> bytes:
    """Return a PNG with alpha of a plain grey product of that width over height, lit from above."""
    height, width = (640, round(640 * aspect)) if aspect < 1 else (round(640 / aspect), 640)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    edge = np.clip((1 - (np.abs(x) ** 4 + np.abs(y) ** 6)) * 0.1 * min(height, width), 0, 1)
    shade = 0.62 - 0.12 * y - 0.1 * x**2
    rgba = np.dstack([shade, shade, shade, edge])
    file = BytesIO()
    Image.fromarray((rgba * 255 + 0.5).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@FunctionSegmenter
def unneeded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raise RuntimeError: the drawn product has its own alpha, so no segmenter may be called."""
    raise RuntimeError("The palette benchmark received a photo without alpha. Use photos with alpha.")


def measure(networks: Networks, asked: list[tuple[bytes, Spec]]) -> dict[str, Any]:
    """Return the `figures` of the swaps' reports, the mean attempts and the mean seconds of a swap.

    "swaps" has a JSON-ready row of each: scene, kind, seed, and `misses`, the ΔE00 of each asked colour.
    """
    rows, attempts = [], []
    started = time.perf_counter()
    for data, spec in track(asked, "swaps", console=Console(stderr=True)):
        report = to_json(swap(data, spec, networks, limits=Limits(), clock=time.perf_counter).report)
        attempts.append(report["provenance"]["attempts"])
        far = [colour["delta_e00"] for colour in report["palette"]["asked"]]
        rows.append({"scene": spec.scene.name, "kind": spec.scene.kind, "seed": spec.seed, "misses": far})
    seconds = (time.perf_counter() - started) / len(asked)
    return figures(rows) | {"attempts": round(float(np.mean(attempts)), 3), "seconds": round(seconds, 2), "swaps": rows}


def figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean, 95th percentile, worst and the shares within BARS of the `misses` of swaps.

    "colour": over all asked colours; "swap": over each swap's mean; "worst colour": over each swap's worst.
    """
    groups = {
        "colour": np.concatenate([row["misses"] for row in rows]),
        "swap": np.array([np.mean(row["misses"]) for row in rows]),
        "worst colour": np.array([np.max(row["misses"]) for row in rows]),
    }
    return {
        name: {
            "mean": round(float(values.mean()), 2),
            "p95": round(float(np.percentile(values, 95)), 2),
            "worst": round(float(values.max()), 2),
            "within": [round(float((values <= bar).mean()), 4) for bar in BARS],
        }
        for name, values in groups.items()
    }


def recorded(found: dict[str, Any], swaps: int) -> Iterator[Measured]:
    """Yield the figures of what `measure` found."""
    mean, p95 = (f"at most {bar:g}" for bar in BARS)
    colour, swap_mean = found["colour"], found["swap"]
    far = "Distance of the asked colours from the delivered file"
    yield Measured("colour-mean", f"{far}, mean over colours, random palettes", colour["mean"], "ΔE00", swaps, mean)
    yield Measured("colour-p95", f"{far}, 95th percentile over colours", colour["p95"], "ΔE00", swaps, p95)
    yield Measured("colour-worst", f"{far}, worst colour", colour["worst"], "ΔE00", swaps)
    of_swap = "Mean distance of a swap's asked colours from the delivered file"
    yield Measured("swap-mean", f"{of_swap}, mean over swaps", swap_mean["mean"], "ΔE00", swaps, mean)
    yield Measured("swap-p95", f"{of_swap}, 95th percentile over swaps", swap_mean["p95"], "ΔE00", swaps, p95)
    yield Measured("swap-worst", f"{of_swap}, worst swap", swap_mean["worst"], "ΔE00", swaps)
    yield Measured("attempts", "Seeds that Backdrop tries for a swap, mean", found["attempts"], "seeds", swaps)


def table_of(found: dict[str, Any], title: str) -> Table:
    """Return the table of what `measure` found."""
    table = Table("by", "mean", "p95", "worst", *(f"≤ {bar:.0f}" for bar in BARS), title=title, title_justify="left")
    for group in ("colour", "swap", "worst colour"):
        row = found[group]
        shares = (f"{share:.0%}" for share in row["within"])
        table.add_row(group, *(f"{row[key]:.2f}" for key in ("mean", "p95", "worst")), *shares)
    return table


def kind_table(swaps: list[dict[str, Any]]) -> Table:
    """Return the table of distances by colour, with a row for each kind of scene."""
    table = Table(title="by kind of scene, by colour", title_justify="left")
    for heading in ("kind", "swaps", "mean", "p95", "worst"):
        table.add_column(heading, justify="left" if heading == "kind" else "right")
    for kind in sorted({row["kind"] for row in swaps}):
        group = [row for row in swaps if row["kind"] == kind]
        row = figures(group)["colour"]
        table.add_row(kind, str(len(group)), *(f"{row[key]:.2f}" for key in ("mean", "p95", "worst")))
    return table


@click.command()
@click.option("--swaps", default=SWAPS, show_default=True, type=click.IntRange(1, HELD_OUT))
@click.option("--side", default=SIDE, show_default=True, type=click.IntRange(128, 4096), help="Longer side, pixels.")
@click.option("--generator", help="Hub model or folder to use instead of the setting.")
@click.option("--json", "output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
@record_option
def main(swaps: int, side: int, generator: str | None, output: Path | None, recorder: Recorder | None) -> None:
    """Measure the asked colours on delivered files, print and write the tables."""
    settings, console = load_settings(), Console()
    use_kept_kernels(settings)
    choice, device = generator_choice(settings, generator), resolve_device(settings.device)
    painter = load_generator(choice, device=device, weights=settings.weights)
    segmenter: Segmenter = unneeded
    if painter.capabilities.holds:  # growth of the product is checked on its pictures
        segmenter, _ = load_segmenter(settings.segmenter, weights=settings.weights)
    networks = Networks(segmenter, painter, {"generator": painter.version})
    found = measure(networks, orders(range(swaps), side))
    console.print(table_of(found, f"ΔE00 of asked colours on {swaps} delivered files, {side} px"))
    console.print(kind_table(found["swaps"]))
    console.print(f"{found['attempts']} seeds and {found['seconds']} s a swap")
    if recorder:
        recorder.write("picture", recorded(found, swaps))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({"networks": dict(networks.versions), "side": side, "found": found}, indent=2))


if __name__ == "__main__":
    main()
