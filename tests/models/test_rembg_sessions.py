"""Backdrop's sessions of rembg against rembg's own on the same weights."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from models.rembg_sessions import session_of
from models.sessions import CpuRuntime, Runtime, library_of, open_session
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
def test_rembg_sees_a_mask_with_this_session_as_with_its_own(
    name: str, choice: CpuRuntime, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = session_of(name, open_session(fetch(CARDS[name], FOLDER), Runtime(choice), bfloat16=True))
    monkeypatch.setenv("U2NET_HOME", str(FOLDER))
    theirs = type(ours)(name, None, providers=["CPUExecutionProvider"])

    one, other = (np.asarray(session.predict(photo)[0]) for session in (ours, theirs))

    # In codes of 255. In onnxruntime both are the same network; bfloat16 differs at edges only.
    library = library_of(ours.inner_session)
    difference = np.abs(one.astype(int) - other)
    if library.endswith("bf16"):
        assert difference.mean() < 1
        assert (difference > 8).mean() < 0.01
    else:
        assert difference.max() <= (1 if library.startswith("openvino") else 0)


@pytest.mark.parametrize("name", [card.name for card in CARDS.values() if card.side and not card.description])
def test_a_networks_address_checksum_and_side_are_those_in_rembgs_source(name: str) -> None:
    card, kind = CARDS[name], type(session_of(name, open_session(fetch(CARDS["u2netp"], FOLDER))))
    source = inspect.getsource(inspect.getmodule(kind.predict)) + inspect.getsource(kind)  # type: ignore[arg-type]
    assert f"({card.side}, {card.side})" in source
    if card.url is not None:
        assert f'"{card.url}"' in source
        assert f'"{card.checksum}"' in source


@pytest.mark.system
def test_rembgs_sessions_are_imported_without_its_matting() -> None:
    code = (
        "import sys; from models.rembg_sessions import _kinds; _kinds();"
        "print([name for name in sys.modules if name == 'rembg' or name.startswith('pymatting')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
