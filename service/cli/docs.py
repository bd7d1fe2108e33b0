"""`backdrop docs`: builds and serves the docs site of a checkout."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8100, show_default=True, help="Port; 0 takes a free port."
)
@click.option(
    "--build",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the site into this folder and serve nothing.",
)
def docs(port: int, folder: Path | None) -> None:
    """Build the docs site and serve it on localhost, until Ctrl-C."""
    if not (ROOT / "scripts" / "docs").is_dir():
        raise click.ClickException("The docs site is built from a checkout. Run this command in a clone of Backdrop.")
    if find_spec("zensical") is None:
        raise click.ClickException("Zensical is not installed. Install it: `pip install '.[docs]'` in the checkout.")
    command = [sys.executable, "-m", "scripts.docs", "--port", str(port)]
    if folder is not None:
        command += ["--build", str(folder.absolute())]
    # Another program takes over this process: what ships imports no script, and signals reach the server.
    os.chdir(ROOT)
    os.execv(command[0], command)  # noqa: S606  # no shell is needed
