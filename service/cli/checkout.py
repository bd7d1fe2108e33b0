"""`backdrop docs|bench`: the docs site and the benchmarks of a checkout."""

import os
import runpy
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


_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command(context_settings=_PASSED_ON)
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run a benchmark of the repository, for example `backdrop bench swaps --help`."""
    folder = ROOT / "benchmarks"
    # The folders also contain modules that only benchmarks import.
    files = sorted(folder.rglob("*.py"))
    known = {path.stem: path for path in files if '__name__ == "__main__"' in path.read_text("utf-8")}
    if name not in known:
        choices = ", ".join(known) or "none here, because benchmarks are only in the repository"
        raise click.UsageError(f"Name a benchmark: {choices}.")
    sys.argv = [str(known[name].relative_to(folder.parent)), *arguments]
    runpy.run_path(str(known[name]), run_name="__main__")


@click.command("gpu-check", context_settings=_PASSED_ON, hidden=True)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def gpu_check(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run `backdrop bench gpu`, the present name."""
    context.invoke(bench, name="gpu", arguments=arguments)
