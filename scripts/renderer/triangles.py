"""Triangle meshes and their building blocks: bands between lines, faces within them, grids of points."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Faces = NDArray[np.uint32]

#: Segments of a half circle.
HALF_TURN = 40


@dataclass(frozen=True)
class Mesh:
    """Triangles whose corners run anticlockwise as seen from the side that their normals point to."""

    #: N×3 float32 world coordinates.
    vertices: Points
    #: M×3 uint32.
    faces: Faces
    #: N×3 float32 unit normals, one a vertex; sharp edges have two vertices.
    normals: Points


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Return one mesh of several; the vertices keep their order."""
    pieces = list(meshes)
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    return Mesh(
        np.concatenate([piece.vertices for piece in pieces]),
        np.concatenate([piece.faces + np.uint32(start) for piece, start in zip(pieces, starts, strict=False)]),
        np.concatenate([piece.normals for piece in pieces]),
    )


def half_circle(radius: float) -> NDArray[np.float64]:
    """Return points of the upper half of a circle, from left to right: n×2."""
    angle = np.linspace(np.pi, 0, HALF_TURN + 1)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def arch_line(half: float, jamb: float) -> NDArray[np.float64]:
    """Return an arch around the middle of its foot, from its left foot over the round part to its right foot: n×2."""
    return np.concatenate([[[-half, 0]], half_circle(half) + np.array([0, jamb]), [[half, 0]]])


def arch_normals(jamb: float) -> NDArray[np.float64]:
    """Return the outward unit normals of `arch_line`'s points: n×2."""
    assert jamb >= 0, "an arch is at least as high as it is half wide"
    return np.concatenate([[[-1, 0]], half_circle(1.0), [[1, 0]]])


def lift(line: NDArray[np.float64], z: float) -> NDArray[np.float64]:
    """Return n×3 points of an n×2 line at the depth z."""
    return np.concatenate([line, np.full((len(line), 1), z)], 1)


def level(x: tuple[float, float], y: float, z: tuple[float, float]) -> Mesh:
    """Return a horizontal rectangle at the height y that faces up, between the bounds x and z."""
    return grid(np.array([[[a, y, b] for b in z] for a in x]), np.broadcast_to((0.0, 1.0, 0.0), (2, 2, 3)))


def upright(x: tuple[float, float], y: tuple[float, float], z: float) -> Mesh:
    """Return a vertical rectangle at the depth z that faces the camera, between the bounds x and y."""
    return grid(np.array([[[a, b, z] for b in y] for a in x]), np.broadcast_to((0.0, 0.0, 1.0), (2, 2, 3)))


def strip(one: NDArray[np.float64], two: NDArray[np.float64], normal: object) -> Mesh:
    """Return the band between two lines, n×3 each; `normal` broadcasts against one of them."""
    points = np.stack([one, two])
    return grid(points, np.broadcast_to(np.asarray(normal, np.float64), points.shape))


def fan(line: NDArray[np.float64], middle: tuple[float, float, float], normal: tuple[float, float, float]) -> Mesh:
    """Return the flat face within a line, closed from end to start, around a point that sees all of it."""
    points = np.concatenate([[middle], line, line[:1]])
    first = np.arange(1, len(points) - 1)
    faces = np.stack([np.zeros_like(first), first, first + 1], 1)
    return _oriented(points, faces, np.broadcast_to(np.asarray(normal, np.float64), points.shape))


def grid(points: NDArray[np.floating], normals: NDArray[np.floating]) -> Mesh:
    """Return the surface through a×b×3 points."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return _oriented(points.reshape(-1, 3), faces, normals.reshape(-1, 3))


def _oriented(points: NDArray[np.floating], faces: NDArray[np.intp], normals: NDArray[np.floating]) -> Mesh:
    """Return a mesh with windings that agree with the normals, without triangles of no area."""
    corners = points.astype(np.float64)[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = (across * normals[faces].mean(1)).sum(1) < 0
    faces = np.where(wrong[:, None], faces[:, ::-1], faces)[np.linalg.norm(across, axis=1) > 1e-12]
    return Mesh(points.astype(np.float32), faces.astype(np.uint32), normals.astype(np.float32))
