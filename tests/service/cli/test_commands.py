"""The command line as a whole: help, the catalogue, missing settings, and what an import loads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.main import main
from tests.support.command_line import run


def test_every_command_explains_itself() -> None:
    for command in ("", *main.commands):
        result = run(*command.split(), "--help")
        if command != "bench":  # its help is the benchmark's
            assert result.exit_code == 0, command
            assert "Usage:" in result.output


def test_the_catalogue_is_printed_as_the_api_lists_it() -> None:
    listed = json.loads(run("catalog", "--json").output)

    assert set(listed) == {"scene_types", "moods", "output_presets"}
    assert "shopify_product" in {preset["name"] for preset in listed["output_presets"]}
    assert "shopify_product" in run("catalog").output


def test_parts_that_need_a_queue_name_the_setting(tmp_path: Path) -> None:
    for part in ("api", "worker", "sweep"):
        result = run(part, "--home", str(tmp_path))
        assert result.exit_code == 1
        assert "BACKDROP_QUEUE_URL" in result.output


def test_a_command_that_needs_no_setting_runs_with_an_invalid_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_LEASE", "soon")
    assert run("secrets", "new-key").exit_code == 0


HEAVY = ("torch", "diffusers", "transformers", "rembg", "onnxruntime", "numba")
HELP = "from service.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"


@pytest.mark.system
@pytest.mark.parametrize(("program", "also"), [("import service.api.app", ()), (HELP, ("litestar", "sqlalchemy"))])
def test_a_fresh_interpreter_loads_no_network_for_the_api_or_for_help(program: str, also: tuple[str, ...]) -> None:
    program += f"\nimport sys; print([name for name in {HEAVY + also!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip().endswith("[]")


@pytest.mark.system
@pytest.mark.nightly  # the test above has the imports; here numba loads too
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
