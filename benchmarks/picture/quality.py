"""Measure pictures: tables over folders of photos, side by side, and a page to look at.

    python benchmarks/picture/quality.py PHOTOS [PHOTOS …] --alpha ALPHAS [--alpha ALPHAS …] --out out/quality

Each PHOTOS is a set of its own. Give its true alphas (ALPHAS/<same stem>.png) in the same order. Backdrop and plain
rembg cut out each photo that has a true alpha, with the same network. Swaps over all scenes, moods and presets are
measured on the delivered files. The program writes figures.json, index.html and the pictures into the output folder as
it goes, so that --resume continues where a run ended. No photos ship with Backdrop.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.figures import Recorder, record_option
from benchmarks.picture.orders import TABLES, Config, PhotoSet, Work, default_specs, listed
from benchmarks.picture.recorded import recorded
from benchmarks.picture.rivals import Rivals, open_rivals
from benchmarks.picture.rows import measure
from benchmarks.picture.sheet import write_sheet
from benchmarks.picture.tables import Figures, tables_of
from benchmarks.picture.verdicts import warning_tables
from service.catalogue.catalogue import load_catalogue

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff"}


@cache
def rivals(config: Config) -> Rivals:
    """Return the networks of this process, opened once."""
    return open_rivals(config.settings, config.looks)


def measured(work: Work, config: Config) -> dict[str, Any]:
    """Return the row of a work, measured with this process's own networks."""
    return measure(work, config, rivals(config))


def carried_out(
    works: Sequence[Work], config: Config, jobs: int, both: Rivals | None
) -> Iterator[tuple[Work, dict[str, Any]]]:
    """Yield each work with its row as it ends, in this process or in `jobs` processes with networks of their own."""
    if jobs == 1:
        for work in works:
            yield work, measure(work, config, both or rivals(config))
        return
    # Forked processes would share the threads of torch and onnxruntime.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(measured, work, config): work for work in works}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


@click.command(help=__doc__)
@click.argument("photos", nargs=-1, required=True, type=FOLDER)
@click.option(
    "--alpha", multiple=True, type=FOLDER, help="Folder of true alphas, <stem>.png, one for each PHOTOS in order."
)
@click.option("--out", default="out/quality", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--only", default=",".join(TABLES), show_default=True, help="Tables, separated by commas.")
@click.option("--swaps", default=30, show_default=True, type=click.IntRange(1), help="Number of swaps to look at.")
@click.option("--renders", default=20, show_default=True, type=click.IntRange(1), help="Renders of each preset.")
@click.option("--side", type=click.IntRange(64, 8192), help="Longer side of swaps in pixels; presets keep theirs.")
@click.option("--segmenter", help="Another network of rembg whose weights are installed.")
@click.option(
    "--looks",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to keep masks in; CPU time is then not measured.",
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Number of processes.")
@click.option("--resume", is_flag=True, help="Keep the rows of the last run and measure the rest.")
@record_option
def main(
    photos: tuple[Path, ...],
    alpha: tuple[Path, ...],
    out: Path,
    only: str,
    swaps: int,
    renders: int,
    side: int | None,
    segmenter: str | None,
    looks: Path | None,
    jobs: int,
    resume: bool,
    recorder: Recorder | None,
) -> None:
    """Measure, print and write the tables."""
    chosen = only.split(",")
    if unknown := set(chosen) - set(TABLES):
        raise click.BadParameter(
            f"Unknown tables: {', '.join(sorted(unknown))}. Use {', '.join(TABLES)}.", param_hint="--only"
        )
    sets = photo_sets(photos, alpha)
    wanted = default_specs(load_catalogue(), swaps)
    config = Config(out, segmenter, side, looks)
    works = listed(sets, config, chosen, wanted, renders)
    rows = run(works, config, chosen, jobs=jobs, resume=resume)
    if recorder:
        for room, found in recorded(rows):
            recorder.write(room, found)


def photo_sets(photos: Sequence[Path], alphas: Sequence[Path]) -> list[PhotoSet]:
    """Return the sets of the command line, each named by its folder as given. Raises BadParameter."""
    if alphas and len(alphas) != len(photos):
        raise click.BadParameter(
            f"{len(alphas)} folders for {len(photos)} PHOTOS. Give one for each PHOTOS, in order.", param_hint="--alpha"
        )
    given: Sequence[Path | None] = alphas or [None] * len(photos)
    sets = []
    for folder, alpha in zip(photos, given, strict=True):
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS)
        if not found:
            raise click.BadParameter(
                f"{folder} contains no photo. Use a folder with JPEG, PNG, WebP, AVIF or TIFF files.",
                param_hint="PHOTOS",
            )
        sets.append(PhotoSet(str(folder), tuple(found), alpha))
    return sets


def run(
    works: Sequence[Work],
    config: Config,
    only: Sequence[str],
    *,
    jobs: int = 1,
    resume: bool = False,
    both: Rivals | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Measure the works and return all rows, by table and key.

    figures.json is complete after every row. Page and tables are written at the end, also of an interrupted run.
    `both`: networks to use in this process instead of those of the settings.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    record = config.out / "figures.json"
    rows: dict[str, dict[str, dict[str, Any]]] = json.loads(record.read_text())["rows"] if record.is_file() else {}
    if not resume:
        rows = {table: kept for table, kept in rows.items() if table not in only}
    todo = [work for work in works if work.key not in rows.get(work.table, {})]
    about = {"segmenter": config.settings.segmenter, "generator": Path(config.settings.generator).name}

    def save(tables: Sequence[Figures]) -> None:
        content = {"about": about, "tables": [asdict(table) for table in tables], "rows": rows}
        unfinished = record.with_suffix(".part")
        unfinished.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
        unfinished.replace(record)

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("opening the networks", total=len(todo))
            for work, row in carried_out(todo, config, jobs, both):
                rows.setdefault(work.table, {})[work.key] = row
                save(())
                bar.update(task, advance=1, description=f"{work.table} {work.photo.stem}")
    finally:
        tables = [*tables_of(rows), *warning_tables(rows.get("cutout", {}))]
        save(tables)
        swapped = [row for table in ("looks", "presets") for _, row in sorted(rows.get(table, {}).items())]
        write_sheet(config.out / "index.html", tables, swapped, " · ".join(about.values()))
    # A photo's name may contain Rich markup.
    console = Console(markup=False) if sys.stdout.isatty() else Console(width=150, markup=False)
    for table in tables:
        printed = Table(title=table.title, title_justify="left", caption=table.note, caption_justify="left")
        for column, heading in enumerate(table.headings):
            printed.add_column(heading, justify="right" if column else "left")
        for line in table.rows:
            printed.add_row(*line)
        console.print(printed)
    console.print(f"{config.out / 'index.html'}: {len(swapped)} swaps to look at", highlight=False)
    return rows


if __name__ == "__main__":
    main()
