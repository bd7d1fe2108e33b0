"""`backdrop swap`: one photo, on this machine or at a server."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import SwapOrder
from service.catalogue.effects import in_words
from service.cli.options import order_options, settings_from
from service.cli.remote import format_of, option_of, remote, remote_options
from service.settings import load_remote

if TYPE_CHECKING:
    from backdrop_client import Backdrop, Notice, Render
    from backdrop_client import Progress as JobProgress
    from service.catalogue.cautions import Caution


@click.command()
@click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@order_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the picture. Its suffix (.jpg, .jpeg, .png, .webp, .avif) sets the format. Default: the preset's.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder that keeps the cut-out for the next swap of the same photo. Servers keep cut-outs themselves.",
)
@click.option(
    "--mask",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The product's mask, as `backdrop cutout` writes it: 8-bit grey, white for the product. A server keeps it.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@remote_options
def swap(
    photo: Path,
    order: SwapOrder,
    output: Path,
    keep: Path | None,
    mask: Path | None,
    quiet: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Swap the background of one photo. Runs on this machine or, with --url, at a server. Also writes a report."""
    render: Any
    form = order.output.format
    order = order.having({"format": format_of(output, form, "-o" if form is None else "-o with --format")})
    said = set[str]()

    def warn(caution: "Caution | Notice") -> None:
        said.add(caution.code)
        click.echo(f"warning: {caution.message} [{caution.code}]", err=True)

    if load_remote(url=url, key=key).url:
        if keep is not None:
            raise click.UsageError("--keep is only for swaps on this machine. A server keeps each cut-out itself.")
        with remote(url, key) as backdrop:
            render = _swap_remotely(backdrop, photo, output, order, mask, warn, quiet=quiet)
        weight = render.bytes
    else:
        if order.brand is not None:
            raise click.UsageError("--brand needs a server, which keeps the brands. Give its address with --url.")
        if order.reference is not None:
            raise click.UsageError("--reference needs a server, which keeps it. Give its address with --url.")
        if not order.preset:
            raise click.UsageError("--preset is missing. `backdrop catalog` lists them.")
        from service.catalogue.swap_request import OrderRefused
        from service.storage.cache import folder_cache
        from service.worker.local import SpecInvalid, swap_file

        try:
            render = swap_file(
                photo,
                output,
                order,
                settings=settings_from(),
                show_progress=not quiet,
                kept=None if keep is None else folder_cache(keep),
                mask=mask,
                on_caution=warn,
            )
        except OrderRefused as error:
            raise click.UsageError("\n".join(f"{option_of(field)}: {text}" for field, text in error.wrong)) from error
        except SpecInvalid as error:
            raise click.UsageError(str(error)) from error
        weight = len(render.data)
    for code in render.warnings:
        if code not in said:
            click.echo(f"warning: {in_words(code)}", err=True)
    click.echo(f"{output}  {render.width}x{render.height}  {weight:,} bytes  seed {render.seed}")


def _uploaded(backdrop: "Backdrop", field: str, path: str) -> str:
    """Upload a further file of an order, and return its key. Raises click.UsageError, which names the field."""
    from backdrop_client import PhotoUnknown

    if path.startswith("uploads/") and not Path(path).exists():
        return path
    try:
        return backdrop.upload(Path(path))
    except (OSError, PhotoUnknown) as error:
        raise click.UsageError(f"{option_of(field)}: {path!r} can't be used: {error}") from error


def preset_of(backdrop: "Backdrop", preset: str, brand: str | None, option: str = "--preset") -> str:
    """Return the given preset, or the brand's. Raises click.UsageError, which names the `option`."""
    if preset:
        return preset
    if brand is None:
        raise click.UsageError(f"{option} is missing. `backdrop catalog` lists them.")
    found = backdrop.brand(brand).default_preset
    if not found:
        raise click.UsageError(f"{option} is missing, and the brand {brand!r} has no default preset. Give {option}.")
    return found


def _swap_remotely(
    backdrop: "Backdrop", photo: Path, output: Path, order: SwapOrder, mask: Path | None, warn: Any, *, quiet: bool
) -> "Render":
    """Swap a photo at a server. Write the picture to `output` and its report to `output`.json."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from service.batch.at_server import spec_of
    from service.catalogue.specs import extra_sources, with_sources

    order = replace(order, preset=preset_of(backdrop, order.preset, order.brand))
    named = extra_sources(order).items()
    spec = spec_of(with_sources(order, {path: _uploaded(backdrop, field, path) for field, path in named}))
    source_key = backdrop.upload(photo)
    if mask is not None:
        backdrop.mend(backdrop.cutout(source_key=source_key), mask)
    for warning in backdrop.plan(spec, source_key=source_key, preview=order.preview).warnings:
        warn(warning)  # before the swap is charged
    columns = (TextColumn("{task.description:<18}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("submit", total=1.0)

        def tell(now: "JobProgress") -> None:
            bar.update(task, description=_stage_of(now), completed=now.progress)

        accepted = backdrop.swap(spec, source_key=source_key, reference=order.reference, preview=order.preview)
        render = backdrop.wait(accepted, on_progress=tell).expect_render()
        backdrop.download(render, output)
        bar.update(task, description="done", completed=1.0)
    report = json.dumps(render.report, indent=2, ensure_ascii=False)
    output.with_name(output.name + ".json").write_text(report + "\n")
    return render


def _stage_of(now: "JobProgress") -> str:
    """Return the state or stage of a job, in one to three words."""
    if now.status == "NOT_STARTED":
        return f"queued, {now.queue_position} before" if now.queue_position else "queued"
    return now.stage or "started"
