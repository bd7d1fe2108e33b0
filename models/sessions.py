"""onnxruntime's sessions in one process: their threads, where their memory is from, and where they run."""

from typing import Any

from models.device import Device, usable_threads

PROVIDERS: dict[Device, list[str]] = {
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    # onnxruntime has no MPS; u2net takes 1.2 s of CPU time a look, u2netp .5 s.
    "mps": ["CPUExecutionProvider"],
    "cpu": ["CPUExecutionProvider"],
}


def execution_providers(device: Device) -> list[str]:
    """Return the providers for a device that this build of onnxruntime has, and load CUDA's libraries where it is one.

    onnxruntime looks for CUDA and cuDNN only where the loader does; they are in torch's own wheels.
    """
    import onnxruntime

    if device == "cuda":
        onnxruntime.preload_dlls()  # does nothing in the CPU's build
    return [name for name in PROVIDERS[device] if name in onnxruntime.get_available_providers()]


def session_device(session: Any) -> Device:
    """Return where a session runs: onnxruntime falls back to the CPU where CUDA can't be used, and raises nothing."""
    return "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"


def why_not_cuda() -> str:
    """Return why sessions that asked for CUDA run on the CPU, and what to do about it."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            f"onnxruntime {onnxruntime.__version__} is the CPU's build. Replace it by onnxruntime-gpu, as"
            " ./scripts/setup does on a machine with an NVIDIA driver"
        )
    return (
        f"onnxruntime-gpu {onnxruntime.__version__} can't use CUDA {onnxruntime.cuda_version} here. Install the"
        " library or driver that its error in the log names"
    )


def session_options(threads: int = 0) -> Any:
    """Return onnxruntime's options for one session of a process; 0: as many threads as it may use.

    Without an arena of onnxruntime's own, what a network has done with is there for the pictures and for the other
    networks (`models.device.keep_memory_together`): 20 swaps in one process took 0.3 GB less than with one arena for
    all sessions, in the same time. Threads that don't spin while they wait leave the cores to the pixels' work.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    # Given outright: what onnxruntime chooses by itself it also ties to cores, and several workers to the same ones.
    options.intra_op_num_threads = options.inter_op_num_threads = threads or usable_threads()
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
