"""Colours that match the asked colours, for scenes with more parts than the caller named.

A missing colour is a tone of an asked colour, of the same hue in OKLab. Its lightness moves towards the middle, so that
parts are distinct. Its chroma is a fifth less, so that it does not compete with the asked colour. Monochrome schemes
are the one harmony that fits every palette (Itten, "The Art of Color", 1961: contrast of light and dark alone). A
complement would be a guess about the caller's brand.
"""

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]

#: OKLab lightness between the tones of one colour: distinct to the eye, but one family.
STEP = 0.085
CHROMA = 0.8

# Linear sRGB to LMS and LMS to OKLab: Ottosson, "A perceptual color space for image processing", 2020.
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LAB, _FROM_LMS = np.linalg.inv(_TO_LAB).T, np.linalg.inv(_TO_LMS).T
#: Shares of a colour's chroma, tried in this order.
_CHROMAS = np.linspace(1, 0, 21)


def to_oklab(linear: Colour) -> NDArray[np.float64]:
    """Return OKLab (…×3: lightness 0–1, a, b) of linear sRGB (…×3)."""
    return np.asarray(np.cbrt(np.maximum(linear, 0) @ _TO_LMS.T) @ _TO_LAB.T)


def from_oklab(lab: NDArray[np.float64]) -> Colour:
    """Return linear sRGB in [0, 1] of OKLab; colours outside the gamut lose chroma, not lightness or hue."""
    for chroma in _CHROMAS:
        moved = lab * np.array([1, chroma, chroma])
        linear = (moved @ _FROM_LAB) ** 3 @ _FROM_LMS
        if linear.min() >= -1e-4 and linear.max() <= 1 + 1e-4:
            break
    return np.asarray(np.clip(linear, 0, 1), np.float32)


def tone(colour: Colour, steps: float) -> Colour:
    """Return a neighbour of a linear colour, `steps` × STEP lighter (darker where negative), of the same hue."""
    lab = to_oklab(colour)
    return from_oklab(np.array([np.clip(lab[0] + steps * STEP, 0.06, 0.985), CHROMA * lab[1], CHROMA * lab[2]]))


def complete(colours: list[Colour], count: int) -> list[Colour]:
    """Return at least `count` linear colours: the given colours, then tones of them in turn."""
    out = list(colours)
    for index in range(max(0, count - len(colours))):
        base = colours[index % len(colours)]
        step = 1.0 + 0.8 * (index // len(colours))
        out.append(tone(base, -step if to_oklab(base)[0] > 0.6 else step))
    return out
