"""The device and precision of the networks, decided once at the start of a process, and the peak memory of a block."""

import ctypes
import os
import resource
import sys
import threading
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
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
#: Bytes touched ahead: most of the glibc heap that a swap to 2048×2048 needs. With 256 MiB a 40-megapixel photo's peak
#: rose by 50 MiB; with this value it does not rise.
AHEAD, _BLOCK = 192 << 20, 16 << 20
_LOOK_EVERY = 0.02


class DeviceUnavailable(RuntimeError):
    """Raised when the requested device isn't available; running on the CPU instead would hide it."""


class DeviceLost(ModelFailed):
    """Raised when this process has lost its device: each later call on it fails until a new start."""


def is_sticky(error: BaseException) -> bool:
    """Return whether CUDA repeats an error at every later call, as after an illegal memory access.

    torch's messages contain "CUDA error", onnxruntime's "CUDA failure". Lack of memory is not sticky: it can be freed.
    """
    said = str(error)
    return ("CUDA error" in said or "CUDA failure" in said) and "out of memory" not in said


def meant(error: Exception) -> OutOfMemory | ModelFailed:
    """Return OutOfMemory or ModelFailed for a network's error. OutOfMemory keeps no reference to the call's data."""
    # torch reports "out of memory", onnxruntime "Failed to allocate" or "bad alloc".
    if isinstance(error, MemoryError) or "alloc" in str(error) or "out of memory" in str(error).lower():
        return OutOfMemory("The device has too little memory to paint this background. Retry the job later.")
    failure = ModelFailed(f"The background network failed. Retry the job. Cause: {error}")
    failure.__cause__ = error
    return failure


def resolve_device(choice: DeviceChoice) -> Device:
    """Return the device to use. `auto` prefers CUDA, then MPS, then the CPU.

    Imports torch only if there may be a device other than the CPU. Raises DeviceUnavailable if a device is requested by
    name and torch doesn't see it.
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
    """Return whether torch could see a device besides the CPU, without the import, which takes a second and 240 MB.

    On Linux both kinds need a driver: CUDA's library, which WSL and Jetson also have, or ROCm's device file.
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
    """Return how many threads a network may use: OMP_NUM_THREADS, as in torch, or one for each usable core."""
    chosen = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # noqa: TID251 - OpenMP's own variable
    return int(chosen) if chosen.isdecimal() and int(chosen) > 0 else usable_cores()


def resolve_dtype(choice: DtypeChoice, device: Device) -> DtypeName:
    """Return the precision for loading weights. `auto`: bfloat16 on CUDA, float16 on MPS, float32 on a CPU.

    Many CPUs emulate half precision, which is slower than float32.
    """
    if choice != "auto":
        return choice
    return {"cuda": "bfloat16", "mps": "float16", "cpu": "float32"}[device]  # type: ignore[return-value]  # the values are literals


def keep_memory_together() -> None:
    """Configure glibc to reuse free memory among threads with large arrays; call it before they start.

    By default each thread gets its own arenas, each with its own holes, and glibc maps large blocks separately. Here
    there is one arena, no block is separate, and up to 512 MiB stay ready for later use. The memory of many swaps stays
    flat, and fewer pages are faulted in. A separate block of 114 MiB for each look of u2net, beside as much free
    memory, raised the peak by 100 MiB, and took 57,000 page faults a swap.

    Without the last setting, page faults took 0.1 to 0.4 CPU-seconds of a swap to 2048×2048. Two arenas, each keeping
    that much, took up to 0.1 more, and 110 MiB. A limit of 256 MiB is less than a swap frees: the memory went back to
    the system and was requested again.
    """
    if (mallopt := _mallopt()) is not None:
        for parameter, value in ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 512 << 20)):
            mallopt(parameter, value)


def take_memory_ahead() -> None:
    """Touch AHEAD bytes and free them, so that glibc keeps them (`keep_memory_together`). Takes 0.03 CPU-seconds.

    Otherwise the first swaps fault in their pages one by one, 0.1 to 0.25 CPU-seconds each, and fragment the heap more.
    """
    if _mallopt() is not None:
        import numpy as np  # requests huge pages, which take less time

        blocks = [np.empty(_BLOCK, np.uint8) for _ in range(AHEAD // _BLOCK)]
        for block in blocks:
            block[::4096] = 0


def _mallopt() -> Any:
    """Return glibc's `mallopt`; None if there is another allocator."""
    return getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None


def keep_algebra_to_its_caller() -> None:
    """Make NumPy's and SciPy's linear algebra run in the calling thread, for the rest of the process.

    OpenBLAS' threads spin for some hundredths of a second while they wait for each other and for the next call. A
    swap's matrices are small. In parallel with other work, the eigenvectors of 182×182 took 0.27 CPU-seconds with two
    threads and 0.005 with one. A swap took up to 0.4 CPU-seconds more.
    """
    import numpy  # noqa: F401  # only loaded libraries are limited
    import scipy.linalg  # noqa: F401  # has its own OpenBLAS
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


def give_back_device_memory() -> None:
    """Return the free memory of torch's allocator to the device, if it is a CUDA device in use."""
    torch = sys.modules.get("torch")  # without the import there is nothing to free
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


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
