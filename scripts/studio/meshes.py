"""The shapes of `pipeline.solid` as triangle meshes, for a renderer that takes nothing else.

Every mesh keeps within its solid's outline. What has no end in the scene ends here outside every picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.layout import Part
from pipeline.panel import Panel, Sprig
from pipeline.ray import Triple
from pipeline.relief import Curtain, Dunes
from pipeline.room import Floor, Recess, Sweep, Wall
from pipeline.solid import Ball, Block, Drum, Solid

Points = NDArray[np.float32]
Faces = NDArray[np.uint32]

#: Radius of the edges of drums and blocks, in canvas heights: it catches the highlight that a real edge has.
BEVEL = 0.006
#: Where endless planes end: to both sides, below, above, towards the camera; in canvas heights.
SIDE, BELOW, ABOVE, FRONT = 9.0, -9.0, 9.0, 3.0
#: Segments of a half circle.
_HALF_TURN = 40


@dataclass(frozen=True)
class Mesh:
    """Triangles whose corners run anticlockwise as seen from the side that their normals point to."""

    #: N×3 float32 world coordinates.
    vertices: Points
    #: M×3 uint32.
    faces: Faces
    #: N×3 float32 unit normals, one a vertex; sharp edges have two vertices.
    normals: Points


def mesh(part: Part) -> Mesh:
    """Return the mesh of a part. A tube is round here, and as thick as its outline is wide."""
    if part.role == "tube":
        assert isinstance(part.solid, Panel), "tubes are panels with a hole"
        return _tube(part.solid)
    return solid_mesh(part.solid)


def solid_mesh(solid: Solid) -> Mesh:
    """Return the mesh of a solid. Raises TypeError for one that is unknown here."""
    match solid:
        case Floor():
            found = _floor(solid)
        case Wall():
            found = _wall(solid)
        case Recess():
            found = _recess(solid)
        case Sweep():
            found = _sweep(solid)
        case Ball():
            found = _ball(solid)
        case Drum():
            found = _drum(solid)
        case Block():
            found = _block(solid)
        case Panel():
            found = _panel(solid)
        case Curtain():
            found = _curtain(solid)
        case Dunes():
            found = _dunes(solid)
        case Sprig():
            found = _sprig(solid)
        case _:
            raise TypeError(f"no mesh for {type(solid).__name__}")
    return found


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Return one mesh of several; their vertices keep their order."""
    pieces = list(meshes)
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    return Mesh(
        np.concatenate([piece.vertices for piece in pieces]),
        np.concatenate([piece.faces + np.uint32(start) for piece, start in zip(pieces, starts, strict=False)]),
        np.concatenate([piece.normals for piece in pieces]),
    )


def _floor(solid: Floor) -> Mesh:
    return _level((-SIDE, SIDE), solid.level, (solid.back, FRONT))


def _wall(solid: Wall) -> Mesh:
    if solid.opening is None:
        return _upright((-SIDE, SIDE), (BELOW, ABOVE), solid.z)
    o, z = solid.opening, solid.z
    # A ring from the opening to a circle far out, corner by corner, so that no light comes through at the seams.
    rim = _arch_line(o.half, o.spring - o.foot) + np.array([o.x, o.foot])
    rim = np.concatenate([rim, rim[:1]])
    middle = np.array([o.x, o.spring])
    out = rim - middle
    outer = middle + 1.5 * SIDE * out / np.linalg.norm(out, axis=1, keepdims=True)
    return _strip(_lift(rim, z), _lift(outer, z), (0, 0, 1))


def _recess(solid: Recess) -> Mesh:
    o, back = solid.opening, solid.z - solid.depth
    outline = _arch_line(o.half, o.spring - o.foot) + np.array([o.x, o.foot])
    inward = -_arch_normals(o.spring - o.foot)
    reveal = _strip(_lift(outline, solid.z), _lift(outline, back), _lift(inward, 0))
    sill = _level((o.x - o.half, o.x + o.half), o.foot, (back, solid.z))
    return join([_fan(_lift(outline, back), (o.x, o.spring, back), (0, 0, 1)), reveal, sill])


def _sweep(solid: Sweep) -> Mesh:
    angle = np.linspace(0, np.pi / 2, _HALF_TURN)
    y = solid.level + solid.radius * (1 - np.cos(angle))
    z = solid.z + solid.radius * (1 - np.sin(angle))
    profile = np.concatenate([[[solid.level, FRONT]], np.stack([y, z], 1), [[ABOVE, solid.z]]])
    rows = [np.stack([np.full(len(profile), x), profile[:, 0], profile[:, 1]], 1) for x in (-SIDE, SIDE)]
    return _grid(np.stack(rows), _normals(solid, np.stack(rows)))


