"""What a process loads: the API's must start fast and fit beside a GPU worker without one."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "rembg", "onnxruntime")
HELP = "from service.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"


@pytest.mark.system
@pytest.mark.parametrize(("program", "also"), [("import service.api.app", ()), (HELP, ("litestar", "sqlalchemy"))])
def test_a_fresh_interpreter_loads_no_network_for_the_api_or_for_help(program: str, also: tuple[str, ...]) -> None:
    program += f"\nimport sys; print([name for name in {HEAVY + also!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip().endswith("[]")
