"""The device and the dtype of the networks, and the libraries that an import of the models loads."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.device import Device, DeviceUnavailable, resolve_device, resolve_dtype
from models.graphs import GraphGenerator
from models.hub.generator import DiffusersGenerator
from models.loading import GeneratorChoice, load_generator, load_networks
from service.settings import Settings

#: For tests of the allocator: `mallopt` changes glibc alone.
on_glibc = pytest.mark.skipif(
    sys.platform != "linux", reason="mallopt is glibc's: another allocator has nothing to set"
)


def run(code: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a process of its own: settings of the allocator and of BLAS apply to a whole process."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_a_missing_device_is_an_error_and_auto_finds_a_device() -> None:
    import torch

    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceUnavailable, match="cuda"):
            resolve_device("cuda")
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("auto", "cuda") == "bfloat16"
    assert resolve_dtype("float16", "cpu") == "float16"


def load(**changes: Any) -> dict[str, str]:
    """The versions of the shipped networks, the small segmenter among them."""
    settings = Settings()
    choice = GeneratorChoice(settings.generator)
    return dict(load_networks(choice, weights=settings.weights, segmenter="u2netp", **changes).versions)


@pytest.fixture
def cuda_in_torch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose torch sees a GPU and whose onnxruntime can't use it; generators run on the CPU here."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("Where there is a GPU the segmenter may run on it: nothing falls back.")

    def paint_here(choice: GeneratorChoice, *, device: Device, **asked: Any) -> DiffusersGenerator | GraphGenerator:
        assert device == "cuda"
        return load_generator(choice, device="cpu", **asked)

    monkeypatch.setattr("models.device._may_have_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("models.loading.load_generator", paint_here)


@pytest.mark.usefixtures("cuda_in_torch_alone")
def test_a_segmenter_without_cuda_falls_back_to_the_cpu_with_one_warning_and_is_refused_where_cuda_is_set(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        versions = load()

    assert (versions["segmenter_device"], versions["generator_device"].split()[0]) == ("cpu", "cuda")
    assert versions["device_warning"].startswith("The segmenter runs on the CPU: onnxruntime")
    assert "onnxruntime-gpu" in versions["device_warning"]
    assert [record.message for record in caplog.records] == [versions["device_warning"]]

    with pytest.raises(
        DeviceUnavailable, match=r"BACKDROP_DEVICE is cuda, but onnxruntime.*onnxruntime-gpu.*auto or cpu"
    ):
        load(device="cuda")


def test_a_gpu_that_torch_cannot_use_is_a_warning_unless_the_cpu_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.device._may_have_gpu", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("models.loading.driver_sees_gpu", lambda: True)

    assert load()["device_warning"].startswith("All networks run on the CPU: torch")
    assert "device_warning" not in load(device="cpu")

    monkeypatch.setattr("models.loading.driver_sees_gpu", lambda: False)
    assert "device_warning" not in load()


@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="makes a driver of its own, with a compiler"
)
@pytest.mark.parametrize("count", [0, 1])
def test_the_driver_reports_whether_there_is_a_gpu(tmp_path: Path, count: int) -> None:
    source = tmp_path / "driver.c"
    source.write_text(
        f"int cuInit(unsigned f) {{ return 0; }}\nint cuDeviceGetCount(int *n) {{ *n = {count}; return 0; }}\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", source], check=True)
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}  # noqa: TID251  # the child's environment

    code = "from models.device import driver_sees_gpu; print(driver_sees_gpu())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(count > 0)


@pytest.mark.system
def test_importing_the_models_and_setting_the_cpu_loads_no_network_library() -> None:
    code = (
        "import models.segmenter, models.hub.generator, models.loading, models.weights, models.device, sys;"
        "import pipeline.swap;"
        "models.device.resolve_device('cpu'); models.device.give_back_device_memory();"
        "print([m for m in ('torch', 'diffusers', 'rembg', 'onnxruntime', 'transformers') if m in sys.modules])"
    )
    done = run(code)
    assert done.stdout.strip() == "[]"


@pytest.mark.system
@on_glibc
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
@on_glibc
def test_large_blocks_come_from_the_arena_too() -> None:
    code = (
        "import ctypes, models.device as device; device.keep_memory_together(); libc = ctypes.CDLL(None);"
        "libc.malloc(64 << 20); libc.malloc_stats()"
    )
    done = run(code)
    assert int(done.stderr.split("max mmap bytes")[1].split()[1]) < 64 << 20


@pytest.mark.system
def test_linear_algebra_computes_in_the_calling_thread() -> None:
    code = (
        "import models.device as device, threadpoolctl; device.keep_algebra_to_its_caller();"
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info() if pool['user_api'] == 'blas'})"
    )
    done = run(code)
    assert done.stdout.strip() == "{1}"


@pytest.mark.system
@on_glibc
def test_preallocated_memory_is_used_by_later_allocations() -> None:
    code = (
        "import resource, models.device as device; device.keep_memory_together(); device.take_memory_ahead();"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt; before = faults();"
        "blocks = [bytearray(15 << 20) for _ in range(12)]; print(faults() - before)"
    )
    done = run(code)
    # new from the system, 180 MiB are 46,080 pages
    assert int(done.stdout) < 1000
