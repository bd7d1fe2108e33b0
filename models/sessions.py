"""onnxruntime's sessions in one process: their threads, the memory that they share, and where they run."""

import threading
from typing import Any

from models.device import Device, usable_threads

PROVIDERS: dict[Device, list[str]] = {
    "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"],
    # onnxruntime has no MPS; u2net takes 1.2 s of CPU time a look, u2netp .5 s.
    "mps": ["CPUExecutionProvider"],
    "cpu": ["CPUExecutionProvider"],
}

_preparing, _prepared = threading.Lock(), threading.Event()


def session_options(threads: int = 0) -> Any:
    """Return onnxruntime's options for one session of a process; 0: as many threads as it may use.

    Measured on a CPU with u2net and u2netp in one process: with one arena of memory for both and no plan for its
    blocks (which keeps the most that a run ever needed, twice) they take 0.6 GB instead of 1.4 GB and the same time;
    threads that don't spin while they wait leave the cores to the pixels' work.
    """
    import onnxruntime

    with _preparing:  # sessions are opened in several threads
        if not _prepared.is_set():
            _prepare()
            _prepared.set()
    options = onnxruntime.SessionOptions()
    # Given outright: what onnxruntime chooses by itself it also ties to cores, and several workers to the same ones.
    options.intra_op_num_threads = options.inter_op_num_threads = threads or usable_threads()
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _prepare() -> None:
    """Register the CPU arena that all sessions of the process take their memory from, and keep onnxruntime quiet."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # Grown by what is asked for, not by powers of two.
    settings = {
        "arena_extend_strategy": 1,
        "max_mem": 0,
        "initial_chunk_size_bytes": -1,
        "max_dead_bytes_per_chunk": -1,
    }
    onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(settings))
