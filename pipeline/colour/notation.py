"""Convert colour notations, as people write them, to and from sRGB."""

import re

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageColor

_ACCEPTED = "Use #rgb, #rrggbb, rgb(r, g, b) with whole numbers from 0 to 255, or a CSS name such as teal."
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_BETWEEN = re.compile(r",(?![^(]*\))")
_RGB = re.compile(r"rgb\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)")


def hex_to_rgb(colour: str) -> NDArray[np.float32]:
    """Return (3,) float32 sRGB in 0–1 for "#rrggbb". Raises ValueError for any other spelling."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f"{colour!r} is not a colour. Use the form #rrggbb.")
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float32) / np.float32(255.0)


def rgb_to_hex(rgb: ArrayLike) -> str:
    """Return "#rrggbb" for three sRGB values in 0–1 (clipped, rounded to the nearest 8-bit code)."""
    codes = np.rint(np.clip(np.asarray(rgb, dtype=np.float64), 0.0, 1.0) * 255.0).astype(int)
    return "#{:02x}{:02x}{:02x}".format(*codes.tolist())


def parse_colour(text: str) -> str:
    """Return "#rrggbb" for #rgb, #rrggbb, a CSS name or rgb(r, g, b), in any letter case and with outer spaces.

    Raises ValueError for anything else, hsl() and alpha included. Its message lists the accepted forms.
    """
    wanted = text.strip().lower()
    triple = _RGB.fullmatch(wanted)
    if triple is not None:
        codes = [int(code) for code in triple.groups()]
        if max(codes) > 255:
            raise ValueError(f"{_shown(text)} has a value above 255. {_ACCEPTED}")
        return "#{:02x}{:02x}{:02x}".format(*codes)
    # only these two forms reach Pillow's parser, which also accepts hsl(), hsv() and alpha
    if _HEX.fullmatch(wanted) or wanted in ImageColor.colormap:
        red, green, blue = ImageColor.getrgb(wanted)[:3]
        return f"#{red:02x}{green:02x}{blue:02x}"
    raise ValueError(f"{_shown(text)} is not a colour. {_ACCEPTED}")


def split_colours(text: str) -> list[str]:
    """Return the colours of a comma-separated text, in any notation; commas within rgb(…) do not separate."""
    return _BETWEEN.split(text)


def _shown(text: str) -> str:
    """Quote the received text, at most 40 characters of it, so that a long body does not fill the answer."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
