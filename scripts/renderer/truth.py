"""Reference pictures for the renderer: path-traced layouts that its network never saw."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.networks import Conditions
from pipeline.geometry.ray import Field
from pipeline.light.conditions import conditions
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout, Lens
from scripts.renderer.figures import Mask
from scripts.renderer.specs import Task, held_out_tasks

#: Factor on the sides of the specs' tasks, and paths per pixel. The tracer raises the latter to a square number, 25.
ENLARGED, SAMPLES = 1.25, 24
#: Arrays to read from a file.
_READ = ("truth", "albedo", "weight", "sketch")


@dataclass(frozen=True)
class Scene:
    """A held-out task with its layout and path-traced arrays."""

    number: int
    task: Task
    layout: Layout
    #: The network's input, at the truth's size.
    given: Conditions
    #: h×w×3 linear radiance, and linear albedo.
    truth: Field
    flat: Field
    #: h×w: where light falls and a pixel shows one surface only.
    lit: Mask


def make_truths(out: Path, threads: int) -> None:
    """Write `NNN.npz` for each held-out task, as `scripts.renderer.render` does."""
    # Mitsuba is only installed where truths are made.
    from scripts.renderer.render import render
    from scripts.renderer.tracer import Tracer

    out.mkdir(parents=True, exist_ok=True)
    tracer, began = Tracer(threads=threads, samples=SAMPLES), time.monotonic()
    tasks = enlarged_tasks()
    for number, task in enumerate(tasks):
        path = out / f"{number:03d}.npz"
        if not path.exists():
            write(path, render(task, tracer))
            print(f"{number + 1} of {len(tasks)}, {time.monotonic() - began:.0f} s", flush=True)


def scenes(folder: Path) -> Iterator[Scene]:
    """Yield the scenes that `make_truths` has written; first light is traced again.

    Raises ValueError if a truth shows another layout than the code composes now.
    """
    for number, task in enumerate(enlarged_tasks()):
        path = folder / f"{number:03d}.npz"
        if not path.exists():
            continue
        with np.load(path) as file:
            truth, flat, weight, sketch = (file[name].astype(np.float32) for name in _READ)
        layout = composed(task)
        given = conditions(layout, task.width, task.height)
        if sketch.shape != given.sketch.shape or (np.abs(sketch - given.sketch) > 0.01).mean() > 0.002:
            raise ValueError(f"{path} shows another layout than is composed now. Remove it and make it again")
        yield Scene(number, task, layout, given, truth, flat, (weight > 0) & (given.lit > 0))


def enlarged_tasks() -> list[Task]:
    """Return the held-out tasks at the size of their truths, about 160² pixels."""
    return [
        replace(task, width=round(ENLARGED * task.width), height=round(ENLARGED * task.height))
        for task in held_out_tasks()
    ]


def composed(task: Task) -> Layout:
    """Return a task's layout, which is the same at every size."""
    # The path tracer has a pinhole camera.
    found = compose(task.spec, task.width, task.height, task.product_aspect)
    return replace(found, lens=Lens())


def within(side: int, task: Task) -> tuple[int, int]:
    """Return the width and height in pixels of a picture whose longer side is `side`."""
    scale = side / max(task.width, task.height)
    return round(task.width * scale), round(task.height * scale)


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz file completely or not at all."""
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes allow_pickle for one of them
    unfinished.rename(path)
