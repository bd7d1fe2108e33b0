"""A batch at a server: which pairs are one order."""

from pathlib import Path
from typing import Any

from pipeline.core.order import SwapOrder
from service.batch.at_server import _together
from service.batch.pairs import Pair, pair_up
from service.batch.photos import Photo
from service.batch.spec_file import BatchSpec


def pairs_of(folder: Path, *names: str, special: Any = ()) -> list[Pair]:
    """Return the pairs of photos for a preset that takes no scene and one that does. "a" and "a-copy" are the same."""
    photos = [Photo(name, folder / name, name.partition("-")[0]) for name in names]
    spec = BatchSpec(SwapOrder("podium", "calm", ""), special)
    groups = pair_up(photos, ["amazon_main", "open_graph"], spec, plain=["amazon_main"])
    return [pair for group in groups for pair in group]


def test_photos_with_the_same_looks_and_presets_are_one_order(tmp_path: Path) -> None:
    warm = (("*-copy", {"mood": "warm"}), ("c", {"seed": 7}))
    *pairs, last = pairs_of(tmp_path, "a", "a-copy", "b", "b-copy", "c", "d", "d-copy", special=warm)

    found = [(len(group), {pair.photo.name for pair in group}) for group in _together(pairs)]

    assert last.photo.name == "d-copy"
    assert found == [(8, {"a", "a-copy", "b", "b-copy"}), (2, {"c"})], "the looks of d are not for the same presets"
