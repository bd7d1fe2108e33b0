"""Independent pieces of work are done on two threads at once, and their results are told in the order asked."""

from threading import Barrier

import pytest

from pipeline.core.parallel import together


def test_pieces_run_at_once_and_their_results_keep_their_order() -> None:
    both = Barrier(2, timeout=10)
    first, second, third = together(both.wait, both.wait, lambda: "last")
    assert {first, second} == {0, 1}
    assert third == "last"


def test_what_a_piece_raises_comes_out() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        together(lambda: 1, fails, lambda: 3)
