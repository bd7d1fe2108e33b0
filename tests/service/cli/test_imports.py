"""What a process loads: the API's must start fast and fit beside a GPU worker without one."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "diffusers", "transformers", "rembg", "onnxruntime")


@pytest.mark.system
def test_a_fresh_interpreter_that_imports_the_api_loads_no_network() -> None:
    program = f"import sys, service.api.app; print([name for name in {HEAVY!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


@pytest.mark.system
def test_help_does_not_wait_for_a_network() -> None:
    program = (
        "import sys\nfrom service.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} + ('litestar', 'sqlalchemy') if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip().endswith("[]")
