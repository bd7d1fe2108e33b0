"""Plants as props: leaves as flat shapes, in vases and pots. `pipeline.scene.props` explains places and areas."""

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.lathed import Lathed
from pipeline.geometry.slabs import Fronds
from pipeline.geometry.solids import Drum
from pipeline.scene.prop_parts import Prop, PropPart, Spot

#: A polygon of (x, y).
Leaf = tuple[tuple[float, float], ...]
#: Points along a leaf's rim: fewer would show as corners.
POINTS = 15
#: Half a stem's width, canvas heights.
STEM = 0.003


def vase(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a round vase with two twigs of leaves."""
    x, y, z = spot
    radius = float(np.sqrt(area / 5.0))
    tall = radius * float(rng.uniform(2.1, 2.6))
    round_, slim = (
        (0.5, 0.62, 1.02, 1.06, 0.98, 0.62, 0.26, 0.27, 0.36),
        (0.58, 0.62, 0.8, 1.0, 1.02, 0.8, 0.4, 0.34, 0.4),
    )
    radii = round_ if rng.random() < 0.5 else slim
    body = Lathed(x, y, z, tall, tuple(radius * one for one in radii), 0.88, 0.08 * radius)
    parts = [PropPart(body, "own", "plaster")]
    for index in range(2):
        heading = float(np.pi / 2 + 0.5 * (index - 0.5) + rng.uniform(-0.15, 0.15))
        length = 3.8 * radius * float(rng.uniform(0.8, 1.05))
        leaves = twig(rng, (x, y + tall - 0.5 * radius), heading, length, 11, 0.17)
        # The leaves on one side of a stem are in front of the leaves on the other.
        near, far = (leaves[0], *leaves[1::2]), leaves[2::2]
        for shift, some in ((0.06, near), (-0.06, far)):
            parts.append(PropPart(Fronds(z + (0.3 * (index - 0.5) + shift) * radius, some), "leaf", "leaf"))
    return Prop(tuple(parts), radius)


def potted_plant(spot: Spot, area: float, rng: np.random.Generator) -> Prop:
    """Return a pot with earth in it and leaves on long stalks, which bend outwards."""
    x, y, z = spot
    radius = float(np.sqrt(area / 4.2))
    tall = 1.55 * radius
    radii = tuple(radius * one for one in (0.68, 0.72, 0.82, 0.92, 0.99, 1.0, 1.0))
    parts = [
        PropPart(Lathed(x, y, z, tall, radii, 0.92, 0.1 * tall), "own", "plaster"),
        PropPart(Drum(x, y + 0.72 * tall, z, 0.89 * radius, 0.16 * tall), "earth", "sand"),
    ]
    count = 13
    layers: list[list[Leaf]] = [[], [], []]
    order = rng.permutation(count)
    for number in range(count):
        aside = 2 * float(order[number]) / (count - 1) - 1
        heading = float(np.pi / 2 - 0.85 * aside + rng.uniform(-0.1, 0.1))
        whole = radius * float(rng.uniform(2.1, 3.1)) * (1 - 0.22 * abs(aside))
        stalk = _line((x + 0.35 * radius * aside, y + 0.86 * tall), heading, 0.48 * whole, -0.25 * aside)
        (fx, fy), (tx, ty) = stalk[-2], stalk[-1]
        way = float(np.arctan2(ty - fy, tx - fx))
        bend = -0.75 * aside + float(rng.normal(0, 0.2))
        leaf = blade((tx, ty), way, 0.62 * whole, float(rng.uniform(0.17, 0.26)), bend, *rng.uniform(0.45, 1.0, 2))
        layers[number % 3] += [_stem(stalk, 0.8 * STEM), leaf]
    parts += [
        PropPart(Fronds(z + shift * radius, tuple(some)), "leaf", "leaf")
        for shift, some in zip((-0.5, 0.0, 0.5), layers, strict=True)
    ]
    return Prop(tuple(parts), radius)


def twig(
    rng: np.random.Generator, root: tuple[float, float], heading: float, length: float, count: int, broad: float
) -> tuple[Leaf, ...]:
    """Return a stem with leaves on alternating sides, as polygons: `heading` in radians from +x.

    `broad` is half a leaf's width over its length, seen from the front. Each leaf is rotated about its rib, which
    bends.
    """
    stem = _line(root, heading, length, float(rng.uniform(-0.6, 0.6)))
    out = [_stem(stem, STEM)]
    for index in range(count):
        at = (index + 2.2) / (count + 1.2)
        spot = min(round(at * (POINTS - 1)), POINTS - 1)
        ahead = stem[spot] - stem[max(spot - 1, 0)]
        side = 1.0 if index % 2 else -1.0
        way = float(np.arctan2(ahead[1], ahead[0])) + side * float(rng.uniform(0.5, 1.0)) * (1.1 - 0.85 * at)
        size = length * float(rng.uniform(0.22, 0.32)) * (1.15 - 0.5 * at)
        wide = rng.uniform(0.4, 1.0, 2)
        bend = -side * float(rng.uniform(0, 0.7))
        out.append(blade((float(stem[spot, 0]), float(stem[spot, 1])), way, size, broad, bend, *wide))
    return tuple(out)


def blade(
    foot: tuple[float, float],
    heading: float,
    length: float,
    broad: float,
    bend: float,
    left: float,
    right: float,
) -> Leaf:
    """Return a leaf's outline, whose rib turns by `bend` radians; the widths of its halves are shares of `broad`."""
    middle = _line(foot, heading, length, bend)
    along = np.linspace(0, 1, POINTS)
    # Round near the foot, with a long tip.
    half = length * broad * (np.sin(np.pi * along**0.85) ** 0.9 * (1 - 0.25 * along))[:, None]
    normal = _normals(middle)
    return _polygon(np.concatenate([middle + left * half * normal, (middle - right * half * normal)[::-1]]))


def _stem(line: NDArray[np.float64], half: float) -> Leaf:
    across = half * _normals(line) * np.linspace(1, 0.45, len(line))[:, None]
    return _polygon(np.concatenate([line + across, (line - across)[::-1]]))


def _line(foot: tuple[float, float], heading: float, length: float, bend: float) -> NDArray[np.float64]:
    """Return POINTS×2 places along a line that turns by `bend` radians."""
    way = heading + bend * (np.arange(POINTS - 1) + 0.5) / (POINTS - 1)
    steps = length / (POINTS - 1) * np.stack([np.cos(way), np.sin(way)], 1)
    return np.asarray(np.asarray(foot) + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)]))


def _normals(line: NDArray[np.float64]) -> NDArray[np.float64]:
    way = np.gradient(line, axis=0)
    return np.asarray(np.stack([-way[:, 1], way[:, 0]], 1) / np.linalg.norm(way, axis=1, keepdims=True))


def _polygon(points: NDArray[np.float64]) -> Leaf:
    return tuple((float(x), float(y)) for x, y in points)
