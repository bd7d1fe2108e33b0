"""Memory of swaps: resident after each of many, and for a large photo."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from benchmarks.speed.bench import MEBI, SAMPLE, Bench, peak_mib
from service.settings import Settings

#: Number of swaps in one process, and megapixels of the large photo.
MIXED, LARGE = 20, 40
#: Each part runs in its own process.
PARTS = ("mixed", "large")


def part_of_memory(bench: Bench, part: str, scenes: list[str]) -> dict[str, Any]:
    """Return one part of --memory, measured in this process, which must do nothing else."""
    side, moods = (2048, 2048), list(bench.catalogue.moods)
    if part == "mixed":
        resident = []
        for number in range(MIXED):
            scene, mood = scenes[number % len(scenes)], moods[number % len(moods)]
            bench.swap(bench.spec(scene, side, seed=number, mood=mood))
            resident.append(round(psutil.Process().memory_info().rss / MEBI))
        return {"after_each_mib": resident, "peak_mib": peak_mib()}
    photo = enlarged(LARGE)
    started = time.perf_counter()
    bench.swap(bench.spec(scenes[0], side, seed=1), photo)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu_seconds": time.process_time(), "peak_mib": peak_mib()}


def enlarged(megapixels: int) -> bytes:
    """Return the sample product as a JPEG of this number of megapixels."""
    photo = Image.open(SAMPLE)
    scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
    file = BytesIO()
    photo.resize((round(photo.width * scale), round(photo.height * scale))).save(file, "JPEG", quality=92)
    return file.getvalue()


def memory(program: Path, settings: Settings, scenes: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    """Return every part, measured in a process of its own: `program` with --part. `say` prints each."""
    figures = {}
    for part in PARTS:
        chosen = [word for scene in scenes for word in ("--scene", scene)]
        command = [sys.executable, str(program), "--part", part, *chosen]
        done = subprocess.run(command, env=settings.environment(), stdout=subprocess.PIPE, text=True, check=True)
        figures[part] = json.loads(done.stdout.splitlines()[-1])
        say(f"{part}: {figures[part]}")
    return figures
