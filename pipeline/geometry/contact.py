"""The contact of a product with the ground: its silhouette's lower contour, column by column."""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

from pipeline.core.resample import Box, tight_box
from pipeline.geometry.ray import Field

#: Columns whose lowest point is this far above the foot (in product widths) do not touch the ground.
TOUCH = 0.16
#: A receding base edge: its greatest rise per pixel across, its least length and its greatest bend in product widths.
STEEPEST_BASE = 0.95
SHORTEST_BASE = 0.12
STRAIGHT_BASE = 0.015
#: A base on feet: the least length of an edge of the silhouette's lower hull, and the greatest dark gap under it, in
#: product widths. A bowl's hull has many short edges.
LONGEST_ROUND = 0.25
DARK_GAP = 0.1
#: The rise of a round base's rim over its half width, at the steepest view of usual photos.
STEEPEST_RIM = 0.3
#: Share of the product's height, from below, that counts as the foot.
FOOT = 0.12
#: An object smaller than THING × the largest belongs to its nearest neighbour; more than THINGS objects are a heap.
THING, THINGS = 0.1, 3
#: Pixels of the silhouette's grid per cell, each way, of the coarser grid that separates objects.
_APART = 4


def contact_band(alpha: Field, box: Box, thick: float, *, lies: bool = False) -> Field:
    """Return a band along the silhouette's lowest points that fades where they rise from the foot.

    Under a base on feet, the whole gap down to the ground belongs to the band. A product that `lies` touches the ground
    along its whole lower contour.
    """
    h = alpha.shape[0]
    lowest, columns = lowest_points(alpha)
    touching, ground = columns.astype(np.float32), lowest
    if not lies:
        rise = (box[3] - lowest) / max(1.0, TOUCH * (box[2] - box[0]))
        receding, ground = receding_base(lowest, columns, box)
        touching = np.maximum(np.where(columns, np.clip(1 - rise, 0, 1), 0).astype(np.float32), receding)
    rows = np.arange(h, dtype=np.float32)[:, None] + 0.5
    thick = max(1.0, thick)
    away = np.maximum(np.maximum(lowest[None] - rows, rows - ground[None]), 0)
    return np.asarray(np.clip(1 - away / thick, 0, 1) * touching[None], np.float32)


def receding_base(lowest: Field, columns: NDArray[np.bool_], box: Box) -> tuple[Field, Field]:
    """Return how much, 0–1, each column is on a base that recedes from the foot, and the ground's row under it.

    A box seen over its corner touches the ground along both base edges, however high they rise in the image. On feet it
    touches the ground at both ends of an edge of its lower hull. A bowl's side rises in a curve and touches nothing.
    Where there is no gap, the ground's row is `lowest`.
    """
    touching = np.zeros(len(lowest), np.float32)
    ground = lowest.copy()
    wide = box[2] - box[0]
    found = np.flatnonzero(columns)
    foot = np.flatnonzero(columns & (lowest >= lowest[found].max() - 0.5))
    for start, end in ((foot[-1], box[2] - 1), (foot[0], box[0])):
        step = 1 if end >= start else -1
        reach = np.arange(start, end + step, step)
        rise = lowest[start] - lowest[reach]
        for length in range(len(reach) - 1, int(SHORTEST_BASE * wide), -1):
            slope = rise[length] / length
            off = np.abs(rise[: length + 1] - slope * np.arange(length + 1)).max()
            if columns[reach[: length + 1]].all() and slope <= STEEPEST_BASE and off <= STRAIGHT_BASE * wide:
                fade = np.clip((length - np.arange(length + 1)) / max(1.0, 0.15 * length), 0, 1)
                touching[reach[: length + 1]] = np.maximum(touching[reach[: length + 1]], fade)
                break
        for near, far in long_edges(np.where(columns[reach], rise, np.inf), LONGEST_ROUND * wide):
            edge = reach[near : far + 1]
            line = lowest[edge[0]] + (lowest[edge[-1]] - lowest[edge[0]]) * np.linspace(0, 1, edge.size)
            gap = np.where(columns[edge], line - lowest[edge], np.inf)
            dark = np.clip(1.5 - 1.5 * gap / (DARK_GAP * wide), 0, 1).astype(np.float32)
            touching[edge] = np.maximum(touching[edge], dark)
            ground[edge] = np.where(dark > 0, line, ground[edge])
    return touching, ground


def long_edges(rise: Field, min_length: float, steepest: float = STEEPEST_BASE) -> list[tuple[int, int]]:
    """Return the ends of the lower hull's edges of `rise`, at least `min_length` long and at most `steepest`."""
    hull: list[int] = []
    for at in np.flatnonzero(np.isfinite(rise)):
        while len(hull) > 1 and (rise[at] - rise[hull[-2]]) * (hull[-1] - hull[-2]) <= (
            rise[hull[-1]] - rise[hull[-2]]
        ) * (at - hull[-2]):
            hull.pop()
        hull.append(int(at))
    return [
        (near, far)
        for near, far in itertools.pairwise(hull)
        if far - near >= min_length and rise[far] - rise[near] <= steepest * (far - near)
    ]


