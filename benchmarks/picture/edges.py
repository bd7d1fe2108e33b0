"""Edges against 8×8 supersampling, in made layouts of all kinds: `python benchmarks/picture/edges.py`.

What is measured is coverage: of each pixel that several surfaces share, the share that goes to the wrong one. Of the
drawing it is read off the shares themselves; of light, shadow and mirror image off a picture of them in white, black
and grey, over its own contrast there. Layouts are those of `scripts.studio.specs.training_task`, on a square canvas.
"""

from collections import defaultdict
from collections.abc import Iterator

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pipeline.geometry.casting import follow
from pipeline.geometry.ray import Field
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import Geometry, trace
from scripts.studio.specs import training_task
from service.settings import load_settings
from service.worker.kernels import use_kept_kernels

#: Rays to a pixel across and down, of the truth; the side in pixels of the canvas and of the crops that are compared.
FINE, SIDE, CROP = 8, 2048, 48
#: Layouts start at this index, far from those that anything was chosen on.
FIRST = 700_000

Surfaces = NDArray[np.uint16]


def layouts(count: int, first: int) -> Iterator[Layout]:
    """Yield so many made layouts."""
    for number in range(first, first + count):
        task = training_task(number)
        yield compose(task.spec, SIDE, SIDE, task.product_aspect)


def crops(geometry: Geometry, count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield row and column of the corners of crops about edges drawn by lot."""
    place = geometry.coverage.place
    for index in rng.integers(len(place), size=count) if len(place) else ():
        row, column = place[index] - CROP // 2
        yield int(np.clip(row, 0, SIDE - CROP)), int(np.clip(column, 0, SIDE - CROP))


def fine(layout: Layout, row: int, column: int) -> Surfaces:
    """Return the surfaces of a crop by FINE × FINE rays a pixel."""
    at = (np.arange(FINE * CROP, dtype=np.float64) + 0.5) / FINE / SIDE
    across = ((column / SIDE + at) * layout.aspect - layout.aspect / 2) / FOCAL
    down = (layout.horizon_y - (row / SIDE + at)) / FOCAL
    solids = [part.solid for part in layout.parts]
    return follow(solids, layout.camera, across.astype(np.float32), down.astype(np.float32))[0]


def boxes(field: Field) -> Field:
    """Return the means of FINE × FINE values, h×w."""
    return np.asarray(field.reshape(CROP, FINE, CROP, FINE).mean((1, 3)), np.float32)


def of_drawing(geometry: Geometry, row: int, column: int, truth: Surfaces) -> Field:
    """Return n: the shares of a crop's pixels on silhouettes that go to the wrong surface."""
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


@click.command()
@click.option("--layouts", "count", default=100, show_default=True, help="Layouts to measure.")
@click.option("--first", default=FIRST, show_default=True, help="The first layout's index.")
@click.option("--crops", "each", default=4, show_default=True, help="Crops of a layout.")
def main(count: int, first: int, each: int) -> None:
    """Print the errors of coverage along silhouettes: mean, 95th and 99th percentile, by kind of scene."""
    use_kept_kernels(load_settings())
    rng = np.random.default_rng(first)
    found: dict[tuple[str, str], list[Field]] = defaultdict(list)
    for layout in layouts(count, first):
        geometry = trace(layout, SIDE, SIDE)
        for row, column in crops(geometry, each, rng):
            truth = fine(layout, row, column)
            for kind in (layout.kind, "all"):
                found["drawing", kind].append(of_drawing(geometry, row, column, truth))
    table = Table("of", "scenes", "pixels", "mean", "95 %", "99 %")
    for (what, kind), some in sorted(found.items()):
        wrong = np.concatenate(some)
        figures = [wrong.mean(), *np.percentile(wrong, (95, 99))]
        table.add_row(what, kind, str(wrong.size), *(f"{figure:.3f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
