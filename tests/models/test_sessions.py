"""The options of onnxruntime's sessions."""

import os

import pytest

from models.sessions import session_options


def test_sessions_keep_no_memory_of_their_own_and_do_not_spin() -> None:
    options = session_options()
    assert not options.enable_cpu_mem_arena
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_mem_pattern
    assert session_options(threads=3).intra_op_num_threads == 3


@pytest.mark.parametrize(("told", "threads"), [("1", 1), ("3,1", 3), ("", None), ("0", None), ("many", None)])
def test_a_session_takes_as_many_threads_as_openmp_is_told_or_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, told: str, threads: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert session_options().intra_op_num_threads == (threads or cores)
