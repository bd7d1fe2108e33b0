"""`backdrop swap`: one photo, on this machine or at a server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from pipeline.core.spec import (
    MAX_SHIFT,
    MAX_TURN,
    SCALES,
    SEED_LIMIT,
    Format,
    Output,
    PhotoPlace,
    Placement,
    StanceWord,
)
from service.catalogue.warning_words import in_words
from service.cli.options import place_in_photo, settings_from
from service.cli.remote import format_of, remote, remote_options
from service.settings import load_remote

if TYPE_CHECKING:
    from backdrop_client import Backdrop, Notice, Render, Spec
    from backdrop_client import Progress as JobProgress
    from service.catalogue.cautions import Caution


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scene", required=True, help="A scene of `backdrop catalog`, or free text.")
@click.option("--mood", required=True, help="A mood of `backdrop catalog`, or free text.")
@click.option("--color", "colors", multiple=True, help="Up to six, the most present first: #rrggbb, a CSS name, rgb().")
@click.option("--preset", help="An output preset of `backdrop catalog`; default: the brand's.")
@click.option("--seed", type=click.IntRange(0, SEED_LIMIT - 1), help="The same seed and spec give the same background.")
@click.option("--brand", help="A brand of yours at the server.")
@click.option("--reference", help="Your own id for it at a server, as an SKU: its job and render are found by it.")
@click.option("--shift-x", type=click.FloatRange(-MAX_SHIFT, MAX_SHIFT), default=0.0, help="Right, share of the width.")
@click.option("--shift-y", type=click.FloatRange(-MAX_SHIFT, MAX_SHIFT), default=0.0, help="Down, share of the height.")
@click.option("--scale", type=click.FloatRange(*SCALES), default=1.0, help="A factor on the product's size.")
@click.option("--turn", type=click.FloatRange(-MAX_TURN, MAX_TURN), default=0.0, help="Degrees clockwise.")
@click.option(
    "--stance",
    type=click.Choice(get_args(StanceWord)),
    default="auto",
    help="How the product is placed, where you know it better than our guess, auto.",
)
@click.option("--width", type=int, help="With --height: a size of your own in place of the preset's, pixels.")
@click.option("--height", type=int, help="See --width.")
@click.option("--format", "form", type=click.Choice(("jpeg", "png", "webp", "avif")), help="Default: by -o's suffix.")
@click.option("--quality", type=click.IntRange(1, 100), help="Where the search for the file's quality starts.")
@click.option(
    "--subject",
    callback=place_in_photo,
    help="Which product: a point x,y on it or a box left,top,right,bottom around it, shares 0 to 1 of the photo.",
)
@click.option("--preview", is_flag=True, help="Small, under a watermark; at a server it costs nothing.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its suffix (.jpg, .jpeg, .png, .webp, .avif) is the format; without one, the preset's.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder where the cut-out is kept, and found by the next swap of the same photo; servers have their own.",
)
@click.option(
    "--mask",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The product's mask, as `backdrop cutout` writes it: 8-bit grey, white is the product. A server keeps it.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@remote_options
def swap(
    photo: Path,
    scene: str,
    mood: str,
    colors: tuple[str, ...],
    preset: str | None,
    seed: int | None,
    brand: str | None,
    reference: str | None,
    shift_x: float,
    shift_y: float,
    scale: float,
    turn: float,
    stance: StanceWord,
    width: int | None,
    height: int | None,
    form: Format | None,
    quality: int | None,
    subject: PhotoPlace | None,
    preview: bool,
    output: Path,
    keep: Path | None,
    mask: Path | None,
    quiet: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Swap one photo's background, on this machine or, with --url, at a server. Writes the picture and its report."""
    render: Any
    form = format_of(output, form, "-o" if form is None else "-o with --format")
    placed = Placement(shift_x, shift_y, scale, turn, stance)
    own = Output(width, height, form, quality)
    said = set[str]()

    def warn(caution: "Caution | Notice") -> None:
        said.add(caution.code)
        click.echo(f"warning: {caution.message} [{caution.code}]", err=True)

    if load_remote(url=url, key=key).url:
        from backdrop_client import Spec

        if keep is not None:
            raise click.UsageError("--keep is for swaps on this machine; a server keeps each cut-out itself.")
        with remote(url, key) as backdrop:
            place = preset_of(backdrop, preset, brand)
            source_key = backdrop.upload(photo)
            if mask is not None:
                backdrop.mend(backdrop.cutout(source_key=source_key), mask)
            spec = Spec(scene, mood, place, colors, brand, seed, **vars(placed), **vars(own), subject=subject)
            for warning in backdrop.plan(spec, source_key=source_key, preview=preview).warnings:
                warn(warning)  # before anything is paid
            render = swap_remotely(
                backdrop, source_key, output, spec, reference=reference, preview=preview, show_progress=not quiet
            )
        weight = render.bytes
    else:
        if brand is not None:
            raise click.UsageError("--brand needs a server, which keeps the brands: name it with --url.")
        if reference is not None:
            raise click.UsageError("--reference needs a server, which keeps it: name it with --url.")
        if preset is None:
            raise click.UsageError("--preset is missing: `backdrop catalog` lists them.")
        render = _swap_here(
            photo, output, scene, mood, colors, preset, seed, placed, own, subject, preview, keep, mask, quiet, warn
        )
        weight = len(render.data)
    for code in render.warnings:
        if code not in said:
            click.echo(f"warning: {in_words(code)}", err=True)
    click.echo(f"{output}  {render.width}x{render.height}  {weight:,} bytes  seed {render.seed}")


