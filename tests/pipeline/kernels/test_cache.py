"""The kernels' cache, each time in new processes, on a copy of the package with two more kernels."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.kernels import cache
from testkit.servers import public_folder

HELPER = "from pipeline.kernels.jit import inlined\n\n@inlined\ndef grown(value):\n    return value + 1\n"
KERNEL = """
from pipeline.kernels.helper import grown
from pipeline.kernels.jit import kernel

@kernel
def total(values):
    sum = 0.0
    for value in values:
        sum += grown(value)
    return sum
"""
OTHER = "from pipeline.kernels.jit import kernel\n\n@kernel\ndef half(value):\n    return value / 2\n"
SCRIPT = """
import json, logging, sys
from pathlib import Path
import numpy as np
logging.basicConfig()
from pipeline.kernels import cache
cache.keep_in(*map(Path, json.loads(sys.argv[1])))
loaded = cache.load_kept()
from pipeline.kernels.other import half
from pipeline.kernels.sums import total
answers = [total(np.arange(3.0)), half(3.0)]
if "mark" in sys.argv:
    cache.mark_complete("complete-1")
print(json.dumps({
    "loaded": loaded, "answers": answers, "compiled": cache.compiled, "complete": cache.is_complete("complete-1"),
    "misses": sum(kernel.stats.cache_misses.total() for kernel in (total, half)),
}))
"""

pytestmark = pytest.mark.system  # each test starts processes


def obey_permissions() -> None:
    """Remove root's permission to write read-only files (capabilities(7): CAP_DAC_OVERRIDE)."""
    if sys.platform == "linux" and os.geteuid() == 0:
        drop_from_bounding_set, dac_override = 24, 1
        ctypes.CDLL(None).prctl(drop_from_bounding_set, dac_override, 0, 0, 0)


@dataclass(frozen=True)
class Room:
    """A copy of the package, in a folder that everybody can read."""

    top: Path

    def write(self, name: str, text: str) -> None:
        (self.top / "pipeline" / "kernels" / f"{name}.py").write_text(text)

    def run(self, *folders: Path, mark: bool = False) -> tuple[dict[str, object], str]:
        """Call both kernels in a new process; return its output and its log."""
        command = [sys.executable, "-c", SCRIPT, json.dumps([str(folder) for folder in folders]), *["mark"] * mark]
        own = {"PYTHONPATH": str(self.top), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
        done = subprocess.run(
            command, capture_output=True, text=True, env=own, cwd=self.top, preexec_fn=obey_permissions, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr


@contextmanager
def new_room() -> Iterator[Room]:
    with public_folder() as folder:
        kernels = folder / "pipeline" / "kernels"
        kernels.mkdir(parents=True)
        (folder / "pipeline" / "__init__.py").touch()
        for name in ("__init__", "cache", "jit"):
            shutil.copy(Path(cache.__file__).with_name(f"{name}.py"), kernels)
        room = Room(folder)
        for name, text in {"helper": HELPER, "sums": KERNEL, "other": OTHER}.items():
            room.write(name, text)
        yield room


@pytest.fixture
def room() -> Iterator[Room]:
    with new_room() as room:
        yield room


@pytest.fixture(scope="module", name="first")
def _first() -> Iterator[tuple[Path, dict[str, object], str]]:
    """The stored machine code of one process, to be copied only; its output and its log."""
    with new_room() as room:
        yield room.top / "kept", *room.run(room.top / "kept")


@pytest.fixture
def warm(room: Room, first: tuple[Path, dict[str, object], str]) -> Room:
    """A copy with stored kernels: a file is named for sources, types and processor, not for the folder."""
    shutil.copytree(first[0], room.top / "kept")
    return room


def test_a_process_loads_the_kernels_that_another_compiled(
    first: tuple[Path, dict[str, object], str], warm: Room
) -> None:
    folder, seen, said = first
    assert (seen["loaded"], seen["misses"], seen["answers"]) == (0, 2, [6.0, 1.5])
    assert said.count("compiling kernels for") == 1
    assert str(folder) in said
    seen, said = warm.run(warm.top / "kept")
    assert (seen["loaded"], seen["misses"], seen["answers"], said) == (2, 0, [6.0, 1.5], "")


def test_a_changed_helper_and_a_truncated_file_are_recompiled_and_the_mark_of_completeness_drops_the_old(
    warm: Room,
) -> None:
    warm.write("helper", HELPER.replace("+ 1", "+ 2"))
    seen, _ = warm.run(warm.top / "kept")
    assert (seen["compiled"], seen["answers"], seen["complete"]) == (["sums.total"], [9.0, 1.5], False)
    assert len(list((warm.top / "kept").rglob("*.kernel"))) == 3
    for path in (warm.top / "kept").rglob("other.half*"):
        path.write_bytes(path.read_bytes()[:1000])
    seen, _ = warm.run(warm.top / "kept", mark=True)
    assert (seen["compiled"], seen["complete"]) == (["other.half"], True)
    assert len(list((warm.top / "kept").rglob("*.kernel"))) == 2


def test_a_new_kernel_can_call_one_that_was_loaded(warm: Room) -> None:
    call = "    return total(np.array([value])) / 2\n"
    head = "import numpy as np\nfrom pipeline.kernels.jit import kernel\nfrom pipeline.kernels.sums import total\n\n"
    warm.write("other", f"{head}@kernel\ndef half(value):\n{call}")
    seen, _ = warm.run(warm.top / "kept")
    assert (seen["compiled"], seen["answers"]) == (["other.half"], [6.0, 2.0])


def test_a_read_only_folder_is_loaded_from_and_missing_kernels_go_into_the_next(warm: Room) -> None:
    read_only = [warm.top / "kept", *(warm.top / "kept").iterdir()]
    for folder in read_only:
        folder.chmod(0o555)
    warm.write("other", OTHER.replace("/ 2", "/ 4"))
    seen, said = warm.run(warm.top / "kept", warm.top / "own")
    assert (seen["loaded"], seen["compiled"]) == (1, ["other.half"])
    assert str(warm.top / "own") in said
    assert warm.run(warm.top / "kept", warm.top / "own")[0]["misses"] == 0
    for folder in read_only:
        folder.chmod(0o755)


def test_without_a_writable_folder_a_process_compiles_and_logs_it(room: Room) -> None:
    nowhere = room.top / "file" / "kept"
    nowhere.parent.touch()
    seen, said = room.run(nowhere)
    assert (seen["misses"], seen["answers"]) == (2, [6.0, 1.5])
    assert "no folder is writable" in said
