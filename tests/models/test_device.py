"""The device and the dtype of the networks, and what an import of the models loads."""

import subprocess
import sys

import pytest

from models.device import DeviceUnavailable, resolve_device, resolve_dtype


def run(code: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a process of its own: what is told to the allocator or to BLAS holds for a whole process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_a_device_that_is_not_there_is_an_error_and_auto_finds_one() -> None:
    import torch

    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceUnavailable, match="cuda"):
            resolve_device("cuda")
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("auto", "cuda") == "bfloat16"
    assert resolve_dtype("float16", "cpu") == "float16"


@pytest.mark.system
def test_importing_the_models_and_asking_for_the_cpu_loads_no_network_library() -> None:
    code = (
        "import models.segmenter, models.hub.generator, models.loading, models.weights, models.device, sys;"
        "import pipeline.swap;"
        "models.device.resolve_device('cpu'); models.device.give_back_device_memory();"
        "print([m for m in ('torch', 'diffusers', 'rembg', 'onnxruntime', 'transformers') if m in sys.modules])"
    )
    done = run(code)
    assert done.stdout.strip() == "[]"


@pytest.mark.system
@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's: another allocator has nothing to set")
def test_threads_share_one_arena_of_memory() -> None:
    code = (
        "import ctypes, threading, models.device as device; device.keep_memory_together();"
        "libc, gate = ctypes.CDLL(None), threading.Barrier(9); libc.malloc.restype = ctypes.c_void_p;"
        "work = lambda: (libc.malloc(1000), gate.wait());"
        "threads = [threading.Thread(target=work) for _ in range(8)]; [one.start() for one in threads]; gate.wait();"
        "libc.malloc_stats()"
    )
    done = run(code)
    assert done.stderr.count("Arena ") == 1


@pytest.mark.system
def test_linear_algebra_computes_in_the_thread_that_calls_it() -> None:
    code = (
        "import models.device as device, threadpoolctl; device.keep_algebra_to_its_caller();"
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'})"
    )
    done = run(code)
    assert done.stdout.strip() == "{1}"


@pytest.mark.system
@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's: another allocator has nothing to set")
def test_memory_that_is_taken_ahead_is_there_for_what_comes_next() -> None:
    code = (
        "import resource, models.device as device; device.keep_memory_together(); device.take_memory_ahead();"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt; before = faults();"
        "blocks = [bytearray(15 << 20) for _ in range(12)]; print(faults() - before)"
    )
    done = run(code)
    # fresh from the system, 180 MiB are 46,080 pages
    assert int(done.stdout) < 1000
