"""Simulated paintings against the gates, at real size: `python benchmarks/picture/repainted.py PHOTOS --alpha ALPHAS`.

What a hub model might make of a drawing: the scene in other grain, tone and colour, the product grown.

No network paints here, so the truth is known: by how much the product was painted on, and what became of its shadow.
Sizes are those of hub models, 512 to 1024 pixels a side.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from PIL import Image
from rich.console import Console
from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

from benchmarks.picture.inpainted import Stand, expansion_in, grown, shaded_by, stand
from benchmarks.picture.verdicts import wilson
from models.loading import load_generator
from pipeline.background.expansion import COLOUR
from pipeline.background.laying import lay, scaled, shadow_of
from pipeline.background.paint import light_size, lit_conditions, lit_drawing, paint
from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.compositing.composite import apply_shadow, composite
from pipeline.compositing.effects import MissingShadow
from pipeline.core.errors import PipelineError
from pipeline.core.networks import Generator
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.light.first_light import first_light
from scripts.inpainter.pictures import with_alpha
from scripts.studio.specs import held_out_specs
from service.settings import STUDIO_CHECKPOINT, load_settings
from service.worker.kernels import use_kept_kernels

#: Longer side in pixels of the products' photos, and sides of the square canvases, in turn.
PHOTO, SIDES = 1024, (512, 768, 1024)
#: Growth that is simulated, as shares of the product's size.
GROWTH = (0.03, 0.06, 0.12)

#: How a product is painted on: drawn larger about its foot, or its edge's own pixels carried on outwards.
Kind = Literal["scaled", "extended"]
#: What becomes of its shadow.
Shadow = Literal["kept", "missing", "elsewhere"]
KINDS: tuple[Kind, ...] = ("scaled", "extended")
SHADOWS: tuple[Shadow, ...] = ("kept", "missing", "elsewhere")
#: The paintings that the product is grown in.
GROWN_IN = (("drawing", "kept"), ("finished", "missing"))
#: Folds of products that a limit is chosen on by turns.
FOLDS = 10


def products(photos: Path, alphas: Path) -> dict[str, bytes]:
    """Return PNG files with alpha of at most PHOTO pixels, by name."""
    return {file.stem: with_alpha(photos / f"{file.stem}.jpg", file, PHOTO) for file in sorted(alphas.glob("*.png"))}


def stands(photos: Path, alphas: Path, scenes: int, first: int = 0) -> Iterator[Stand]:
    """Yield each product in so many of the held-out specs' scenes, counted from the `first`, on canvases of SIDES."""
    specs, number = held_out_specs(), first
    for name, data in products(photos, alphas).items():
        for _ in range(scenes):
            number += 1
            try:
                yield stand(name, data, specs[7 * number % len(specs)], SIDES[number % len(SIDES)])
            except PipelineError:  # this product does not go into that scene
                continue


def drawing_of(one: Stand) -> Rgb:
    """Return the lit drawing of a stand without its product, of its canvas's size."""
    height, width = one.placed.alpha.shape
    first = first_light(one.layout, *light_size(width, height))
    return lit_drawing(lit_conditions(one.layout, first, width, height))


def finished(one: Stand, generator: Generator) -> Rgb:
    """Return the studio's own finished picture of a stand's scene without its product, by a network of light."""
    height, width = one.placed.alpha.shape
    return paint(one.spec, one.layout, width, height, generator, lambda done: None).at(width, height)


def repainted(picture: Rgb, rng: np.random.Generator) -> Rgb:
    """Return a picture as a network paints it that keeps the layout: in other tone, colour and grain.

    Standard deviations: tone .1 in log light over a fifth of the side, colours .03 of sRGB over a fourth, grain .05 in
    log light of 6 pixels and .02 of sRGB of 1.2 pixels at 512.
    """
    height, width, _ = picture.shape
    scale = max(height, width) / 512

    def smooth(cells: int) -> Field:
        drawn = zoom(rng.normal(0, 1, (cells, cells)), (height / cells, width / cells), order=3)
        return np.asarray(drawn[:height, :width], np.float32)

    def grain(pixels: float) -> Field:
        drawn = gaussian_filter(rng.normal(0, 1, (height, width)), pixels * scale)
        return np.asarray(drawn / drawn.std(), np.float32)

    light = srgb_to_linear(picture) * np.exp(0.1 * smooth(5) + 0.05 * grain(6))[..., None]
    drift = np.stack([smooth(4) for _ in range(3)], -1) * 0.03
    answer = linear_to_srgb(np.clip(light, 0, 1)) + drift + 0.02 * grain(1.2)[..., None]
    return np.asarray(np.clip(answer, 0, 1), np.float32)


