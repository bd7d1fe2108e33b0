"""How a finish shows on one surface: its contrast by the surface's colour, its relief by the light that falls there."""

from dataclasses import dataclass

import numpy as np

from pipeline.colour.spaces import LUMINANCE
from pipeline.geometry.ray import Field, Triple
from pipeline.scene.layout import Layout, Part

#: Linear albedo below which a stone is dark and has light veins.
DARK = 0.12
#: Luminance from which on a finish has its own contrast; darker ones have more of it, up to MOST times. Steps of
#: lightness that look alike are steps of about the cube root of luminance (CIE 1976), so the same factors fade with it.
FULL, MOST = 0.4, 2.4
#: The most that a grazing light brings out of a relief, and the least, that of light straight from the front.
GRAZING, FRONTAL = 1.4, 0.5
#: How many of a layout's colours come as chips into a stone, and the factors that they are kept within.
ACCENTS, LEAST, GREATEST = 2, 0.3, 3.0


@dataclass(frozen=True)
class Appearance:
    """What a swatch is made for."""

    #: Stone of a dark colour, whose veins and chips are lighter than it; other finishes ignore it.
    dark: bool = False
    #: Exponent of the factors: 1 leaves them as they are.
    contrast: float = 1.0
    #: Where the key light comes from along the surface, radians from u towards v.
    light_angle: float = 2.2
    #: How strongly its relief is shaded: 1 under a key light at 45 degrees.
    relief: float = 1.0
    #: It stands: concrete shows the marks of its formwork there, and no cloth the creases of its folding.
    upright: bool = True
    #: Linear factors (3) of other colours of the scene, for the chips of terrazzo.
    accents: tuple[tuple[float, float, float], ...] = ()


def appearance(layout: Layout, part: Part) -> Appearance:
    """Return how the finish of a layout's part shows in its colour and under the layout's key light."""
    colour = layout.colours[part.slot]
    stone = part.finish in ("marble", "terrazzo")
    dark = stone and float(colour.max()) < DARK
    level = max(float(colour @ LUMINANCE), 1e-3)
    contrast = 1.0 if dark else float(np.clip((FULL / level) ** 0.4, 1, MOST))
    angle, relief = _lit(layout, part)
    accents: tuple[tuple[float, float, float], ...] = ()
    if part.finish == "terrazzo":
        others = [slot for slot in range(max(layout.asked, 3)) if slot != part.slot][:ACCENTS]
        factors = [np.clip(layout.colours[slot] / np.maximum(colour, 5e-3), LEAST, GREATEST) for slot in others]
        accents = tuple((float(red), float(green), float(blue)) for red, green, blue in factors)
    upright = part.role in ("wall", "panel") and not layout.top_down
    return Appearance(dark, contrast, angle, relief, upright, accents)


def _lit(layout: Layout, part: Part) -> tuple[float, float]:
    """Return from where along a part's surface the key light comes, radians from u to v, and how it brings relief out.

    As at the key light's target, on the part's first face: a relief's slopes along the light are shaded by the tangent
    of its angle to the normal, by the first order of Lambert's law.
    """
    rig = layout.rig
    target = np.asarray(rig.target, np.float32)
    way = np.asarray(rig.position, np.float32) - target
    way /= np.linalg.norm(way)
    face = np.zeros(1, np.uint8)
    normal = np.array([float(np.ravel(axis)[0]) for axis in part.solid.normal(_at(target), face)], np.float32)
    facing = float(way @ normal)
    u, v = _along(part, target + np.float32(0.01) * way, face) - _along(part, target, face)
    slope = float(np.hypot(u, v)) / 0.01 / max(facing, 0.2)
    key = rig.key * max(facing, 0.2)
    share = key / (key + rig.fill) * (1.2 - 0.6 * layout.softness)
    return float(np.arctan2(v, u)), float(np.clip(1.4 * share * slope, FRONTAL, GRAZING))


def _at(place: Field) -> Triple:
    return place[0:1], place[1:2], place[2:3]


def _along(part: Part, place: Field, face: np.ndarray) -> Field:
    return np.array([float(np.ravel(axis)[0]) for axis in part.solid.surface(_at(place), face)], np.float32)
