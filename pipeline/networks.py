"""The two networks as the pipeline sees them: plain callables, so that it never imports one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

#: Called as progress(stage, fraction of the whole swap 0–1). It may raise to stop the swap between steps.
Progress = Callable[[str, float], None]


class Segmenter(Protocol):
    """Finds the product in a photo."""

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB photo."""


class Generator(Protocol):
    """Paints a background."""

    def __call__(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        sketch: NDArray[np.float32],
        seed: int,
        on_step: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Paint over a flat-colour sketch.

        `sketch` is h×w×3 sRGB in [0, 1], of the scene's aspect ratio, any size; the answer has the same shape and
        range. `on_step` takes the share of steps done, 0–1, and may raise to stop.
        """


@dataclass(frozen=True)
class Networks:
    """The networks of one process. `versions` goes into the report's provenance."""

    segmenter: Segmenter
    generator: Generator
    versions: Mapping[str, str] = field(default_factory=dict)


def paints(generator: Generator) -> Literal["light", "picture"]:
    """Return what a generator's answer is good for: its attribute `paints`, or "light" where it has none.

    "picture": a finished background. "light": only how light spreads over the sketch.
    """
    return "picture" if getattr(generator, "paints", "light") == "picture" else "light"


def painting_size(generator: Generator) -> int:
    """Return the longer side in pixels that a generator wants its sketch at: its attribute `size`, or 512."""
    return int(getattr(generator, "size", 512))
