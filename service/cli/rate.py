"""`backdrop rate`: a page to rate pictures on, and the limits that the ratings prove."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the photos. Writes rate.html into FOLDER. A picture and its photo have the same name.",
)
@click.option("--ratings", type=click.Path(dir_okay=False, path_type=Path), help="The file that rate.html saved.")
@click.option("--reader", help="Only the ratings of this reader.")
@click.option("--limit", type=click.FloatRange(0, 1), help="Also print this limit on `publishable` as JSON for accept.")
def rate(folder: Path, photos: Path | None, ratings: Path | None, reader: str | None, limit: float | None) -> None:
    """Rate the pictures of a batch or of swaps. With --photos it writes a page, with --ratings it sums up."""
    from service.batch.pairs import find_photos
    from service.batch.ratings import read_ratings, reports_in, summary, write_ratings
    from service.batch.spec_file import OrderInvalid

    if (photos is None) == (ratings is None):
        raise click.UsageError("Give either --photos, to write the page, or --ratings, to sum up.")
    try:
        reports = reports_in(folder)
        if ratings is not None:
            click.echo("\n".join(summary(read_ratings(ratings, reports, reader), reports, limit)))
        elif photos is not None:
            for name in write_ratings(folder, reports, find_photos(photos, but=folder)[0]):
                click.echo(f"skipped  {name}: no photo in {photos} has its name", err=True)
            click.echo(f"page  {folder / 'rate.html'}")
    except OrderInvalid as error:
        raise click.UsageError(str(error)) from error
