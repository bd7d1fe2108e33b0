"""The renderer's meshes are the shapes that the pipeline draws."""

import numpy as np
import pytest

from pipeline.geometry.casting import follow
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.lathed import Lathed
from pipeline.geometry.panels import Opening, Panel, Sprig
from pipeline.geometry.rounded import Rounded, axes
from pipeline.geometry.slabs import Fronds, Slab
from pipeline.geometry.solids import Ball, Block, Drum, Rod, Solid
from pipeline.geometry.walls import Floor, Recess, Sweep, Wall
from pipeline.scene.layout import Part
from pipeline.scene.rig import sprig
from scripts.studio.meshes import BEVEL, Mesh, mesh, solid_mesh

ARCH = Opening(0.1, -0.15, 0.35, 0.9)
SOLIDS: dict[str, Solid] = {
    "floor": Floor(-0.15, -1.0),
    "wall": Wall(-1.0),
    "wall with an opening": Wall(-0.7, ARCH),
    "recess": Recess(-0.7, ARCH, 0.25),
    "sweep": Sweep(-1.0, -0.1, 0.5),
    "ball": Ball(0.1, 0.2, -0.3, 0.25, 0.7),
    "drum": Drum(0.1, -0.15, -0.1, 0.3, 0.25),
    "cup": Drum(0.1, -0.15, -0.1, 0.3, 0.25, 0.26, 0.08),
    "rod": Rod((-0.2, -0.1, 0.1), (0.4, 0.25, -0.3), 0.08),
    "block": Block(-0.1, -0.15, -0.2, 0.3, 0.3, 0.2, 0.4),
    "arch": Panel("arch", 0.1, -0.1, -0.6, 0.3, 0.8, 0.05),
    "disc": Panel("disc", 0.1, -0.1, -0.6, 0.4, 0.8, 0.05),
    "half disc": Panel("half_disc", 0.0, -0.1, -0.6, 0.4, 0.4, 0.1),
    "portal": Panel("arch", -0.1, -0.1, -0.6, 0.4, 0.9, 0.13, 0.74),
    "ring": Panel("disc", -0.1, -0.1, -0.6, 0.4, 0.8, 0.1, 0.74),
    "curtain": Curtain(-0.9, ((0.03, 3.0, 0.4), (0.016, 1.3, 2.0), (0.011, 5.2, 1.0))),
    "dunes": Dunes(0.0, ((0.08, 0.7, 1.4, 1.0), (0.045, -1.0, 2.2, 3.0)), -8.0, 0.0016, 0.05),
    "slab": Slab(((-0.3, -0.1), (0.2, -0.2), (0.3, 0.2), (-0.2, 0.25)), 0.05, 0.04, 0.3),
    "stone": Rounded((0.05, 0.1, 0.03), (0.05, 0, 0.02), (0.2, 0.1, 0.1), (0.1, 0.08, 0.2), axes(0.4, 0.1, 0.2)),
    "leaf of cloth": Rounded((0.05, 0.1, 0.03), (0.2, 0, 0.1), (0.01, 0.03, 0.03), (0.01, 0.03, 0.01), axes(0.3)),
    "bowl": Lathed(0.05, -0.1, -0.2, 0.2, (0.14, 0.12, 0.2, 0.27, 0.3, 0.3), 0.93, 0.03),
    "lying bowl": Lathed(0.05, 0.0, -0.2, 0.2, (0.14, 0.12, 0.2, 0.27, 0.3, 0.3), 0.93, 0.03, lying=True),
    "bottle": Lathed(0.0, -0.15, 0.0, 0.4, (0.1, 0.1, 0.2, 0.15, 0.05, 0.06)),
    "fronds": Fronds(-0.3, tuple(sprig(np.random.default_rng(4), (0.5, 0.1), 2.0, 0.5, 9, 0.2))),
    "sprig": Sprig(-0.3, tuple(sprig(np.random.default_rng(4), (0.5, 0.1), 2.0, 0.5, 9, 0.2))),
}
EYE = np.array([0.05, 0.45, 2.2])


@pytest.fixture(params=list(SOLIDS), ids=[name.replace(" ", "_") for name in SOLIDS])
def solid(request: pytest.FixtureRequest) -> Solid:
    return SOLIDS[request.param]


def camera_rays(count_x: int = 37, count_y: int = 31) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of a camera's rays, 1×W and H×1 float32."""
    x = np.linspace(-0.31, 0.29, count_x, dtype=np.float32)[None]
    y = np.linspace(-0.24, 0.21, count_y, dtype=np.float32)[:, None]
    return x, y


