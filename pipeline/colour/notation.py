"""Colour notation: colours as people write them, to and from sRGB."""

import re
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageColor

from pipeline.colour.spaces import delta_e00, srgb_to_lab

_ACCEPTED = "Accepted: #rgb, #rrggbb, rgb(r, g, b) with whole numbers 0 to 255, CSS names such as teal."
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_RGB = re.compile(r"rgb\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)")


def hex_to_rgb(colour: str) -> NDArray[np.float32]:
    """Return (3,) float32 sRGB in 0–1 for "#rrggbb". Raises ValueError for any other spelling."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"{colour!r} is not a colour of the form #rrggbb.")
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32) / np.float32(255.0)


def rgb_to_hex(rgb: ArrayLike) -> str:
    """Return "#rrggbb" for three sRGB values in 0–1 (clipped, rounded to the nearest 8-bit code)."""
    codes = np.rint(np.clip(np.asarray(rgb, dtype=np.float64), 0.0, 1.0) * 255.0).astype(int)
    return "#{:02x}{:02x}{:02x}".format(*codes.tolist())


def parse_colour(text: str) -> str:
    """Return "#rrggbb" for #rgb, #rrggbb, a CSS name or rgb(r, g, b), whatever the case and outer spaces.

    Raises ValueError, with a sentence that says what is accepted, for all else, hsl() and alpha too.
    """
    wanted = text.strip().lower()
    triple = _RGB.fullmatch(wanted)
    if triple is not None:
        codes = [int(code) for code in triple.groups()]
        if max(codes) > 255:
            raise ValueError(f"{_shown(text)} has a value above 255. {_ACCEPTED}")
        return "#{:02x}{:02x}{:02x}".format(*codes)
    # Pillow's parser knows more (hsl(), hsv(), alpha) than we accept, so only these two forms reach it
    if _HEX.fullmatch(wanted) or wanted in ImageColor.colormap:
        red, green, blue = ImageColor.getrgb(wanted)[:3]
        return f"#{red:02x}{green:02x}{blue:02x}"
    raise ValueError(f"{_shown(text)} is not a colour. {_ACCEPTED}")


def _shown(text: str) -> str:
    """Quote what was asked, at most 40 characters of it, so that a long body does not fill the answer."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


#: CSS colours whose names people use, as they are spoken; where two lie close the plainer one is here.
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


@cache
def colour_name(colour: str) -> str:
    """Return the name of the colour nearest to #rrggbb by CIEDE2000. Raises ValueError for another spelling."""
    lab = srgb_to_lab(hex_to_rgb(colour)[None]).astype(np.float64)
    named = srgb_to_lab(np.stack([hex_to_rgb(one) for one in NAMES.values()])).astype(np.float64)
    return list(NAMES)[int(delta_e00(named, np.repeat(lab, len(named), 0)).argmin())]
