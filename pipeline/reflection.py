"""What stands on a polished floor, seen in it upside down."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.layout import Layout
from pipeline.ray import Field
from pipeline.resample import resize
from pipeline.room import Floor
from pipeline.trace import Geometry


def mirror(layout: Layout, geometry: Geometry, out: Field) -> None:
    """Mix what stands on a polished floor into it, upside down: more at flat angles (Schlick 1994), softer farther."""
    for index, part in enumerate(layout.parts):
        if part.gloss < 0.2 or not isinstance(part.solid, Floor) or not (geometry.part == index).any():
            continue
        height, width = geometry.surface.shape
        scale = max(1, round(max(height, width) / 640))
        rows, columns = np.arange(height)[scale // 2 :: scale], np.arange(width)[scale // 2 :: scale]
        camera, way = layout.camera, layout.rays(width, height)
        mirrored = (camera[0], np.float32(2 * part.solid.level) - camera[1], camera[2])
        down = (way[0][:, columns], -way[1][rows], way[2])
        nearest = np.full((rows.size, columns.size), np.inf, np.float32)
        met = np.zeros(nearest.shape, np.uint16)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for other, thing in enumerate(layout.parts):
                if other != index:
                    t, _ = thing.solid.meet(mirrored, down)
                    np.copyto(met, np.uint16(other), where=t < nearest)
                    nearest = np.minimum(nearest, t)
        seen = np.isfinite(nearest)
        far = np.where(seen, nearest, 9)
        at = (mirrored[0] + down[0] * far, mirrored[1] + down[1] * far, camera[2] - far)
        px, py = layout.project(at)
        column = np.clip(px * (width / layout.aspect), 0, width - 1).astype(int)
        row = np.clip(py * height, 0, height - 1).astype(int)
        image = out[row, column]
        hidden = seen & (geometry.part[row, column] != met)
        for other in np.unique(met[hidden]):
            # The camera sees only the mirror image of undersides and backs: they are darker than the part's mean.
            own = out[::4, ::4][geometry.part[::4, ::4] == other]
            image[hidden & (met == other)] = 0.55 * own.mean(0) if own.size else 0
        # Higher above the floor is farther from its mirror image, and a little roughness blurs it with the way.
        soft = max(0.6, 0.006 * (1.3 - part.gloss) * image.shape[0])
        image = np.stack([gaussian_filter(image[..., c], soft) for c in range(3)], -1)
        flat = np.abs(down[1]) / np.sqrt(1 + down[1] ** 2)
        share = part.gloss * (0.06 + 0.5 * (1 - np.broadcast_to(flat, nearest.shape)) ** 5)
        where = geometry.part == index
        mixed = np.where(where, np.clip(resize(share.astype(np.float32), width, height), 0, 1), 0)
        out += (resize(image, width, height, Image.Resampling.BILINEAR) - out) * mixed[..., None]
