"""Fuzz the decoder with damaged files: `python benchmarks/robustness/fuzz_decode.py --help`.

An input depends on its seed and number only: `--start N --inputs 1 --keep FOLDER` writes it again.
"""

import os
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from benchmarks.robustness.mutations import mutated
from pipeline.core.errors import OutOfMemory, PipelineError, Rejected
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from testkit.specimens import corpus, gif
from testkit.watched import Result, watched

#: Limits of an input: seconds of CPU time and MiB.
SECONDS, MEBIBYTES = 10.0, 2048
DECODED = "decoded"


def damaged(seed: int, number: int) -> bytes:
    """Return the damaged file `number` of a seed."""
    return mutated((*corpus(), gif()), seed, number)


def judged(data: bytes) -> str:
    """Decode with the default limits, and return the outcome: `decoded`, an error code, or a fault."""
    limits = Limits()
    try:
        photo = decode(data, limits)
    except OutOfMemory:
        return "over memory"
    except PipelineError as error:
        return error.code
    except Exception as error:  # noqa: BLE001  # the fuzzer looks for these
        return f"raised {type(error).__name__}: {error}"[:100]
    height, width, channels = photo.rgb.shape
    if photo.rgb.dtype != np.uint8 or channels != 3 or min(height, width) < limits.min_side:
        return f"answered {photo.rgb.shape} of {photo.rgb.dtype}"
    if photo.alpha is not None and (photo.alpha.shape != (height, width) or not 0 <= photo.alpha.min() < 1):
        return f"answered alpha {photo.alpha.shape}, least {photo.alpha.min()}"
    return DECODED


def is_fault(result: Result) -> bool:
    """Return whether an outcome is neither a photo nor a refusal of the photo."""
    refusals = {kind.code for kind in Rejected.__subclasses__()}
    return result.outcome not in refusals | {DECODED}


@click.command()
@click.option("--inputs", default=100_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--start", default=0, show_default=True, help="Number of the first input, to continue an interrupted run."
)
@click.option("--workers", default=os.cpu_count() or 1, show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder for faulty inputs, or for a single input."
)
@record_option
def main(inputs: int, seed: int, start: int, workers: int, keep: Path | None, recorder: Recorder | None) -> None:
    """Decode damaged files and count the outcomes. Exits with status 1 for a fault."""
    console, counts, began = Console(), Counter[str](), time.monotonic()
    slowest, largest, faults = Result(start, "", 0.0, 0), 0, 0
    numbers = range(start, start + inputs)
    make = partial(damaged, seed)
    results = watched(numbers, make, judged, workers=workers, seconds=SECONDS, mebibytes=MEBIBYTES)
    for done, result in enumerate(results, 1):
        counts[result.outcome] += 1
        slowest, largest = max(slowest, result, key=lambda one: one.seconds), max(largest, result.peak)
        if fault := is_fault(result):
            faults += 1
            console.print(f"input {result.number}: {result.outcome}")
        if keep and (fault or inputs == 1):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{seed}-{result.number}.bin").write_bytes(make(result.number))
        if done % 10_000 == 0:
            # Inputs end out of order, by fewer than the number of workers.
            seconds = time.monotonic() - began
            console.print(f"{done} of {inputs} after {seconds:.0f} s; continue with --start {start + done - workers}")
    table = Table("outcome", "inputs", title=f"seed {seed}, inputs {start} to {numbers[-1]}", title_justify="left")
    for outcome, count in counts.most_common():
        table.add_row(outcome, str(count))
    console.print(table)
    console.print(f"slowest: input {slowest.number}, {slowest.outcome}, {slowest.seconds:.2f} s")
    console.print(f"most memory of a process: {largest} MiB; {time.monotonic() - began:.0f} s in all; {faults} faults")
    if recorder:
        files = "broken, lying and huge files"
        found = (
            Measured("faults", f"Faults of the decoder on {files}", faults, "files", inputs, "at most 0"),
            Measured("slowest", f"Time to decode the slowest of the {files}", slowest.seconds, "s", inputs),
            Measured("memory", f"Most memory of a process that decodes {files}", largest, "MiB", inputs),
        )
        recorder.write("robustness", found)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