def _ball(solid: Ball) -> Mesh:
    around = np.linspace(0, 2 * np.pi, 2 * _HALF_TURN + 1)
    down = np.linspace(0, np.pi, _HALF_TURN + 1)[:, None]
    out = np.sin(down) * np.ones_like(around)
    points = np.stack(
        [out * np.sin(around), np.cos(down) * solid.squash * np.ones_like(around), out * np.cos(around)], -1
    )
    points = points * solid.radius + (solid.x, solid.y, solid.z)
    return _grid(points, _normals(solid, points))


def _drum(solid: Drum) -> Mesh:
    around = np.linspace(0, 2 * np.pi, 2 * _HALF_TURN + 1)
    out = np.stack([np.sin(around), np.cos(around)], 1)
    bevel = min(BEVEL, 0.4 * solid.radius, 0.4 * solid.height)
    core = out * (solid.radius - bevel) + (solid.x, solid.z)
    return _rounded(core, out, bevel, solid.y, solid.y + solid.height)


def _block(solid: Block) -> Mesh:
    bevel = min(BEVEL, 0.4 * solid.half_x, 0.4 * solid.half_z, 0.4 * solid.height)
    quarter = np.linspace(0, np.pi / 2, 5)
    angles = np.concatenate([quarter + turn * np.pi / 2 for turn in range(4)] + [[2 * np.pi]])
    out = np.stack([np.cos(angles), np.sin(angles)], 1)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [1, 1]])[np.append(np.repeat(np.arange(4), 5), 4)]
    core = signs * (solid.half_x - bevel, solid.half_z - bevel)
    c, s = np.cos(solid.yaw), np.sin(solid.yaw)
    turn = np.array([[c, -s], [s, c]])
    return _rounded(core @ turn + (solid.x, solid.z), out @ turn, bevel, solid.y, solid.y + solid.height)


def _rounded(core: NDArray[np.float64], out: NDArray[np.float64], bevel: float, low: float, high: float) -> Mesh:
    """Return a prism on the level `low`: a closed (x, z) line `core`, widened by `bevel` along its normals `out`."""
    rise = np.linspace(0, np.pi / 2, 5)
    reach = np.concatenate([[1.0], np.cos(rise)]) * bevel
    y = np.concatenate([[low], high - bevel + bevel * np.sin(rise)])
    tilt = np.concatenate([[0.0], np.sin(rise)])
    rows = core[None] + reach[:, None, None] * out[None]
    points = np.stack([rows[..., 0], np.broadcast_to(y[:, None], rows.shape[:2]), rows[..., 1]], -1)
    flat = np.sqrt(1 - tilt**2)[:, None]
    normals = np.stack([flat * out[:, 0], np.broadcast_to(tilt[:, None], rows.shape[:2]), flat * out[:, 1]], -1)
    middle = core[:-1].mean(0)
    return join([_grid(points, normals), _fan(points[-1], (middle[0], high, middle[1]), (0, 1, 0))])


