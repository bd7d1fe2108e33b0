"""A graph in OpenVINO: compiled for this processor once, then opened from the cached file.

OpenVINO's own cache (CACHE_DIR) takes 166 MiB more memory after it has opened u2net, and 88 MiB more at its first run.
It also accepts a file with a flipped bit.
"""

import contextlib
import hashlib
import io
import logging
import mmap
import shutil
import tempfile
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from models.device import usable_threads

logger = logging.getLogger(__name__)

#: A cached file is the compiled network, and then its SHA-256, of this many bytes.
_SEAL = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Input:
    """An input of a graph; a side of variable length is None."""

    name: str
    shape: list[int | None]


class OpenvinoSession:
    """A `models.sessions.Session` in OpenVINO. Thread-safe: calls take turns, each on all threads of the process.

    Between calls it holds only weights; its other memory is free for images and other networks.
    """

    def __init__(
        self,
        graph: Path,
        *,
        digest: str,
        weights: Path | None = None,
        kept: Sequence[Path] = (),
        bfloat16: bool = False,
    ):
        """Open a graph; parameters as in `models.sessions.open_session`. Raises RuntimeError for an invalid graph."""
        core = _core()
        abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # By default OpenVINO uses bfloat16 for each network if the processor supports it.
        precision = "bf16" if bfloat16 and "BF16" in abilities else "f32"
        #: Library, version, and precision if not float32, for the report's provenance.
        self.library = f"openvino {openvino.__version__.split('-')[0]}{' bf16' * (precision == 'bf16')}"
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": usable_threads(),
            "ENABLE_CPU_PINNING": False,  # it would tie several workers on a machine to the same cores
        }
        processor = (core.get_property("CPU", "FULL_DEVICE_NAME"), sorted(abilities))
        made_of = (digest, openvino.__version__, precision, processor)
        file_name = f"{graph.stem}-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]}.compiled"
        found = _opened(core, file_name, kept, options)
        # `_file` must live as long as the network, which reads some of its weights from it.
        if found is None:
            self._network, self._file = core.compile_model(_read(core, graph, weights), "CPU", options), None
            _keep(self._network, file_name, kept)
        else:
            self._network, self._file = found
        self._inputs = [Input(_name(one), _shape(one)) for one in self._network.inputs]
        self._request = self._network.create_infer_request()
        self._network.release_memory()
        self._turn = threading.Lock()

    def run(self, names: None, given: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return all outputs for the named inputs. Raises RuntimeError."""
        with self._turn:
            results = self._request.infer(given, share_inputs=True, share_outputs=True)
            outputs = [np.array(results[index]) for index in range(len(self._network.outputs))]
            del results
            self._network.release_memory()
        return outputs

    def get_inputs(self) -> list[Input]:
        """Return the inputs."""
        return self._inputs

    def get_providers(self) -> list[str]:
        """Return the providers, by the names of onnxruntime's sessions."""
        return ["OpenVINOExecutionProvider", "CPUExecutionProvider"]


@cache
def _core() -> Any:
    """Return OpenVINO's core, shared by the process, since each core has its own threads and libraries."""
    return openvino.Core()


def _read(core: Any, graph: Path, weights: Path | None) -> Any:
    """Return the model of a graph; OpenVINO needs its weights next to it, as a file and not as a link."""
    if weights is None:
        return core.read_model(graph)
    with tempfile.TemporaryDirectory() as folder:
        for path in (graph, weights):
            shutil.copy(path, folder)
        return core.read_model(Path(folder, graph.name))


def _name(port: Any) -> str:
    # A port has the graph's name and others, such as "slice_1", in no fixed order.
    return str(port.node.get_friendly_name())


def _shape(port: Any) -> list[int | None]:
    return [None if side.is_dynamic else side.get_length() for side in port.get_partial_shape()]


def _opened(core: Any, file_name: str, kept: Sequence[Path], options: dict[str, Any]) -> tuple[Any, mmap.mmap] | None:
    """Return the network and the mapped file cached under a name; None if there is no intact file."""
    for path in (folder / file_name for folder in kept):
        try:
            with path.open("rb") as file:
                # A private copy, since OpenVINO accepts only writable memory; nothing writes to it.
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError):  # missing, or empty
            continue
        end = len(mapped) - _SEAL
        if hashlib.sha256(memoryview(mapped)[:end]).digest() != mapped[end:]:
            logger.warning("%s is damaged, so the network is compiled again", path)
            continue
        tensor = openvino.Tensor(np.frombuffer(mapped, np.uint8, end), shared_memory=True)
        try:
            network = core.import_model(tensor, "CPU", options)
        except RuntimeError as error:  # OpenVINO checks what the file was compiled for
            logger.warning("OpenVINO rejects %s, so the network is compiled again: %s", path, error)
            continue
        if hasattr(mmap, "MADV_DONTNEED"):
            # Data that OpenVINO has rearranged is not read again; the rest is paged in when needed, and shared.
            mapped.madvise(mmap.MADV_DONTNEED)
        return network, mapped
    return None


def _keep(network: Any, file_name: str, kept: Sequence[Path]) -> None:
    """Write a compiled network to the first writable folder."""
    if not kept:
        return
    network.export_model(data := io.BytesIO())
    data.seek(0, io.SEEK_END)  # the export leaves the stream at its start
    data.write(hashlib.sha256(data.getbuffer()).digest())
    for folder in kept:
        new = folder / f".{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(data.getbuffer())
            new.replace(folder / file_name)  # atomic: another worker may start at the same moment
            (folder / file_name).with_suffix(".graph").unlink(missing_ok=True)  # the release before wrote it
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            continue
        return
    logger.warning("no folder is writable for %s, so each start compiles it again", file_name)
