"""Which cases a faster lane leaves to a slower one, and which tests a machine skips for lack of a library."""

import os
import platform
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import pytest

#: Never skipped where CI runs on x86-64: set-up must have installed it, so the test fails instead.
in_openvino = pytest.mark.skipif(
    find_spec("openvino") is None and not ("CI" in os.environ and platform.machine() == "x86_64"),  # noqa: TID251  # CI is no setting
    reason="OpenVINO comes with the extra cpu, on x86-64 alone: install backdrop[networks,cpu] to run this test",
)


def rest_in_gate(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """Return the cases of `pytest.mark.parametrize`, all but the first `fast` marked for the gate alone.

    For cases that check the same for another family, photo or seed. A case of several values is a tuple.
    """
    return _rest(cases, fast, pytest.mark.gate)


def rest_at_night(cases: Iterable[Any], gate: int = 1) -> list[Any]:
    """Return the cases of `pytest.mark.parametrize`, all but the first `gate` marked for the nightly lane alone."""
    return _rest(cases, gate, pytest.mark.nightly)


def _rest(cases: Iterable[Any], first: int, mark: pytest.MarkDecorator) -> list[Any]:
    kept = list(cases)
    return kept[:first] + [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=mark) for case in kept[first:]
    ]
