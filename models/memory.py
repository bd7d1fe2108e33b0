"""The peak memory of a block: the device's where there is one, else that of the process."""

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.device import CudaMemory, Device

_LOOK_EVERY = 0.02


@contextmanager
def peak_memory(device: Device) -> Iterator[list[int]]:
    """Measure the bytes that a block takes at most, beyond what was taken before; they are in the list at its end.

    On CUDA by torch's allocator. Elsewhere by looking at the resident memory of the process now and then; where the
    system does not tell it, by the most that the process ever had.
    """
    if device == "cuda":
        with CudaMemory().measured() as taken:
            yield taken
        return
    taken, before, over = list[int](), _resident(), threading.Event()
    most = [before]

    def look() -> None:
        while not over.wait(_LOOK_EVERY):
            most[0] = max(most[0], _resident())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        over.set()
        thread.join()
        taken.append(max(most[0], _resident()) - before)


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:  # Linux alone has it
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
