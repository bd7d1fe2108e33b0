"""The command line: `backdrop up|api|worker|sweep|swap|cutout|batch|catalog|jobs|renders|brands|clients|ledger|…`.

Each command imports its modules when it runs, so that `backdrop --help` does not wait for torch.
"""

import json
import logging
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import click

from service.cli.batch import batch
from service.cli.clients import clients, secrets
from service.cli.cutout import cutout
from service.cli.docs import docs
from service.cli.ledger import ledger
from service.cli.models import models
from service.cli.operations import acceptance, ops
from service.cli.options import catalogue_needed, home_option, settings_from
from service.cli.parts import PARTS
from service.cli.remote_commands import brands, jobs, renders
from service.cli.swap import swap
from service.cli.webhooks import WEBHOOK_COMMANDS, webhooks


class Commands(click.Group):
    """The group of all commands. Without --debug none of them ends in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An error prints a line on standard error and exits with status 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            from service.telemetry.logs import explained

            unknown = f"{type(error).__name__}: {error}. Run `backdrop --debug …` for the traceback."
            raise click.ClickException(explained(error) or unknown) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, envvar="BACKDROP_DEBUG", help="Show the traceback of an error.")
@click.version_option(package_name="backdrop")
def main(debug: bool) -> None:
    """Backdrop replaces the background of product photos."""
    if debug:
        logging.basicConfig(level=logging.DEBUG)


@main.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API. 0 takes a free port.")
@click.option("--host", help="Address that the API listens on.")
def up(home: Path | None, port: int | None, host: str | None) -> None:
    """Run the whole service on this machine. Starts Valkey, API, worker and sweep, and stops them on Ctrl-C."""
    from service.supervisor.up import run_all
    from service.telemetry.logs import configure_logs

    settings = settings_from(home=home, port=port, host=host)
    configure_logs(settings)
    catalogue_needed(settings)
    click.echo(f"starting in {settings.home} (logs in {settings.home / 'logs'}) …", err=True)
    sys.exit(run_all(settings, on_ready=lambda address: click.echo(f"ready {address}")))


@main.command()
@home_option
def migrate(home: Path | None) -> None:
    """Update the database to the newest schema. Prints the migrations that ran."""
    from service.database.engine import create_engine
    from service.database.schema import migrate as bring_up_to_date

    engine = create_engine(settings_from(home=home).sqlalchemy_url)
    click.get_current_context().call_on_close(engine.dispose)
    for one in bring_up_to_date(engine):
        click.echo(f"applied {one.version}: {one.about}")
    click.echo("The database is up to date.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the catalogue as JSON, as the API returns it.")
@click.option(
    "--check",
    "folder",
    type=click.Path(path_type=Path),
    help="Check a folder for BACKDROP_CATALOGUE instead, and print all its faults. Status 78 means faulty.",
)
def catalog(as_json: bool, folder: Path | None) -> None:
    """List scene types, moods and output presets."""
    from rich.console import Console
    from rich.table import Table

    from service.catalogue.catalogue import load_catalogue
    from service.catalogue.toml_records import CatalogueInvalid

    if folder is not None:
        try:
            click.echo(f"{folder}: {load_catalogue(folder).summary}")
        except CatalogueInvalid as error:
            click.echo(f"{error}\n{len(error.faults)} faults.", err=True)
            sys.exit(os.EX_CONFIG)
        return
    listed = load_catalogue(settings_from().catalogue).to_json()
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for title, items in listed.items():
        table = Table("name", "description", title=title.replace("_", " "), title_justify="left")
        for item in items:
            table.add_row(item["name"], item["description"])
        Console().print(table)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as POST /v1/verify returns it.")
def verify(file: Path, home: Path | None, as_json: bool) -> None:
    """Check the machine-readable marks in a picture.

    The exit status is 0 if there is a mark and none is broken, otherwise 1.
    """
    from pipeline.core.errors import Rejected
    from pipeline.kernels.cache import keep_in
    from service.database.engine import create_engine
    from service.marks.stored import own_numbers
    from service.marks.verify import find_marks, trusted_files

    settings = settings_from(home=home)
    keep_in(settings.kernels, settings.own_kernels)
    has_database = settings.database_url or (settings.home / "backdrop.db").is_file()
    ours = own_numbers(settings, create_engine(settings.sqlalchemy_url) if has_database else None)
    try:
        found = find_marks(file.read_bytes(), settings.limits, trusted_files(settings), ours)
    except Rejected as error:
        raise click.ClickException(str(error)) from error
    lines = [f"{one.kind:<10} {one.meaning} [{one.value}]" for one in found.marks] or ["No mark was found."]
    click.echo(found.model_dump_json(indent=2) if as_json else "\n".join(lines))
    sys.exit(not found.holds)


for group in (swap, cutout, batch, jobs, renders, brands, webhooks, clients, ledger, secrets, ops, docs, models):
    main.add_command(group)
for command in (*PARTS, acceptance):
    main.add_command(command)
for command in WEBHOOK_COMMANDS:
    clients.add_command(command)


@main.command()
def thumbnails() -> None:
    """Make missing and outdated thumbnails of your own catalogue for the studio page."""
    from service.worker.thumbnails import make_thumbnails

    settings = settings_from()
    count = make_thumbnails(settings, lambda line: click.echo(line, err=True))
    click.echo(f"{settings.thumbnails}: {f'{count} made' if count else 'up to date'}")


@main.command()
def kernels() -> None:
    """Compile the kernels for this processor. Does nothing if neither code nor processor has changed."""
    from service.worker.kernels import compile_kernels

    settings, started = settings_from(), time.perf_counter()
    made = compile_kernels(settings, lambda line: click.echo(line, err=True))
    click.echo(f"kernels: {'ready' if made else 'up to date'}, {time.perf_counter() - started:.0f} s")


@main.command()
@home_option
@click.option("--no-networks", is_flag=True, help="Do not load the networks, which takes seconds.")
@click.option(
    "--generator",
    is_flag=False,
    flag_value="",
    metavar="[FOLDER|HUB ID]",
    help="Load this generator, or the configured one, paint two shapes, and report its memory, time and abilities.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Repeat the checks for up to this long while one fails. A worker needs time to load its networks.",
)
def doctor(home: Path | None, no_networks: bool, generator: str | None, wait: float) -> None:
    """Report the configuration, reachable services, and the device of each network."""
    from service.diagnostics.doctor import examine

    settings, until = settings_from(home=home), time.monotonic() + wait
    while not (well := examine(settings, load=not no_networks, generator=generator)) and time.monotonic() < until:
        click.echo("A check failed. Checking again.")
        time.sleep(2)
    sys.exit(0 if well else 1)


_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@main.command(context_settings=_PASSED_ON)
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run a benchmark of the repository, for example `backdrop bench swaps --help`."""
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    # The folders also contain modules that only benchmarks import.
    files = sorted(folder.rglob("*.py"))
    known = {path.stem: path for path in files if '__name__ == "__main__"' in path.read_text("utf-8")}
    if name not in known:
        choices = ", ".join(known) or "none here, because benchmarks are only in the repository"
        raise click.UsageError(f"Name a benchmark: {choices}.")
    sys.argv = [str(known[name].relative_to(folder.parent)), *arguments]
    runpy.run_path(str(known[name]), run_name="__main__")


@main.command("gpu-check", context_settings=_PASSED_ON, hidden=True)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def gpu_check(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run `backdrop bench gpu`, the present name."""
    context.invoke(bench, name="gpu", arguments=arguments)


if __name__ == "__main__":
    main()
