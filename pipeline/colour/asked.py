"""The asked colours of a spec, resolved and converted once: one object from the composition to the report."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb, parse_colour
from pipeline.colour.spaces import srgb_to_lab, srgb_to_linear
from pipeline.core.spec import Spec


@dataclass(frozen=True)
class AskedColours:
    """The colours that a background should have, the most present first."""

    #: As #rrggbb.
    hex: tuple[str, ...]
    #: Whether the caller named them; else they are the scene's own, or white.
    by_caller: bool

    @cached_property
    def srgb(self) -> NDArray[np.float32]:
        """n×3 sRGB in [0, 1]."""
        return np.stack([hex_to_rgb(colour) for colour in self.hex])

    @cached_property
    def linear(self) -> NDArray[np.float32]:
        """n×3 linear light in [0, 1]."""
        return srgb_to_linear(self.srgb)

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """n×3 CIELAB, D65."""
        return srgb_to_lab(self.srgb)


#: Cached, because every tried seed asks for the same colours.
_converted = cache(AskedColours)


def asked_colours(spec: Spec) -> AskedColours:
    """Return the asked colours of a spec: those of a white or flat ground, else the caller's, else the scene's."""
    if spec.plain is None and spec.ground.background == "image":
        return _converted((), False)  # nothing is painted
    if spec.preset.background == "white":
        return _converted(("#ffffff",), False)
    if spec.plain and spec.ground.background == "color":
        return _converted((parse_colour(spec.plain),), True)
    return _converted(spec.palette or spec.scene.palette, bool(spec.palette))
