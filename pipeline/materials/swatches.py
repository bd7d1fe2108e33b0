"""The swatches of a layout's parts, made once for its pictures of all sizes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pipeline.core.parallel import together
from pipeline.core.spec import Finish
from pipeline.materials.appearance import Appearance, appearance
from pipeline.materials.pyramid import Pyramid
from pipeline.materials.textures import swatch
from pipeline.scene.layout import Layout

#: Texels across a swatch, and across that of a picture of more than so many rows.
COARSE, FINE, FINE_FROM = 1024, 2048, 1200


class Swatches:
    """A cache of one layout's swatches: those of the last that was asked for. For one thread."""

    def __init__(self, height: int):
        """Swatches that are fine enough for pictures of up to `height` rows."""
        self._n = FINE if height > FINE_FROM else COARSE
        self._layout: Layout | None = None
        self._kept: list[Pyramid | None] = []

    def of(self, layout: Layout) -> list[Pyramid | None]:
        """Return the swatch of each part, None for what has none."""
        if layout is not self._layout:
            self.make_beside(layout)
        return self._kept

    def make_beside(self, layout: Layout, *work: Callable[[], Any]) -> list[Any]:
        """Make the swatches of a layout beside other work, which does not need them; return what each piece gave.

        The first piece runs on the calling thread, the others after the swatches: one of these may take the longest.
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
        """Let the swatches go."""
        self._layout, self._kept = None, []

    def _made(self, finish: Finish, shown: Appearance, seed: int, index: int, small: bool) -> Pyramid | None:
        return swatch(finish, np.random.default_rng([seed, index]), self._n // 2 if small else self._n, shown)


def _keys(layout: Layout) -> list[tuple[Finish, Appearance, int, int, bool]]:
    """Return what tells the parts' swatches apart; the last says whether half as many texels across will do.

    Small things are cut from what is there already, if they can be; what is made for them alone is coarser.
    """
    keys: list[tuple[Finish, Appearance, int, int, bool]] = []
    first: dict[tuple[Finish, bool], tuple[Appearance, int]] = {}
    for index, part in enumerate(layout.parts):
        finish: Finish = "plain" if part.glow else part.finish
        own = Appearance() if finish == "plain" else appearance(layout, part)
        shown, source = first.setdefault((finish, own.dark), (own, index))
        if part.role == "prop":
            keys.append((finish, shown, layout.seed, source, layout.parts[source].role == "prop"))
        else:
            keys.append((finish, own, layout.seed, index, False))
    return keys
