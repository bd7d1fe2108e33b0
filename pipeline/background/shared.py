"""Backgrounds that several pictures of one product share: made once in a process, and kept in memory for the next.

Pictures share a background if they show the same product at the same place of the same canvas, in the same scene.
Their files may differ in format, quality and layers. It is kept as it was made, so each picture is the same as alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from pipeline.background.scene_context import SceneContext
from pipeline.background.selection import CacheStatus, Means, Selection
from pipeline.core.spec import Spec
from pipeline.core.types import Placed


@dataclass
class _Slot:
    making: threading.Lock = field(default_factory=threading.Lock)
    made: Selection | None = None


class SharedBackgrounds:
    """The last few backgrounds of a process: about 12 bytes a pixel each. Thread-safe."""

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def of(self, key: str, make: Callable[[], Selection]) -> Selection:
        """Return the background of a key. Only one thread makes it; others wait for it."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._most:
                self._slots.popitem(last=False)
        with slot.making:
            status: CacheStatus = "cached" if slot.made is not None else "computed"
            made = slot.made = slot.made or make()
        return replace(made, background=made.background.copy(), cache_status=status)  # effects are drawn into it


def key_of(spec: Spec, context: SceneContext, placed: Placed, means: Means) -> str:
    """Return a digest of everything that determines a background, and nothing that only the file depends on."""
    facts = [
        *(
            vars(spec) | {"preset": spec.preset.background, "output": None, "lettering": None, "acceptance": None}
        ).items(),
        *(
            context.around,
            context.gains,
            context.contact,
            context.compose(spec),
            means.control,
            means.shown,
            placed.alpha.shape,
        ),
    ]
    digest = blake2b(repr(facts).encode(), digest_size=16)
    for pixels in (placed.alpha, placed.rgb, *([] if context.reference is None else [context.reference])):
        digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
