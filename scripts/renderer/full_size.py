"""Measure the background's light at full size, before lens and finishes, against path-traced layouts.

python -m scripts.renderer.full_size truth --out DIR [--count 40] [--threads 1]
python -m scripts.renderer.full_size report --truth DIR [--model DIR|none]

`truth` needs Mitsuba and skips existing files. `report` covers all surfaces of all layouts. It prints the relative
error of the light, and its structure between 4 and 64 pixels relative to the truth's.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from benchmarks.figures import Measured, add_record_option, recorder_of
from models.loading import GeneratorChoice, load_generator
from pipeline.background.paint import light_size, paint
from pipeline.colour.spaces import LUMINANCE
from pipeline.core.networks import Generator
from pipeline.core.spec import Spec
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Block, Drum
from pipeline.light.first_light import first_light
from pipeline.light.upsample import upsample_within_surfaces
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry, trace, windows_of
from scripts.renderer.figures import table
from scripts.renderer.specs import full_size_tasks
from scripts.renderer.truth import composed, traced, write
from service.settings import RENDERER_CHECKPOINT

#: Side in pixels, and paths per pixel.
SIDE, SAMPLES = 1024, 9
COUNT = 40
#: Pixels between a surface's edge and the measured area: normally, and for solids that the tracer bevels.
WITHIN, BEVELLED = 3, 7
#: Least pixels of a measured surface, and of a large one.
LEAST, LARGE = 150, 10_000
#: Surfaces darker than this share of the median lit pixel are skipped: their relative error means little.
DARK = 0.02
#: Structure is the difference of two Gaussians with these standard deviations: half a wavelength of 4 and of 64 pixels,
#: over pi.
FINE, COARSE = 4 / (2 * np.pi), 64 / (2 * np.pi)
#: Pixels around a contact of two parts. They touch if less than TOUCH canvas heights apart.
FOOT, TOUCH = 14, 0.006
#: Largest allowed structure, as a share of the truth's.
ALLOWED = 1.3
#: Pixels around a surface that the wider Gaussian may reach.
MARGIN = 4

Mask = NDArray[np.bool_]


def make_truths(out: Path, count: int, threads: int) -> None:
    """Write `NNN.npz` with `truth`, H×W×3 linear radiance as float16, for each task."""
    # Mitsuba is only installed where truths are made.
    from scripts.renderer.tracer import Tracer

    out.mkdir(parents=True, exist_ok=True)
    tracer, began = Tracer(threads=threads, samples=SAMPLES), time.monotonic()
    for number, task in enumerate(full_size_tasks(count, SIDE)):
        path = out / f"{number:03d}.npz"
        if path.exists():
            continue
        write(path, traced(tracer, composed(task), SIDE, SIDE))
        print(f"{number} {task.spec.scene.name}, {time.monotonic() - began:.0f} s", flush=True)


def delivered(layout: Layout, spec: Spec, generator: Generator | None, geometry: Geometry) -> Field:
    """Return the H×W×3 light by which a background of this layout is multiplied, before exposure."""
    if generator is None:
        first = first_light(layout, *light_size(SIDE, SIDE))
    else:
        painting = paint(spec, layout, SIDE, SIDE, generator, lambda _: None)
        assert painting.light is not None
        first = painting.light
    return upsample_within_surfaces(first.light, first.geometry.surface, geometry.surface)


def measured(layout: Layout, geometry: Geometry, light: Field, truth: Field) -> list[dict[str, Any]]:
    """Return a row for each surface that is large enough: the error of its light, and the energies of its structure.

    Both use luminance over albedo. All surfaces of one colour get a common gain, the truth's median.
    """
    colours = np.stack([layout.colours[part.slot] for part in layout.parts]) @ LUMINANCE
    near = feet(geometry)
    slots = np.array([part.slot for part in layout.parts])[geometry.part]
    own = truth @ LUMINANCE / np.maximum(colours[geometry.part], 1e-3)
    ours = light @ LUMINANCE
    lit = np.array([part.glow == 0 and part.mirror == 0 for part in layout.parts])[geometry.part]
    for slot in np.unique(slots[lit]):
        where = lit & (slots == slot)
        ours = np.where(where, ours * np.median(own[where] / np.maximum(ours[where], 1e-3)), ours)
    rows = []
    for surface in np.unique(geometry.surface[lit]):
        index = int(surface) // FACES
        solid = layout.parts[index].solid
        seen = windows_of((geometry.surface == surface).astype(np.uint16), 2)[1]
        window = grown(seen, MARGIN, geometry.surface.shape)
        # The tracer rounds the edges of drums and blocks.
        edge = BEVELLED if isinstance(solid, Block | Drum) else WITHIN
        mask = binary_erosion(geometry.surface[window] == surface, iterations=edge, border_value=1)
        if mask.sum() < LEAST:
            continue
        a, b = ours[window], own[window]
        level = float(b[mask].mean())
        if level < DARK * float(np.median(own[lit])):
            continue
        bands = [band(each, mask) / level for each in (a, b)]
        rows.append(
            {
                "solid": type(solid).__name__,
                "role": layout.parts[index].role,
                "pixels": int(mask.sum()),
                "error": float(np.abs(a - b)[mask].mean() / level),
                "ours": float(np.square(bands[0][mask]).mean()),
                "truth": float(np.square(bands[1][mask]).mean()),
                "foot": foot(a, b, mask & near[window]),
                "wrong": float(np.square(bands[0] - bands[1])[mask].mean()),
            }
        )
    return rows


def foot(ours: Field, truth: Field, where: Mask) -> tuple[int, float, float]:
    """Return the number of pixels, and the sums of the light's relative errors there, absolute and signed."""
    off = (ours[where] - truth[where]) / np.maximum(truth[where], 0.05 * float(truth.mean()))
    return int(where.sum()), float(np.abs(off).sum()), float(off.sum())


