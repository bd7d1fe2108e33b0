"""The peak memory of a block: the device's if there is one, else the process's."""

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.device import Device

_LOOK_EVERY = 0.02


@contextmanager
def peak_memory(device: Device) -> Iterator[list[int]]:
    """Measure the most bytes that a block takes, beyond those taken before; the list has them at its end.

    On CUDA torch's allocator measures them. Elsewhere a thread samples the process's resident memory. If the system
    does not report it, the process's lifetime peak is used.
    """
    taken = list[int]()
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        yield taken
        taken.append(torch.cuda.max_memory_allocated() - before)
        return
    before, over = _resident(), threading.Event()
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
    except OSError:  # only Linux has it
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
