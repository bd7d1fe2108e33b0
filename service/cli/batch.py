"""`backdrop batch`: swaps a folder of photos for several presets, and writes a table and a contact sheet."""

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.core.order import Ground, Lettering, SwapOrder
from service.cli.options import settings_from
from service.cli.remote import remote, remote_options
from service.cli.swap import preset_of
from service.settings import load_remote

if TYPE_CHECKING:
    from service.batch.batch import Batch
    from service.batch.here import LocalMaker
    from service.batch.pairs import Pair, Photo, Wrong
    from service.batch.spec_file import BatchSpec
    from service.batch.state import State


@click.command()
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--spec",
    "spec_file",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file spec.toml, as shown above.",
)
@click.option("--presets", help="Output presets from `backdrop catalog`, separated by commas. Default: the brand's.")
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pictures and the batch's state.",
)
@click.option(
    "--jobs",
    "concurrency",
    type=click.IntRange(1, 64),
    help="Pictures to make at once. Default: 8 at a server, or one more than cores (at most 4) on this machine.",
)
@click.option(
    "--redo",
    "review_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Apply a review that the contact sheet saved: drop rejected pictures, and repeat others with another seed.",
)
@click.option("--doubts", is_flag=True, help="Make no picture. Write doubts.html, which asks about doubtful pieces.")
@click.option(
    "--answers",
    "answers_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Apply the answers that doubts.html saved to the cut-outs.",
)
@click.option("--retry-failed", is_flag=True, help="Also retry photos that failed because of the photo itself.")
@click.option("--brand", help="Name of a brand at the server. Overrides the spec's.")
@click.option("--quiet", is_flag=True, help="Show no progress, only failures and the summary.")
@remote_options
def batch(
    photos: Path,
    spec_file: Path,
    presets: str | None,
    out: Path,
    concurrency: int | None,
    review_file: Path | None,
    doubts: bool,
    answers_file: Path | None,
    retry_failed: bool,
    brand: str | None,
    quiet: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Swap every photo of a folder for every preset. Runs on this machine or, with --url, at a server.

    Run the same command again to continue a stopped batch. Backdrop skips finished pictures and charges nothing twice.
    Approve and reject pictures in the contact sheet, index.html, and apply the saved review with --redo. With --doubts,
    check the cut-outs first, and apply the saved answers with --answers.

    \b
    spec.toml:
        scene = "marble_tabletop"
        mood = "fresh"
        colors = ["#cfe3d4", "ivory"]     # optional, like brand and seed
        [[photo]]
        name = "lamps/*"                  # exceptions for these photos
        scene = "neon"
    """
    from service.batch.pairs import find_photos
    from service.batch.spec_file import OrderInvalid, read_spec
    from service.batch.state import State

    try:
        spec = read_spec(spec_file, brand=brand)
        found, skipped = find_photos(photos, but=out)
        for name in skipped:
            click.echo(f"skipped  {name}: not a picture", err=True)
        if not found:
            raise OrderInvalid([f"There is no photo in {photos}. Name a folder of photos."])
        named = [name.strip() for name in presets.split(",") if name.strip()] if presets else []
        with State(out) as state:
            names = list(dict.fromkeys(named))
            asked = Asked(spec, found, names, out, state, review_file, answers_file, retry_failed, quiet)
            if load_remote(url=url, key=key).url:
                if doubts or answers_file is not None:
                    raise OrderInvalid(["--doubts and --answers work on this machine only. Leave out --url."])
                finished = _make_remotely(asked, concurrency or 8, url, key)
            else:
                finished = _make_locally(asked, concurrency, doubts=doubts)
    except OrderInvalid as error:
        raise click.UsageError(str(error)) from error
    sys.exit(finished)


@dataclass(frozen=True)
class Asked:
    """The order of the command line, and the state of its output folder."""

    spec: "BatchSpec"
    photos: "list[Photo]"
    presets: list[str]
    out: Path
    state: "State"
    review: Path | None
    answers: Path | None
    retry_failed: bool
    quiet: bool

    def batch(self, scene_allowed: dict[str, bool], check: "Callable[[SwapOrder], list[Wrong]]") -> "Batch":
        """Return the batch. Raises OrderInvalid with all errors."""
        from service.batch.batch import Batch
        from service.batch.doubts import read_answers
        from service.batch.pairs import pair_up, wrong_with
        from service.batch.spec_file import OrderInvalid, read_review, unmatched

        plain = [preset for preset in self.presets if not scene_allowed.get(preset, True)]
        answers = {} if self.answers is None else read_answers(self.answers, self.photos, self.state)
        groups = pair_up(self.photos, self.presets, self.spec, plain=plain)
        groups = [[replace(pair, answer=answers.get(pair.photo.name)) for pair in group] for group in groups]
        wrong = wrong_with((pair for group in groups for pair in group), self.spec, check)
        wrong += unmatched(self.spec, [photo.name for photo in self.photos])
        if wrong:
            raise OrderInvalid(wrong)
        for preset in plain:
            click.echo(f"{preset} allows no scene, so its pictures ignore the spec's scene.", err=True)
        batch = Batch(groups, self.state, self.out, retry_failed=self.retry_failed)
        if self.review is not None:
            done = batch.redo(read_review(self.review, self.state.run_id))
            click.echo(
                f"review: {done['approve']} approved, {done['reject']} rejected, {done['again']} to be made again"
                + (f", {done['passed']} skipped because their pictures have changed since" if done["passed"] else "")
                + ".",
                err=True,
            )
        return batch


def _make_remotely(asked: Asked, concurrency: int, url: str | None, key: str | None) -> int:
    from backdrop_client import AsyncBackdrop, Invalid, Retries
    from service.batch.at_server import RemoteMaker, Unwaiting, spec_of
    from service.catalogue.specs import extra_sources

    with remote(url, key) as backdrop:
        if not asked.presets:
            asked = replace(asked, presets=[preset_of(backdrop, "", asked.spec.base.brand, option="--presets")])
        presets = {preset.name: preset.about for preset in backdrop.output_presets()}

        def check(order: SwapOrder) -> "list[Wrong]":
            files = extra_sources(order)
            missing = [(field, f"{path!r} is no file") for field, path in files.items() if not Path(path).is_file()]
            if missing:
                return missing
            # The files have no keys yet.
            bare = replace(order, ground=Ground(), lettering=Lettering()) if files else order
            try:
                backdrop.plan(spec_of(bare))
            except Invalid as error:
                return [(one.field, one.msg) for one in error.fields]
            return []

        batch = asked.batch({name: about.get("scene_allowed", True) for name, about in presets.items()}, check)
        cost = sum(int(presets[pair.preset].get("credits", 0)) for pair in batch.left if not pair.photo.trouble)
        balance = backdrop.credits().balance
    if cost > balance:
        click.echo(f"The rest costs {cost} credits, but the balance is {balance}. Some pictures may fail.", err=True)
    server = load_remote(url=url, key=key)
    # A batch may wait for a full queue: it gives a photo up only after a quarter of an hour.
    patient = Retries(attempts=60, patience=900.0)

    async def run(ended: Any) -> None:
        async with AsyncBackdrop(server.url, server.key, retries=patient) as backdrop:
            unwaiting = Unwaiting(patient.attempts, patience=patient.patience)
            async with AsyncBackdrop(server.url, server.key, retries=unwaiting) as orders:
                at = (server.url, asked.state, asked.out)
                maker = RemoteMaker(backdrop, orders, *at, pairs=batch.pairs, left=batch.left)
                await batch.run(maker.make, ended, concurrency=concurrency)

    return _run(asked, batch, run, "Jobs at the server continue. Run the same command to resume.")


def _make_locally(asked: Asked, concurrency: int | None, *, doubts: bool) -> int:
    from service.batch.here import LocalMaker, at_once, wrong_here
    from service.catalogue.catalogue import load_catalogue
    from service.worker.networks import open_networks

    settings, concurrency = settings_from(), concurrency or at_once()
    if doubts:
        with LocalMaker(settings, open_networks(settings), asked.state, asked.out, concurrency=concurrency) as maker:
            return _ask(asked, maker)
    if not asked.presets:
        raise click.UsageError("--presets is missing. `backdrop catalog` lists them.")
    catalogue = load_catalogue(settings.catalogue)
    allowed = {name: preset.background == "scene" for name, preset in catalogue.presets.items()}
    batch = asked.batch(allowed, partial(wrong_here, catalogue))

    async def run(ended: Any) -> None:
        # A wrong setting ends the batch here, instead of failing each picture.
        networks = open_networks(settings)
        with LocalMaker(settings, networks, asked.state, asked.out, concurrency=concurrency) as maker:
            await batch.run(maker.make, ended, concurrency=concurrency)

    return _run(asked, batch, run, "Unfinished pictures start again. Run the same command to resume.")


def _ask(asked: Asked, maker: "LocalMaker") -> int:
    """Write the page about doubtful pieces. Returns the exit status."""
    from rich.console import Console
    from rich.progress import track

    from service.batch.doubts import write_doubts

    console, found = Console(stderr=True), []
    hidden = asked.quiet or not console.is_terminal
    for one in track(maker.doubts(asked.photos), "", len(asked.photos), console=console, disable=hidden):
        found.append(one)
        if one.failure:
            console.print(f"failed  {one.photo.name}: {one.failure}", soft_wrap=True, markup=False)
        else:
            asked.state.doubted(one.photo.sha256, [piece.box for piece in one.pieces])
    write_doubts(asked.out, found, batch=asked.state.run_id)
    pieces, doubtful = sum(len(one.pieces) for one in found), sum(bool(one.pieces) for one in found)
    click.echo(f"{pieces} doubtful pieces in {doubtful} of {len(found)} photos.")
    click.echo(f"doubts  {asked.out / 'doubts.html'}")
    return int(any(one.failure for one in found))


def _run(asked: Asked, batch: "Batch", run: Callable[[Any], Any], if_stopped: str) -> int:
    """Make the rest, write the results and print a summary. Returns the exit status. `if_stopped`: how to resume."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    from rich.text import Text

    from service.batch.state import Failed

    before, stopped, out, console = len(batch.made), False, asked.out, Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = asked.quiet or not console.is_terminal

    # The pace is that of the whole run, because pictures end in bursts.
    with Progress(*columns, console=console, disable=hidden, speed_estimate_period=1e6) as bar:
        task = bar.add_task("batch", total=len(batch.pairs), completed=len(batch.outcomes))

        def ended(pair: "Pair", outcome: Any) -> None:
            if isinstance(outcome, Failed):
                line = Text.assemble(("failed  ", "red"), f"{pair.title}: {outcome.message} ({outcome.code})")
                console.print(line, soft_wrap=True)
            bar.advance(task)

        async def until_stopped() -> None:
            running = asyncio.current_task()
            assert running is not None
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
            await run(ended)

        try:
            if batch.left:
                asyncio.run(until_stopped())
        except (KeyboardInterrupt, asyncio.CancelledError):
            stopped = True
    batch.write()
    made, failed, total = len(batch.made), len(batch.failed), len(batch.pairs)
    parts = [f"{made} of {total} pictures are in {out}"]
    parts += [f"{before} of them from earlier runs"] * bool(before)
    now, in_all = batch.charged
    parts += [f"{now} credits charged in this run" if now else "no credits charged in this run"]
    parts += [f"{in_all} credits for all pictures"] * (in_all != now)
    parts += [f"{batch.same} the same as others, which were made and charged once"] * bool(batch.same)
    click.echo(", ".join(parts) + ".")
    if failed:
        hopeless = sum(one.hopeless for one in batch.failed)
        parts = [f"{failed} failed and cost nothing. {out / 'results.csv'} has the reasons."]
        if failed > hopeless:
            parts.append(f"Run the same command to retry {'the others' if hopeless else 'them'}.")
        if hopeless:
            parts.append(f"{hopeless} would fail again because of the photo. --retry-failed retries them, too.")
        click.echo(" ".join(parts))
    if stopped:
        click.echo(f"Stopped. {if_stopped}")
    click.echo(f"contact sheet  {out / 'index.html'}")
    return 130 if stopped else 1 if failed else 0
