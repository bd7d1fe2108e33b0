"""One picture that a generator is asked for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.networks import Conditions, Laid

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class PaintRequest:
    """One picture that a generator is asked for; `DiffusersGenerator.__call__` says what each field means."""

    prompt: str
    negative_prompt: str
    conditions: Conditions
    seed: int
    on_step: Callable[[float], None]
    laid: Laid | None = None
