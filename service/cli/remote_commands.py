"""`backdrop jobs`, `backdrop renders` and `backdrop brands`: what a client of a server has there.

`service.cli.clients` is the operator's side: it registers clients in the database of an installation.
"""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import SEED_LIMIT
from service.batch.state import file_name
from service.catalogue.warning_words import in_words
from service.cli.remote import at_server, format_of

if TYPE_CHECKING:
    from backdrop_client import Backdrop, Brand, Job, Render

limit_option = click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
reference_option = click.option("--reference", help="Only what was submitted with this id of yours.")
preview_option = click.option("--previews", is_flag=True, help="Only previews, which are left out otherwise.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print what the API answers.")


@click.group()
def jobs() -> None:
    """Your jobs at a server."""


@jobs.command("list")
@click.option("--status", type=click.Choice(["NOT_STARTED", "IN_PROGRESS", "SUCCESS", "FAILURE"]))
@reference_option
@preview_option
@limit_option
@json_option
@at_server
def list_jobs(
    backdrop: "Backdrop", status: Any, reference: str | None, previews: bool, limit: int, as_json: bool
) -> None:
    """List the latest jobs, newest first."""
    found = list(islice(backdrop.iter_jobs(status=status, reference=reference, preview=previews), limit))
    _print(found, as_json, (f"{job.job_id}  {job.created_at:%Y-%m-%d %H:%M}  {_state(job)}" for job in found))


@jobs.command("show")
@click.argument("job_id")
@json_option
@at_server
def show_job(backdrop: "Backdrop", job_id: str, as_json: bool) -> None:
    """Say where a job stands, what it cost and what came of it."""
    job = backdrop.job(job_id)
    lines = [f"{job.job_id}  {_state(job)}"]
    lines += [f"  reference {job.reference}"] * (job.reference is not None)
    lines += [f"  asked {job.created_at:%Y-%m-%d %H:%M:%S} UTC, attempt {job.attempt}"]
    lines += [f"  {job.credits_cost} credits" + f", {job.credits_refunded} came back" * bool(job.credits_refunded)]
    if job.error is not None:
        lines += [f"  {job.error.message}"]
    if job.render is not None:
        lines += [f"  {_picture(job.render)}", *(f"  warning: {in_words(code)}" for code in job.render.warnings)]
    _print(job, as_json, lines)


@jobs.command("cancel")
@click.argument("job_id")
@at_server
def cancel_job(backdrop: "Backdrop", job_id: str) -> None:
    """Cancel a job that is not over; its credits come back."""
    job = backdrop.cancel(job_id)
    click.echo(f"{job.job_id}  {_state(job)}  {job.credits_refunded} credits came back")


@click.group()
def renders() -> None:
    """Your finished pictures at a server."""


@renders.command("list")
@click.option("--preset", help="Only those for this place.")
@reference_option
@preview_option
@limit_option
@json_option
@at_server
def list_renders(
    backdrop: "Backdrop", preset: str | None, reference: str | None, previews: bool, limit: int, as_json: bool
) -> None:
    """List the latest renders, newest first."""
    found = list(islice(backdrop.iter_renders(preset=preset, reference=reference, preview=previews), limit))
    _print(found, as_json, map(_picture, found))


@renders.command("download")
@click.argument("public_id")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: named by the id.")
@at_server
def download_render(backdrop: "Backdrop", public_id: str, output: Path | None) -> None:
    """Write a render to a file, checked against its SHA-256."""
    render = backdrop.render(public_id)
    output = output or Path(file_name(render.public_id, render.format))
    format_of(output, render.format)
    backdrop.download(render, output)
    click.echo(f"{output}  {render.width}x{render.height}  {render.bytes:,} bytes  seed {render.seed}")


@click.group()
def brands() -> None:
    """Your brands at a server: palette, style words, seed and preset that their swaps have in common."""


@brands.command("list")
@json_option
@at_server
def list_brands(backdrop: "Backdrop", as_json: bool) -> None:
    """List the brands."""
    found = backdrop.brands()
    _print(found, as_json, map(_brand, found))


@brands.command("show")
@click.argument("name")
@json_option
@at_server
def show_brand(backdrop: "Backdrop", name: str, as_json: bool) -> None:
    """Show a brand."""
    brand = backdrop.brand(name)
    _print(brand, as_json, [_brand(brand)])


@brands.command("set")
@click.argument("name")
@click.option("--color", "colors", multiple=True, help="Up to six, the most present first.")
@click.option("--word", "words", multiple=True, help="Up to twelve words or short texts of style.")
@click.option("--pinned/--free", default=False, help="Pinned: the same spec gives the same background each time.")
@click.option(
    "--seed", type=click.IntRange(0, SEED_LIMIT - 1), help="Of a pinned brand; drawn once where it is left out."
)
@click.option("--preset", help="Taken where a swap names none.")
@at_server
def set_brand(
    backdrop: "Backdrop",
    name: str,
    colors: tuple[str, ...],
    words: tuple[str, ...],
    pinned: bool,
    seed: int | None,
    preset: str | None,
) -> None:
    """Make a brand, or put it whole in the place of the one of its name."""
    from backdrop_client import Brand

    policy: Any = "pinned" if pinned else "free"
    click.echo(_brand(backdrop.save_brand(Brand(name, list(colors), list(words), policy, seed, preset))))


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
    return "  ".join([brand.name, *parts, f"preset {brand.default_preset}" * bool(brand.default_preset)]).rstrip()


def _print(what: Any, as_json: bool, lines: Iterable[str]) -> None:
    if not as_json:
        for line in lines:
            click.echo(line)
        return
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())
