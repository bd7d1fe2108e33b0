"""Measure the configured generator on this machine. Writes a page and a JSON file. Repeat it to resume."""

import sys
from functools import partial
from pathlib import Path

import click

from benchmarks.gpu.check import FULL, QUICK, run
from benchmarks.gpu.page import write_result
from benchmarks.gpu.steps import STEPS
from service.cli.options import home_option, settings_from


@click.command(help=__doc__)
@home_option
@click.option(
    "--out",
    default="gpu-check",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results.",
)
@click.option("--quick", is_flag=True, help="Take 5 minutes instead of an hour: fewer swaps, no CPU comparison.")
@click.option(
    "--products",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of your photos or cut-outs. Default: the sample photo and drawn products.",
)
def main(home: Path | None, out: Path, quick: bool, products: Path | None) -> None:
    """Run the steps. The exit status is 1 if one failed."""
    amount, say = QUICK if quick else FULL, partial(click.echo, err=True)
    about, rows = run(settings_from(home=home), out, amount, STEPS, products, say=say)
    write_result(out, about, rows)
    click.echo(f"{out / 'index.html'} and {out / 'gpu-check.json'}")
    sys.exit(1 if any(row.how == "failed" for row in rows.values()) else 0)


if __name__ == "__main__":
    main()
