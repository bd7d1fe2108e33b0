"""The asked colours of a spec, resolved and converted once, from the composition to the report; and their names."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb, parse_colour
from pipeline.colour.spaces import delta_e00, srgb_to_lab, srgb_to_linear
from pipeline.core.spec import Spec

#: Names for text encoders that were never trained on #rrggbb: CSS colours with common names, in spoken form. Of two
#: similar colours, only the plainer is listed.
NAMES = {
    "white": "#ffffff", "ivory": "#fffff0", "beige": "#f5f5dc", "linen": "#faf0e6", "misty rose": "#ffe4e1",
    "lavender": "#e6e6fa", "honeydew": "#f0fff0", "light gray": "#d3d3d3", "silver": "#c0c0c0", "gray": "#808080",
    "dim gray": "#696969", "slate gray": "#708090", "dark slate gray": "#2f4f4f", "black": "#000000",
    "midnight blue": "#191970", "navy": "#000080", "blue": "#0000ff", "royal blue": "#4169e1",
    "steel blue": "#4682b4", "sky blue": "#87ceeb", "light blue": "#add8e6", "powder blue": "#b0e0e6",
    "cyan": "#00ffff", "turquoise": "#40e0d0", "teal": "#008080", "aquamarine": "#7fffd4", "sea green": "#2e8b57",
    "dark sea green": "#8fbc8f", "dark green": "#006400", "forest green": "#228b22", "lime green": "#32cd32",
    "pale green": "#98fb98", "dark olive green": "#556b2f", "olive": "#808000", "khaki": "#f0e68c",
    "yellow": "#ffff00", "gold": "#ffd700", "goldenrod": "#daa520", "wheat": "#f5deb3", "tan": "#d2b48c",
    "peru": "#cd853f", "chocolate": "#d2691e", "sienna": "#a0522d", "saddle brown": "#8b4513",
    "rosy brown": "#bc8f8f", "orange": "#ffa500", "dark orange": "#ff8c00", "coral": "#ff7f50",
    "salmon": "#fa8072", "peach": "#ffdab9", "tomato": "#ff6347", "red": "#ff0000", "crimson": "#dc143c",
    "dark red": "#8b0000", "maroon": "#800000", "pink": "#ffc0cb", "hot pink": "#ff69b4", "deep pink": "#ff1493",
    "magenta": "#ff00ff", "orchid": "#da70d6", "plum": "#dda0dd", "purple": "#800080", "indigo": "#4b0082",
    "slate blue": "#6a5acd", "thistle": "#d8bfd8",
}  # fmt: skip


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


@cache
def colour_name(colour: str) -> str:
    """Return the name of the colour nearest to #rrggbb by CIEDE2000. Raises ValueError for another spelling."""
    lab = srgb_to_lab(hex_to_rgb(colour)[None]).astype(np.float64)
    named = srgb_to_lab(np.stack([hex_to_rgb(one) for one in NAMES.values()])).astype(np.float64)
    return list(NAMES)[int(delta_e00(named, np.repeat(lab, len(named), 0)).argmin())]
