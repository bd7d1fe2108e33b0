"""Measure the renderer on specs that its network never saw: asked colours and light.

python -m scripts.renderer.evaluate truth --out DIR [--threads 1]
python -m scripts.renderer.evaluate report --truth DIR [--model DIR|none]

`truth` path-traces the held-out layouts once and needs Mitsuba. It skips existing files. `report` measures against
these files and needs torch, except with `--model none`. `scripts.renderer.figures` defines the figures.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Measured, add_record_option, recorder_of
from models.loading import GeneratorChoice, load_generator
from pipeline.background.paint import paint_background
from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.networks import Conditions, Generator, PaintRequest
from pipeline.core.networks import painted as painted_by
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.light.first_light import first_light
from pipeline.light.relight import picture, tone_mapped
from pipeline.scene.layout import Layout
from pipeline.scene.trace import trace
from scripts.renderer.figures import best_gain, exposure, light_error, light_table, misses, palette_table
from scripts.renderer.specs import HELD_OUT, Task
from scripts.renderer.truth import Scene, make_truths, scenes, within
from service.settings import RENDERER_CHECKPOINT

#: Longer side, in pixels, of the pictures for the colour figures, and of their light grid.
PICTURE = 384


def report(folder: Path, model: str) -> dict[str, Any]:
    """Measure everything, print each table when it is ready, and return all numbers.

    Raises ValueError if the folder has no truth, or if a truth shows another layout than the code composes now.
    """
    generator = None if model == "none" else load_generator(GeneratorChoice(model))
    if generator is not None and generator.capabilities.paints != "light":
        raise ValueError(f"{model} paints pictures, so its light can't be measured. Give a light network")
    palette, light = [], []
    for scene in scenes(folder):
        lights = {"first": scene.given.light}
        if generator is not None:
            lights["network"] = painted(generator, scene.given, scene.task)
        palette.append(palette_row(scene, generator))
        light.append(light_row(scene, lights))
        print(f"scene {scene.number}", file=sys.stderr, flush=True)
    if not light:
        raise ValueError(f"{folder} has no truths. Run the command truth first")
    counted = f"{len(light)} of {HELD_OUT} held-out specs"
    print(palette_table(palette, f"Asked colours: CIEDE2000 to the nearest dominant colour, {counted}"), flush=True)
    print(light_table(light, f"Light: mean absolute error in sRGB against path tracing, {counted}"), flush=True)
    version = getattr(generator, "version", "none")
    print(f"Network: {version}")
    return {"palette": palette, "light": light}


def recorded(numbers: dict[str, Any]) -> Iterator[Measured]:
    """Yield the figures of a report with a network."""
    light, palette = numbers["light"], numbers["palette"]
    scenes_of, error = len(light), "against path tracing, sRGB from 0 to 1"
    for name, key, label in (
        ("sketch", "sketch_best", "the drawing without light, at its best gain,"),
        ("first", "first", "first light, before the network,"),
        ("first-best", "first_best", "first light at its best gain"),
        ("network", "network", "the light network"),
        ("network-best", "network_best", "the light network at its best gain"),
    ):
        value = float(np.mean([row[key] for row in light]))
        yield Measured(f"error-{name}", f"Error of {label} {error}", value, "", scenes_of)
    better = sum(row["network"] < row["first"] for row in light)
    what = "Scenes that the light network brings nearer to path tracing than first light"
    yield Measured("better-scenes", what, better, f"of {scenes_of} scenes", scenes_of)
    for name, key, label in (
        ("sketch", "sketch", "drawing without light"),
        ("first", "first", "picture under first light"),
        ("network", "network", "picture under the light network"),
        ("traced", "truth", "picture under path tracing"),
    ):
        far = np.concatenate([row[key] for row in palette])
        what = f"Distance of asked colours from the {label}"
        yield Measured(f"colour-{name}-mean", f"{what}, mean", float(far.mean()), "ΔE00", len(far))
        yield Measured(
            f"colour-{name}-p95", f"{what}, 95th percentile", float(np.percentile(far, 95)), "ΔE00", len(far)
        )
    for kind in sorted({row["kind"] for row in palette}):
        far = np.concatenate([row["network"] for row in palette if row["kind"] == kind])
        what = f"Distance of asked colours from the picture in scenes of the kind {kind}, mean"
        yield Measured(f"colour-kind-{kind}", what, float(far.mean()), "ΔE00", len(far))


def painted(generator: Generator, given: Conditions, task: Task) -> Field:
    """Return the network's h×w×3 linear light."""
    return painted_by(generator, PaintRequest("", "", given, task.spec.seed, lambda _: None))


def sketch(layout: Layout, width: int, height: int) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: a layout's flat colours with smooth edges."""
    geometry = trace(layout, width, height)
    linear = geometry.flat()
    geometry.coverage.smooth(linear)
    return linear_to_srgb(linear)


def palette_row(scene: Scene, generator: Generator | None) -> dict[str, Any]:
    """Return each asked colour's miss in the sketch, in Backdrop's backgrounds, and in the truth at its own size."""
    size = within(PICTURE, scene.task)
    gain = exposure(scene.truth, scene.flat, scene.lit)
    pictures = {
        "sketch": sketch(scene.layout, *size),
        "first": background(scene.task, scene.layout, None),
        "truth": linear_to_srgb(tone_mapped(scene.truth * np.float32(gain))),
    }
    if generator is not None:
        pictures["network"] = background(scene.task, scene.layout, generator)
    asked = scene.task.spec.palette
    found = {name: misses(image, asked).tolist() for name, image in pictures.items()}
    return {"number": scene.number, "kind": scene.layout.kind, "asked": list(asked), **found}


def background(task: Task, layout: Layout, generator: Generator | None) -> Rgb:
    """Return the shipped background at PICTURE pixels; without a network under first light."""
    width, height = within(PICTURE, task)
    if generator is None:
        return picture(layout, first_light(layout, width, height), width, height)
    return paint_background(task.spec, layout, width, height, generator, lambda _: None)


def light_row(scene: Scene, lights: dict[str, Field]) -> dict[str, Any]:
    """Return the errors of the sketch and of each light, unscaled and at their best gain."""
    row: dict[str, Any] = {"number": scene.number, "kind": scene.layout.kind}
    for name, linear in {"sketch": scene.flat, **{name: scene.flat * light for name, light in lights.items()}}.items():
        gain = best_gain(linear, scene.truth, scene.lit)
        row[f"{name}_gain"] = gain
        row[f"{name}_best"] = light_error(linear * np.float32(gain), scene.truth, scene.lit)
        row[name] = light_error(linear, scene.truth, scene.lit)
    return row


def main(arguments: list[str] | None = None) -> int:
    """Make the truths, or measure; return the exit status: 1 if there is nothing to measure."""
    parser = argparse.ArgumentParser(description="Measure the renderer on specs that its network never saw.")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("truth", help="path-trace the held-out layouts")
    make.add_argument("--out", type=Path, required=True, help="folder for the truths")
    make.add_argument("--threads", type=int, default=1, help="CPU threads")
    measure = commands.add_parser("report", help="print the figures")
    measure.add_argument("--truth", type=Path, required=True, help="folder that `truth` wrote")
    measure.add_argument("--model", default=str(RENDERER_CHECKPOINT), help="folder of a light network, or none")
    add_record_option(measure)
    options = parser.parse_args(arguments)
    if options.command == "truth":
        make_truths(options.out, options.threads)
        return 0
    recorder = recorder_of(measure, options)
    try:
        numbers = report(options.truth, options.model)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if recorder:
        recorder.write("picture", recorded(numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
