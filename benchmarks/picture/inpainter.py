"""A trained network against the gates: `python benchmarks/picture/inpainter.py PHOTOS --alpha ALPHAS`.

The tiny inpainter of `scripts.inpainter` paints round products that it never saw in training, in scenes and palettes
that it never saw. Expansion, shadows, the product's pixels and the asked colours are measured by the pipeline's own
code; what is true of each painting is known (`benchmarks.picture.inpainted`). No limit was chosen on these.
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
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import track

from benchmarks.picture import palette
from benchmarks.picture.inpainted import (
    Shown,
    Stand,
    expansion_in,
    grown,
    painted_shadow,
    painting,
    shadow_in,
    stand,
)
from benchmarks.picture.verdicts import wilson
from models.loading import load_generator
from models.segmenter import load_segmenter
from pipeline.background.laying import lay, scaled
from pipeline.compositing.composite import composite
from pipeline.core.errors import PipelineError
from pipeline.core.networks import Generator, Networks, Segmenter
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Rgb
from pipeline.delivery.fidelity import Product
from pipeline.swap import swap
from scripts.inpainter.pictures import products
from scripts.studio.specs import held_out_specs
from service.settings import load_settings

WEIGHTS = Path(__file__).parents[2] / "tests/weights/inpainter"
#: How the inpainter is run: what it was trained at, and figures for a network of a few minutes' training.
SIDE, STEPS, GUIDANCE = 128, 8, 1.0
#: Side in pixels of the canvas that products are placed on.
CANVAS = 384
#: Growth that is simulated, as shares of the product's size.
GROWTH = (0.03, 0.06, 0.12)
#: Which verdict on its shadow each way of showing a product is to have.
SHADOWS: dict[Shown, str] = {"held": "kept", "bare": "missing", "astray": "elsewhere"}
#: The palette's stages at both ends.
ENDS = ("all stages", "none")
#: Products of the sheet.
SHEET_ROWS = 12


def stands(photos: Path, alphas: Path, scenes: int) -> Iterator[Stand]:
    """Yield the products that nothing was learned from, each in so many scenes of the held-out specs."""
    specs, number = held_out_specs(), 0
    for name, data in products(photos, alphas, kept_aside=True).items():
        for _ in range(scenes):
            number += 1
            try:
                yield stand(name, data, specs[7 * number % len(specs)], CANVAS)
            except PipelineError:  # this product does not go into that scene
                continue


def measure(one: Stand, generator: Generator, segmenter: Segmenter) -> tuple[dict[str, Any], list[Rgb]]:
    """Return the JSON-ready row of a stand, and its pictures: drawing, held, grown, bare, astray, half."""
    made = {shown: painting(one, generator, shown) for shown in (*SHADOWS, "unseen", "half")}
    drawing, blank = _of(made["held"].drawing), _of(made["unseen"].picture)
    row: dict[str, Any] = {"product": one.name, "scene": one.spec.scene.name, "seed": one.spec.seed}
    row["shadow"] = {shown: shadow_in(one, made[shown]).verdict for shown in SHADOWS if one.effects.shadow}
    if one.effects.shadow:
        row["painted"] = {shown: painted_shadow(one, made[shown], made["bare"]).verdict for shown in ("held", "astray")}
        row["painted"]["bare"] = "missing"  # it is what the others are told from
    pictures = {f"+{by:.0%}": grown(one, blank, by) for by in GROWTH} | {"not": blank}
    row["expansion"] = {
        name: expansion_in(one, picture, drawing, segmenter).row() for name, picture in pictures.items()
    }
    row["expansion"]["held"] = expansion_in(one, _of(made["held"].picture), drawing, segmenter).row()
    half = _of(made["half"].picture)
    row["expansion"]["half"] = expansion_in(one, half, drawing, segmenter, half=True).row()
    size = drawing.shape[1], drawing.shape[0]
    product, lower = scaled(one.placed, *size), scaled(one.half, *size)
    shown = [lay(one.placed, one.effects, drawing).picture]
    shown += [composite(product, _of(made["held"].picture).copy()), composite(product, pictures[f"+{GROWTH[-1]:.0%}"])]
    shown += [composite(product, _of(made[name].picture).copy()) for name in ("bare", "astray")]
    return row, [*shown, composite(lower, half.copy())]


def _of(picture: Rgb | None) -> Rgb:
    assert picture is not None  # a network that holds was shown a product
    return picture


def changed_pixels(name: str, data: bytes, spec: Spec, networks: Networks) -> dict[str, Any]:
    """Count pixels of the product's eroded mask that a lossless swap changed, and tell what was tried for it.

    The opaque product of a lossless file is rounded to 8 bits, not dithered.
    """
    placed = stand(name, data, spec, CANVAS).placed
    spec = replace(spec, preset=replace(spec.preset, size=(CANVAS, CANVAS), formats=("png",)))
    found = swap(data, spec, networks, limits=Limits(), clock=time.perf_counter)
    with Image.open(BytesIO(found.data)) as picture:
        arrived = np.asarray(picture.convert("RGB"))
    codes = np.rint(np.clip(placed.whole(), 0, 1) * 255).astype(np.uint8)
    inside = Product(placed.whole(), placed.alpha, placed.alpha.size)
    changed = (arrived != codes).any(-1).reshape(-1)[inside.where]
    tried = found.report["provenance"]["tried"]
    return {"product": name, "pixels": inside.pixels, "changed": int(changed.sum()), "tried": tried}


def told(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the figures of stands as sentences."""
    for name in rows[0]["expansion"]:
        yield f"expansion, {name}: told as grown {_share(row['expansion'][name]['grew'] for row in rows)}"
    for shown, verdict in SHADOWS.items():
        found = [row["shadow"][shown] for row in rows if row["shadow"]]
        readable = [one for one in found if one != "unknown"]
        counts = {one: found.count(one) for one in sorted(set(found))}
        yield f"shadow, {shown}: {verdict} {_share(one == verdict for one in readable)}; {counts}"
    pairs = [(row["painted"][shown], row["shadow"][shown]) for row in rows if row["shadow"] for shown in SHADOWS]
    for verdict in SHADOWS.values():
        found = [one for truth, one in pairs if truth == verdict and one != "unknown"]
        yield f"shadow, painted as {verdict}: told so {_share(one == verdict for one in found)}"