def extended(one: Stand, picture: Rgb, by: float) -> Rgb:
    """Return a picture with the product's edge carried on outwards, by half that share of its longer side all round."""
    small = scaled(one.placed, picture.shape[1], picture.shape[0])
    rows, columns = np.nonzero(small.alpha > 0.5)
    reach = by / 2 * max(np.ptp(rows), np.ptp(columns))
    core = distance_transform_edt(small.alpha > 0.95) > 2
    outside, nearest = distance_transform_edt(~core, return_indices=True)
    edge = distance_transform_edt(small.alpha <= 0.5)
    covered = np.clip(reach + 0.5 - edge, 0, 1)[..., None] * (outside < reach + 8)[..., None]
    # mirrored at the edge, so that its texture goes on
    y, x = np.indices(core.shape)
    source = [np.clip(2 * near - at, 0, size - 1) for near, at, size in zip(nearest, (y, x), core.shape, strict=True)]
    inside = core[source[0], source[1]]
    source = [np.where(inside, at, near) for at, near in zip(source, nearest, strict=True)]
    texture = small.rgb[source[0], source[1]]
    light = srgb_to_linear(picture) * (1 - covered) + srgb_to_linear(texture) * covered
    return linear_to_srgb(np.clip(light, 0, 1).astype(np.float32))


def painted_on(one: Stand, picture: Rgb, by: float, kind: Kind) -> Rgb:
    """Return a picture with the product painted on."""
    return grown(one, picture, by) if kind == "scaled" else extended(one, picture, by)


def with_shadow(one: Stand, picture: Rgb, shadow: Shadow, strength: float = 1.0) -> Rgb:
    """Return a picture, h×w×3 sRGB, with the product's shadow as it was shown, without it, or on its other side."""
    if shadow == "missing" or one.effects.shadow is None:
        return picture
    height, width = picture.shape[:2]
    blocked = one.effects.shadow.at(width, height) if shadow == "kept" else shaded_by(one, width, height)
    return apply_shadow(picture.copy(), np.asarray(1 - (1 - blocked) ** strength, np.float32))


def shown(one: Stand, drawing: Rgb) -> Rgb:
    """Return what the network was shown: the drawing with product, shadow and mirror image."""
    return lay(one.placed, one.effects, drawing).picture


def paintings(one: Stand, drawing: Rgb, generator: Generator, seed: int) -> Iterator[tuple[str, Shadow, Rgb]]:
    """Yield what a network might make of a stand: of its drawing and of the studio's finished picture, each thrice.

    Each comes with its name, and with what became of the shadow that was shown.
    """
    rng = np.random.default_rng([seed, 17])
    for base, picture in (("drawing", drawing), ("finished", finished(one, generator))):
        for shadow in SHADOWS:
            yield base, shadow, repainted(with_shadow(one, picture, shadow), rng)


def measure(one: Stand, generator: Generator, seed: int) -> dict[str, Any]:
    """Return the JSON-ready row of a stand: what is said of its shadows, and of growth by colour in each case."""
    drawing = drawing_of(one)
    row: dict[str, Any] = {"product": one.name, "scene": one.spec.scene.name, "side": drawing.shape[0]}
    row |= {"shadow": [], "not": [], **{f"{by:.0%}": [] for by in GROWTH}}
    for base, shadow, picture in paintings(one, drawing, generator, seed):
        found = shadow_of(picture, drawing, one.effects, one.placed.alpha)
        if found is not None and found.verdict != "unknown":
            row["shadow"].append([shadow, found.verdict, round(found.gain, 3), round(found.astray, 3)])
        row["not"].append(colour_of(one, picture, drawing))
        if (base, shadow) in GROWN_IN:
            for by in GROWTH:
                for kind in KINDS:
                    row[f"{by:.0%}"].append(colour_of(one, painted_on(one, picture, by, kind), drawing))
    return row


def colour_of(one: Stand, picture: Rgb, drawing: Rgb) -> float:
    """Return the expansion by colour in a picture, as the pipeline measures it; no network looks for the product."""
    return round(expansion_in(one, picture, drawing, lambda image: np.zeros(image.shape[:2], np.float32)).colour, 4)


