"""The light of a mood: position and size of the key light, its gobo, and the fill light."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pipeline.core.order import Shadow, ShadowWord
from pipeline.core.spec import Mood, SceneKind
from pipeline.geometry.ray import square_to
from pipeline.scene.layout import Gobo, Rig
from pipeline.scene.places import Plate

Point = tuple[float, float, float]

#: Maximum half-width of a light that shines through leaves, in canvas heights: a larger light blurs them into clouds.
LEAFY = 0.045
#: Softness above which a light blurs the shadows of leaves, or of a window's bars, away.
SOFT = 0.6
#: Least height of a place's light, and how far before the product at least: parts of its direction, before scaling.
#: Lit from behind, props would show their shaded sides, and none of the asked colours.
RISE, BEFORE = 0.5, 0.25
#: Softness of the lamp of a caller's shadow; other shadows keep the scene's lamp.
SOFTNESS: Mapping[ShadowWord, float] = MappingProxyType({"soft": 0.6, "hard": 0.05})


def asked_softness(shadow: Shadow) -> float | None:
    """Return the lamp's softness, 0–1, that a caller's shadow asks for; None: the scene's own."""
    return SOFTNESS.get(shadow.shadow) if shadow.shadow_softness is None else shadow.shadow_softness


def lamp_half(softness: float, reach: float) -> float:
    """Return half the side of a lamp of that asked softness, 0–1; it and the lamp's distance are canvas heights."""
    return float(reach * (0.008 + 0.33 * softness**1.4))


def lamp_way(direction: float, elevation: float, *, top_down: bool = False) -> NDArray[np.float64]:
    """Return the unit vector (3,) to a lamp whose shadows fall towards `direction`, a compass on the floor, degrees.

    `elevation` is in degrees. `top_down`: the floor is the picture's plane.
    """
    turn, rise = np.deg2rad(direction), np.deg2rad(elevation)
    across, along = -np.sin(turn) * np.cos(rise), np.cos(turn) * np.cos(rise)
    return np.array([across, -along, np.sin(rise)] if top_down else [across, np.sin(rise), along])


def shadow_direction(found: Rig, *, top_down: bool) -> float:
    """Return the direction, degrees from 0 to 360, in which a rig's shadows fall, as `lamp_way` takes it."""
    x, y, z = np.subtract(found.position, found.target)
    return float(np.rad2deg(np.arctan2(-x, -y if top_down else z)) % 360)


def rig(
    kind: SceneKind,
    mood: Mood,
    wall: float,
    angle: float,
    rng: np.random.Generator,
    shadow: Shadow = Shadow(),
    place: tuple[Plate, bool] | None = None,
) -> Rig:
    """Return the light of a scene whose wall is at z = `wall`; `angle` as `Mood.light_angle`, for this picture.

    A caller's `shadow` moves the lamp and changes its size; the seed's other choices stay the same. `place`: the plate
    behind a table, and whether it is flipped. Its light is the scene's.
    """
    if kind == "flatlay":
        return _raking(mood, angle, rng, shadow)
    lean = np.deg2rad(angle)
    rise = {"sand": 0.62, "window": 0.6, "room": 0.5}.get(kind, 0.78)
    direction = np.array([np.sin(lean), rise + 0.3 * np.cos(lean), 0.62 + 0.2 * rng.random()])
    if place is not None:
        x, y, z = place[0].way
        direction = np.array([-x if place[1] else x, max(y, RISE), max(z, BEFORE)])
    direction /= np.linalg.norm(direction)
    if shadow.shadow_direction is not None:
        direction = lamp_way(shadow.shadow_direction, float(np.rad2deg(np.arcsin(direction[1]))))
    # A near light falls off over the wall, for a dramatic look; a far light is even.
    target = np.array([0.0, 0.22, 0.3 * wall])
    lit_by_sun = kind == "window" or (kind == "room" and mood.softness <= SOFT)
    sun = lit_by_sun or kind == "sand"
    far = 6.0 if sun else 3.4 - 1.5 * mood.contrast
    half = 0.05 + 0.16 * mood.softness if sun else 0.12 + 1.0 * mood.softness**1.3
    asked = asked_softness(shadow)
    if place is not None:
        # Half the side of a square of the light's part of the sky, wider where its places are apart.
        half = far * float(np.sqrt(np.pi * place[0].area / 2)) * (1 + 2 * place[0].softness)
    half = half if asked is None else lamp_half(asked, far)
    fill = {"neon": 0.17, "window": 0.36, "room": 0.55, "bokeh": 0.3}.get(kind, 0.5) * (1.12 - 0.95 * mood.contrast)
    found = Rig(
        position=point(target + far * direction),
        target=point(target),
        half=float(half),
        key={"neon": 0.22, "bokeh": 0.6}.get(kind, 1.0),
        fill=float(fill),
        key_tint=_tint(0.16 * mood.warmth, -0.22 * mood.warmth, place and place[0].key),
        fill_tint=_tint(-0.05 * mood.warmth, 0.08 * mood.warmth, place and place[0].fill),
    )
    if not lit_by_sun:
        return found
    gobo, half = _gobo(found, wall, kind == "room", rng), 0.02 + 0.09 * mood.softness
    if asked is not None:
        return replace(found, gobo=gobo)
    return replace(found, half=float(min(half, LEAFY) if gobo.leaves else half), gobo=gobo)