def _share(hits: Iterable[bool]) -> str:
    counted = list(hits)
    low, high = wilson(sum(counted), len(counted))
    return f"{sum(counted)} of {len(counted)} ({low:.2f} to {high:.2f})"


def write_sheet(path: Path, rows: list[dict[str, Any]], pictures: list[list[Rgb]]) -> None:
    """Write a row of tiles for each stand, its verdicts under them."""
    tile, words = SIDE, 14
    sheet = Image.new("RGB", (6 * (tile + 4), len(rows) * (tile + words + 4)), "white")
    draw = ImageDraw.Draw(sheet)
    for y, (row, line) in enumerate(zip(rows, pictures, strict=True)):
        grew = {name: "grew" if found["grew"] else "not" for name, found in row["expansion"].items()}
        shadow = row["shadow"] or dict.fromkeys(SHADOWS, "none")
        labels = [f"shown: {row['scene']}", f"{shadow['held']}, {grew['held']}", f"+12%: {grew['+12%']}"]
        labels += [f"bare: {shadow['bare']}", f"astray: {shadow['astray']}", f"half: {grew['half']}"]
        for x, (picture, label) in enumerate(zip(line, labels, strict=True)):
            small = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
            sheet.paste(small.resize((tile, tile)), (x * (tile + 4), y * (tile + words + 4)))
            draw.text((x * (tile + 4), y * (tile + words + 4) + tile + 1), label[:22], fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--alpha", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--generator", default=WEIGHTS, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--size", default=SIDE, show_default=True, help="Side that is painted, pixels; multiples of 64.")
@click.option("--scenes", default=3, show_default=True, help="Scenes of each product; 0: the palette's table alone.")
@click.option(
    "--swaps", default=16, show_default=True, help="Swaps of the palette's table, each stage off in turn; 0: none."
)
@click.option("--ends", is_flag=True, help="Of the palette's table, all stages and none alone.")
@click.option("--out", default=Path("out/inpainter-figures"), type=click.Path(file_okay=False, path_type=Path))
def main(photos: Path, alpha: Path, generator: Path, size: int, scenes: int, swaps: int, ends: bool, out: Path) -> None:
    """Measure expansion, shadows, the product's pixels and the asked colours; write figures.json and sheet.png."""
    settings, console = load_settings(), Console()
    painter = load_generator(generator, size=size, steps=STEPS, guidance_scale=GUIDANCE)
    segmenter, version = load_segmenter("u2netp", weights=settings.weights)
    rows, pictures = [], []
    for one in track(stands(photos, alpha, scenes), "products", console=Console(stderr=True)):
        row, line = measure(one, painter, segmenter)
        rows.append(row)
        pictures.append(line)
        console.print(row)
    out.mkdir(parents=True, exist_ok=True)
    if rows:
        for sentence in told(rows):
            console.print(sentence)
        chosen = list(range(0, len(rows), max(1, len(rows) // SHEET_ROWS)))[:SHEET_ROWS]
        write_sheet(out / "sheet.png", [rows[number] for number in chosen], [pictures[number] for number in chosen])
    networks = Networks(segmenter, painter, {"generator": painter.version, "segmenter": version})
    exact = []
    aside = products(photos, alpha, kept_aside=True) if rows else {}
    for number, (name, data) in enumerate(aside.items()):
        try:
            exact.append(changed_pixels(name, data, held_out_specs()[11 * number + 3], networks))
        except PipelineError:  # this product does not go into that scene
            continue
    if exact:
        console.print(
            f"product: {sum(one['changed'] for one in exact)} of {sum(one['pixels'] for one in exact)} pixels changed"
            f" in {len(exact)} swaps"
        )
    colours = {}
    if swaps:
        asked = palette.orders(range(swaps), CANVAS)
        stages = {name: control for name, control in palette.STAGES.items() if not ends or name in ENDS}
        colours = {name: palette.measure(networks, asked, control, name) for name, control in stages.items()}
        console.print(palette.stage_table(colours, f"ΔE00 of asked colours on {swaps} delivered files, {CANVAS} px"))
    found = {"networks": dict(networks.versions), "size": size, "stands": rows, "exact": exact, "palette": colours}
    (out / "figures.json").write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
