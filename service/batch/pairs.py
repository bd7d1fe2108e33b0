"""The pairs of a batch: each photo with each place of publication."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from pipeline.core.order import AS_SCENE, SwapOrder
from service.batch.photos import Photo
from service.batch.spec_file import BatchSpec

#: A field of a request, as `name[0]`, and what is wrong with it.
Wrong = tuple[str, str]
_KEYS = {
    "scene_type": "scene",
    "mood": "mood",
    "dominant_colors": "colors",
    "output_preset": "--presets",
    "pilot_brand": "brand",
}


@dataclass(frozen=True)
class Pair:
    """One picture that is to be made."""

    photo: Photo
    order: SwapOrder
    #: Where it goes under the output folder, without its extension.
    stem: str

    @cached_property
    def id(self) -> str:
        """What it is made of: another photo under the same name, or other options, is another pair."""
        order = self.order
        options = {name: getattr(order, name) for name in ("scene", "mood", "colors", "brand", "seed")}
        # Batches of an earlier release know none of these, and go on as the same.
        options |= order.given
        options |= {} if order.subject is None else {"subject": order.subject}
        made_of = [self.photo.sha256 or self.photo.name, self.preset, options]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """What it is remembered by: photos of the same bytes are made once, for each name."""
        return f"{self.id} {self.stem}"

    @property
    def preset(self) -> str:
        """Where it is to be published."""
        return self.order.preset

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"{self.photo.name} → {self.preset}"


def pair_up(
    photos: Sequence[Photo], presets: Sequence[str], spec: BatchSpec, *, plain: Collection[str] = ()
) -> list[list[Pair]]:
    """Return each photo's pairs; those for a preset of `plain` have no scene.

    Files that differ in their extension alone keep it, so that no picture hides another.
    """
    stems = Counter(_stem(photo.name).lower() for photo in photos)
    groups = []
    for photo in photos:
        stem = _stem(photo.name)
        name = stem if stems[stem.lower()] == 1 else photo.name
        order = spec.of(photo.name)
        bare = replace(order, scene="white", colors=(), dressing=AS_SCENE)
        orders = [replace(bare if preset in plain else order, preset=preset) for preset in presets]
        groups.append([Pair(photo, one, f"{one.preset}/{name}") for one in orders])
    return groups


def wrong_with(pairs: Iterable[Pair], spec: BatchSpec, check: Callable[[SwapOrder], list[Wrong]]) -> list[str]:
    """Return a sentence for each thing that is wrong; what pairs have in common is checked once."""
    orders, found = dict[SwapOrder, Photo](), dict[str, None]()
    for pair in pairs:
        orders.setdefault(pair.order, pair.photo)
    for order, photo in orders.items():
        special = "" if spec.of(photo.name) == spec.base else f"{photo.name}: "
        for field, sentence in check(order):
            name, bracket, index = field.partition("[")
            if not name.startswith("source_"):  # no photo was named
                key = _KEYS.get(name, name) + bracket + index
                found[f"{special}{key}: {sentence.removesuffix('.')}."] = None
    return list(found)


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()
