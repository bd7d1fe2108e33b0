"""`backdrop cutout`: writes the product mask of a photo, on this machine or at a server."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import PhotoPlace
from service.cli.options import place_in_photo, settings_from
from service.cli.remote import format_of, remote, remote_options
from service.settings import load_remote

if TYPE_CHECKING:
    from backdrop_client import Box
    from service.jobs.records import KeptFacts


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the mask: a PNG of the photo's size with 8 bits of grey.",
)
@click.option(
    "--preview",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the product on a transparent background: a PNG of at most 1600 pixels on the longer side.",
)
@click.option(
    "--mask",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="At a server: your mask, in the format of --output. Later swaps of the same photo use it.",
)
@click.option(
    "--subject",
    "meant",
    multiple=True,
    help="Which product: a point x,y on it, or a box left,top,right,bottom around it, in shares of the photo."
    " At a server also the number of a product. Repeat the option to keep several numbers.",
)
@click.option(
    "--pieces",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the photo with its doubtful pieces, outlined and numbered: a PNG of 1600 pixels.",
)
@click.option(
    "--keep", type=int, multiple=True, help="Number of a doubtful piece that belongs to the product. Repeat it."
)
@click.option(
    "--drop", type=int, multiple=True, help="Number of a doubtful piece that doesn't belong to it. Repeat it."
)
@remote_options
def cutout(
    photo: Path,
    output: Path,
    preview: Path | None,
    mask: Path | None,
    meant: tuple[str, ...],
    pieces: Path | None,
    keep: tuple[int, ...],
    drop: tuple[int, ...],
    url: str | None,
    key: str | None,
) -> None:
    """Write the product mask of a photo (free). Prints the confidence, products, doubtful pieces and warnings.

    With --url the server cuts the photo out, and you can correct the mask there. On this machine, pass a corrected mask
    to `backdrop swap --mask`.
    """
    if mask is not None and meant:
        raise click.UsageError("Give either --mask or --subject.")
    if pieces is not None:
        format_of(pieces, "png", "--pieces")
    subjects, place = _meant(meant)
    format_of(output, "png")
    if preview is not None:
        format_of(preview, "png", "--preview")
    if load_remote(url=url, key=key).url:
        from pipeline.photo.decode import decode

        with remote(url, key) as backdrop:
            found = backdrop.cutout(source_key=backdrop.upload(photo), subject=place)
            if mask is not None or subjects:
                found = backdrop.mend(found, mask, keep=subjects or None)
            if keep or drop:
                found = backdrop.answer(found, keep=keep, drop=drop)
            backdrop.download_mask(found, output)
            if pieces is not None and found.pieces:
                backdrop.download_mask(found, pieces, pieces=True)
                boxes = [(one.id, _corners(one.box)) for one in found.pieces]
                _draw(decode(photo.read_bytes(), settings_from().limits).rgb, pieces.read_bytes(), boxes, pieces)
            if preview is not None:
                backdrop.download_mask(found, preview, preview=True)
        click.echo(f"{found.public_id}  {found.cut_by}")
        warned = [(one.code, [_corners(box) for box in one.boxes]) for one in found.warnings]
        kept = [(one.id, _corners(one.box), one.share) for one in found.subjects if one.kept]
        doubtful = [
            (one.id, _corners(one.box), one.share, one.kept, one.wrong) for one in found.pieces if not one.answered
        ]
        _tell(found.confidence, warned, kept, doubtful)
        return
    if mask is not None or subjects:
        raise click.UsageError(
            "--mask and product numbers need a server, which keeps the mask. Give its address with --url."
        )
    facts = _cut_out_here(photo, output, preview, place, pieces, keep, drop)
    warnings = [(one["code"], one["boxes"]) for one in facts["warnings"]]
    things = ((one["id"], one["box"], one["share"]) for one in facts["subjects"])
    pieces_left = (one for one in facts.get("pieces", []) if one["id"] not in {*keep, *drop})
    doubts = ((one["id"], one["box"], one["share"], one["kept"], one["wrong"]) for one in pieces_left)
    _tell(facts["confidence"], warnings, things, doubts)


def _cut_out_here(
    photo: Path,
    output: Path,
    preview: Path | None,
    subject: PhotoPlace | None,
    pieces: Path | None,
    keep: tuple[int, ...],
    drop: tuple[int, ...],
) -> "KeptFacts":
    """Write a photo's mask and pictures, and return the facts. Raises PipelineError, and writes nothing then."""
    from pipeline.swap import cut_out
    from service.cutouts.mask_file import decode_mask
    from service.cutouts.pieces import AnswerInvalid, answered, answers_of
    from service.cutouts.pixels import of_mask, of_network
    from service.worker.networks import open_networks

    settings = settings_from()
    networks = open_networks(settings)
    cut = cut_out(photo.read_bytes(), networks, limits=settings.limits, clock=time.perf_counter, subject=subject)
    pictures, reduced = of_network(cut.photo, cut.found if cut.chosen is None else cut.chosen[1])
    facts, layer = pictures.facts, cut.found.doubts.layer if cut.found and cut.found.doubts else b""
    known = facts.get("pieces", [])
    try:
        if answers := answers_of(keep, drop, [one["id"] for one in known]):
            codes = decode_mask(pictures.mask)
            pictures = of_mask(answered(codes, codes, layer, known, answers), reduced)
            facts = pictures.facts | {"pieces": known}
    except AnswerInvalid as error:
        raise click.UsageError(f"--{error.place}: {error}.") from error
    for path, picture in ((output, pictures.mask), (preview, pictures.preview)):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture)
    if pieces is not None and known:
        _draw(cut.photo.rgb, layer, [(one["id"], one["box"]) for one in known], pieces)
    return facts


def _draw(rgb: Any, layer: bytes, boxes: list[tuple[int, Any]], output: Path) -> None:
    """Write an H×W×3 photo with its pieces, outlined and numbered."""
    from service.cutouts.pieces import drawn, layers

    output.parent.mkdir(parents=True, exist_ok=True)
    drawn(rgb, layers(layer)[0], 1600, boxes).save(output)


def _meant(given: tuple[str, ...]) -> tuple[tuple[int, ...], PhotoPlace | None]:
    """Return the numbers or the place in --subject. One of the two is empty."""
    if all(one.isdecimal() for one in given):
        return tuple(map(int, given)), None
    if len(given) > 1:
        raise click.UsageError("--subject: give one point or one box, or only numbers.")
    option = next(one for one in click.get_current_context().command.params if one.name == "meant")
    return (), place_in_photo(click.get_current_context(), option, given[0])


def _corners(box: "Box") -> tuple[int, ...]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def _tell(
    confidence: float | None,
    warnings: list[tuple[str, Any]],
    subjects: Iterable[tuple[int, Any, float]],
    pieces: Iterable[tuple[int, Any, float, bool, float]],
) -> None:
    click.echo(f"confidence {confidence:.2f}")
    for number, box, share in subjects:
        click.echo(f"subject {number}: {share:.0%} at {', '.join(map(str, box))}")
    for code, boxes in warnings:
        where = "; ".join(", ".join(map(str, box)) for box in boxes)
        click.echo(f"warning: {code}" + (f" at {where}" if where else ""), err=True)
    for number, box, share, kept, wrong in pieces:
        where = f"{share:.1%} at {', '.join(map(str, box))}"
        click.echo(f"piece {number}: {where}, {'in' if kept else 'not in'} the cut-out, wrong with {wrong:.0%}")
