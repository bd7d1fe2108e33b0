"""The look of a finish on one surface: contrast by the surface's colour, relief by the light that falls there."""

from dataclasses import dataclass

import numpy as np

from pipeline.colour.spaces import LUMINANCE
from pipeline.geometry.ray import Field, Triple
from pipeline.scene.layout import Layout, Part

#: Linear albedo below which a stone is dark and has light veins.
DARK = 0.12
#: Luminance from which on a finish has its own contrast; darker finishes have more, up to MOST times. Perceived
#: lightness follows about the cube root of luminance (CIE 1976), so equal factors are less visible in dark colours.
FULL, MOST = 0.4, 2.4
#: The greatest and the least relief: of grazing light, and of light straight from the front.
GRAZING, FRONTAL = 1.4, 0.5
#: The number of a layout's colours that a stone has as chips, and the limits of their factors.
ACCENTS, LEAST, GREATEST = 2, 0.3, 3.0


@dataclass(frozen=True)
class Appearance:
    """The conditions that a swatch is made for."""

    #: A dark stone, with veins and chips lighter than its colour; other finishes ignore it.
    dark: bool = False
    #: Exponent of the factors; 1 leaves them unchanged.
    contrast: float = 1.0
    #: Direction of the key light along the surface, radians from u towards v.
    light_angle: float = 2.2
    #: Strength of the relief's shading: 1 under a key light at 45 degrees.
    relief: float = 1.0
    #: Upright: concrete shows the marks of its formwork, and cloth has no fold creases.
    upright: bool = True
    #: Linear factors (3) of other colours of the scene, for the chips of terrazzo.
    accents: tuple[tuple[float, float, float], ...] = ()


def appearance(layout: Layout, part: Part) -> Appearance:
    """Return the appearance of a part's finish in its colour and under the layout's key light."""
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
    """Return the key light's direction along a part's surface, radians from u to v, and the strength of its relief.

    Both are computed at the key light's target, on the part's first face. Slopes along the light are shaded by the
    tangent of its angle to the normal, by the first order of Lambert's law.
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
