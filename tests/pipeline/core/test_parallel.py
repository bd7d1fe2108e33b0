"""Independent work runs on two threads at once and returns its results in the order asked."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from pipeline.core import parallel
from pipeline.core.parallel import together


def test_pieces_run_at_once_and_their_results_keep_their_order() -> None:
    both = Barrier(2, timeout=300)
    first, second, third = together(both.wait, both.wait, lambda: "last")
    assert {first, second} == {0, 1}
    assert third == "last"


def test_no_pieces_give_nothing() -> None:
    assert together() == [], "as a polished thing that the camera does not see asks"


def test_an_exception_of_a_piece_is_raised() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together(lambda: 1, fails, lambda: 3)


def test_nested_pieces_run_although_all_helpers_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_helpers", ThreadPoolExecutor(1))

    def counted(depth: int) -> int:
        return 1 if depth == 0 else sum(together(*(lambda: counted(depth - 1) for _ in range(3))))

    assert counted(6) == 3**6


def test_a_piece_that_another_thread_has_begun_is_awaited_when_one_fails() -> None:
    begun, ended = Event(), Event()

    def slow() -> None:
        begun.set()
        ended.wait(0.2)
        ended.set()

    def fails() -> None:
        assert begun.wait(300)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together(fails, slow)
    assert ended.is_set(), "nothing writes into what the caller has got back"
