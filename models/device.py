"""Where the networks run and in what precision, decided once when a process starts."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import ModelFailed, OutOfMemory

Device = Literal["cpu", "cuda", "mps"]
DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
DtypeName = Literal["float32", "float16", "bfloat16"]
DtypeChoice = Literal["auto", "float32", "float16", "bfloat16"]


#: glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
#: Most of what a swap to 2048×2048 takes of glibc's heap, and a block that is not mapped for itself. With 256 MiB
#: a photo of 40 megapixels took 50 MiB more at most, with this no more than with none.
AHEAD, _BLOCK = 192 << 20, 16 << 20


class DeviceUnavailable(RuntimeError):
    """Raised when the device asked for isn't there; running on the CPU instead would hide it."""


class DeviceLost(ModelFailed):
    """Raised when the device is of no use to this process any more: each later call on it fails, until a new start."""


def is_sticky(error: BaseException) -> bool:
    """Tell whether an error is one that CUDA repeats at every later call, as after an illegal memory access.

    torch's say "CUDA error", onnxruntime's "CUDA failure". Too little memory is none: what is freed can be had again.
    """
    said = str(error)
    return ("CUDA error" in said or "CUDA failure" in said) and "out of memory" not in said


def meant(error: Exception) -> OutOfMemory | ModelFailed:
    """Return what a network's error means. That of too little memory leads to nothing that the call held."""
    # torch's own says "out of memory", onnxruntime's "Failed to allocate" or "bad alloc".
    if isinstance(error, MemoryError) or "alloc" in str(error) or "out of memory" in str(error).lower():
        return OutOfMemory("The device has too little memory to paint this background.")
    failure = ModelFailed(f"The network that paints the background failed: {error}")
    failure.__cause__ = error
    return failure


def resolve_device(choice: DeviceChoice) -> Device:
    """Return the device to use. `auto` takes CUDA, then MPS, then the CPU.

    torch is imported only where there may be another than the CPU. Raises DeviceUnavailable when a device is asked for
    by name and torch doesn't see it.
    """
    if choice == "cpu" or (choice == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    available: dict[str, bool] = {
        "cuda": bool(torch.cuda.is_available()),
        "mps": bool(torch.backends.mps.is_available()),
        "cpu": True,
    }
    if choice == "auto":
        return "cuda" if available["cuda"] else "mps" if available["mps"] else "cpu"
    if not available[choice]:
        raise DeviceUnavailable(
            f"BACKDROP_DEVICE is {choice}, but torch {torch.__version__} sees no {choice} device here. Install its"
            " driver and a build of torch for it, or set BACKDROP_DEVICE to auto or cpu."
        )
    return choice


def _may_have_gpu() -> bool:
    """Tell whether torch could see a device besides the CPU, without torch, which takes a second and 240 MB.

    On Linux both kinds need the driver: CUDA's library, which WSL and Jetson have as well, or ROCm's device file.
    """
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def driver_sees_gpu() -> bool:
    """Return whether NVIDIA's driver has a GPU for this process (CUDA_VISIBLE_DEVICES may hide it), without torch."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS


def usable_threads() -> int:
    """Return how many threads a network may take: OMP_NUM_THREADS, as torch does, or one for each usable core."""
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # noqa: TID251 - OpenMP's, no setting of ours
    return int(told) if told.isdecimal() and int(told) > 0 else usable_cores()


def resolve_dtype(choice: DtypeChoice, device: Device) -> DtypeName:
    """Return the precision to load weights in. `auto`: bfloat16 on CUDA, float16 on MPS, float32 on a CPU.

    Half precision on a CPU is emulated on many machines and then slower than float32.
    """
    if choice != "auto":
        return choice
    return {"cuda": "bfloat16", "mps": "float16", "cpu": "float32"}[device]  # type: ignore[return-value]  # the values are literals


def use_weights_directory(directory: Path) -> None:
    """Tell rembg where its weights lie; it reads U2NET_HOME and offers no argument."""
    os.environ["U2NET_HOME"] = str(directory)  # noqa: TID251 - the only way rembg takes a folder; written, not read


def keep_memory_together() -> None:
    """Tell glibc how to keep free memory, for threads that take and free many megabytes: call it before they start.

    As it comes each thread gets arenas of its own, each with holes of its own, and the size from which a block is
    mapped for itself grows with what was freed. One arena, that size held at 32 MiB, the most that there is, and up to
    512 MiB kept for what comes next: the memory of many swaps stays flat, and fewer pages are taken anew. Without
    the last, .1 to .4 CPU-seconds of a swap to 2048×2048 went into pages; with two arenas, of which each keeps so much,
    as much as .1 more, and 110 MiB. 256 MiB are less than a swap frees: they went back to the system and came again.
    """
    if (mallopt := _mallopt()) is not None:
        for parameter, value in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 512 << 20)):
            mallopt(parameter, value)


def take_memory_ahead() -> None:
    """Touch AHEAD bytes and free them, which glibc keeps (`keep_memory_together`): .03 CPU-seconds, in huge pages.

    The first swaps would take them page by page, .1 to .25 CPU-seconds each, and leave them in more pieces.
    """
    if _mallopt() is not None:
        import numpy as np  # asks for huge pages

        blocks = [np.empty(_BLOCK, np.uint8) for _ in range(AHEAD // _BLOCK)]
        for block in blocks:
            block[::4096] = 0


def _mallopt() -> Any:
    """Return glibc's `mallopt`; None where there is another allocator."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None


def keep_algebra_to_its_caller() -> None:
    """Let the linear algebra of NumPy and SciPy compute in the thread that calls it, for the rest of the process.

    OpenBLAS' own threads wait for each other and for the next call with a core kept busy, some hundredths of a second,
    and a swap's matrices are small: beside other work the eigenvectors of 182×182 took .27 CPU-seconds with two
    threads for .005 with one, and a swap up to .4 more.
    """
    import numpy  # noqa: F401  # what is loaded is limited, and no other
    import scipy.linalg  # noqa: F401  # brings an OpenBLAS of its own
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def give_back_memory() -> None:
    """Hand what is free back to the system: glibc keeps 200 MB of what u2net needed. Takes some 10 ms."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
        if trim is not None:
            trim(0)


def give_back_device_memory() -> None:
    """Hand what torch's allocator keeps back to the device, where it is a CUDA device that has been used."""
    torch = sys.modules.get("torch")  # what was not imported keeps nothing
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


class CudaMemory:
    """The memory of the CUDA device, as torch's allocator sees it."""

    def __init__(self) -> None:
        self._peak = 0

    def peak(self) -> int:
        """Return the most bytes that were taken at once, in this process's life."""
        import torch

        # A measurement begins the count anew.
        self._peak = max(self._peak, torch.cuda.max_memory_allocated())
        return self._peak

    def free(self) -> int:
        """Return the bytes that can still be had, those that the allocator keeps for later included."""
        import torch

        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return int(torch.cuda.mem_get_info()[0] + kept)

    @contextmanager
    def measured(self) -> Iterator[list[int]]:
        """Measure the bytes that the block takes at most, beyond what was taken; they are in the list at its end."""
        import torch

        self.peak()
        torch.cuda.reset_peak_memory_stats()
        before, taken = torch.cuda.memory_allocated(), list[int]()
        yield taken
        taken.append(torch.cuda.max_memory_allocated() - before)
