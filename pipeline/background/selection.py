"""What a search for a background is given, aims at, and returns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np
from PIL import Image

from pipeline.background.colour_transfer import Lab, Match, measure
from pipeline.background.scene_context import SceneContext
from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import ALL_STAGES, PaletteControl
from pipeline.core.networks import Networks
from pipeline.core.order import SEED_LIMIT
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Rgb
from pipeline.cutout.cache import Cache
from pipeline.report import ExpansionReport, TriedBackground
from pipeline.scene.layout import Layout

CacheStatus = Literal["computed", "cached"]

#: Longer side in pixels of the judged picture: its blocks of 2×2 are measured, which averages the grain.
JUDGED_SIDE = 256
#: The first attempt's share of the progress; each later attempt gets this share of the rest.
_FIRST_SHARE = 0.6


@dataclass(frozen=True)
class Means:
    """By what a background is made, whatever its scene."""

    networks: Networks
    #: Called with 0–1, and never goes back.
    on_step: Callable[[float], None]
    #: Limits what is done for the asked colours.
    control: PaletteControl = ALL_STAGES
    #: Width and height in pixels of the picture, if it is smaller than the canvas. All choices depend on the canvas
    #: only, so that both sizes show the same.
    shown: tuple[int, int] | None = None
    #: Returns seconds.
    clock: Callable[[], float] = lambda: 0.0
    #: Results of earlier swaps, with the pinned backgrounds; None: no cache.
    cache: Cache | None = None


@dataclass(frozen=True)
class Selection:
    """The best of the tried backgrounds."""

    layout: Layout
    #: H×W×3 sRGB in [0, 1], without the product, but with its shadow where the context has one.
    background: Rgb
    #: Adds the product's mirror image, in place; the judged picture included it.
    lay: Callable[[Rgb], Rgb]
    #: The seed of the background.
    seed: int
    #: For the report's provenance, in the order of the attempts.
    tried: list[TriedBackground]
    cache_status: CacheStatus = "computed"

    @property
    def expansion(self) -> ExpansionReport | None:
        """How much a network that saw the product enlarged it; None where no network saw it."""
        return next((row.expansion for row in self.tried if row.seed == self.seed and row.rejected is None), None)


def fell_back(tried: list[TriedBackground]) -> bool:
    """Return whether the renderer's own background was used because all paintings were rejected."""
    painted = [row for row in tried if row.seconds is not None]
    return bool(painted) and all(row.rejected for row in painted)


def seeds(asked: int, count: int) -> list[int]:
    """Return `count` seeds: the asked seed, then others derived from it."""
    further = np.random.default_rng([asked, 1]).integers(SEED_LIMIT, size=count)
    return [asked, *(int(seed) for seed in further[1:])]


@dataclass(frozen=True)
class Aim:
    """The aim of a search: the same for all its candidates."""

    spec: Spec
    context: SceneContext
    means: Means

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the picture to render."""
        return self.means.shown or self.context.size

    @cached_property
    def small(self) -> tuple[int, int]:
        """Width and height in pixels of the judged picture."""
        width, height = self.context.size
        scale = min(1.0, JUDGED_SIDE / max(width, height))
        return max(16, round(width * scale)), max(16, round(height * scale))

    @cached_property
    def alpha(self) -> Alpha:
        """h×w: what is not measured in it."""
        return covered(self.context.alpha, *self.small)

    @property
    def asked(self) -> Lab:
        """asked×3 Lab: the asked colours."""
        return asked_colours(self.spec).lab

    def measured(self, picture: Rgb) -> Match:
        """Compare a judged picture with the asked colours."""
        return measure(picture, self.alpha, self.asked)


def covered(alpha: Alpha, width: int, height: int) -> Alpha:
    """Return coverage at another size."""
    return np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)


def row_of(seed: int, match: Match) -> TriedBackground:
    """Return the report on the background of a seed, whose judged picture matches like this."""
    if not match.deltas:
        return TriedBackground(seed, None, None)
    return TriedBackground(seed, round(match.mean, 2), round(match.worst, 2))


def steps(on_step: Callable[[float], None]) -> Iterator[Callable[[float], None]]:
    """Yield the callback of each attempt, which gets its share of the progress."""

    def step(start: float, share: float, done: float) -> None:
        on_step(start + share * min(1.0, max(0.0, done)))

    before = 0.0
    while True:
        share = (1 - before) * _FIRST_SHARE
        yield partial(step, before, share)
        before += share
