"""`backdrop up|migrate|kernels|doctor|verify`: the installation on this machine."""

import sys
import time
from pathlib import Path

import click

from service.cli.options import catalogue_needed, home_option, settings_from


@click.command()
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


@click.command()
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


@click.command()
def kernels() -> None:
    """Compile the kernels for this processor. Does nothing if neither code nor processor has changed."""
    from service.worker.kernels import compile_kernels

    settings, started = settings_from(), time.perf_counter()
    made = compile_kernels(settings, lambda line: click.echo(line, err=True))
    click.echo(f"kernels: {'ready' if made else 'up to date'}, {time.perf_counter() - started:.0f} s")


@click.command()
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


@click.command()
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


INSTALLATION = (up, migrate, kernels, doctor, verify)
