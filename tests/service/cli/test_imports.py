"""Imports of a process: the API's must start fast and leave memory for a GPU worker on the same machine."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "rembg", "onnxruntime", "numba")
HELP = "from service.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"


@pytest.mark.system
@pytest.mark.parametrize(("program", "also"), [("import service.api.app", ()), (HELP, ("litestar", "sqlalchemy"))])
def test_a_fresh_interpreter_loads_no_network_for_the_api_or_for_help(program: str, also: tuple[str, ...]) -> None:
    program += f"\nimport sys; print([name for name in {HEAVY + also!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip().endswith("[]")


@pytest.mark.system
def test_the_api_assigns_colours_to_surfaces_without_the_kernels() -> None:
    program = """
import service.api.app, sys
from pipeline.core.spec import Spec
from pipeline.scene.surfaces import painted
from service.catalogue.catalogue import load_catalogue
catalogue = load_catalogue()
scene, mood, preset = catalogue.scene("neon"), catalogue.mood("calm"), catalogue.preset("shopify_product")
spec = Spec(scene, mood, ("#12122a", "#ff3d81"), preset, 0)
without = painted(spec)
assert "numba" not in sys.modules
import numba
assert painted(spec) == without
"""

    subprocess.run([sys.executable, "-c", program], check=True)
