"""Measure edges against 8×8 supersampling, in made layouts of all kinds: `python benchmarks/edges.py`.

The figures are errors of coverage: of each pixel that several surfaces share, the share that goes to the wrong surface.
For the drawing it is read from the shares. For light, shadow and mirror images it is read from a picture of them in
white, black and grey, over the contrast there. Layouts are those of `scripts.renderer.specs.training_task`, on a square
canvas.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from benchmarks.figures import Measured, Recorder, record_option
from pipeline.colour.spaces import LUMINANCE, srgb_to_linear
from pipeline.compositing.shadow import cast_shadow
from pipeline.geometry.casting import follow
from pipeline.geometry.ray import Field
from pipeline.light.exposure import exposed
from pipeline.light.first_light import first_light
from pipeline.light.reflection import floor_mirrors, mirrored_places
from pipeline.light.relight import Shaded, developed, tone_mapped
from pipeline.light.upsample import Upsampling
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout, Lens
from pipeline.scene.trace import FACES, Geometry, trace
from scripts.renderer.specs import training_task
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.kernels import use_kept_kernels

#: Rays of a pixel across and down in the truth; sides in pixels of the canvas and of the compared crops.
FINE, SIDE, CROP = 8, 2048, 48
#: Least contrast, of 1, at which a pixel's values are distinguished.
LEAST = 0.04
#: First index of layouts, far from those that rules were chosen on.
FIRST = 700_000

Surfaces = NDArray[np.uint16]


def layouts(count: int, first: int) -> Iterator[Layout]:
    """Yield `count` made layouts of all scenes in turn, flat lays included."""
    scenes = [scene for scene in load_catalogue().scenes.values() if scene.kind != "white"]
    for number in range(first, first + count):
        task = training_task(number)
        spec = replace(task.spec, scene=scenes[number % len(scenes)])
        yield compose(spec, SIDE, SIDE, task.product_aspect)


def crops(place: NDArray[np.int32], count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield row and column of the corners of crops around places drawn from n×2 places."""
    for index in rng.integers(len(place), size=count) if len(place) else ():
        row, column = place[index] - CROP // 2
        yield int(np.clip(row, 0, SIDE - CROP)), int(np.clip(column, 0, SIDE - CROP))


def slopes(layout: Layout, row: int, column: int, around: int = 0) -> tuple[Field, Field]:
    """Return the slopes of FINE × FINE rays for each pixel of a crop and `around` pixels beyond it."""
    at = (np.arange(FINE * (CROP + 2 * around), dtype=np.float64) + 0.5) / FINE / SIDE - around / SIDE
    across = ((column / SIDE + at) * layout.aspect - layout.aspect / 2) / FOCAL
    down = (layout.horizon_y - (row / SIDE + at)) / FOCAL
    return across.astype(np.float32), down.astype(np.float32)


def fine(layout: Layout, row: int, column: int) -> Surfaces:
    """Return the surfaces of a crop, by FINE × FINE rays for each pixel."""
    return follow([part.solid for part in layout.parts], layout.camera, *slopes(layout, row, column))[0]


def boxes(field: Field) -> Field:
    """Return the means of FINE × FINE values, h×w."""
    side = len(field) // FINE
    return np.asarray(field.reshape(side, FINE, side, FINE).mean((1, 3)), np.float32)


def of_drawing(geometry: Geometry, row: int, column: int, truth: Surfaces) -> Field:
    """Return for each of n silhouette pixels of a crop the share that goes to the wrong surface."""
    window = geometry.surface[row : row + CROP, column : column + CROP]
    kinds = np.unique(np.concatenate([truth.ravel(), window.ravel()]))
    edges = geometry.coverage
    inside = ((edges.place >= (row, column)) & (edges.place < (row + CROP, column + CROP))).all(1)
    place, share = edges.place[inside], edges.share[inside] / np.float32(edges.share[0].sum())
    beside = np.clip(place[:, None] + np.indices((3, 3)).reshape(2, 9).T - 1, 0, SIDE - 1)
    source = np.concatenate([beside, edges.far[inside][:, None]], 1)
    seen = geometry.surface[source[..., 0], source[..., 1]]
    wrong, edge = np.zeros((CROP, CROP), np.float32), np.zeros((CROP, CROP), np.bool_)
    for kind in kinds:
        exact = boxes((truth == kind).astype(np.float32))
        shown = (window == kind).astype(np.float32)
        shown[place[:, 0] - row, place[:, 1] - column] = (share * (seen == kind)).sum(1)
        wrong += 0.5 * np.abs(shown - exact)
        edge |= (exact > 0) & (exact < 1)
    return wrong[edge]


