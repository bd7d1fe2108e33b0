"""`backdrop batch`: a folder of photos to every place of publication, with a table and a contact sheet."""

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import SwapOrder
from service.cli.options import settings_from
from service.cli.remote import remote, remote_options
from service.cli.swap import preset_of
from service.settings import load_remote

if TYPE_CHECKING:
    from service.batch.batch import Batch
    from service.batch.pairs import Wrong
    from service.batch.photos import Photo
    from service.batch.spec_file import BatchSpec
    from service.batch.state import State


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--spec", "spec_file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="spec.toml.")
@click.option("--presets", help="Output presets of `backdrop catalog`, with commas; default: the brand's.")
@click.option("-o", "--output", "out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--jobs",
    "concurrency",
    type=click.IntRange(1, 64),
    help="Pictures at once; default: 8 at a server, else one more than cores, 4 at most.",
)
@click.option(
    "--redo",
    "review_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Carry out a review that the contact sheet has saved: drop what was rejected, make again what is to be.",
)
@click.option("--retry-failed", is_flag=True, help="Try photos again, too, that nothing can be made of.")
@click.option("--brand", help="A brand of yours at the server; before the one in the spec.")
@click.option("--quiet", is_flag=True, help="Show no progress, only failures and the sum.")
@remote_options
def batch(
    photos: Path,
    spec_file: Path,
    presets: str | None,
    out: Path,
    concurrency: int | None,
    review_file: Path | None,
    retry_failed: bool,
    brand: str | None,
    quiet: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Swap every photo of a folder for every preset, on this machine or, with --url, at a server.

    The same command goes on where it stopped: what is done is not done again, and nothing is paid twice. index.html is
    a contact sheet to approve and reject in; --redo carries out what it saves.

    \b
    spec.toml:
        scene = "marble_tabletop"
        mood = "fresh"
        colors = ["#cfe3d4", "ivory"]     # brand and seed, where you want them
        [[photo]]
        name = "lamps/*"                  # what these photos have otherwise
        scene = "neon"
    """
    from service.batch.photos import find_photos
    from service.batch.spec_file import OrderInvalid, read_spec
    from service.batch.state import State

    try:
        spec = read_spec(spec_file, brand=brand)
        found, skipped = find_photos(photos, but=out)
        for name in skipped:
            click.echo(f"skipped  {name}: no picture", err=True)
        if not found:
            raise OrderInvalid([f"There is no photo in {photos}."])
        named = [name.strip() for name in presets.split(",") if name.strip()] if presets else []
        with State(out) as state:
            asked = Asked(spec, found, list(dict.fromkeys(named)), out, state, review_file, retry_failed, quiet)
            if load_remote(url=url, key=key).url:
                finished = _make_remotely(asked, concurrency or 8, url, key)
            else:
                finished = _make_locally(asked, concurrency)
    except OrderInvalid as error:
        raise click.UsageError(str(error)) from error
    sys.exit(finished)


@dataclass(frozen=True)
class Asked:
    """What the command line asks for, and the memory of its output folder."""

    spec: "BatchSpec"
    photos: "list[Photo]"
    presets: list[str]
    out: Path
    state: "State"
    review: Path | None
    retry_failed: bool
    quiet: bool

    def batch(self, scene_allowed: dict[str, bool], check: "Callable[[SwapOrder], list[Wrong]]") -> "Batch":
        """Return the batch. Raises OrderInvalid with all that is wrong."""
        from service.batch.batch import Batch
        from service.batch.pairs import pair_up, wrong_with
        from service.batch.spec_file import OrderInvalid, read_review, unmatched

        plain = [preset for preset in self.presets if not scene_allowed.get(preset, True)]
        groups = pair_up(self.photos, self.presets, self.spec, plain=plain)
        wrong = wrong_with((pair for group in groups for pair in group), self.spec, check)
        wrong += unmatched(self.spec, [photo.name for photo in self.photos])
        if wrong:
            raise OrderInvalid(wrong)
        for preset in plain:
            click.echo(f"{preset} takes no scene: its pictures have none, whatever the spec says.", err=True)
        batch = Batch(groups, self.state, self.out, retry_failed=self.retry_failed)
        if self.review is not None:
            done = batch.redo(read_review(self.review, self.state.run_id))
            click.echo(
                f"review: {done['approve']} approved, {done['reject']} rejected, {done['again']} to be made again"
                + (f", {done['passed']} passed over: their pictures are other ones by now" if done["passed"] else "")
                + ".",
                err=True,
            )
        return batch


def _make_remotely(asked: Asked, concurrency: int, url: str | None, key: str | None) -> int:
    from backdrop_client import AsyncBackdrop, Invalid, Retries
    from service.batch.at_server import RemoteMaker, spec_of

    with remote(url, key) as backdrop:
        if not asked.presets:
            asked = replace(asked, presets=[preset_of(backdrop, "", asked.spec.base.brand, option="--presets")])
        presets = {preset.name: preset.about for preset in backdrop.output_presets()}

        def check(order: SwapOrder) -> "list[Wrong]":
            try:
                backdrop.plan(spec_of(order))
            except Invalid as error:
                return [(one.field, one.msg) for one in error.fields]
            return []

        batch = asked.batch({name: about.get("scene_allowed", True) for name, about in presets.items()}, check)
        cost = sum(int(presets[pair.preset].get("credits", 0)) for pair in batch.left if not pair.photo.trouble)
        balance = backdrop.credits().balance
    if cost > balance:
        click.echo(f"What is left costs {cost} credits, and {balance} are there: some will fail for that.", err=True)
    server = load_remote(url=url, key=key)
    # A queue that is full for a quarter of an hour is no reason to give a photo up.
    patient = Retries(attempts=60, patience=900.0)

    async def run(display: Any) -> None:
        signs = server.signing_secret
        async with AsyncBackdrop(server.url, server.key, retries=patient, signing_secret=signs) as backdrop:
            maker = RemoteMaker(backdrop, server.url, asked.state, asked.out, photos=asked.photos)
            await batch.run(maker.make, display, concurrency=concurrency)

    return _run(asked, batch, run, "What was sent goes on at the server. The same command goes on from here.")


def _make_locally(asked: Asked, concurrency: int | None) -> int:
    from service.batch.here import LocalMaker, at_once, wrong_here
    from service.catalogue.catalogue import load_catalogue

    if not asked.presets:
        raise click.UsageError("--presets is missing: `backdrop catalog` lists them.")
    settings, concurrency = settings_from(), concurrency or at_once()
    catalogue = load_catalogue(settings.catalogue)
    allowed = {name: preset.background == "scene" for name, preset in catalogue.presets.items()}
    batch = asked.batch(allowed, partial(wrong_here, catalogue))
    with LocalMaker(settings, asked.state, asked.out, concurrency=concurrency) as maker:
        if batch.left:
            maker.open_networks()  # a setting that is wrong ends the batch, not each picture
        run = partial(batch.run, maker.make, concurrency=concurrency)
        return _run(asked, batch, run, "What was not finished is made anew. The same command goes on from here.")


def _run(asked: Asked, batch: "Batch", run: Callable[[Any], Any], if_stopped: str) -> int:
    """Make what is left, write what came of all, say it; returns the exit status. `if_stopped`: how it goes on."""
    from rich.console import Console

    from service.batch.display import Display

    before, stopped, out = len(batch.made), False, asked.out
    display = Display(Console(stderr=True), total=len(batch.pairs), done=len(batch.outcomes), quiet=asked.quiet)

    async def until_stopped() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await run(display)

    try:
        with display:
            asyncio.run(until_stopped())
    except (KeyboardInterrupt, asyncio.CancelledError):
        stopped = True
    batch.write()
    made, failed, total = len(batch.made), len(batch.failed), len(batch.pairs)
    parts = [f"{made} of {total} pictures are in {out}"]
    parts += [f"{before} of them from before"] * bool(before)
    now, in_all = batch.charged
    parts += [f"{now} credits charged in this run" if now else "nothing charged in this run"]
    parts += [f"{in_all} for all that are there"] * (in_all != now)
    click.echo(", ".join(parts) + ".")
    if failed:
        hopeless = sum(one.hopeless for one in batch.failed)
        parts = [f"{failed} failed and cost nothing; {out / 'results.csv'} says why."]
        if failed > hopeless:
            parts.append(f"The same command tries {'the others' if hopeless else 'them'} again.")
        if hopeless:
            parts.append(f"Nothing can be made of {hopeless} as their photos are; --retry-failed tries those, too.")
        click.echo(" ".join(parts))
    if stopped:
        click.echo(f"Stopped. {if_stopped}")
    click.echo(f"contact sheet  {out / 'index.html'}")
    return 130 if stopped else 1 if failed else 0
