"""Work on a large picture strip by strip, on two cores: kernels, NumPy and Pillow compute outside Python's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

#: Threads, and rows of one strip: small enough that a strip's passing arrays stay in the cache.
THREADS = 2
ROWS = 64


def by_rows(height: int, work: Callable[[int, int], None], rows: int = ROWS) -> None:
    """Call `work(top, bottom)` for strips that cover `height` rows, on THREADS threads; raises what a call raises.

    `work` writes into arrays of its own; which thread takes which strip is not said, so nothing may depend on it.
    """
    tops = range(0, height, rows)
    if len(tops) <= 1:
        work(0, height)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, top, min(top + rows, height)) for top in tops]:
            done.result()


def by_strips(function: Callable[[NDArray[np.float32]], NDArray[np.float32]], picture: NDArray[np.float32]) -> None:
    """Replace each strip of rows of `picture` by `function` of it, which gives the same shape."""

    def work(top: int, bottom: int) -> None:
        picture[top:bottom] = function(picture[top:bottom])

    by_rows(picture.shape[0], work)