def told(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the figures of rows as sentences."""
    yield f"{len(rows)} stands of {len({row['product'] for row in rows})} products"
    for shadow in SHADOWS:
        found = [one[1] for row in rows for one in row["shadow"] if one[0] == shadow]
        yield f"shadow {shadow}: told so {share(one == shadow for one in found)}"
    for case in ("not", *(f"{by:.0%}" for by in GROWTH)):
        yield f"grown, {case}: told as grown {share(value > COLOUR for row in rows for value in row[case])}"
    limits = {fold: limit([row for row in rows if _fold(row) != fold]) for fold in range(FOLDS)}
    yield f"limits of {FOLDS} folds by product: {min(limits.values()):.3f} to {max(limits.values()):.3f}"
    for case in ("not", *(f"{by:.0%}" for by in GROWTH)):
        hits = [value > limits[_fold(row)] for row in rows for value in row[case]]
        yield f"grown, {case}, by limits of the other folds' products: {share(hits)}"


def limit(rows: list[dict[str, Any]]) -> float:
    """Return the limit of growth by colour with the fewest errors in rows, in the middle of the lowest such."""
    unchanged = np.sort([value for row in rows for value in row["not"]])
    changed = np.sort([value for row in rows for by in GROWTH for value in row[f"{by:.0%}"]])
    tried = np.unique(np.concatenate([unchanged, changed]))
    false = 1 - np.searchsorted(unchanged, tried, "right") / len(unchanged)
    missed = np.searchsorted(changed, tried, "right") / len(changed)
    best = false + missed <= (false + missed).min() + 1e-12
    first = int(best.argmax())
    # up to where the errors grow again
    worse = np.nonzero(~best[first:])[0]
    after = first + (int(worse[0]) if worse.size else len(tried) - 1 - first)
    return float((tried[first] + tried[after]) / 2)


def share(hits: Iterable[bool]) -> str:
    """Return a count with Wilson's interval at 95 %."""
    counted = list(hits)
    low, high = wilson(sum(counted), len(counted))
    return f"{sum(counted)} of {len(counted)} ({low:.3f} to {high:.3f})"


def _fold(row: dict[str, Any]) -> int:
    return int(hashlib.sha256(row["product"].encode()).digest()[0]) % FOLDS


def write_sheet(path: Path, chosen: list[tuple[Stand, int]], generator: Generator) -> None:
    """Write, of each stand, what was shown and what is delivered of a shadow that was kept, missing and elsewhere."""
    tile = 320
    sheet = Image.new("RGB", (4 * (tile + 4), len(chosen) * (tile + 4)), "white")
    for y, (one, seed) in enumerate(chosen):
        drawing = drawing_of(one)
        height, width = drawing.shape[:2]
        line = [shown(one, drawing)]
        for base, _, picture in paintings(one, drawing, generator, seed):
            if base == "finished":
                found = shadow_of(picture, drawing, one.effects, one.placed.alpha)
                laid = picture if found is None else MissingShadow(found.missing).at(width, height)(picture.copy())
                line.append(composite(scaled(one.placed, width, height), laid))
        for x, picture in enumerate(line):
            small = Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)).resize((tile, tile))
            sheet.paste(small, (x * (tile + 4), y * (tile + 4)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--alpha", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--scenes", default=1, show_default=True, help="Scenes of each product.")
@click.option("--first", default=0, show_default=True, help="Where in the held-out scenes to begin.")
@click.option("--sheet", default=0, show_default=True, help="Stands of the sheet of shadows, which is then all.")
@click.option("--out", default=Path("out/repainted"), type=click.Path(file_okay=False, path_type=Path))
def main(photos: Path, alpha: Path, scenes: int, first: int, sheet: int, out: Path) -> None:
    """Measure shadows and growth; write rows.json as it goes, from which it goes on, or sheet.png."""
    use_kept_kernels(load_settings())
    generator, console = load_generator(STUDIO_CHECKPOINT), Console()
    if sheet:
        chosen = [
            (one, number) for number, one in enumerate(stands(photos, alpha, scenes, first)) if one.effects.shadow
        ]
        write_sheet(out / "sheet.png", chosen[:: max(1, len(chosen) // sheet)][:sheet], generator)
        return
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "rows.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    for number, one in enumerate(stands(photos, alpha, scenes, first)):
        if number >= len(rows):
            rows.append(measure(one, generator, first + number))
            kept.write_text(json.dumps(rows))
            console.print(rows[-1])
    for sentence in told(rows):
        console.print(sentence)


if __name__ == "__main__":
    main()
