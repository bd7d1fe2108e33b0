"""A batch at a server: which pictures are one order, and what happens to an order that is refused or unanswered."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from backdrop_client import InsufficientCredits, ServerError, TooManyRequests, Unreachable
from pipeline.core.order import SwapOrder
from service.batch.at_server import RemoteMaker, Unwaiting, Wanted, _parts, _together
from service.batch.pairs import Pair, Photo, pair_up
from service.batch.spec_file import BatchSpec
from service.batch.state import Failure, State


def pairs_of(folder: Path, *names: str, special: Any = (), presets: Any = ("amazon_main", "open_graph")) -> list[Pair]:
    """Return the pairs of photos for a preset that takes no scene and one that does. "a" and "a-copy" are the same."""
    photos = [Photo(name, folder / name, name.partition("-")[0]) for name in names]
    spec = BatchSpec(SwapOrder("podium", "calm", ""), special)
    groups = pair_up(photos, presets, spec, plain=["amazon_main"])
    return [pair for group in groups for pair in group]


def wanted(pairs: Sequence[Pair], *, attempt: int = 0) -> list[Wanted]:
    return [Wanted(pair, pair.look, attempt) for pair in pairs]


def shown(groups: Sequence[Sequence[Wanted]]) -> list[list[str]]:
    return [[f"{one.pair.photo.name} {one.pair.preset}" for one in group] for group in groups]


def test_photos_with_the_same_looks_and_presets_are_one_order(tmp_path: Path) -> None:
    warm = (("*-copy", {"mood": "warm"}), ("c", {"seed": 7}))
    pairs = pairs_of(tmp_path, "a", "a-copy", "b", "b-copy", "c", special=warm)

    groups = _together(wanted(pairs))

    assert [(len(group), {one.pair.photo.name for one in group}) for group in groups] == [
        (8, {"a", "a-copy", "b", "b-copy"}),
        (2, {"c"}),
    ]


def test_presets_with_different_looks_of_a_photo_are_different_orders(tmp_path: Path) -> None:
    warm = (("*-copy", {"mood": "warm"}),)
    *pairs, last = pairs_of(tmp_path, "a", "a-copy", special=warm)

    assert shown(_together(wanted(pairs))) == [["a amazon_main", "a-copy amazon_main"], ["a open_graph"]]
    assert (last.photo.name, last.preset) == ("a-copy", "open_graph")


def test_a_picture_whose_job_failed_is_not_ordered_with_the_others(tmp_path: Path) -> None:
    first, *others = pairs_of(tmp_path, "a", "b", presets=["open_graph"])

    groups = _together([*wanted([first], attempt=1), *wanted(others)])

    assert shown(groups) == [["a open_graph"], ["b open_graph"]]


def test_a_group_is_divided_by_photos_then_by_presets_and_never_by_looks(tmp_path: Path) -> None:
    warm = (("*-copy", {"mood": "warm"}),)
    group = wanted(pairs_of(tmp_path, "a", "a-copy", "b", special=warm))

    a, b = _parts(group)
    main, graph = _parts(a)

    assert shown([b]) == [["b amazon_main", "b open_graph"]]
    assert shown([main, graph]) == [
        ["a amazon_main", "a-copy amazon_main"],
        ["a open_graph", "a-copy open_graph"],
    ]
    assert _parts(main) == []


class Server:
    """Refuses each order, and keeps its number of photos and its key."""

    def __init__(self, answer: Callable[[int], BaseException]) -> None:
        self.answer, self.sent = answer, list[tuple[int, str]]()

    async def order(self, photos: Sequence[Any], _: Any, *, idempotency_key: str, **__: Any) -> None:
        self.sent.append((len(photos), idempotency_key))
        raise self.answer(len(photos))


def fail(folder: Path, state: State, server: Any, pairs: Sequence[Pair]) -> list[str]:
    """Return the code of each pair's failure in a run of a batch."""

    async def run() -> list[str]:
        for pair in pairs:
            state.uploaded("http://x", pair.photo.sha256, f"uploads/{pair.photo.sha256}")
        maker = RemoteMaker(server, server, "http://x", state, folder, pairs=pairs, left=pairs)
        made = await asyncio.gather(*map(maker.make, pairs), return_exceptions=True)
        assert all(isinstance(one, Failure) for one in made)
        return [one.code for one in made if isinstance(one, Failure)]

    return asyncio.run(run())


@pytest.mark.parametrize("error", [Unreachable("no answer"), ServerError(503, "outcome_unknown", "unknown")])
def test_an_order_in_doubt_is_sent_again_as_it_was_and_never_in_parts(tmp_path: Path, error: Exception) -> None:
    pairs, server = pairs_of(tmp_path, "a", "b"), Server(lambda _: error)
    with State(tmp_path) as state:
        first = fail(tmp_path, state, server, pairs)
    with State(tmp_path) as state:
        second = fail(tmp_path, state, server, [*pairs, *pairs_of(tmp_path, "new")])

    assert first == [getattr(error, "code", "unreachable")] * 4
    assert len(second) == 6
    assert [count for count, _ in server.sent] == [2, 2, 1]
    assert len({key for _, key in server.sent}) == 2, "the same order has the same key"


def test_an_order_that_is_refused_is_sent_in_parts_until_one_picture_alone_is_refused(tmp_path: Path) -> None:
    pairs, server = pairs_of(tmp_path, "a", "b", "c"), Server(lambda _: TooManyRequests(429, "queue_full", "full"))

    with State(tmp_path) as state:
        codes = fail(tmp_path, state, server, pairs)
        assert state.unanswered == []

    assert codes == ["queue_full"] * 6
    assert [count for count, _ in server.sent] == [3, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]


def test_once_a_picture_alone_is_too_dear_no_other_is_sent(tmp_path: Path) -> None:
    pairs, server = (
        pairs_of(tmp_path, "a", "b"),
        Server(lambda _: InsufficientCredits(402, "insufficient_credits", "0")),
    )

    with State(tmp_path) as state:
        assert fail(tmp_path, state, server, pairs) == ["insufficient_credits"] * 4

    assert [count for count, _ in server.sent] == [2, 1, 1]


def test_an_order_without_room_is_divided_at_once_and_a_busy_server_is_waited_for() -> None:
    full, busy = TooManyRequests(429, "queue_full", "full"), TooManyRequests(429, "rate_limited", "busy")

    assert Unwaiting().pause(1, full, 0.0) is None
    assert Unwaiting().pause(1, busy, 0.0) is not None
