"""Backdrop's sessions of rembg against rembg's own on the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.device import use_weights_directory
from models.rembg_sessions import OnRuntime, with_our_sessions
from models.sessions import CpuRuntime, Runtime, library_of
from models.weights import CARDS, fetch
from service.settings import Settings
from tests.lanes import in_openvino
from tests.support.still_life import still_life

FOLDER = Settings().weights


@pytest.fixture(scope="module", name="photo")
def _photo() -> Image.Image:
    return Image.fromarray((still_life()[0] * 255).astype(np.uint8))


@pytest.mark.parametrize("name", ["u2net", "u2netp"])
@pytest.mark.parametrize("choice", ["auto", pytest.param("openvino-bf16", marks=in_openvino), "onnxruntime"])
def test_rembg_removes_a_background_with_this_session_as_with_its_own(
    name: str, choice: CpuRuntime, photo: Image.Image
) -> None:
    fetch(CARDS[name], FOLDER)
    use_weights_directory(FOLDER)
    rembg = with_our_sessions()
    ours = rembg.new_session(name, runtime=Runtime(choice), bfloat16=True)
    theirs = type(ours).__mro__[2](name, None, providers=["CPUExecutionProvider"])
    assert isinstance(ours, OnRuntime)
    assert not isinstance(theirs, OnRuntime)
    assert type(theirs).__module__.startswith("rembg.sessions.")

    one, other = (np.asarray(rembg.remove(photo, session=session)) for session in (ours, theirs))

    # In codes of 255. In onnxruntime both are the same network; bfloat16 differs at edges only.
    library = library_of(ours.inner_session)
    difference = np.abs(one.astype(int) - other)
    if library.endswith("bf16"):
        assert difference.mean() < 1
        assert (difference[..., 3] > 8).mean() < 0.01
    else:
        assert difference.max() <= (1 if library.startswith("openvino") else 0)


def test_each_session_of_rembg_that_opens_one_graph_is_replaced_once() -> None:
    rembg = with_our_sessions()
    again = with_our_sessions()
    ours = {kind.name(): kind for kind in again.sessions.sessions_class if issubclass(kind, OnRuntime)}
    assert rembg is again
    assert {"u2net", "u2netp", "silueta", "isnet-general-use", "birefnet-general"} <= ours.keys()
    assert all(kind.__mro__.count(OnRuntime) == 1 for kind in ours.values())
    assert {name: again.sessions.sessions[name] for name in ours} == ours


def imports_rembg(then: str, **environment: str) -> list[str]:
    """Return the output of a new interpreter that imports rembg as a worker does, and then runs this code."""
    code = (
        "import sys; import numpy as np; from models.rembg_sessions import with_our_sessions;"
        "rembg = with_our_sessions(); import rembg.bg;"
        f"print([m for m in sys.modules if m.startswith('pymatting')]); {then}"
    )
    own = {**os.environ, **environment}  # noqa: TID251  # a child's environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own)
    return done.stdout.splitlines()


STACKED = "print(rembg.bg.stack_images(np.ones((2, 2, 3)), np.zeros((2, 2))).shape); print('pymatting' in sys.modules)"


@pytest.mark.system
def test_rembg_is_imported_without_its_matting_which_is_imported_when_called(tmp_path: Path) -> None:
    package = tmp_path / "pymatting" / "util"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "util.py").write_text("def stack_images(*images): return images[1]")
    assert imports_rembg(STACKED, PYTHONPATH=str(tmp_path)) == ["[]", "(2, 2)", "True"]


@pytest.mark.nightly  # the same with pymatting itself, which takes a minute to compile
def test_rembgs_own_matting_still_works() -> None:
    assert imports_rembg(STACKED) == ["[]", "(2, 2, 4)", "True"]
