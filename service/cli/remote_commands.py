"""`backdrop jobs`, `backdrop renders` and `backdrop brands`: a client's own jobs, pictures and brands at a server.

`service.cli.clients` is the operator's side: it registers clients in the database of an installation.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import SEED_LIMIT
from service.batch.state import file_name
from service.catalogue.effects import in_words
from service.cli.options import record_options
from service.cli.remote import at_server, format_of

if TYPE_CHECKING:
    from backdrop_client import Backdrop, Brand, Job, Render

json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as JSON.")


def list_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a list to a command. All but `limit` and `as_json` are filters of the client's method."""
    for option in (
        json_option,
        click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Most entries to list."),
        click.option("--previews", "preview", is_flag=True, help="List previews instead of full pictures."),
        click.option("--reference", help="Only entries that were submitted with this id of yours."),
    ):
        command = option(command)
    return command


@click.group()
def jobs() -> None:
    """List, show and cancel your jobs at a server."""


@jobs.command("list")
@click.option(
    "--status",
    type=click.Choice(["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILURE"]),
    help="Only jobs with this status.",
)
@list_options
@at_server
def list_jobs(backdrop: "Backdrop", limit: int, as_json: bool, **filters: Any) -> None:
    """List your latest jobs, newest first."""
    found = list(islice(backdrop.iter_jobs(**filters), limit))
    _print(found, as_json, (f"{job.job_id}  {job.created_at:%Y-%m-%d %H:%M}  {_state(job)}" for job in found))


@jobs.command("show")
@click.argument("job_id")
@json_option
@at_server
def show_job(backdrop: "Backdrop", job_id: str, as_json: bool) -> None:
    """Show a job's status, cost and result."""
    job = backdrop.job(job_id)
    lines = [f"{job.job_id}  {_state(job)}"]
    lines += [f"  reference {job.reference}"] * (job.reference is not None)
    lines += [f"  submitted {job.created_at:%Y-%m-%d %H:%M:%S} UTC, attempt {job.attempt}"]
    lines += [f"  {job.credits_cost} credits" + f", {job.credits_refunded} refunded" * bool(job.credits_refunded)]
    if job.error is not None:
        lines += [f"  {job.error.message}"]
    if job.render is not None:
        lines += [f"  {_picture(job.render)}", *(f"  warning: {in_words(code)}" for code in job.render.warnings)]
    _print(job, as_json, lines)


@jobs.command("cancel")
@click.argument("job_id")
@at_server
def cancel_job(backdrop: "Backdrop", job_id: str) -> None:
    """Cancel an unfinished job. Its credits are refunded."""
    job = backdrop.cancel(job_id)
    click.echo(f"{job.job_id}  {_state(job)}  {job.credits_refunded} credits refunded")


@click.group()
def renders() -> None:
    """List and download your finished pictures at a server."""


@renders.command("list")
@click.option("--preset", help="Only pictures for this preset.")
@list_options
@at_server
def list_renders(backdrop: "Backdrop", limit: int, as_json: bool, **filters: Any) -> None:
    """List your latest pictures, newest first."""
    found = list(islice(backdrop.iter_renders(**filters), limit))
    _print(found, as_json, map(_picture, found))


@renders.command("download")
@click.argument("public_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the picture. Default: the id with the format's suffix.",
)
@at_server
def download_render(backdrop: "Backdrop", public_id: str, output: Path | None) -> None:
    """Download a picture to a file and check its SHA-256."""
    render = backdrop.render(public_id)
    output = output or Path(file_name(render.public_id, render.format))
    format_of(output, render.format)
    backdrop.download(render, output)
    click.echo(f"{output}  {render.width}x{render.height}  {render.bytes:,} bytes  seed {render.seed}")


@click.group()
def brands() -> None:
    """List, show and change your brands at a server. A brand has a palette, style words, a seed and a preset."""


@brands.command("list")
@json_option
@at_server
def list_brands(backdrop: "Backdrop", as_json: bool) -> None:
    """List your brands."""
    found = backdrop.brands()
    _print(found, as_json, map(_brand, found))


@brands.command("show")
@click.argument("name")
@json_option
@at_server
def show_brand(backdrop: "Backdrop", name: str, as_json: bool) -> None:
    """Show a brand's palette, style words, seed and preset."""
    brand = backdrop.brand(name)
    _print(brand, as_json, [_brand(brand)])


@brands.command("set")
@click.argument("name")
@click.option("--color", "palette", multiple=True, help="Up to six colours, largest area first.")
@click.option("--word", "style_words", multiple=True, help="Up to twelve words or short texts that describe the style.")
@click.option("--pinned/--free", default=False, help="Pinned: the same spec repeats the same background.")
@click.option("--seed", type=click.IntRange(0, SEED_LIMIT - 1), help="Seed of a pinned brand. Default: drawn once.")
@click.option("--preset", "default_preset", help="Preset of swaps that name none.")
@record_options
@at_server
def set_brand(backdrop: "Backdrop", pinned: bool, **brand: Any) -> None:
    """Create a brand, or replace the whole brand of that name.

    The options of `backdrop swap`, such as --shadow, become the brand's own: swaps that leave them out get them.
    """
    from backdrop_client import Brand

    click.echo(_brand(backdrop.save_brand(Brand(**brand, seed_policy="pinned" if pinned else "free"))))


def _state(job: "Job") -> str:
    if job.error is not None:
        return f"{job.status}  {job.error.code}"
    if job.render is not None:
        return f"{job.status}  {job.render.output_preset}  render {job.render.public_id}"
    return f"{job.status}  {job.stage or ''} {job.progress:.0%}"


def _picture(render: "Render") -> str:
    size = f"{render.width}x{render.height} {render.format}, {render.bytes:,} bytes"
    warnings = "".join(f"  warning: {code}" for code in render.warnings)
    return f"{render.public_id}  {render.output_preset}  {size}  seed {render.seed}{warnings}"


def _brand(brand: "Brand") -> str:
    seed = f"pinned, seed {brand.seed}" if brand.seed_policy == "pinned" else "a new seed each time"
    parts = [" ".join(brand.palette) or "no palette", ", ".join(brand.style_words) or "no style words", seed]
    parts += [f"{name}={value}" for name, value in brand.options.items()]
    return "  ".join([brand.name, *parts, f"preset {brand.default_preset}" * bool(brand.default_preset)]).rstrip()


def _print(what: Any, as_json: bool, lines: Iterable[str]) -> None:
    if not as_json:
        for line in lines:
            click.echo(line)
        return
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())