def meet_triangles(found: Mesh, ways: np.ndarray) -> np.ndarray:
    """Return distances of n×3 rays from EYE to a mesh, inf for a miss (Möller and Trumbore, JGT 2(1), 1997)."""
    corners = found.vertices.astype(np.float64)[found.faces]
    first, one, two = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    start = EYE - first
    across = np.cross(start, one)
    nearest = np.full(len(ways), np.inf)
    # A ray is held only against triangles whose box on the picture plane z = -1 it passes through, and those behind.
    seen = corners - EYE
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = seen[..., :2] / -seen[..., 2:]
    low, high = shown.min(1) - 1e-6, shown.max(1) + 1e-6
    behind = (seen[..., 2] > -1e-6).any(1)
    for index, way in enumerate(ways):
        x, y = way[:2]
        at = (low[:, 0] <= x) & (x <= high[:, 0]) & (low[:, 1] <= y) & (y <= high[:, 1]) | behind
        side = np.cross(way, two[at])
        volume = (one[at] * side).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (start[at] * side).sum(1) / volume
            v = (across[at] @ way) / volume
            t = (two[at] * across[at]).sum(1) / volume
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 1e-3)
        if hit.any():
            nearest[index] = t[hit].min()
    return nearest


def test_rays_meet_a_mesh_where_they_meet_its_solid(solid: Solid) -> None:
    x, y = camera_rays()
    origin = tuple(np.float32(value) for value in EYE)
    _, exact = follow([solid], origin, x[0], y[:, 0])  # type: ignore[arg-type]  # 0-d
    # Dunes are many triangles: every seventh ray will do.
    step = 7 if isinstance(solid, Dunes) else 1
    chosen = np.arange(exact.size)[::step]
    ways = np.stack([np.broadcast_to(x, exact.shape), np.broadcast_to(y, exact.shape), -np.ones(exact.shape)], -1)
    traced = meet_triangles(solid_mesh(solid), ways.reshape(-1, 3)[chosen])
    wanted = exact.reshape(-1)[chosen]

    assert np.isfinite(wanted).mean() > 0.01
    # Silhouettes of round things and bevelled edges may pass a ray by.
    both = np.isfinite(traced) & np.isfinite(wanted)
    assert np.mean(np.isfinite(traced) == np.isfinite(wanted)) > 0.99
    # Distances within 1 %; a grazing ray runs far along the ground for a little height.
    assert np.quantile(np.abs(traced[both] / wanted[both] - 1), 0.99) < 0.01


def test_triangles_run_anticlockwise_about_unit_normals(solid: Solid) -> None:
    found = solid_mesh(solid)
    corners = found.vertices.astype(np.float64)[found.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    assert np.allclose(np.linalg.norm(found.normals, axis=1), 1, atol=2e-3)
    assert ((across * found.normals[found.faces].mean(1)).sum(1) >= 0).all()


def test_a_folded_leaf_has_the_normals_of_its_two_halves() -> None:
    leaf = ((0.0, 0.0), (-0.1, 0.2), (0.0, 0.4), (0.0, 0.4), (0.1, 0.2), (0.0, 0.0))
    solid = Fronds(-0.3, ((*leaf,),))
    found = solid_mesh(solid)
    for x in (-0.05, 0.05):
        corners = found.vertices[found.faces]
        here = np.abs(corners.mean(1) - (x, 0.2, -0.3)).sum(1).argmin()
        place = tuple(np.full(1, axis, np.float32) for axis in (x, 0.2, -0.3))
        exact = np.ravel(solid.normal(place, np.array([x > 0], np.uint8)))  # type: ignore[arg-type]  # a triple
        assert found.normals[found.faces[here]].mean(0) == pytest.approx(exact, abs=0.2)
        assert np.sign(exact[0]) == np.sign(-x)


@pytest.mark.parametrize("name", ["drum", "block"])
def test_a_bevel_stays_within_the_outline(name: str) -> None:
    solid = SOLIDS[name]
    vertices = solid_mesh(solid).vertices
    assert solid.bounds is not None
    low, high = np.array(solid.bounds[:3]), np.array(solid.bounds[3:])

    assert (vertices > low - 1e-5).all()
    assert (vertices < high + 1e-5).all()
    assert np.abs(vertices.max(0) - high).max() < BEVEL


def test_a_tube_is_round_and_as_thick_as_its_outline_is_wide() -> None:
    panel = Panel("disc", 0.1, 0.2, -0.6, 0.4, 0.8, 0.02, 0.95)
    found = mesh(Part(panel, 0, "tube", glow=14.0))
    radius = 0.4 * 0.05 / 2
    from_axis = np.hypot(
        np.hypot(found.vertices[:, 0] - 0.1, found.vertices[:, 1] - 0.6) - (0.4 - radius), found.vertices[:, 2] + 0.61
    )

    assert np.allclose(from_axis, radius, atol=1e-5)