def spread(hard: Field, surface: Surfaces, truth: Surfaces, row: int, column: int) -> Field:
    """Return for each fine ray of a crop the H×W `hard` value of the nearest of 5×5 pixels with its surface, or nan."""
    out = np.full(truth.shape, np.nan, np.float32)
    i, j = (np.arange(FINE * CROP) // FINE + corner for corner in (row, column))
    for away in sorted(np.ndindex(5, 5), key=lambda at: (at[0] - 2) ** 2 + (at[1] - 2) ** 2):
        at = np.ix_(np.clip(i + away[0] - 2, 0, SIDE - 1), np.clip(j + away[1] - 2, 0, SIDE - 1))
        found = np.isnan(out) & (surface[at] == truth)
        out[found] = hard[at][found]
    return out


def against(shown: Field, exact: Field) -> Field:
    """Return for each of n pixels with several values its distance from the mean of `exact`, over the contrast."""
    tiles = exact.reshape(CROP, FINE, CROP, FINE)
    contrast = tiles.max((1, 3)) - tiles.min((1, 3))
    some = contrast > LEAST  # False for nan
    return np.asarray(np.abs(shown - tiles.mean((1, 3)))[some] / contrast[some], np.float32)


def silhouette(layout: Layout) -> Field:
    """Return SIDE × SIDE coverage of a product that fills its box except for rounded upper corners."""
    left, top, right, bottom = layout.product
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    half = (right - left) / 2
    low = np.maximum(top + half - y, 0)
    inside = np.hypot(x - (left + right) / 2, low) < half
    return np.asarray(inside & (y > top) & (y < bottom), np.float32)


def in_light(layout: Layout, geometry: Geometry) -> tuple[Field, Field]:
    """Return SIDE × SIDE light on grey surfaces behind a product, as the pipeline shows it and with hard edges."""
    cast = cast_shadow(silhouette(layout), layout)
    assert cast is not None, "there is a product"
    blocked = cast.at(SIDE, SIDE, geometry)
    first = first_light(layout, 384, 384)
    light = Upsampling.of(exposed(layout, first), first.geometry.surface).strip(geometry.surface, 0, SIDE)
    linear = np.repeat(np.float32(0.6) * light @ LUMINANCE[:, None], 3, axis=2).astype(np.float32)
    hard = tone_mapped(linear[..., 0] * (1 - blocked))
    plain = replace(layout, kind="podium", lens=Lens())
    return srgb_to_linear(developed(Shaded(plain, geometry, linear, (), ()), blocked=blocked))[..., 0], hard


def of_mirror(layout: Layout, geometry: Geometry, count: int, rng: np.random.Generator) -> Iterator[Field]:
    """Yield for crops of polished floors the distances of mirror images of grey things from the truth."""
    for floor in floor_mirrors(layout, geometry):
        grey = np.random.default_rng(7).random(len(layout.parts) * FACES).astype(np.float32)
        hard = grey[geometry.surface]
        out = np.repeat(hard[..., None], 3, 2)
        replace(floor, share=np.ones(SIDE, np.float32)).show(geometry, out)
        geometry.coverage.smooth(out)
        sums = np.bincount(geometry.part.ravel(), hard.ravel(), len(layout.parts))
        means = 0.55 * sums / np.maximum(np.bincount(geometry.part.ravel(), minlength=len(layout.parts)), 1)
        soft = floor.soft * SIDE / len(floor.row)
        around = int(4 * soft) + 1
        # A mirror image has edges where the mirrored surface changes.
        seen = grey[geometry.surface[floor.row, floor.column]]
        rows, columns = np.nonzero(np.abs(np.diff(seen, axis=1)) > 0.1)
        place = np.stack([rows, columns], 1) * SIDE // len(seen)
        place = place[geometry.part[place[:, 0], place[:, 1]] == floor.part]
        if not len(place):
            continue
        for row, column in crops(place.astype(np.int32), count, rng):
            across, down = slopes(layout, row, column, around)
            at_row, at_column, hidden = mirrored_places(layout, geometry, floor.part, across, down)
            seen = np.where(hidden < 0, hard[at_row, at_column], means[hidden])
            image = gaussian_filter(boxes(seen), soft)[around:-around, around:-around]
            truth = fine(layout, row, column)
            sharp = spread(hard, geometry.surface, truth, row, column)
            exact = np.where(truth // FACES == floor.part, np.repeat(np.repeat(image, FINE, 0), FINE, 1), sharp)
            contrast = max(float(np.nanmax(image) - np.nanmin(image)), LEAST)
            ours = boxes((truth // FACES == floor.part).astype(np.float32)) == 1
            ours &= maximum_filter(image, 3) - minimum_filter(image, 3) > LEAST * contrast
            yield np.abs(out[row : row + CROP, column : column + CROP, 0] - image)[ours] / contrast
            yield against(out[row : row + CROP, column : column + CROP, 0], exact)


def recorded(found: dict[str, Field], count: int) -> Iterator[Measured]:
    """Yield the figures of errors by what was measured."""
    for what, wrong in found.items():
        name, where = what.split()[0], f"Share of an edge's pixel that goes to the wrong surface in the {what}"
        if wrong.size:
            yield Measured(f"{name}-mean", f"{where}, mean", float(wrong.mean()), "", count)
            yield Measured(f"{name}-p99", f"{where}, 99th percentile", float(np.percentile(wrong, 99)), "", count)


@click.command()
@click.option("--layouts", "count", default=100, show_default=True, help="Number of layouts.")
@click.option("--first", default=FIRST, show_default=True, help="Index of the first layout.")
@click.option("--crops", "each", default=4, show_default=True, help="Number of crops of each layout.")
@record_option
def main(count: int, first: int, each: int, recorder: Recorder | None) -> None:
    """Print errors of coverage along silhouettes by kind of scene: mean, 95th and 99th percentile."""
    use_kept_kernels(load_settings())
    rng = np.random.default_rng(first)
    found: dict[tuple[str, str], list[Field]] = defaultdict(list)

    def add(what: str, layout: Layout, wrong: Field) -> None:
        found[what, layout.kind].append(wrong)
        found[what, "all"].append(wrong)

    for layout in layouts(count, first):
        geometry = trace(layout, SIDE, SIDE)
        place = geometry.coverage.place
        for row, column in crops(place, each, rng):
            add("drawing", layout, of_drawing(geometry, row, column, fine(layout, row, column)))
        for wrong in of_mirror(layout, geometry, each, rng):
            add("mirror image", layout, wrong)
        if any(part.glow for part in layout.parts):
            continue
        shown, hard = in_light(layout, geometry)
        for row, column in crops(place, each, rng):
            exact = spread(hard, geometry.surface, fine(layout, row, column), row, column)
            add("light and shadow", layout, against(shown[row : row + CROP, column : column + CROP], exact))
    table = Table("of", "scenes", "pixels", "mean", "95 %", "99 %")
    for (what, kind), some in sorted(found.items()):
        wrong = np.concatenate(some)
        figures = [wrong.mean(), *np.percentile(wrong, (95, 99))] if wrong.size else []
        table.add_row(what, kind, str(wrong.size), *(f"{figure:.3f}" for figure in figures))
    Console().print(table)
    if recorder:
        whole = {what: np.concatenate(some) for (what, kind), some in found.items() if kind == "all"}
        recorder.write("picture", recorded(whole, count))


if __name__ == "__main__":
    main()