def shifted(found: Rig, x: float, y: float) -> Rig:
    """Return the same light moved along the picture's plane by x and y canvas heights."""
    move = np.array([x, y, 0.0])
    position, target = (point(np.asarray(place) + move) for place in (found.position, found.target))
    return replace(found, position=position, target=target)


def _raking(mood: Mood, angle: float, rng: np.random.Generator, shadow: Shadow) -> Rig:
    """Return a light for a scene seen from above: from the side of `angle`, low over the surface z = 0.

    The harder the mood's light, the lower it is, so that relief shows.
    """
    asked, falls = asked_softness(shadow), shadow.shadow_direction
    lean = np.deg2rad(angle if falls is None else falls + 180)
    rise = np.deg2rad(33 + 20 * mood.softness + float(rng.uniform(-3, 3)))
    direction = np.array([np.sin(lean) * np.cos(rise), np.cos(lean) * np.cos(rise), np.sin(rise)])
    far = 3.4 - 1.3 * mood.contrast
    return Rig(
        position=point(far * direction),
        target=(0.0, 0.0, 0.0),
        half=float(0.12 + mood.softness**1.3) if asked is None else lamp_half(asked, far),
        key=1.0,
        fill=float(0.5 * (1.12 - 0.95 * mood.contrast)),
        key_tint=_tint(0.16 * mood.warmth, -0.22 * mood.warmth),
        fill_tint=_tint(-0.05 * mood.warmth, 0.08 * mood.warmth),
    )


def through_leaves(
    found: Rig, softness: float, free: Sequence[tuple[float, float, float, float]], rng: np.random.Generator
) -> Rig:
    """Return the light through branches at one side of the picture, made smaller so that leaf shadows are visible.

    No leaf's shadow falls into the places `free` (left, low, right, high) on the surface z = 0: a product would have to
    show it, and copy would be hard to read. Where no branch fits, the light stays unchanged.
    """
    position, target = np.asarray(found.position), np.asarray(found.target)
    axis = (position - target) / np.linalg.norm(position - target)
    u, v = (side.astype(np.float64) for side in square_to(axis.astype(np.float32)))
    centre = target + float(rng.uniform(0.5, 0.75)) * axis

    def falls_free(leaf: tuple[tuple[float, float], ...]) -> bool:
        at = np.asarray(leaf)
        place = centre + at[:, :1] * u + at[:, 1:] * v
        way = place - position
        x, y = (place - way * (place[:, 2:] / way[:, 2:]))[:, :2].T
        return all(((x < one[0]) | (x > one[2]) | (y < one[1]) | (y > one[3])).all() for one in free)

    leaves: list[tuple[tuple[float, float], ...]] = []
    side = 1.0 if rng.random() < 0.5 else -1.0
    for height in rng.uniform(-0.12, 0.12, 8) + np.tile([-0.5, -0.2, 0.12, 0.42], 2):
        root = (side * float(rng.uniform(0.3, 0.66)), float(height))
        heading = np.pi / 2 + side * float(rng.uniform(0.0, 2.8))
        length = float(rng.uniform(0.3, 0.5))
        stem, *others = sprig(rng, root, heading, length, 9, float(rng.uniform(0.2, 0.34)))
        if falls_free(stem):
            leaves += [stem, *filter(falls_free, others)]
    # The mask ends there: a leaf that touches its edge would continue as a streak.
    whole = tuple(leaf for leaf in leaves if np.abs(np.asarray(leaf)).max() < 0.72)
    if not whole:
        return found
    return replace(found, half=min(0.02 + 0.06 * softness, LEAFY), gobo=Gobo(point(centre), (), whole))


def clear_of(found: Rig, places: NDArray[np.float32], away: int) -> Rig:
    """Return the light with a gobo that throws no pattern between N×3 places: the corners of the room for copy.

    Leaves that shade it are left out. A window's light is shifted until all of it is beside them: to the right if
    `away` is 1, to the left if it is -1, else down.
    """
    gobo, position = found.gobo, np.asarray(found.position)
    if gobo is None:
        return found
    centre = np.asarray(gobo.centre)
    axis = (position - centre) / np.linalg.norm(position - centre)
    sides = np.stack([side.astype(np.float64) for side in square_to(axis.astype(np.float32))])
    way = places - position
    hits = position + way * (((centre - position) @ axis) / (way @ axis))[:, None] - centre
    (low_u, low_v), (high_u, high_v) = (hits @ sides.T).min(0), (hits @ sides.T).max(0)
    if not gobo.bars:
        outlines = ((leaf, np.asarray(leaf)) for leaf in gobo.leaves)
        leaves = (leaf for leaf, at in outlines if not ((at > (low_u, low_v)) & (at < (high_u, high_v))).all(1).any())
        return replace(found, gobo=replace(gobo, leaves=tuple(leaves)))
    half_u, half_v = gobo.bars[3][0], gobo.bars[0][1]
    along = max(0.0, high_u + half_u) if away * sides[0, 0] > 0 else min(0.0, low_u - half_u)
    move = along * sides[0] if away else min(0.0, low_v - half_v) * sides[1]
    return replace(found, gobo=replace(gobo, centre=point(centre + move)))


