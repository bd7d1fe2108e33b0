"""Order pictures of photos in scenes by lot with `accept`, and count what is accepted, and what of it is bad.

    python benchmarks/picture/acceptance.py PHOTOS --out out/acceptance [--accept standard] [--scenes 3] [--size 1200]

Each photo gets scenes that suit it, moods and two colours by lot, the same every time. OUT/rows.jsonl gets a row for
each order as it ends, so that a run continues where it stopped. OUT has each first picture at 700 pixels. Write your
verdicts into OUT/verdicts.csv, with the columns photo, lot and publishable (yes or no). The next run counts the bad
pictures among the accepted.
"""

import csv
import json
import random
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from PIL import Image
from rich.progress import track

from benchmarks.figures import Measured, Recorder, record_option
from pipeline.accepted import accepted_swap
from pipeline.core.errors import NoHonestPlacement, Rejected
from pipeline.core.networks import Networks
from pipeline.core.order import SwapOrder
from pipeline.cutout.stance import facts_of
from pipeline.report import to_json
from pipeline.swap import cut_out, swap
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.storage.cache import folder_cache
from service.worker.local import build_spec
from service.worker.networks import open_networks

#: Pairs of colours as shops use them: a quiet one and an accent.
PAIRS = (
    ("#f4efe6", "#c9b8a0"), ("#e8ece9", "#8aa399"), ("#1f2933", "#c9a227"), ("#f3d9c9", "#d9774f"),
    ("#dfe8f0", "#4a6fa5"), ("#f7e1e3", "#b5545f"), ("#f2f2f0", "#2b2b2b"), ("#e9f0dc", "#5b7f3a"),
    ("#fff3d6", "#e0a526"), ("#ece4f2", "#7a5c99"), ("#d7e9e7", "#1f6f6b"), ("#e6d3b8", "#7b4b2a"),
)  # fmt: skip
#: Longer side in pixels of the pictures to look at.
SHOWN = 700
CATALOGUE = load_catalogue()


def lots(photo: Path, networks: Networks, preset: str, scenes: int, out: Path) -> list[SwapOrder]:
    """Return the orders of a photo: scenes whose kind its cut-out suits, moods and colours, all by lot."""
    kept, limits = folder_cache(out / "kept"), load_settings().limits
    found = cut_out(photo.read_bytes(), networks, limits=limits, clock=time.perf_counter, cache=kept).found
    suits = None if found is None else facts_of(found).suits
    names = [one.name for one in CATALOGUE.scenes.values() if one.kind != "white"]
    fit = [name for name in names if suits is None or CATALOGUE.scene(name).kind in suits]
    lot = random.Random(f"{photo.stem}|40")
    chosen = lot.sample(fit if len(fit) >= scenes else names, scenes)
    return [SwapOrder(name, lot.choice(list(CATALOGUE.moods)), preset, lot.choice(PAIRS), seed=1) for name in chosen]


def measured(photo: Path, lot: int, order: SwapOrder, networks: Networks, out: Path) -> dict[str, Any]:
    """Return the row of an order, and write its first picture."""
    first: list[bytes] = []

    def make(*args: Any, **options: Any) -> Any:
        made = swap(photo.read_bytes(), *args, **options)
        first.append(made.data)
        return made

    row: dict[str, Any] = {"photo": photo.stem, "lot": lot, "scene": order.scene, "mood": order.mood}
    kept, limits = folder_cache(out / "kept"), load_settings().limits
    making = partial(make, networks=networks, limits=limits, clock=time.perf_counter)
    try:
        done = accepted_swap(making, build_spec(CATALOGUE, order), cache=kept)
    except (Rejected, NoHonestPlacement) as error:
        return row | {"refused": error.code}
    with Image.open(BytesIO(first[0])) as picture:
        shown = picture.convert("RGB")
        shown.thumbnail((SHOWN, SHOWN))
        shown.save(out / f"{photo.stem}-{lot}.png")
    report = done.result.report
    row |= {"colors": order.colors, "warnings": done.result.warnings, "confidence": report.cutout.confidence}
    return row | {"accepted": not done.refused, "acceptance": to_json(report.acceptance)}


def counted(rows: list[dict[str, Any]], verdicts: dict[tuple[str, int], bool]) -> list[Measured]:
    """Return the figures of the orders that made a picture; `verdicts`: whether a first picture is publishable."""
    made = [row for row in rows if "refused" not in row]
    passed = [row for row in made if row["accepted"]]
    at_once = sum(len(row["acceptance"]["tries"]) == 1 for row in passed)
    n = len(made)
    found = [
        Measured("first", "Orders that are accepted at the first try", 100 * at_once / n, "%", n, "at least 90"),
        Measured("final", "Orders that are accepted after retries", 100 * len(passed) / n, "%", n, "at least 97"),
    ]
    seen = [verdicts[key] for row in passed if (key := (row["photo"], row["lot"])) in verdicts]
    if seen:
        bad = 100 * seen.count(False) / len(seen)
        what = "Accepted pictures that one person would not publish, looked at with 700 pixels"
        found.append(Measured("bad", what, bad, "%", len(seen), "at most 5"))
    return found


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", default="out/acceptance", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--accept", default="standard", show_default=True, help="strict, standard or a JSON object of limits.")
@click.option("--preset", default="shopify_product", show_default=True)
@click.option("--scenes", default=3, show_default=True, type=click.IntRange(1, 20), help="Scenes of each photo.")
@click.option("--size", default=1200, show_default=True, type=click.IntRange(64, 2400), help="Side in pixels.")
@record_option
def main(photos: Path, out: Path, accept: str, preset: str, scenes: int, size: int, recorder: Recorder | None) -> None:
    """Make the orders that are still missing, then print the figures."""
    out.mkdir(parents=True, exist_ok=True)
    record, seen = out / "rows.jsonl", out / "verdicts.csv"
    rows = [json.loads(line) for line in record.read_text("utf-8").splitlines()] if record.is_file() else []
    known, networks = {(row["photo"], row["lot"]) for row in rows}, open_networks(load_settings())
    for photo in track(sorted(photos.iterdir()), "photos"):
        if all((photo.stem, lot) in known for lot in range(1, scenes + 1)):
            continue
        for lot, order in enumerate(lots(photo, networks, preset, scenes, out), 1):
            if (photo.stem, lot) in known:
                continue
            asked = order.having({"accept": accept, "width": size, "height": size})
            row = measured(photo, lot, asked, networks, out)
            rows.append(row)
            with record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    judged = list(csv.DictReader(seen.open(encoding="utf-8"))) if seen.is_file() else []
    verdicts = {(one["photo"], int(one["lot"])): one["publishable"] == "yes" for one in judged if one["publishable"]}
    found = counted(rows, verdicts)
    click.echo(f"{len(rows)} orders, {sum('refused' in row for row in rows)} refused before a picture")
    for one in found:
        click.echo(f"{one.what}: {one.value:.1f} {one.unit} of {one.n}")
    if recorder:
        recorder.write("picture", found)


if __name__ == "__main__":
    main()
