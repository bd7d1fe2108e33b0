"""`backdrop catalog|thumbnails`: the catalogue and its pictures."""

import json
import os
import sys
from pathlib import Path

import click

from service.cli.options import settings_from


@click.command()
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


@click.command()
def thumbnails() -> None:
    """Make missing and outdated thumbnails of your own catalogue for the studio page."""
    from service.worker.thumbnails import make_thumbnails

    settings = settings_from()
    count = make_thumbnails(settings, lambda line: click.echo(line, err=True))
    click.echo(f"{settings.thumbnails}: {f'{count} made' if count else 'up to date'}")