def feet(geometry: Geometry) -> Mask:
    """Return an H×W mask of the pixels within FOOT pixels of a contact of two parts."""
    part, depth = geometry.part.astype(np.int32), geometry.depth
    touch = np.zeros(part.shape, np.bool_)
    for axis in (0, 1):
        one, two = (np.take(each, range(1, SIDE), axis) for each in (part, depth))
        before, there = (np.take(each, range(SIDE - 1), axis) for each in (part, depth))
        meets = (one != before) & (np.abs(two - there) < TOUCH)
        touch[(slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))] |= meets
    return np.asarray(binary_dilation(touch, iterations=FOOT), np.bool_)


def band(field: Field, mask: Mask) -> Field:
    """Return the part of an h×w field within a mask with wavelengths between FINE and COARSE; 0 outside."""
    weight = mask.astype(np.float32)
    fine, coarse = (
        gaussian_filter(field * weight, sigma) / np.maximum(gaussian_filter(weight, sigma), 1e-6)
        for sigma in (FINE, COARSE)
    )
    return np.where(mask, fine - coarse, 0).astype(np.float32)


def grown(window: tuple[slice, slice], by: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return a window enlarged by `by`, limited to the shape."""
    one, two = (
        slice(max(0, side.start - by), min(most, side.stop + by)) for side, most in zip(window, shape, strict=True)
    )
    return one, two


def report(folder: Path, model: str) -> list[dict[str, Any]]:
    """Measure all layouts with a truth and return the rows of their surfaces."""
    generator = None if model == "none" else load_generator(GeneratorChoice(model))
    rows = []
    for number, task in enumerate(full_size_tasks(COUNT, SIDE)):
        path = folder / f"{number:03d}.npz"
        if not path.exists():
            continue
        with np.load(path) as file:
            truth = file["truth"].astype(np.float32)
        layout = composed(task)
        geometry = trace(layout, SIDE, SIDE)
        light = delivered(layout, task.spec, generator, geometry)
        found = measured(layout, geometry, light, truth)
        rows += [{"number": number, "scene": task.spec.scene.name, **row} for row in found]
    return rows


def tables(rows: list[dict[str, Any]]) -> str:
    """Return a table with the figures over all surfaces, the large and the small ones, and each kind of solid."""
    groups = {"all": rows}
    groups |= {"large": [row for row in rows if row["pixels"] >= LARGE]}
    groups |= {"small": [row for row in rows if row["pixels"] < LARGE]}
    groups |= {name: [row for row in rows if row["solid"] == name] for name in sorted({row["solid"] for row in rows})}
    lines: list[list[str | float]] = []
    for name, group in groups.items():
        if not group:
            continue
        errors = np.array([row["error"] for row in group])
        pixels = np.array([row["pixels"] for row in group], np.float64)
        ours, truth, wrong = (np.array([row[which] for row in group]) for which in ("ours", "truth", "wrong"))
        at_foot = np.array([row["foot"] for row in group]).sum(0)
        lines.append(
            [
                name,
                str(len(group)),
                float(errors.mean()),
                float(np.percentile(errors, 95)),
                float(np.percentile(errors, 99)),
                float((pixels * ours).sum() / (pixels * truth).sum()),
                float(ours.sum() / truth.sum()),
                float(wrong.sum() / truth.sum()),
                float(100 * np.mean(ours > ALLOWED * truth)),
                float(at_foot[1] / max(1, at_foot[0])),
                float(at_foot[2] / max(1, at_foot[0])),
            ]
        )
    head = [
        "surfaces",
        "count",
        "error",
        "p95",
        "p99",
        "structure by pixel",
        "by surface",
        "wrong by surface",
        "% above",
        "at feet",
        "signed",
    ]
    return table("Light at full size against path tracing", head, lines)


def recorded(rows: list[dict[str, Any]]) -> Iterator[Measured]:
    """Yield the figures over all surfaces."""
    errors, count = np.array([row["error"] for row in rows]), len(rows)
    what = "Relative error of light at 1024x1024 against path tracing"
    yield Measured("error-mean", f"{what}, mean over surfaces", float(errors.mean()), "", count)
    for share in (95, 99):
        value = float(np.percentile(errors, share))
        yield Measured(f"error-p{share}", f"{what}, {share}th percentile over surfaces", value, "", count)
    places, wrong, _ = np.array([row["foot"] for row in rows]).sum(0)
    feet_of = "Relative error of light at the feet of props against path tracing, mean"
    yield Measured("feet", feet_of, float(wrong / max(1, places)), "", count)
    ours, truth = (sum(row[which] for row in rows) for which in ("ours", "truth"))
    structure = "Structure of light from 4 to 64 pixels inside surfaces over path tracing's, mean"
    yield Measured("structure", structure, float(ours / truth), "times", count, f"at most {ALLOWED}")


def main(arguments: list[str] | None = None) -> int:
    """Make the truths, or measure against them; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the background's light at full size.")
    parser.add_argument("what", choices=("truth", "report"))
    parser.add_argument("--out", type=Path, help="folder for the truths")
    parser.add_argument("--truth", type=Path, help="folder of the truths")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default=str(RENDERER_CHECKPOINT), help="folder of a network, or none")
    add_record_option(parser)
    options = parser.parse_args(arguments)
    recorder = recorder_of(parser, options)
    if options.what == "truth":
        if options.out is None:
            parser.error("give --out")
        make_truths(options.out, options.count, options.threads)
        return 0
    if options.truth is None:
        parser.error("give --truth")
    rows = report(options.truth, options.model)
    print(tables(rows))
    if recorder:
        recorder.write("picture", recorded(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
