"""Waiting for other processes and threads, and letting threads act at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Given = TypeVar("Given")


def until(reached: Callable[[], Any], timeout: float = 300.0) -> Any:
    """Poll until a condition holds, for at most `timeout` seconds, and return its value.

    The default is long: an early result ends the wait, and a loaded machine takes minutes instead of seconds.
    """
    end = time.monotonic() + timeout
    while not (value := reached()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return value


def at_once(*calls: Callable[[], Given]) -> list[Given]:
    """Call each function in a thread of its own, all at once. Return their results, or raise the error of one."""
    start = threading.Barrier(len(calls))

    def call(one: Callable[[], Given]) -> Given:
        start.wait(60)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))
