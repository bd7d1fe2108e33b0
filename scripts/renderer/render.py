"""Path-trace layouts and write them with their first light: training pairs for the renderer's network.

python -m scripts.renderer.render --out DIR --count N [--start 0] [--step 1] [--threads 1] [--spp 64] [--minutes M]

Each scene becomes DIR/NNNNNN.npz, float16 at h×w (`scripts.renderer.specs` gives an index its size):

- sketch, light, occlusion, normals, depth, gloss, lit: `pipeline.core.networks.Conditions`;
- truth: h×w×3 linear radiance, path-traced and denoised, without exposure and finishes;
- albedo: h×w×3 linear, the sketch smoothed over 4×4 rays per pixel;
- weight: h×w, 0 where those rays meet more than one surface, otherwise 1;
- kind: the scene's kind.

Existing files are skipped, so that an interrupted run continues. Training holds out indices with index % 20 == 7.
"""

import argparse
import logging
import sys
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.networks import Conditions
from pipeline.light.conditions import conditions
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, trace
from scripts.renderer.specs import Task, training_task
from scripts.renderer.tracer import Tracer
from scripts.renderer.truth import write

#: Rays per pixel and side for the smoothed albedo.
SUPERSAMPLING = 4
#: Failed scenes that end a run.
MAX_ERRORS = 20

Array = NDArray[np.float32]
_log = logging.getLogger("render")


def flat(layout: Layout, width: int, height: int) -> tuple[Array, Array]:
    """Return h×w×3 linear albedo, smoothed, and h×w weight: 0 where a pixel shows more than one surface."""
    n = SUPERSAMPLING
    surface = trace(layout, n * width, n * height).surface
    colours = np.stack([layout.colours[part.slot] for part in layout.parts]).astype(np.float32)
    blocks = surface.reshape(height, n, width, n).transpose(0, 2, 1, 3).reshape(height, width, n * n)
    albedo = colours[blocks // FACES].mean(2)
    return albedo, (blocks.min(2) == blocks.max(2)).astype(np.float32)


def render(task: Task, tracer: Tracer) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one task's file. Raises ValueError for values that are not finite."""
    spec, width, height = task.spec, task.width, task.height
    layout = compose(spec, width, height, task.product_aspect)
    given = conditions(layout, width, height)
    albedo, weight = flat(layout, width, height)
    truth = tracer.picture(layout, width, height, albedo=albedo, normals=given.normals)
    arrays = {field.name: getattr(given, field.name) for field in fields(Conditions)}
    arrays |= {"truth": truth, "albedo": albedo, "weight": weight}
    # One such pixel would spoil every batch that contains it.
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    return {name: array.astype(np.float16) for name, array in arrays.items()} | {"kind": np.str_(layout.kind)}


def run(options: argparse.Namespace) -> int:
    """Write the requested files and return the exit status: 1 if too many scenes failed."""
    options.out.mkdir(parents=True, exist_ok=True)
    tracer = Tracer(threads=options.threads, samples=options.spp)
    began, done, errors = time.monotonic(), 0, 0
    for index in range(options.start, options.count, options.step):
        if options.minutes and time.monotonic() - began > 60 * options.minutes:
            break
        path = options.out / f"{index:06d}.npz"
        if path.exists():
            continue
        try:
            arrays = render(training_task(index), tracer)
        except Exception:  # noqa: BLE001  # logged and counted; other scenes continue
            errors += 1
            _log.exception("scene %d failed", index)
            if errors > MAX_ERRORS:
                return 1
            continue
        write(path, arrays)
        done += 1
        if done % 20 == 0:
            spent = time.monotonic() - began
            _log.info("%d scenes, the last %d, %.2f s each", done, index, spent / done)
    _log.info("done: %d scenes in %.0f s, %d errors", done, time.monotonic() - began, errors)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Render scenes; return the exit status."""
    parser = argparse.ArgumentParser(description="Path-trace the pairs that the renderer's network learns from.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the scenes")
    parser.add_argument("--count", type=int, default=0, help="one more than the last index")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--step", type=int, default=1, help="step between indices, to share them among processes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--spp", type=int, default=64, help="paths per pixel")
    parser.add_argument("--minutes", type=float, default=0, help="begin no scene after this time")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
