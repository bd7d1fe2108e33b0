"""Plants to stand beside a product: leaves as flat shapes, in vases and pots. What `things` says of places holds."""

import numpy as np

from pipeline.geometry.slabs import Fronds
from pipeline.geometry.solids import Ball, Drum
from pipeline.scene.pieces import Piece, Spot, Thing
from pipeline.scene.rig import sprig


def vase(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A round vase with two twigs of broad leaves."""
    x, y, z = spot
    radius = float(np.sqrt(area / 5.0))
    body, neck = 0.94 * radius, 0.34 * radius
    pieces = [
        Piece(Ball(x, y + 0.92 * body, z, radius, 0.94), "own", "plaster"),
        Piece(Drum(x, y + 1.65 * body, z, neck, 0.55 * radius, 0.85 * neck, 0.1 * radius), "own", "plaster"),
    ]
    mouth = y + 1.65 * body + 0.5 * radius
    return Thing(
        (*pieces, *_twigs((x, mouth - 0.45 * radius, z), 3.8 * radius, rng, broad=0.24, count=2, spread=0.5)), radius
    )


def grass(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A slim vase with dry grass."""
    x, y, z = spot
    radius = float(np.sqrt(area / 14.0))
    tall = 4.2 * radius
    pieces = [Piece(Drum(x, y, z, radius, tall, 0.8 * radius, 0.6 * tall), "own", "plaster")]
    blades = _fan((x, y + 0.9 * tall, z), 7.0 * radius, 17, 0.028, 1.3, 0.4 * radius, rng)
    return Thing((*pieces, *blades), radius)


def potted_plant(spot: Spot, area: float, rng: np.random.Generator) -> Thing:
    """A pot with earth in it and a fan of leaves."""
    x, y, z = spot
    radius = float(np.sqrt(area / 4.2))
    tall = 1.55 * radius
    pieces = [
        Piece(Drum(x, y, z, radius, tall, 0.9 * radius, 0.82 * tall), "own", "plaster"),
        Piece(Drum(x, y + 0.1 * tall, z, 0.89 * radius, 0.76 * tall), "earth", "sand"),
    ]
    fan = _fan((x, y + 0.85 * tall, z), 3.0 * radius, 11, 0.15, 2.0, 0.3 * radius, rng)
    return Thing((*pieces, *fan), radius)


def _fan(
    root: Spot, length: float, count: int, broad: float, spread: float, apart: float, rng: np.random.Generator
) -> list[Piece]:
    """Return long leaves that rise from one place and bend outwards, `spread` radians between the outermost."""
    leaves: list[list[tuple[tuple[float, float], ...]]] = [[], []]
    along = np.linspace(0, 1, 9)
    for index in range(count):
        aside = 2 * index / (count - 1) - 1
        lean = float(np.pi / 2 - 0.5 * spread * aside + rng.uniform(-0.1, 0.1))
        size = length * float(rng.uniform(0.8, 1.1)) * (1 - 0.25 * abs(aside))
        bend = lean + (lean - np.pi / 2) * 0.5 * along
        step = size / 8 * np.stack([np.cos(bend), np.sin(bend)], 1)
        middle = np.array([root[0] + apart * np.cos(lean), root[1]]) + np.cumsum(step, 0) - step[0]
        width = broad * size * np.sin(np.pi * np.clip(along, 0.04, 1) ** 0.8)
        normal = np.stack([-np.sin(bend), np.cos(bend)], 1) * width[:, None]
        outline = np.concatenate([middle + normal, (middle - normal)[::-1]])
        leaves[index % 2].append(tuple((float(u), float(v)) for u, v in outline))
    return [
        Piece(Fronds(root[2] + shift * apart, tuple(some)), "leaf")
        for shift, some in zip((-0.8, 0.8), leaves, strict=True)
    ]


def _twigs(
    root: Spot, length: float, rng: np.random.Generator, *, broad: float, count: int, spread: float
) -> list[Piece]:
    pieces = []
    for index in range(count):
        lean = float(np.pi / 2 + spread * (index - (count - 1) / 2) + rng.uniform(-0.12, 0.12))
        size = length * float(rng.uniform(0.8, 1.05))
        leaves = sprig(rng, root[:2], lean, size, 9, broad)
        pieces.append(Piece(Fronds(root[2] + 0.03 * (index - 0.5), tuple(leaves)), "leaf"))
    return pieces
