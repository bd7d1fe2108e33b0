"""Polling: to wait for what other processes and threads bring about."""

import time
from collections.abc import Callable
from typing import Any


def until(reached: Callable[[], Any], timeout: float = 300.0) -> Any:
    """Poll until a condition holds, for at most so many seconds, and return what it gave.

    Long: what comes is not waited for any longer, and a loaded machine takes minutes where a quiet one takes seconds.
    """
    end = time.monotonic() + timeout
    while not (value := reached()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return value
