"""The colours that materials have in the world: regions of CIELAB, samples' colours, and the cost of paint or dye.

A region is a box in L*, C*ab and h_ab. The natural ones follow the Munsell notations that their trades use. The rule
for Lab is that a value is 10 L*, and two steps of chroma are about 10 C*ab. Woods and soils are on the charts 10R to
2.5Y (Munsell Soil Color Book). Leaves are on 2.5GY to 7.5GY and dry ones on 10YR to 5Y (Munsell Plant Tissue Color
Book). The sky is on 5B to 5PB by day, and from 5YR over 5R to 5P at dusk. Stones are those that the trade polishes:
white, cream, rose, green, blue and black marbles. A box with another reason has a comment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import srgb_to_lab, srgb_to_linear

Material = Literal[
    "paper", "paint", "plaster", "concrete", "wood", "marble", "terrazzo", "linen", "velvet", "lacquer", "sand", "sky",
    "night", "tube", "leaf", "stone", "earth", "egg", "page",
]  # fmt: skip
Lab = NDArray[np.float64]
#: L*, C*ab and h_ab in degrees, least and greatest each; a hue may exceed 360.
Region = tuple[float, float, float, float, float, float]
#: Lab units beyond its regions up to which a colour still counts as the material's. A little more than 4, so that the
#: last digit of an L* decides nothing.
SLACK = 4.001
#: Lab units beyond the regions at which the cost reaches 1, that of a whole surface.
FAR = 20.0


@dataclass(frozen=True)
class Gamut:
    """The colours of a material."""

    regions: tuple[Region, ...]
    #: Colours of samples, #rrggbb, for scenes without an asked colour that the material has.
    samples: tuple[str, ...] = ()
    #: Maximum cost of a colour beyond its regions, 0 to 1, for painted or dyed materials; None: it has no other
    #: colours.
    wears: float | None = None

    def distance(self, lab: Lab) -> float:
        """Return how far a (3,) Lab colour is beyond the regions, Lab units; 0 within."""
        light, chroma = lab[0], float(np.hypot(lab[1], lab[2]))
        hue = float(np.rad2deg(np.arctan2(lab[2], lab[1]))) % 360
        least = np.inf
        for low, high, dull, vivid, first, last in self.regions:
            turn = min(_beyond(hue + turns, first, last) for turns in (-360, 0, 360))
            # A colour that is nearly grey has hardly any hue.
            aside = 2 * min(chroma, vivid) * np.sin(np.deg2rad(min(turn, 180) / 2))
            beyond = _beyond(light, low, high), _beyond(chroma, dull, vivid), aside
            least = min(least, float(np.linalg.norm(beyond)))
        return least

    def has(self, lab: Lab) -> bool:
        """Return whether the material exists, painted or dyed included, in a (3,) Lab colour."""
        return self.wears is not None or self.distance(lab) <= SLACK

    def cost(self, lab: Lab) -> float:
        """Return how unusual a (3,) Lab colour is for it, 0 natural to 1; infinite for an impossible colour."""
        if not self.has(lab):
            return np.inf
        return min(self.distance(lab) / FAR, 1.0 if self.wears is None else self.wears)


def _beyond(value: float, low: float, high: float) -> float:
    return max(low - value, value - high, 0.0)


_ANY: Region = (0, 100, 0, 140, 0, 360)
_GREENS: tuple[Region, ...] = ((15, 85, 8, 60, 95, 150), (25, 75, 4, 22, 120, 200))
_STRAW: Region = (45, 90, 10, 45, 68, 100)
_GOLD: Region = (55, 76, 42, 72, 72, 96)

GAMUTS: Mapping[Material, Gamut] = MappingProxyType(
    {
        # Seamless paper and wall paint exist in every colour that a caller may name.
        "paper": Gamut((_ANY,), wears=0.0),
        "paint": Gamut((_ANY,), wears=0.0),
        # Lime and clay plasters are pale; tinted plasters exist, saturated plasters are rare.
        "plaster": Gamut(((55, 99, 0, 30, 0, 360),), ("#e8e0d4", "#d9cbb8", "#cfd0cb"), 0.12),
        "concrete": Gamut(((30, 88, 0, 12, 0, 360), (40, 80, 0, 20, 40, 95)), ("#b9b7b2", "#8f8d89", "#d0cdc6")),
        "wood": Gamut(
            ((15, 86, 10, 48, 48, 86), (8, 28, 0, 12, 20, 90)),
            ("#3d2f27", "#5b4030", "#7a5638", "#9c7048", "#b98a5a", "#cda679", "#dcc09a"),
        ),
        "marble": Gamut(
            (
                (15, 99, 0, 7, 0, 360),
                (62, 96, 5, 26, 60, 96),
                (50, 88, 5, 22, 8, 60),
                (15, 60, 5, 25, 130, 195),
                (45, 82, 3, 15, 215, 275),
            ),
            ("#eeece8", "#d9d3c8", "#3a3a3c", "#b9b4b0"),
        ),
        # Cement takes earth pigments, and mutes them.
        "terrazzo": Gamut(((40, 98, 0, 22, 0, 360), (8, 40, 0, 10, 0, 360)), ("#e6e1d8", "#b9b4ab", "#4b4a49")),
        # Linen is sold dyed in any muted colour.
        "linen": Gamut(((12, 98, 0, 45, 0, 360),), ("#e2ddd3", "#cfc2ac", "#a89a86"), 0.12),
        # The pile shows best in deep colours.
        "velvet": Gamut(((5, 65, 0, 90, 0, 360),), wears=0.1),
        # A polished floor: dark or pale stone, resin or lacquered boards; few are bright.
        "lacquer": Gamut(((5, 92, 0, 32, 0, 360),), ("#2b2724", "#6a4f3a", "#cbbfae"), 0.4),
        "sand": Gamut(
            ((55, 93, 6, 40, 52, 95), (42, 80, 14, 45, 34, 62), (80, 97, 0, 8, 40, 110), (12, 40, 0, 10, 20, 100)),
            ("#ead9bd", "#dcbf95", "#c99a6b", "#b57250", "#efece4", "#4a4542"),
        ),
        "sky": Gamut(
            (
                (35, 94, 3, 48, 212, 280),
                (45, 99, 0, 9, 0, 360),
                (5, 40, 0, 40, 235, 305),
                (35, 88, 4, 38, 280, 380),
                (52, 96, 5, 52, 18, 88),
            ),
            ("#c9dbe8", "#e9e4da", "#9db8d2", "#f0cfb4", "#28324a"),
        ),
        # Things in the dark in front of lights or tubes: in a light colour it would not be night.
        "night": Gamut(((3, 42, 0, 42, 0, 360),), ("#1f232d", "#2c2521", "#1b1630")),
        # Discharge tubes shine in the hue of their colour, at full brightness.
        "tube": Gamut(((0, 100, 15, 140, 0, 360),), ("#ffd9a0",), 0.6),
        "leaf": Gamut(
            (*_GREENS, _STRAW), ("#7c9a5e", "#5f7f4a", "#93a67f", "#a9b48c", "#4c6a45", "#c9b27c", "#b59763")
        ),
        "stone": Gamut(
            ((12, 94, 0, 8, 0, 360), (38, 90, 6, 32, 38, 92)), ("#cfc8bd", "#a8a29a", "#7d7a76", "#b79f86", "#55524f")
        ),
        "earth": Gamut(((12, 40, 4, 24, 38, 85),), ("#4a3a2e", "#5a4433")),
        "egg": Gamut(((80, 97, 0, 14, 50, 100), (55, 84, 12, 34, 48, 76)), ("#efe6d8", "#d9b594")),
        "page": Gamut(((84, 98, 0, 16, 60, 105),), ("#f3eee2",)),
    }
)


def lab_of(colour: str) -> Lab:
    """Return (3,) Lab of #rrggbb."""
    return np.array(_lab(colour))


def linear_of(colour: str) -> NDArray[np.float32]:
    """Return (3,) linear light of #rrggbb."""
    return srgb_to_linear(hex_to_rgb(colour))


@cache
def _lab(colour: str) -> tuple[float, ...]:
    # Cached: the samples are converted again and again.
    return tuple(map(float, srgb_to_lab(hex_to_rgb(colour))))


def is_gold(lab: Lab) -> bool:
    """Return whether a (3,) Lab colour is that of gold or brass, which looks like mustard on anything but metal."""
    return Gamut((_GOLD,)).distance(lab) <= 0


def nearest_sample(material: Material, palette: Lab) -> str:
    """Return the material's sample, #rrggbb, nearest to n×3 Lab colours in lightness and temperature (b*)."""
    mean = palette.mean(0)
    # Few materials have cold samples, so lightness decides, and temperature only among similar lightnesses.
    weights = np.array([1.0, 0.0, 0.5])
    return min(GAMUTS[material].samples, key=lambda one: float(np.linalg.norm(weights * (lab_of(one) - mean))))
