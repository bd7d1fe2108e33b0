"""Convert the shapes of `pipeline.geometry.solids` to triangle meshes, for a renderer that needs triangles.

Every mesh stays within its solid's outline. Endless solids end outside every picture.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.panels import Panel
from pipeline.geometry.ray import Triple
from pipeline.geometry.solids import Ball, Block, Drum, Slab, Solid
from pipeline.geometry.sprites import TINTS, Sprite
from pipeline.geometry.walls import Floor, Recess, Sweep, Wall
from pipeline.scene.layout import Part
from scripts.renderer.triangles import (
    HALF_TURN,
    Mesh,
    arch_line,
    arch_normals,
    fan,
    grid,
    half_circle,
    join,
    level,
    lift,
    strip,
    upright,
)

__all__ = ["BEVEL", "Mesh", "join", "mesh", "solid_mesh", "tube_line"]

#: Radius of the edges of drums and blocks, in canvas heights, for the highlight of a real edge.
BEVEL = 0.006
#: Ends of endless planes in canvas heights: to both sides, below, above, towards the camera.
SIDE, BELOW, ABOVE, FRONT = 9.0, -9.0, 9.0, 3.0


def mesh(part: Part) -> Mesh:
    """Return the mesh of a part. A tube is round, and as thick as its outline is wide."""
    if part.role == "tube":
        assert isinstance(part.solid, Panel), "tubes are panels with a hole"
        return _tube(part.solid)
    return solid_mesh(part.solid)


def solid_mesh(solid: Solid) -> Mesh:
    """Return the mesh of a solid. Raises TypeError for an unknown kind."""
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
        case Slab():
            found = _slab(solid)
        case Sprite():
            found = _sprite(solid)
        case _:
            raise TypeError(f"{type(solid).__name__} has no mesh. Add it to solid_mesh")
    return found


def _floor(solid: Floor) -> Mesh:
    return level((-SIDE, SIDE), solid.level, (solid.back, FRONT))


def _wall(solid: Wall) -> Mesh:
    if solid.opening is None:
        return upright((-SIDE, SIDE), (BELOW, ABOVE), solid.z)
    o, z = solid.opening, solid.z
    # A ring from the opening to a distant circle, corner by corner, so that no light leaks at the seams.
    rim = arch_line(o.half, o.spring - o.foot) + np.array([o.x, o.foot])
    rim = np.concatenate([rim, rim[:1]])
    middle = np.array([o.x, o.spring])
    out = rim - middle
    outer = middle + 1.5 * SIDE * out / np.linalg.norm(out, axis=1, keepdims=True)
    return strip(lift(rim, z), lift(outer, z), (0, 0, 1))


def _recess(solid: Recess) -> Mesh:
    o, back = solid.opening, solid.z - solid.depth
    outline = arch_line(o.half, o.spring - o.foot) + np.array([o.x, o.foot])
    inward = -arch_normals(o.spring - o.foot)
    reveal = strip(lift(outline, solid.z), lift(outline, back), lift(inward, 0))
    sill = level((o.x - o.half, o.x + o.half), o.foot, (back, solid.z))
    return join([fan(lift(outline, back), (o.x, o.spring, back), (0, 0, 1)), reveal, sill])


def _sweep(solid: Sweep) -> Mesh:
    angle = np.linspace(0, np.pi / 2, HALF_TURN)
    y = solid.level + solid.radius * (1 - np.cos(angle))
    z = solid.z + solid.radius * (1 - np.sin(angle))
    profile = np.concatenate([[[solid.level, FRONT]], np.stack([y, z], 1), [[ABOVE, solid.z]]])
    rows = [np.stack([np.full(len(profile), x), profile[:, 0], profile[:, 1]], 1) for x in (-SIDE, SIDE)]
    return grid(np.stack(rows), _normals(solid, np.stack(rows)))


def _ball(solid: Ball) -> Mesh:
    around = np.linspace(0, 2 * np.pi, 2 * HALF_TURN + 1)
    down = np.linspace(0, np.pi, HALF_TURN + 1)[:, None]
    out = np.sin(down) * np.ones_like(around)
    points = np.stack(
        [out * np.sin(around), np.cos(down) * solid.squash * np.ones_like(around), out * np.cos(around)], -1
    )
    points = points * solid.radius + (solid.x, solid.y, solid.z)
    return grid(points, _normals(solid, points))


def _drum(solid: Drum) -> Mesh:
    around = np.linspace(0, 2 * np.pi, 2 * HALF_TURN + 1)
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
    return join([grid(points, normals), fan(points[-1], (middle[0], high, middle[1]), (0, 1, 0))])


def _outline(solid: Panel, half: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a panel's outline at this half width, without its straight foot, and its normals: both n×2."""
    jamb = solid.centre - solid.y
    if solid.outline == "arch":
        return arch_line(half, jamb) + np.array([solid.x, solid.y]), arch_normals(jamb)
    circle = half_circle(1.0)
    if solid.outline == "disc":
        circle = np.concatenate([circle, -circle[1:]])
    return circle * half + (solid.x, solid.centre), circle


