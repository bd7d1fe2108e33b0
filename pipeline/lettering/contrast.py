"""Contrast of letters with what is behind them, by WCAG 2.2."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import LUMINANCE, contrast_ratios, srgb_to_linear
from pipeline.report import LayerContrast

#: The ratio that all but this share of the letters' pixels reach is reported as the minimum: grain has single pixels.
_OUTLIERS = 0.01
#: Level AA: for all letters, and for large ones. Large are 24 CSS pixels, or 18.66 if bold (WCAG: 18 and 14 points).
_AA, _AA_LARGE = 4.5, 3.0
_LARGE, _LARGE_BOLD, _BOLD = 24.0, 18.66, 700
#: CSS pixels of the longer side at which a shop shows the picture.
_SHOWN = 1000
#: Level AAA. A colour of the palette with this ratio is preferred to black and white.
_AAA = 7.0


def luminance(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the relative luminance, 0–1, of …×3 linear light."""
    return np.asarray(linear @ LUMINANCE, np.float32)


def lowest(found: NDArray[np.float32]) -> float:
    """Return the ratio that 99 of 100 of the ratios reach."""
    return float(np.quantile(found, _OUTLIERS))


def legible(behind: NDArray[np.float32], palette: Sequence[str]) -> str:
    """Return the most legible colour, as #rrggbb, before pixels of these luminances.

    A palette's colour that reaches level AAA wins. Black or white always has the highest ratio, so it is the fallback.
    """

    def against(colour: str) -> float:
        return lowest(contrast_ratios(behind, float(luminance(srgb_to_linear(hex_to_rgb(colour))))))

    best = max(palette, key=against, default="")
    return best if best and against(best) >= _AAA else max(("#000000", "#ffffff"), key=against)


def contrast(
    behind: NDArray[np.float32], colour: NDArray[np.float32], opacity: float, em: float, weight: int, longer: int
) -> LayerContrast:
    """Return the contrast of letters: their pixels' luminances behind them, their (3,) linear colour and opacity.

    `em` is their size and `longer` the picture's longer side, both in pixels.
    """
    letters = behind * (1 - opacity) + float(luminance(colour)) * opacity
    found = contrast_ratios(behind, np.asarray(letters, np.float32))
    shown = em * _SHOWN / longer
    large = shown >= (_LARGE_BOLD if weight >= _BOLD else _LARGE)
    # rounded down, so that a ratio below the limit never reads as the limit
    least, middle = (np.floor(100 * ratio) / 100 for ratio in (lowest(found), float(np.median(found))))
    return LayerContrast(float(least), float(middle), _AA_LARGE if large else _AA)
