"""Opening graphs: the library, its cache, and its threads."""

import os
import platform
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from models.device import DeviceUnavailable
from models.graphs import LIGHT, VIEWPOINT, graph_file
from models.sessions import PLAIN, Runtime, Session, library_of, open_session, session_options
from models.weights import CARDS, fetch
from service.settings import RENDERER_CHECKPOINT, VIEWPOINT_CHECKPOINT, Settings
from testkit.polling import at_once
from tests.lanes import in_openvino
from tests.models.onnx_graphs import mean_of_channels

PICTURE = {"picture": np.arange(3 * 4 * 6, dtype=np.float32).reshape(1, 3, 4, 6)}


@pytest.fixture(name="graph")
def _graph(tmp_path: Path) -> Path:
    path = tmp_path / "mean.onnx"
    path.write_bytes(mean_of_channels(4, 6))
    return path


def mean(session: Session) -> np.ndarray:
    (answer,) = session.run(None, PICTURE)
    return np.asarray(answer)


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "riscv64"])
def test_on_other_processors_than_x86_graphs_run_in_onnxruntime(
    graph: Path, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)

    session = open_session(graph)

    assert library_of(session).startswith("onnxruntime ")
    assert np.array_equal(mean(session), PICTURE["picture"].mean(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("system", "machine", "installed"),
    [
        ("linux", "x86_64", True),
        ("win32", "AMD64", True),
        ("linux", "aarch64", False),
        ("darwin", "arm64", False),
        ("darwin", "x86_64", False),
    ],
)
def test_openvino_is_installed_where_it_runs_the_graphs(system: str, machine: str, installed: bool) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    (needed,) = (one for one in map(Requirement, project["optional-dependencies"]["cpu"]) if one.name == "openvino")
    assert needed.marker is not None
    assert needed.marker.evaluate({"sys_platform": system, "platform_machine": machine}) is installed


@in_openvino
def test_on_x86_graphs_run_in_openvino_unless_the_operator_chooses_otherwise(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    said = [library_of(open_session(graph, Runtime(choice))).split()[0] for choice in ("auto", "torch", "openvino")]
    assert said == ["openvino"] * 3
    assert library_of(open_session(graph, Runtime("onnxruntime"))).startswith("onnxruntime ")
    assert np.array_equal(mean(open_session(graph)), mean(open_session(graph, Runtime("onnxruntime"))))


def test_a_missing_openvino_that_was_chosen_is_named_with_a_remedy(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert library_of(open_session(graph)).startswith("onnxruntime ")
    with pytest.raises(DeviceUnavailable, match=r"BACKDROP_CPU_RUNTIME is openvino.*Install the package openvino"):
        open_session(graph, Runtime("openvino"))


@in_openvino
def test_a_compiled_graph_is_stored_and_opened_from_there(tmp_path: Path) -> None:
    graph, kept = graph_file(RENDERER_CHECKPOINT, LIGHT), tmp_path / "deep" / "kept"
    first = open_session(graph, Runtime(kept=(kept,)))
    (file,) = kept.iterdir()
    written = file.stat().st_mtime_ns
    second = open_session(graph, Runtime(kept=(kept,)))

    assert [path.stat().st_mtime_ns for path in kept.iterdir()] == [written]
    assert [one.name for one in first.get_inputs()] == [one.name for one in second.get_inputs()]
    plain = open_session(graph, Runtime("onnxruntime"))
    assert {one.name for one in second.get_inputs()} == {one.name for one in plain.get_inputs()}


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def turned(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@in_openvino
@pytest.mark.parametrize("damage", [cut, turned, lambda data: b""], ids=["cut", "one bit", "empty"])
def test_a_damaged_stored_graph_is_compiled_again(
    graph: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    runtime = Runtime(kept=(tmp_path / "kept",))
    before = mean(open_session(graph, runtime))
    (file,) = runtime.kept[0].iterdir()
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)

    assert np.array_equal(mean(open_session(graph, runtime)), before)
    stored = file.read_bytes()  # its length varies with the numbers in the names of OpenVINO's nodes
    assert stored != damaged
    open_session(graph, runtime)
    assert file.read_bytes() == stored, "it was opened, not compiled"


@in_openvino
def test_another_graph_of_the_same_name_is_not_used_for_it(graph: Path, tmp_path: Path) -> None:
    runtime = Runtime(kept=(tmp_path / "kept",))
    open_session(graph, runtime)
    graph.write_bytes(mean_of_channels(2, 6))

    assert list(open_session(graph, runtime).get_inputs()[0].shape) == [1, 3, 2, 6]
    assert len(list(runtime.kept[0].iterdir())) == 2


@in_openvino
def test_where_no_folder_is_writable_the_graph_still_runs(
    graph: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    session = open_session(graph, Runtime(kept=(tmp_path / "file", tmp_path / "file" / "below")))
    assert np.array_equal(mean(session), PICTURE["picture"].mean(axis=1, keepdims=True))
    assert "each start compiles it again" in caplog.text


@in_openvino
def test_weights_in_another_folder_than_the_graph_are_found(tmp_path: Path) -> None:
    card = CARDS["efficientnet_lite0"]
    weights = fetch(card, Settings().weights)
    graph = next(VIEWPOINT_CHECKPOINT.glob(f"{VIEWPOINT}-*.onnx"))
    views = {"views": np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)}
    runtimes = (PLAIN, Runtime(kept=(tmp_path,)), Runtime(kept=(tmp_path,)), Runtime("onnxruntime"))
    answers = [open_session(graph, runtime, weights=weights).run(None, views) for runtime in runtimes]
    for found in answers[:3]:
        for one, other in zip(found, answers[3], strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)


@in_openvino
def test_simultaneous_calls_from_many_threads_get_their_own_answers(graph: Path) -> None:
    session, wrong = open_session(graph), []

    def ask(value: int) -> None:
        for _ in range(50):
            (answer,) = session.run(None, {"picture": np.full((1, 3, 4, 6), value, np.float32)})
            if not (answer == value).all():
                wrong.append(value)

    at_once(*(partial(ask, value) for value in range(4)))
    assert not wrong


@in_openvino
@pytest.mark.system
def test_no_graph_accesses_the_network(graph: Path) -> None:
    code = (
        "import sys;"
        "sys.addaudithook(lambda event, _: event.startswith('socket.') and sys.exit(event));"
        "from pathlib import Path; from models.sessions import open_session, library_of;"
        f"print(library_of(open_session(Path({str(graph)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("openvino ")


def test_sessions_of_onnxruntime_keep_no_memory_of_their_own_and_do_not_spin() -> None:
    options = session_options()
    assert not options.enable_cpu_mem_arena
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_mem_pattern
    assert session_options(threads=3).intra_op_num_threads == 3


@pytest.mark.parametrize(("setting", "threads"), [("1", 1), ("3,1", 3), ("", None), ("0", None), ("many", None)])
def test_a_session_takes_as_many_threads_as_openmp_is_set_to_or_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, setting: str, threads: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert session_options().intra_op_num_threads == (threads or cores)
