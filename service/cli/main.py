"""The command line: `backdrop up|api|worker|sweep|swap|cutout|batch|rate|catalog|brands|clients|ledger|…`.

Each command imports its modules when it runs, so that `backdrop --help` does not wait for torch.
"""

import logging
from typing import Any

import click

from service.cli.batch import batch
from service.cli.brands import brands
from service.cli.catalogue import catalog, thumbnails
from service.cli.checkout import bench, docs, gpu_check
from service.cli.clients import clients, secrets
from service.cli.cutout import cutout
from service.cli.installation import INSTALLATION
from service.cli.ledger import ledger
from service.cli.models import models
from service.cli.operations import acceptance, ops
from service.cli.parts import PARTS
from service.cli.rate import rate
from service.cli.swap import swap


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


for group in (swap, cutout, batch, rate, brands, clients, ledger, secrets, ops, docs, models):
    main.add_command(group)
for command in (*INSTALLATION, *PARTS, acceptance, catalog, thumbnails, bench, gpu_check):
    main.add_command(command)


if __name__ == "__main__":
    main()
