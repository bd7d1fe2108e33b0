"""Work on a large picture strip by strip, on two cores: kernels, NumPy and Pillow compute outside Python's lock."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Threads, and rows of one strip: small enough that a strip's passing arrays stay in the cache.
THREADS = 2
ROWS = 32
#: So many strips or fewer are worked on by the calling thread alone: a second one would cost more than it saves.
FEW = 16

# So long a thread that comes back from a kernel waits for the interpreter's lock while another one computes in Python:
# at Python's own 5 ms that is longer than most strips take.
sys.setswitchinterval(0.001)

#: Kept, since starting a thread takes a millisecond; each may be busy with pieces that have pieces of their own.
_helpers = ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="strips")


def rows_of(source: int, target: int) -> int:
    """Return how many of `target` rows a strip should have that are made from `source` rows: what ROWS of these make.

    A picture that is reduced by much is as much work as the one that it is made from.
    """
    return max(1, min(ROWS, ROWS * target // max(1, source)))


def by_rows(height: int, work: Callable[[int, int], None], rows: int = ROWS) -> None:
    """Call `work(top, bottom)` for strips that cover `height` rows, on THREADS threads; raises what a call raises.

    `work` writes into arrays of its own; which thread takes which strip is not said, so nothing may depend on it.
    """
    tops = range(0, height, rows)

    def strip(top: int) -> None:
        work(top, min(top + rows, height))

    if len(tops) > FEW:
        each(tops, strip)
    else:
        _work_through(iter(tops), strip)


def each(tasks: Iterable[int], work: Callable[[int], None], before: Callable[[], None] = lambda: None) -> None:
    """Call `work` for every one of some tasks, on THREADS threads of which the caller's is one, as `by_rows` does.

    The caller's thread calls `before` first, while the others begin.
    """
    # each thread takes the next task as it is done with one; `next` of an iterator of C is atomic under the lock
    left = iter(tasks)
    others = [_helpers.submit(_work_through, left, work) for _ in range(THREADS - 1)]
    try:
        before()
        _work_through(left, work)
    finally:
        # What no thread has begun would find nothing left: where all are busy, nobody waits for anybody.
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


def together(*pieces: Callable[[], Any]) -> list[Any]:
    """Call independent pieces of work on THREADS threads, the first ones first; return what each gave, in order.

    The caller's thread does the first. Raises what a piece raises. Each piece may well work `by_rows`.
    """
    given: list[Any] = [None] * len(pieces)
    if not pieces:
        return given

    def work(index: int) -> None:
        given[index] = pieces[index]()

    each(range(1, len(pieces)), work, before=lambda: work(0))
    return given


def by_strips(function: Callable[[NDArray[np.float32]], NDArray[np.float32]], picture: NDArray[np.float32]) -> None:
    """Replace each strip of rows of `picture` by `function` of it, which gives the same shape."""

    def work(top: int, bottom: int) -> None:
        picture[top:bottom] = function(picture[top:bottom])

    by_rows(picture.shape[0], work)


def _work_through(tasks: Iterator[int], work: Callable[[int], None]) -> None:
    for task in tasks:
        work(task)
