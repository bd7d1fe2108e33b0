"""Ray casting: a camera's view of solids."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.ray import Field, Triple
from pipeline.geometry.solids import Packed, Solid, shapes
from pipeline.geometry.sprites import Sprite
from pipeline.kernels.tracing.rays import FACES, see
from pipeline.kernels.tracing.terrain import see_dunes

#: The nearest depth at which solids are visible, and the slope by which their windows are enlarged.
_NEAREST, _MARGIN = 0.3, 1e-3

#: Depths at which dunes are sampled, away from the camera.
DUNE_STEPS = 1800


def follow(
    solids: Sequence[Solid], camera: Triple, across: Field, down: Field, without: int | None = None
) -> tuple[NDArray[np.uint16], Field]:
    """Follow a camera's rays, of W ascending and H float32 slopes, to the first solid; skip the solid `without`.

    Returns H×W indices × FACES + faces, 0 without a hit, and float32 depths, inf there.
    """
    surface = np.zeros((down.size, across.size), np.uint16)
    depth = np.full(surface.shape, np.inf, np.float32)
    packed = shapes([seen(solid) for solid in solids])
    window, origin = windows(solids, camera, without), np.array(camera, np.float32)
    across, down = np.ascontiguousarray(across), np.ascontiguousarray(down)
    for index, solid in enumerate(solids):
        if isinstance(solid, Curtain):
            depth[:], surface[:] = solid.depths(camera, across), index * FACES
        elif isinstance(solid, Dunes):
            _see_dunes(solid, index, camera, across, down, depth, surface)
    by_rows(down.size, lambda a, b: see(a, b, packed, window, origin, across, down, depth, surface))
    return surface, depth


def seen(solid: Solid) -> Packed:
    """Return a solid as a camera's rays meet it; rays of light meet a sprite's proxy instead."""
    return solid.seen if isinstance(solid, Sprite) else solid.packed


def windows(solids: Sequence[Solid], camera: Triple, without: int | None = None) -> Field:
    """Return n×4 slopes, slightly enlarged, between which a camera sees each solid: left, low, right, top.

    Heightfields, which are followed separately, and the solid `without` get empty windows.
    """
    out = np.empty((len(solids), 4), np.float32)
    for index, solid in enumerate(solids):
        bounds = solid.bounds
        if index == without or isinstance(solid, Curtain | Dunes):
            out[index] = np.inf, np.inf, -np.inf, -np.inf
        elif bounds is None:
            out[index] = -np.inf, -np.inf, np.inf, np.inf
        else:
            away = np.maximum(float(camera[2]) - np.array([bounds[2], bounds[5]]), _NEAREST)
            x = (np.array([[bounds[0]], [bounds[3]]]) - float(camera[0])) / away
            y = (np.array([[bounds[1]], [bounds[4]]]) - float(camera[1])) / away
            out[index] = x.min() - _MARGIN, y.min() - _MARGIN, x.max() + _MARGIN, y.max() + _MARGIN
    return out


def _see_dunes(
    dunes: Dunes,
    index: int,
    camera: Triple,
    across: Field,
    down: Field,
    depth: Field,
    surface: NDArray[np.uint16],
) -> None:
    depths, seen = dunes.slopes(camera, across, DUNE_STEPS)
    by_rows(down.size, lambda a, b: see_dunes(a, b, index * FACES, depths, seen, down, depth, surface))
