"""To wait for what other processes and threads bring about, and to let threads act at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Given = TypeVar("Given")


def until(reached: Callable[[], Any], timeout: float = 300.0) -> Any:
    """Poll until a condition holds, for at most so many seconds, and return what it gave.

    Long: what comes is not waited for any longer, and a loaded machine takes minutes where a quiet one takes seconds.
    """
    end = time.monotonic() + timeout
    while not (value := reached()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return value


def at_once(*calls: Callable[[], Given]) -> list[Given]:
    """Call each in a thread of its own, all from the same moment; return what they give, or raise what one raises."""
    start = threading.Barrier(len(calls))

    def call(one: Callable[[], Given]) -> Given:
        start.wait(60)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))