def _gobo(found: Rig, wall: float, bare: bool, rng: np.random.Generator) -> Gobo:
    """Return window panes, blinds or, unless `bare`, a plant's leaves. The sun falls beside and behind the product."""
    target = np.array([float(rng.uniform(-0.12, 0.12)), 0.3, 0.75 * wall])
    towards = np.asarray(found.position) - target
    centre = target + towards / np.linalg.norm(towards) * 1.3
    pattern = ("panes", "panes_leaves", "leaves", "blinds")[int(rng.integers(4))]
    pattern = "panes" if bare and "leaves" in pattern else pattern
    bars: list[tuple[float, float, float, float]] = []
    half_u, half_v = float(rng.uniform(0.3, 0.42)), float(rng.uniform(0.42, 0.6))
    if pattern != "leaves":
        wide = 6.0
        bars += [(-wide, half_v, wide, wide), (-wide, -wide, wide, -half_v)]
        bars += [(-wide, -half_v, -half_u, half_v), (half_u, -half_v, wide, half_v)]
    if pattern.startswith("panes"):
        thick = float(rng.uniform(0.012, 0.022))
        for column in np.linspace(-half_u, half_u, int(rng.integers(3, 5)))[1:-1]:
            bars.append((float(column) - thick, -half_v, float(column) + thick, half_v))
        for row in np.linspace(-half_v, half_v, int(rng.integers(3, 5)))[1:-1]:
            bars.append((-half_u, float(row) - thick, half_u, float(row) + thick))
    if pattern == "blinds":
        count = int(rng.integers(8, 13))
        pitch = 2 * half_v / count
        for index in range(count):
            bars.append((-half_u, -half_v + index * pitch, half_u, -half_v + (index + 0.46) * pitch))
    leaves: list[tuple[tuple[float, float], ...]] = []
    if "leaves" in pattern:
        for _ in range(3 if pattern == "panes_leaves" else 6):
            leaves += _branch(rng, 1.15 * half_u, 1.15 * half_v)
    return Gobo(point(centre), tuple(bars), tuple(leaves))


def _branch(rng: np.random.Generator, reach_u: float, reach_v: float) -> list[tuple[tuple[float, float], ...]]:
    side = 1.0 if rng.random() < 0.5 else -1.0
    root = np.array([side * reach_u * rng.uniform(0.5, 1.2), reach_v * rng.uniform(-0.9, 0.9)])
    heading = np.pi / 2 - side * rng.uniform(-0.3, 1.6)
    length = rng.uniform(0.35, 0.6)
    return sprig(rng, (float(root[0]), float(root[1])), float(heading), float(length), 9, 0.2)


def sprig(
    rng: np.random.Generator, root: tuple[float, float], heading: float, length: float, count: int, broad: float
) -> list[tuple[tuple[float, float], ...]]:
    """Return a stem with leaves on both sides as polygons: `heading` in radians from +x, lengths in canvas heights.

    `broad` is a leaf's width over its length.
    """
    turn = float(rng.uniform(-0.7, 0.7))
    share = np.linspace(0, 1, 14)
    bend = heading + turn * share
    stem = np.asarray(root) + length / 13 * np.stack([np.cumsum(np.cos(bend)), np.cumsum(np.sin(bend))], 1)
    across = 0.006 * np.stack([-np.sin(bend), np.cos(bend)], 1) * (1 - 0.8 * share[:, None])
    shapes = [np.concatenate([stem + across, (stem - across)[::-1]])]
    along = np.linspace(0, 1, 9)
    for index in range(count):
        at = (index + 1.4) / (count + 0.6)
        spot = round(at * 13)
        way = float(bend[spot]) + (1 if index % 2 else -1) * float(rng.uniform(0.55, 1.0)) * (1.1 - 0.8 * at)
        size = length * float(rng.uniform(0.24, 0.34)) * (1.15 - 0.5 * at)
        axis, normal = np.array([np.cos(way), np.sin(way)]), np.array([-np.sin(way), np.cos(way)])
        width = broad * size * np.sin(np.pi * along**0.75)
        middle = stem[spot] + size * along[:, None] * axis
        shapes.append(np.concatenate([middle + width[:, None] * normal, (middle - width[:, None] * normal)[::-1]]))
    return [tuple((float(x), float(y)) for x, y in shape) for shape in shapes]


def _tint(red: float, blue: float, own: tuple[float, ...] | None = None) -> np.ndarray:
    """Return white, or a light's own colour, with this much more red and blue, of luminance 1."""
    tint = np.array([1 + red, 1.0, 1 + blue], np.float32) * np.asarray(own or (1, 1, 1), np.float32)
    return np.asarray(tint / (tint @ np.array([0.2126, 0.7152, 0.0722])), np.float32)


def point(values: np.ndarray) -> Point:
    """Return (3,) as numbers."""
    return float(values[0]), float(values[1]), float(values[2])
