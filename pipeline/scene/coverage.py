"""Antialiasing: how much of each edge pixel the adjacent surfaces cover, by 64 rays per pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows
from pipeline.geometry.casting import DUNE_STEPS, seen, windows
from pipeline.geometry.heightfields import Curtain, Dunes
from pipeline.geometry.ray import Field
from pipeline.geometry.solids import shapes
from pipeline.kernels.tracing.coverage import ACROSS, DOWN, cover, find_edges, mix
from pipeline.kernels.tracing.rays import FACES
from pipeline.scene.layout import FOCAL, Layout

#: Maximum number of columns of slopes for the skyline of dunes. Its steps away from the camera are those of the picture
#: itself. Otherwise a skyline pixel could be dune in one and sky in the other, which shows as stairs.
_SKYLINE = 2048


@dataclass(frozen=True, eq=False)
class Coverage:
    """Shares of the pixels on edges between surfaces."""

    #: n×2 int32: row and column.
    place: NDArray[np.int32]
    #: n×2 int32: row and column of a pixel of a surface that is too thin to be visible in an adjacent pixel.
    far: NDArray[np.int32]
    #: n×10 uint8: how many of a pixel's 64 rays see its own and its neighbours' surfaces, row by row, and the far one.
    share: NDArray[np.uint8]

    def smooth(self, picture: Field) -> None:
        """Give the edge pixels of an H×W or H×W×C float32 picture the mean of the surfaces that cover them, in place.

        A surface's colour is that of the nearest pixel of the same surface, which is exact for straight edges of even
        colour.
        """
        picture = picture.reshape(*picture.shape[:2], -1)
        mixed = np.empty((len(self.place), picture.shape[2]), np.float32)
        by_rows(len(self.place), lambda a, b: mix(a, b, self.place, self.far, self.share, picture, mixed), 1 << 14)
        picture[self.place[:, 0], self.place[:, 1]] = mixed


def coverage(layout: Layout, surface: NDArray[np.uint16], depth: Field) -> Coverage:
    """Trace how much of each edge pixel of H×W surfaces at H×W depths the neighbouring surfaces cover."""
    height, width = surface.shape
    edge, counts = np.empty(surface.shape, np.uint8), np.empty(height, np.int64)
    by_rows(height, lambda a, b: find_edges(a, b, surface, edge, counts))
    first = np.concatenate([[0], np.cumsum(counts)])
    place, share = np.empty((first[-1], 2), np.int32), np.zeros((first[-1], 10), np.uint8)
    far = np.empty_like(place)
    if not first[-1]:
        return Coverage(place, far, share)
    solids = [part.solid for part in layout.parts]
    packed = shapes([seen(solid) for solid in solids])
    window, origin = windows(solids, layout.camera), np.array(layout.camera, np.float32)
    across, down = _fine_slopes(layout, width, height)
    profile, ground = _profiles(layout, across)
    by_rows(
        height,
        lambda a, b: cover(
            a, b, surface, depth, edge, packed, window, origin, across, down, profile, ground, first, place, far, share
        ),
    )
    return Coverage(place, far, share)


def _fine_slopes(layout: Layout, width: int, height: int) -> tuple[Field, Field]:
    """Return the slopes of ACROSS rays to each column and DOWN to each row of a picture."""
    x = ((np.arange(ACROSS * width) + 0.5) / ACROSS * np.float32(layout.aspect / width) - layout.aspect / 2) / FOCAL
    y = (layout.horizon_y - (np.arange(DOWN * height) + 0.5) / DOWN / height) / FOCAL
    return x.astype(np.float32), y.astype(np.float32)


def _profiles(layout: Layout, across: Field) -> tuple[Field, Field]:
    """Return heightfields as m×W depths of cloth or skylines of dunes, by column, and m×4 float32 that describe them.

    Those are the code of the surface, 1 for dunes and 0 for cloth, and the dunes' level and farthest depth. Below the
    skyline the dunes' ground is visible.
    """
    profile, ground = [np.zeros((0, across.size), np.float32)], [np.zeros((0, 4), np.float32)]
    camera = layout.camera
    for index, part in enumerate(layout.parts):
        solid = part.solid
        if isinstance(solid, Curtain):
            profile.append(solid.depths(camera, across)[None])
            ground.append(np.array([[index * FACES, 0, 0, 0]], np.float32))
        elif isinstance(solid, Dunes):
            # At the middle of each column, where the picture is traced.
            few = across.size <= ACROSS * _SKYLINE
            slopes = across.reshape(-1, ACROSS).mean(1) if few else across[:: across.size // _SKYLINE]
            skyline = solid.slopes(camera, slopes, DUNE_STEPS)[1][-1]
            profile.append(np.interp(across, slopes, skyline).astype(np.float32)[None])
            ground.append(np.array([[index * FACES, 1, solid.level, camera[2] - solid.back]], np.float32))
    return np.concatenate(profile), np.concatenate(ground)
