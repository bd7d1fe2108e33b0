"""Leaves as triangle meshes: flat, or folded along their ribs."""

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.panels import Sprig
from pipeline.geometry.slabs import LEANS, Fronds
from scripts.renderer.triangles import Mesh, grid, join, lift

#: Distance in canvas heights between leaves of one plane, so that the first is in front.
_BEHIND = 1e-4
#: Normals at a leaf's rim and rib are taken this share further inside: at the line itself they are ambiguous or
#: missing.
_WITHIN = 0.05


def leaves_mesh(solid: Sprig) -> Mesh:
    """Return the mesh of leaves in a plane: each half of a leaf is a strip from its rim to its rib."""
    pieces = []
    for index, leaf in enumerate(solid.leaves):
        # A leaf's points run along one side and back along the other.
        line, half = np.asarray(leaf), len(leaf) // 2
        sides = line[:half], line[::-1][:half]
        rib = (sides[0] + sides[1]) / 2
        z = solid.z - _BEHIND * index
        for side in sides:
            within = np.stack([side + _WITHIN * (rib - side), rib + _WITHIN * (side - rib)])
            pieces.append(grid(np.stack([lift(side, z), lift(rib, z)]), _normals(solid, index, within)))
    return join(pieces)


def _normals(solid: Sprig, index: int, places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return unit normals of one leaf alone at 2×n×2 places on it: 2×n×3."""
    leaf = solid.leaves[index]
    x, y = (np.ascontiguousarray(axis, np.float32) for axis in np.moveaxis(places, -1, 0))
    face = np.zeros(x.shape, np.uint8)
    if isinstance(solid, Fronds):
        # A leaf's lean depends on its index.
        elsewhere = tuple((u + 99.0, v) for u, v in leaf)
        solid = Fronds(solid.z, (elsewhere,) * (index % len(LEANS)) + (leaf,))
        along = np.subtract(leaf[len(leaf) // 2 - 1], leaf[0])
        face = (along[0] * (y - leaf[0][1]) - along[1] * (x - leaf[0][0]) < 0).astype(np.uint8)
    normal = solid.normal((x, y, np.full_like(x, solid.z)), face)
    return np.stack([np.broadcast_to(axis, x.shape) for axis in normal], -1).astype(np.float32)