def lowest_points(alpha: Field) -> tuple[Field, NDArray[np.bool_]]:
    """Return the row under the silhouette's lowest pixel in each column of h×w alpha, and which columns have one."""
    solid = alpha > 0.5
    return alpha.shape[0] - np.argmax(solid[::-1], axis=0).astype(np.float32), np.asarray(solid.any(axis=0))


def contact_line(alpha: Field, box: Box, *, lies: bool = False) -> Field:
    """Return for each column of h×w alpha the row at which the product would touch the ground there.

    This is the ground under a receding base, or else the lowest point, where a round base's rim is possible. A contour
    that rises above such a rim overhangs, and the rim's row counts. A product that `lies` touches at its lowest points.
    """
    lowest, columns = lowest_points(alpha)
    line = lowest if lies else _standing_line(alpha, box, lowest, columns)
    found = np.flatnonzero(columns)
    line = np.interp(np.arange(len(lowest)), found, line[found])
    return np.asarray(gaussian_filter(line, 0.02 * (box[2] - box[0]), mode="nearest"), np.float32)


def _standing_line(alpha: Field, box: Box, lowest: Field, columns: NDArray[np.bool_]) -> NDArray[Any]:
    start = round(box[3] - FOOT * (box[3] - box[1]))
    below = np.flatnonzero((alpha[start : box[3]] > 0.5).any(axis=0))
    left, right = (below[0], below[-1] + 1) if below.size else (box[0], box[2])
    half = max(1.0, (right - left) / 2)
    across = np.clip(np.abs(np.arange(len(lowest)) + 0.5 - (left + right) / 2) / half, 0, 1)
    rim = box[3] - STEEPEST_RIM * half * (1 - np.sqrt(1 - across**2))
    line = np.maximum(lowest, rim)
    touching, ground = receding_base(lowest, columns, box)
    foot = int(np.argmax(np.where(columns, lowest, -1)))
    recedes = np.flatnonzero(touching > 0)
    nearest = np.arange(len(lowest))
    # Beyond a base's end the ground continues at the end's height.
    if recedes.size and recedes[-1] > foot:
        nearest = np.minimum(nearest, recedes[-1])
    if recedes.size and recedes[0] < foot:
        nearest = np.maximum(nearest, recedes[0])
    return np.where(touching[nearest] > 0, ground[nearest], line)


def things_apart(alpha: Field) -> list[tuple[Field, Box]]:
    """Return the coverage (h×w) and the tight box of each of several objects, the one with the highest foot first.

    Each has its own foot; the farther away, the higher in the image. A part right above another is not an object, but a
    part whose joint the cut-out lost. Returns at most THINGS objects, and none without a product.
    """
    solid = alpha > 0.5
    whole = tight_box(solid)
    if whole is None:
        return []
    # The coarser grid also joins objects that only a hair connects.
    tall, wide = (-(-size // _APART) * _APART for size in solid.shape)
    padded = np.zeros((tall, wide), bool)
    padded[: solid.shape[0], : solid.shape[1]] = solid
    names, count = label(padded.reshape(tall // _APART, _APART, wide // _APART, _APART).any(axis=(1, 3)))
    sizes = np.bincount(names.ravel(), minlength=count + 1)[1:]
    large = [int(one) + 1 for one in np.flatnonzero(sizes >= THING * sizes.max())]
    apart = [name for name in large if not _above_another(names, name, large)] if len(large) > 1 else large
    if not 1 < len(apart) <= THINGS:
        return [(alpha, whole)]
    at = distance_transform_edt(~np.isin(names, apart), return_distances=False, return_indices=True)
    owner = names[tuple(at)].repeat(_APART, 0).repeat(_APART, 1)[: solid.shape[0], : solid.shape[1]]
    found = [np.where(owner == name, alpha, np.float32(0)) for name in apart]
    boxes = [(one, tight_box(one > 0.5)) for one in found]
    return sorted(((one, box) for one, box in boxes if box is not None), key=lambda thing: thing[1][3])


def _above_another(names: NDArray[np.int32], name: int, large: list[int]) -> bool:
    """Return whether most columns of the part `name` of h×w numbered parts have another `large` part below it."""
    own = names == name
    lowest = names.shape[0] - np.argmax(own[::-1], axis=0)
    columns = np.flatnonzero(own.any(axis=0))
    others = np.isin(names, [other for other in large if other != name])
    lowest_other = names.shape[0] - np.argmax(others[::-1], axis=0)
    below = others.any(axis=0) & (lowest_other > lowest)
    return bool(below[columns].mean() > 0.5)
