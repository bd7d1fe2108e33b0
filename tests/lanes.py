"""What the fast lane leaves to the gate."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_in_gate(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """Return the cases of `pytest.mark.parametrize`, all but the first `fast` marked for the gate alone.

    For cases that prove the same of one more family, photo or seed. A case of several values is a tuple.
    """
    kept = list(cases)
    return kept[:fast] + [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.gate) for case in kept[fast:]
    ]
