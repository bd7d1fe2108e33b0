"""The works of a run: each photo with its scene, mood, palette and preset, the same every time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.core.spec import Spec
from scripts.renderer.specs import held_out_specs
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.settings import Settings, load_settings

TABLES = ("cutout", "halo", "fidelity", "presets", "looks")
#: Number of pictures whose CPU time is measured, and of swaps in the lossless check.
TIMED, EXACT = 5, 12


@dataclass(frozen=True)
class Config:
    """Options that all measurements share. Hashable, so that each process opens the networks once."""

    out: Path
    segmenter: str | None
    #: Longer side in pixels of swaps instead of the preset's; the table of presets ignores it.
    side: int | None
    #: Folder of kept looks (`benchmarks.picture.looks`); CPU time is then not measured.
    looks: Path | None = None

    @property
    def settings(self) -> Settings:
        """Settings of the environment, with the chosen segmenter."""
        return load_settings(segmenter=self.segmenter)


@dataclass(frozen=True)
class PhotoSet:
    """Photos that are reported together."""

    name: str
    photos: tuple[Path, ...]
    #: Folder of true alphas, <stem>.png; None without.
    alphas: Path | None = None

    def truth(self, photo: Path) -> Path | None:
        """Return the file of a photo's true alpha, or None."""
        file = None if self.alphas is None else self.alphas / f"{photo.stem}.png"
        return file if file is not None and file.is_file() else None


@dataclass(frozen=True)
class Work:
    """A row to measure."""

    table: str
    #: Names the row within its table, also for --resume.
    key: str
    photo: Path
    spec: Spec | None = None
    timed: bool = False
    #: File of the photo's true alpha, and the set that reports the row.
    truth: Path | None = None
    photo_set: str = ""


@cache
def drawn() -> tuple[Spec, ...]:
    """Return specs with random palettes of 1–5 colours, dark, pale, saturated, near-grey and mixed in turn."""
    return tuple(held_out_specs())


def default_specs(catalogue: Catalogue, count: int) -> list[Spec]:
    """Return the same `count` specs every time: scenes, moods, palettes and the presets that take scenes, in turn."""
    scenes = [scene for scene in catalogue.scenes.values() if scene.kind != "white"]
    presets = [preset for preset in catalogue.presets.values() if preset.background == "scene" and preset.size]
    moods = list(catalogue.moods.values())
    return [
        Spec(
            scenes[i % len(scenes)],
            # Shifted by one with each round of the scenes, so that pairs don't repeat.
            moods[(i + i // len(scenes)) % len(moods)],
            drawn()[i % len(drawn())].palette,
            presets[i % len(presets)],
            seed=i + 1,
        )
        for i in range(count)
    ]


def preset_specs(catalogue: Catalogue, renders: int) -> Iterator[Spec]:
    """Yield `renders` specs of each preset, on white for presets that take no scene."""
    for index, preset in enumerate(catalogue.presets.values()):
        for number, spec in enumerate(default_specs(catalogue, 7 * index + renders)[7 * index :]):
            chosen = replace(spec, preset=preset, seed=number + 1)
            yield (
                chosen if preset.background == "scene" else replace(chosen, scene=catalogue.scene("white"), palette=())
            )


def sized(spec: Spec, side: int | None) -> Spec:
    """Return the spec on a canvas whose longer side is `side` pixels; unchanged for None."""
    size = spec.preset.size
    if side is None or size is None:
        return spec
    scaled = (round(size[0] * side / max(size)), round(size[1] * side / max(size)))
    return replace(spec, preset=replace(spec.preset, size=scaled, min_side=1))


def listed(
    sets: Sequence[PhotoSet],
    config: Config,
    only: Sequence[str],
    specs: Sequence[Spec],
    renders: int,
) -> list[Work]:
    """Return every row to measure. Rows of one photo's cut-out are neighbours, so that it is made once."""
    works = []
    for one in sets:
        exact = [(photo, truth) for photo in one.photos if (truth := one.truth(photo)) is not None]
        timed = {photo for photo, _ in exact[:: max(1, len(exact) // TIMED)][:TIMED]}
        for photo, truth in exact:
            key = photo.stem if len(sets) == 1 else f"{one.name}: {photo.stem}"
            for table in ("cutout", "halo"):
                works.append(Work(table, key, photo, timed=photo in timed, truth=truth, photo_set=one.name))
    photos = [photo for one in sets for photo in one.photos]
    # A stride coprime to their number visits every photo, and separates neighbours by name.
    stride = next((n for n in range(int(0.618 * len(photos)), len(photos)) if np.gcd(n, len(photos)) == 1), 1)
    turn = [photos[i * stride % len(photos)] for i in range(len(photos))]

    def put(table: str, wanted: Sequence[Spec]) -> None:
        for i, spec in enumerate(wanted):
            works.append(Work(table, f"{i + 1:03}", turn[i % len(turn)], sized(spec, config.side)))

    put("fidelity", specs[:EXACT])
    for i, spec in enumerate(preset_specs(load_catalogue(), renders)):
        works.append(Work("presets", f"{spec.preset.name}-{i % renders + 1:02}", turn[i % len(turn)], spec))
    put("looks", specs)
    return [work for work in works if work.table in only]
