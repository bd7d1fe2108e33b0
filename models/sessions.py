"""Opens all ONNX graphs: in OpenVINO on an x86-64 CPU, else in onnxruntime."""

import hashlib
import importlib.util
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from models.device import Device, DeviceUnavailable, usable_threads

#: "auto": OpenVINO if installed on an x86-64 CPU, else onnxruntime. "openvino": OpenVINO in float32.
#: "openvino-bf16": OpenVINO, with u2net in bfloat16 if the processor computes in it; "auto" means the same there.
#: "torch": like "auto", but networks that also exist in torch run in torch.
CpuRuntime = Literal["auto", "openvino", "openvino-bf16", "onnxruntime", "torch"]
PROVIDERS: dict[Device, list[str]] = {
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    "mps": ["CPUExecutionProvider"],  # onnxruntime has no MPS
    "cpu": ["CPUExecutionProvider"],
}


class Session(Protocol):
    """The interface of an opened graph: the part of `onnxruntime.InferenceSession` that rembg and Backdrop use."""

    def run(self, names: None, given: dict[str, Any]) -> list[Any]:
        """Return all outputs for the named inputs."""

    def get_inputs(self) -> Sequence[Any]:
        """Return the inputs; each has `name` and `shape`, in which a side of variable length is not an int."""

    def get_providers(self) -> list[str]:
        """Return the execution providers, by onnxruntime's names."""


@dataclass(frozen=True)
class Runtime:
    """The library that runs graphs on a CPU, and its cache: the settings' choice for `open_session`."""

    choice: CpuRuntime = "auto"
    #: Folders for compiled graphs. All are searched; new ones are saved in the first writable folder.
    kept: tuple[Path, ...] = ()

    @property
    def library(self) -> Literal["openvino", "onnxruntime"]:
        """The library that runs graphs on a CPU here. Raises DeviceUnavailable if it is chosen but not installed."""
        if self.choice == "onnxruntime":
            return "onnxruntime"
        installed = importlib.util.find_spec("openvino") is not None
        if self.choice.startswith("openvino"):
            if not installed:
                raise DeviceUnavailable(
                    f"BACKDROP_CPU_RUNTIME is {self.choice}, but OpenVINO is not installed. Install the package"
                    " openvino, or set BACKDROP_CPU_RUNTIME to auto or onnxruntime."
                )
            return "openvino"
        # OpenVINO also runs on ARM, where it was not measured.
        return "openvino" if installed and platform.machine().lower() in {"x86_64", "amd64"} else "onnxruntime"


#: No setting, no folder: for scripts and tests.
PLAIN = Runtime()


def open_session(
    graph: Path,
    runtime: Runtime = PLAIN,
    *,
    device: Device = "cpu",
    weights: Path | None = None,
    digest: str | None = None,
    bfloat16: bool = False,
) -> Session:
    """Open a graph.

    `weights` is the one file that the graph refers to, if it is in another folder. `digest` is the SHA-256 of the
    graph, if known. `bfloat16`: the network may run in that precision, unless the operator chose float32. Raises
    DeviceUnavailable, and the library's error for an invalid file.
    """
    if device != "cuda" and runtime.library == "openvino":
        from models.openvino_session import OpenvinoSession

        name = digest or hashlib.sha256(graph.read_bytes()).hexdigest()
        half = bfloat16 and runtime.choice != "openvino"
        return OpenvinoSession(graph, weights=weights, digest=name, kept=runtime.kept, bfloat16=half)
    return _in_onnxruntime(graph, weights, device)


def library_of(session: Session) -> str:
    """Return the library of a session, for the report's provenance: name, version, and precision if not float32."""
    import onnxruntime

    own: str | None = getattr(session, "library", None)
    return own or f"onnxruntime {onnxruntime.__version__}"


def session_device(session: Session) -> Device:
    """Return the device of a session: onnxruntime silently falls back to the CPU if CUDA can't be used."""
    return "cuda" if "CUDAExecutionProvider" in session.get_providers() else "cpu"


def why_not_cuda() -> str:
    """Return why sessions that requested CUDA run on the CPU, and the remedy, without a full stop."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            f"onnxruntime {onnxruntime.__version__} is the CPU build. Replace it by onnxruntime-gpu, as"
            " ./scripts/setup does on a machine with an NVIDIA driver"
        )
    return (
        f"onnxruntime-gpu {onnxruntime.__version__} can't use CUDA {onnxruntime.cuda_version} here. Install the"
        " library or driver that its error in the log names"
    )


def session_options(threads: int = 0) -> Any:
    """Return onnxruntime's options for one session of a process; 0 uses as many threads as allowed.

    Without onnxruntime's own arena, memory that a network frees is available for images and other networks
    (`models.device.keep_memory_together`). 20 swaps in one process took 0.3 GB less than with one arena for all
    sessions, in the same time. Threads that don't spin while they wait leave the cores to work on pixels.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    # Set explicitly: onnxruntime's default number also pins threads, several workers' to the same cores.
    options.intra_op_num_threads = options.inter_op_num_threads = threads or usable_threads()
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _in_onnxruntime(graph: Path, weights: Path | None, device: Device) -> Session:
    import onnxruntime

    if device == "cuda":
        # By itself it searches for CUDA and cuDNN only where the loader does; they are in torch's own wheels.
        onnxruntime.preload_dlls()  # does nothing in the CPU build
    providers = [name for name in PROVIDERS[device] if name in onnxruntime.get_available_providers()]
    options, source = session_options(), graph if weights is None else graph.read_bytes()
    if weights is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights.parent))
    session: Session = onnxruntime.InferenceSession(source, options, providers=providers)
    return session
