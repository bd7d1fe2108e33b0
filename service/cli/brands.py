"""`backdrop brands`: a client's own brands at a server."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import SEED_LIMIT
from service.cli.options import record_options
from service.cli.remote import at_server

if TYPE_CHECKING:
    from backdrop_client import Backdrop, Brand

json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as JSON.")


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