def _panel(solid: Panel) -> Mesh:
    front, back = solid.z, solid.z - solid.thick
    line, out = _outline(solid, solid.half)
    pieces = [strip(lift(line, front), lift(line, back), lift(out, 0))]
    if solid.hole > 0:
        hole, _ = _outline(solid, solid.half * solid.hole)
        pieces += [strip(lift(hole, front), lift(hole, back), lift(-out, 0))]
        pieces += [strip(lift(line, z), lift(hole, z), (0, 0, sign)) for z, sign in ((front, 1), (back, -1))]
        return join(pieces)
    for z, sign in ((front, 1), (back, -1)):
        pieces.append(fan(lift(line, z), (solid.x, solid.centre, z), (0, 0, sign)))
    if solid.outline != "disc":
        foot = line[[0, -1]]
        pieces.append(strip(lift(foot, front), lift(foot, back), (0, -1, 0)))
    return join(pieces)


def tube_line(solid: Panel) -> tuple[NDArray[np.float64], float]:
    """Return a tube's axis, n×3, along the middle of a panel's rim, and its radius."""
    radius = solid.half * (1 - solid.hole) / 2
    line, _ = _outline(solid, solid.half - radius)
    return lift(line, solid.z - solid.thick / 2), radius


def _tube(solid: Panel) -> Mesh:
    line, radius = tube_line(solid)
    _, out = _outline(solid, solid.half)
    around = np.linspace(0, 2 * np.pi, 17)[:, None, None]
    normals = np.cos(around) * lift(out, 0) + np.sin(around) * np.array([0.0, 0.0, 1.0])
    return grid(line + radius * normals, normals)


def _curtain(solid: Curtain) -> Mesh:
    x = np.concatenate([np.arange(-SIDE, -3, 0.02), np.arange(-3, 3, 0.004), np.arange(3, SIDE, 0.02)])
    relief, _ = solid.relief(x.astype(np.float32))
    rows = [np.stack([x, np.full_like(x, y), solid.z + relief], 1) for y in (BELOW, ABOVE)]
    return grid(np.stack(rows), _normals(solid, np.stack(rows)))


def _dunes(solid: Dunes) -> Mesh:
    # As fine as the camera sees them: row spacing grows with distance, and the middle is finer than the sides.
    z = 2.2 - np.geomspace(0.6, 2.2 - solid.back, 520)[:, None]
    x = SIDE * np.sinh(np.linspace(-3.4, 3.4, 240)) / np.sinh(3.4)
    at_x, at_z = (np.ascontiguousarray(axis, np.float32) for axis in np.broadcast_arrays(x, z))
    points = np.stack([at_x, solid.height(at_x, at_z), at_z], -1)
    return grid(points, _normals(solid, points))


def _slab(solid: Slab) -> Mesh:
    line, back = np.asarray(solid.corners), solid.z - solid.thick
    middle = line.mean(0)
    pieces = [fan(lift(line, solid.z), (middle[0], middle[1], solid.z), (0, 0, 1))]
    pieces += [fan(lift(line, back), (middle[0], middle[1], back), (0, 0, -1))]
    for index, (nx, ny, _) in enumerate(solid.sides):
        side = line[[index, (index + 1) % len(line)]]
        pieces.append(strip(lift(side, solid.z), lift(side, back), (nx, ny, 0)))
    return join(pieces)


def _sprite(solid: Sprite) -> Mesh:
    """Return the side of a prop that the camera sees, a vertex for every second pixel."""
    seen, n = solid.baked.seen[::2], len(solid.baked.seen)
    inside = (seen[:, :n:2] >= TINTS.index(solid.tint) + 0.5) & (seen[:, :n:2] < TINTS.index(solid.tint) + 1)
    across, down = np.meshgrid(np.arange(0, n, 2) + 0.5, np.arange(0, n, 2) + 0.5)
    eye = np.array(solid.eye)
    plane = np.stack([*solid.place_of(across, down), np.full(across.shape, solid.z)], -1)
    share = solid.size * seen[:, n::2, None] / (eye[2] - solid.z)
    points = plane + (eye - plane) * share
    cell = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]
    at = np.arange(inside.size).reshape(inside.shape)
    a, b, c, d = (some[cell] for some in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Mesh(points.reshape(-1, 3), faces, _normals(solid, points).reshape(-1, 3))


def _normals(solid: Solid, points: NDArray[np.floating], face: int = 0) -> NDArray[np.float32]:
    """Return the solid's normals at points of one face, in the shape of `points`."""
    at = points.astype(np.float32)
    place: Triple = (at[..., 0], at[..., 1], at[..., 2])
    return np.stack(solid.normal(place, np.asarray(face, np.uint8)), -1)
