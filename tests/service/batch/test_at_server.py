"""A batch at a server: which pairs are one order, and what happens after an order without an answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backdrop_client import Unreachable
from pipeline.core.order import SwapOrder
from service.batch.at_server import RemoteMaker, _together
from service.batch.pairs import Pair, Photo, pair_up
from service.batch.spec_file import BatchSpec
from service.batch.state import Failure, State


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


def test_a_picture_whose_order_may_have_been_accepted_is_not_ordered_again_alone(tmp_path: Path) -> None:
    class Away:
        async def order(self, *_: Any, **__: Any) -> None:
            raise Unreachable("There was no answer.")

    async def run(pairs: list[Pair], state: State) -> None:
        away: Any = Away()
        maker = RemoteMaker(away, "http://x", state, tmp_path)
        state.uploaded("http://x", pairs[0].photo.sha256, "uploads/key")
        await maker.order(away, pairs)
        await maker.make(pairs[0])

    with State(tmp_path) as state, pytest.raises(Failure, match="Run the same command again"):
        asyncio.run(run(pairs_of(tmp_path, "a"), state))
