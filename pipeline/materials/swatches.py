"""The swatches of a layout's parts, made once for its images of all sizes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pipeline.core.parallel import together
from pipeline.core.spec import Finish
from pipeline.materials.appearance import Appearance, appearance
from pipeline.materials.pyramid import Pyramid
from pipeline.materials.tiles import swatch
from pipeline.scene.layout import Layout

#: Texels across a swatch, and across a swatch for an image of more rows than FINE_FROM.
COARSE, FINE, FINE_FROM = 1024, 2048, 1200


class Swatches:
    """A cache of one layout's swatches: those of the last requested layout. For one thread."""

    def __init__(self, height: int):
        """Create swatches that are fine enough for images of up to `height` rows."""
        self._n = FINE if height > FINE_FROM else COARSE
        self._layout: Layout | None = None
        self._kept: list[Pyramid | None] = []

    def of(self, layout: Layout) -> list[Pyramid | None]:
        """Return the swatch of each part, None for a part without one."""
        if layout is not self._layout:
            self.make_beside(layout)
        return self._kept

    def make_beside(self, layout: Layout, *work: Callable[[], Any]) -> list[Any]:
        """Make the swatches of a layout in parallel with other, independent work; return the results of that work.

        The first piece of work runs on the calling thread, the others after the swatches, which may take longest.
        """
        self.clear()
        keys = list(dict.fromkeys(_keys(layout)))
        first, others = work[:1], work[1:]
        given = together(*first, *(partial(self._made, *key) for key in keys), *others)
        begin, end = len(first), len(first) + len(keys)
        kept = dict(zip(keys, given[begin:end], strict=True))
        self._layout, self._kept = layout, [kept[key] for key in _keys(layout)]
        return given[:begin] + given[end:]

    def clear(self) -> None:
        """Release the swatches."""
        self._layout, self._kept = None, []

    def _made(self, finish: Finish, shown: Appearance, seed: int, index: int) -> Pyramid | None:
        return swatch(finish, np.random.default_rng([seed, index]), self._n, shown)


def _keys(layout: Layout) -> list[tuple[Finish, Appearance, int, int]]:
    """Return the keys of the parts' swatches. Small props reuse another part's swatch if possible."""
    keys: list[tuple[Finish, Appearance, int, int]] = []
    first: dict[tuple[Finish, bool], tuple[Appearance, int]] = {}
    for index, part in enumerate(layout.parts):
        finish: Finish = "plain" if part.glow else part.finish
        own = Appearance() if finish == "plain" else appearance(layout, part)
        shown, source = first.setdefault((finish, own.dark), (own, index))
        keys.append((finish, shown, layout.seed, source) if part.role == "prop" else (finish, own, layout.seed, index))
    return keys