def _swap_here(
    photo: Path,
    output: Path,
    scene: str,
    mood: str,
    colours: tuple[str, ...],
    preset: str,
    seed: int | None,
    placement: Placement,
    own: Output,
    subject: PhotoPlace | None,
    preview: bool,
    keep: Path | None,
    mask: Path | None,
    quiet: bool,
    on_caution: Callable[["Caution"], None],
) -> Any:
    from service.storage.cache import folder_cache
    from service.worker.local import SpecInvalid, swap_file

    try:
        return swap_file(
            photo,
            output,
            settings=settings_from(),
            scene=scene,
            mood=mood,
            colours=colours,
            preset=preset,
            seed=seed,
            placement=placement,
            own=own,
            subject=subject,
            preview=preview,
            show_progress=not quiet,
            kept=None if keep is None else folder_cache(keep),
            mask=mask,
            on_caution=on_caution,
        )
    except SpecInvalid as error:
        raise click.UsageError(str(error)) from error


def preset_of(backdrop: "Backdrop", preset: str | None, brand: str | None) -> str:
    """Return the preset that was given, or the brand's. Raises click.UsageError."""
    if preset:
        return preset
    if brand is None:
        raise click.UsageError("--preset is missing: `backdrop catalog` lists them.")
    found = backdrop.brand(brand).default_preset
    if not found:
        raise click.UsageError(f"--preset is missing, and the brand {brand!r} names none.")
    return found


def swap_remotely(
    backdrop: "Backdrop",
    source_key: str,
    output: Path,
    spec: "Spec",
    *,
    reference: str | None,
    preview: bool,
    show_progress: bool,
) -> "Render":
    """Swap an uploaded photo at a server; write the picture to `output` and its report to `output`.json."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<18}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show_progress) as bar:
        task = bar.add_task("submit", total=1.0)

        def tell(now: "JobProgress") -> None:
            bar.update(task, description=stage_of(now), completed=now.progress)

        accepted = backdrop.swap(spec, source_key=source_key, reference=reference, preview=preview)
        render = backdrop.wait(accepted, on_progress=tell).expect_render()
        backdrop.download(render, output)
        bar.update(task, description="done", completed=1.0)
    report = json.dumps(render.report, indent=2, ensure_ascii=False)
    output.with_name(output.name + ".json").write_text(report + "\n")
    return render


def stage_of(now: "JobProgress") -> str:
    """Say where a job stands, in a word or three."""
    if now.status == "NOT_STARTED":
        return f"queued, {now.queue_position} before" if now.queue_position else "queued"
    return now.stage or "started"
