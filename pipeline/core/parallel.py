"""Work on a large picture strip by strip, on two cores: NumPy computes outside Python's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

#: Threads, and rows of one strip: small enough that a strip's passing arrays stay in the cache.
THREADS = 2
ROWS = 64


def by_strips(function: Callable[[NDArray[np.float32]], NDArray[np.float32]], picture: NDArray[np.float32]) -> None:
    """Replace each strip of rows of `picture` by `function` of it, which gives the same shape."""

    def work(top: int) -> None:
        picture[top : top + ROWS] = function(picture[top : top + ROWS])

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, top) for top in range(0, picture.shape[0], ROWS)]:
            done.result()
