"""Process a large picture strip by strip on two cores: kernels, NumPy and Pillow compute outside Python's lock."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Threads, and rows of one strip: small enough that a strip's temporary arrays stay in the cache.
THREADS = 2
ROWS = 32
#: With this many strips or fewer the calling thread works alone: a second thread would cost more than it saves.
FEW = 16

# A thread that returns from a kernel waits this long, in seconds, for the interpreter's lock while another thread
# runs Python. Python's default of 5 ms is longer than most strips take.
sys.setswitchinterval(0.001)

#: Kept, because starting a thread takes a millisecond. Twice the cores: a piece of work may itself work in strips.
_helpers = ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="strips")


def rows_of(source: int, target: int) -> int:
    """Return how many of `target` rows a strip should have, so that it takes about ROWS of the `source` rows.

    A large reduction is as much work as its source is large.
    """
    return max(1, min(ROWS, ROWS * target // max(1, source)))


def by_rows(height: int, work: Callable[[int, int], None], rows: int = ROWS) -> None:
    """Call `work(top, bottom)` for strips that cover `height` rows, on THREADS threads. Raises a call's error.

    `work` writes into arrays of its own. Any thread may take any strip, so results must not depend on it.
    """
    tops = range(0, height, rows)

    def strip(top: int) -> None:
        work(top, min(top + rows, height))

    if len(tops) > FEW:
        each(tops, strip)
    else:
        _work_through(iter(tops), strip)


def each(tasks: Iterable[int], work: Callable[[int], None], before: Callable[[], None] = lambda: None) -> None:
    """Call `work` for every task, on THREADS threads of which the caller's is one.

    The caller's thread calls `before` first, while the others begin.
    """
    # threads take tasks from one iterator: `next` of an iterator in C is atomic under the lock
    left = iter(tasks)
    others = [_helpers.submit(_work_through, left, work) for _ in range(THREADS - 1)]
    try:
        before()
        _work_through(left, work)
    finally:
        # Cancel helpers that have not begun: no work is left for them. So a caller never waits for a busy pool.
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


def together(*pieces: Callable[[], Any]) -> list[Any]:
    """Call independent pieces of work on THREADS threads, in order, and return their results in order.

    The caller's thread does the first. Raises a piece's error. A piece may itself work `by_rows`.
    """
    given: list[Any] = [None] * len(pieces)
    if not pieces:
        return given

    def work(index: int) -> None:
        given[index] = pieces[index]()

    each(range(1, len(pieces)), work, before=lambda: work(0))
    return given


def by_strips(function: Callable[[NDArray[np.float32]], NDArray[np.float32]], picture: NDArray[np.float32]) -> None:
    """Replace each strip of rows of `picture` by the result of `function`, which keeps the shape."""

    def work(top: int, bottom: int) -> None:
        picture[top:bottom] = function(picture[top:bottom])

    by_rows(picture.shape[0], work)


def _work_through(tasks: Iterator[int], work: Callable[[int], None]) -> None:
    for task in tasks:
        work(task)
