"""The device and the dtype of the networks, and what an import of the models loads."""

import subprocess
import sys

import pytest

from models.device import DeviceUnavailable, resolve_device, resolve_dtype


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
        "import models.segmenter, models.generator, models.loading, models.weights, models.device, pipeline.swap, sys;"
        "models.device.resolve_device('cpu'); models.device.give_back_device_memory();"
        "print([m for m in ('torch', 'diffusers', 'rembg', 'onnxruntime', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