def _outline(solid: Panel, half: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a panel's outline with this half width, without its straight foot, and its normals: both n×2."""
    jamb = solid.centre - solid.y
    if solid.outline == "arch":
        return _arch_line(half, jamb) + np.array([solid.x, solid.y]), _arch_normals(jamb)
    circle = _half_circle(1.0)
    if solid.outline == "disc":
        circle = np.concatenate([circle, -circle[1:]])
    return circle * half + (solid.x, solid.centre), circle


def _panel(solid: Panel) -> Mesh:
    front, back = solid.z, solid.z - solid.thick
    line, out = _outline(solid, solid.half)
    pieces = [_strip(_lift(line, front), _lift(line, back), _lift(out, 0))]
    if solid.hole > 0:
        hole, _ = _outline(solid, solid.half * solid.hole)
        pieces += [_strip(_lift(hole, front), _lift(hole, back), _lift(-out, 0))]
        pieces += [_strip(_lift(line, z), _lift(hole, z), (0, 0, sign)) for z, sign in ((front, 1), (back, -1))]
        return join(pieces)
    for z, sign in ((front, 1), (back, -1)):
        pieces.append(_fan(_lift(line, z), (solid.x, solid.centre, z), (0, 0, sign)))
    if solid.outline != "disc":
        foot = line[[0, -1]]
        pieces.append(_strip(_lift(foot, front), _lift(foot, back), (0, -1, 0)))
    return join(pieces)


def tube_line(solid: Panel) -> tuple[NDArray[np.float64], float]:
    """Return the axis of a tube, n×3, and its radius: it follows the middle of a panel's rim."""
    radius = solid.half * (1 - solid.hole) / 2
    line, _ = _outline(solid, solid.half - radius)
    return _lift(line, solid.z - solid.thick / 2), radius


def _tube(solid: Panel) -> Mesh:
    line, radius = tube_line(solid)
    _, out = _outline(solid, solid.half)
    around = np.linspace(0, 2 * np.pi, 17)[:, None, None]
    normals = np.cos(around) * _lift(out, 0) + np.sin(around) * np.array([0.0, 0.0, 1.0])
    return _grid(line + radius * normals, normals)


def _curtain(solid: Curtain) -> Mesh:
    x = np.concatenate([np.arange(-SIDE, -3, 0.02), np.arange(-3, 3, 0.004), np.arange(3, SIDE, 0.02)])
    relief, _ = solid.relief(x.astype(np.float32))
    rows = [np.stack([x, np.full_like(x, y), solid.z + relief], 1) for y in (BELOW, ABOVE)]
    return _grid(np.stack(rows), _normals(solid, np.stack(rows)))


def _dunes(solid: Dunes) -> Mesh:
    # As fine as the camera's view of them: rows in steps that grow with distance, the middle finer than the sides.
    z = 2.2 - np.geomspace(0.6, 2.2 - solid.back, 520)[:, None]
    x = SIDE * np.sinh(np.linspace(-3.4, 3.4, 240)) / np.sinh(3.4)
    at_x, at_z = (np.ascontiguousarray(axis, np.float32) for axis in np.broadcast_arrays(x, z))
    points = np.stack([at_x, solid.height(at_x, at_z), at_z], -1)
    return _grid(points, _normals(solid, points))


def _sprig(solid: Sprig) -> Mesh:
    # A leaf's points go out along one side and come back along the other.
    leaves = [np.asarray(leaf) for leaf in solid.leaves]
    return join(
        _strip(
            _lift(leaf[: len(leaf) // 2], solid.z),
            _lift(leaf[::-1][: len(leaf) // 2], solid.z),
            _normals(solid, np.zeros((1, 3)))[0],
        )
        for leaf in leaves
    )


def _half_circle(radius: float) -> NDArray[np.float64]:
    """Return points of the upper half of a circle, from left to right: n×2."""
    angle = np.linspace(np.pi, 0, _HALF_TURN + 1)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _arch_line(half: float, jamb: float) -> NDArray[np.float64]:
    """Return an arch about the middle of its foot, from its left foot over the round to its right: n×2."""
    return np.concatenate([[[-half, 0]], _half_circle(half) + np.array([0, jamb]), [[half, 0]]])


def _arch_normals(jamb: float) -> NDArray[np.float64]:
    assert jamb >= 0, "an arch is at least as high as it is half wide"
    return np.concatenate([[[-1, 0]], _half_circle(1.0), [[1, 0]]])


def _lift(line: NDArray[np.float64], z: float) -> NDArray[np.float64]:
    """Return n×3 points of an n×2 line at a depth."""
    return np.concatenate([line, np.full((len(line), 1), z)], 1)


def _level(x: tuple[float, float], y: float, z: tuple[float, float]) -> Mesh:
    return _grid(np.array([[[a, y, b] for b in z] for a in x]), np.broadcast_to((0.0, 1.0, 0.0), (2, 2, 3)))


def _upright(x: tuple[float, float], y: tuple[float, float], z: float) -> Mesh:
    return _grid(np.array([[[a, b, z] for b in y] for a in x]), np.broadcast_to((0.0, 0.0, 1.0), (2, 2, 3)))


def _strip(one: NDArray[np.float64], two: NDArray[np.float64], normal: object) -> Mesh:
    """Return the band between two lines, n×3 each; `normal` broadcasts against one of them."""
    points = np.stack([one, two])
    return _grid(points, np.broadcast_to(np.asarray(normal, np.float64), points.shape))


def _fan(line: NDArray[np.float64], middle: tuple[float, float, float], normal: tuple[float, float, float]) -> Mesh:
    """Return the flat face within a line, closed from its end to its start, round a point that sees all of it."""
    points = np.concatenate([[middle], line, line[:1]])
    first = np.arange(1, len(points) - 1)
    faces = np.stack([np.zeros_like(first), first, first + 1], 1)
    return _oriented(points, faces, np.broadcast_to(np.asarray(normal, np.float64), points.shape))


def _grid(points: NDArray[np.floating], normals: NDArray[np.floating]) -> Mesh:
    """Return the surface through a×b×3 points."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return _oriented(points.reshape(-1, 3), faces, normals.reshape(-1, 3))


def _oriented(points: NDArray[np.floating], faces: NDArray[np.intp], normals: NDArray[np.floating]) -> Mesh:
    """Turn triangles whose winding disagrees with their normals; drop those without area."""
    corners = points.astype(np.float64)[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = (across * normals[faces].mean(1)).sum(1) < 0
    faces = np.where(wrong[:, None], faces[:, ::-1], faces)[np.linalg.norm(across, axis=1) > 1e-12]
    return Mesh(points.astype(np.float32), faces.astype(np.uint32), normals.astype(np.float32))


def _normals(solid: Solid, points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the solid's own normals at points of its face 0: the points' shape."""
    at = points.astype(np.float32)
    place: Triple = (at[..., 0], at[..., 1], at[..., 2])
    return np.stack(solid.normal(place, np.zeros((), np.uint8)), -1)
