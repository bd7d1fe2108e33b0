"""The pairs of a batch: each photo with each place of publication."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from service.batch.manifest.photos import Photo
from service.batch.manifest.spec_file import Order, SwapOptions


@dataclass(frozen=True)
class Pair:
    """One picture that is to be made."""

    photo: Photo
    preset: str
    options: SwapOptions
    #: Where it goes under the output folder, without its extension.
    stem: str

    @cached_property
    def id(self) -> str:
        """What it is made of: another photo under the same name, or other options, is another pair."""
        options = asdict(self.options)
        # Batches of an earlier release know neither, and go on as the same.
        options = {
            name: one for name, one in options.items() if (name, one) not in (("stance", "auto"), ("subject", None))
        }
        made_of = [self.photo.sha256 or self.photo.name, self.preset, options]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """What it is remembered by: photos of the same bytes are made once, for each name."""
        return f"{self.id} {self.stem}"

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.photo.name} → {self.preset}"


def pair_up(
    photos: Sequence[Photo], presets: Sequence[str], order: Order, *, plain: Collection[str] = ()
) -> list[list[Pair]]:
    """Return each photo's pairs; those for a preset of `plain` have no scene.

    Files that differ in their extension alone keep it, so that no picture hides another.
    """
    stems = Counter(_stem(photo.name).lower() for photo in photos)
    groups = []
    for photo in photos:
        stem = _stem(photo.name)
        name = stem if stems[stem.lower()] == 1 else photo.name
        options = order.of(photo.name)
        bare = replace(options, scene="white", colors=())
        groups.append([Pair(photo, one, bare if one in plain else options, f"{one}/{name}") for one in presets])
    return groups


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
