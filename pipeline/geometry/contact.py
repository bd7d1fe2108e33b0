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
#: The rise of a round base's rim over its half width, at the steepest view of usual photos.
STEEPEST_RIM = 0.3
#: Least drop of the lower contour on both sides of a foot, in product widths.
NOTCH = 0.03
#: Share of the product's height, from below, that counts as the foot.
FOOT = 0.12
#: An object smaller than THING × the largest belongs to its nearest neighbour; more than THINGS objects are a heap.
THING, THINGS = 0.1, 3
#: Pixels of the silhouette's grid per cell, each way, of the coarser grid that separates objects.
_APART = 4


def contact_band(alpha: Field, box: Box, thick: float, *, lies: bool = False, sine: float = 0.0) -> Field:
    """Return a band along the silhouette's lowest points that fades where they rise from their foot, as `foot_rows`.

    Between two feet the gap down to the ground belongs to it too. A product that `lies` touches the ground along its
    whole lower contour.
    """
    h = alpha.shape[0]
    lowest, columns = lowest_points(alpha)
    touching, ground = columns.astype(np.float32), lowest
    if not lies:
        own, within = foot_rows(lowest, columns, box, sine)
        rise, ground = (own - lowest) / max(1.0, TOUCH * (box[2] - box[0])), np.maximum(lowest, within)
        touching *= np.maximum(np.clip(1 - rise, 0, 1), receding_base(lowest, columns, box))
    rows = np.arange(h, dtype=np.float32)[:, None] + 0.5
    thick = max(1.0, thick)
    away = np.maximum(np.maximum(lowest[None] - rows, rows - ground[None]), 0)
    return np.asarray(np.clip(1 - away / thick, 0, 1) * touching[None], np.float32)


def receding_base(lowest: Field, columns: NDArray[np.bool_], box: Box) -> Field:
    """Return how much, 0–1, each column is on a base that recedes from the foot.

    A box seen over its corner touches the ground along both base edges, however high they rise in the image. A bowl's
    side rises in a curve and touches nothing.
    """
    touching = np.zeros(len(lowest), np.float32)
    wide = box[2] - box[0]
    found = np.flatnonzero(columns)
    foot = np.flatnonzero(columns & (lowest >= lowest[found].max() - 0.5))
    for start, end in ((foot[-1], box[2] - 1), (foot[0], box[0])):
        step = 1 if end >= start else -1
        reach = np.arange(start, end + step, step)
        rise = lowest[start] - lowest[reach]
        for length in range(len(reach) - 1, int(SHORTEST_BASE * wide), -1):
            slope = rise[length] / length
            if slope > STEEPEST_BASE:
                continue
            off = np.abs(rise[: length + 1] - slope * np.arange(length + 1)).max()
            if columns[reach[: length + 1]].all() and off <= STRAIGHT_BASE * wide:
                fade = np.clip((length - np.arange(length + 1)) / max(1.0, 0.15 * length), 0, 1)
                touching[reach[: length + 1]] = np.maximum(touching[reach[: length + 1]], fade)
                break
    return touching


def feet(lowest: Field, columns: NDArray[np.bool_], least: float) -> list[tuple[int, int]]:
    """Return each foot's column, and the first column of its part of the contour, by a silhouette's `lowest_points`.

    A foot is a lowest point of the lower contour, which rises by at least `least` pixels on both sides of it.
    """
    found: list[tuple[int, int]] = []
    low, notch, falls = 0, 0, True
    contour = [*np.where(columns, lowest, 0).tolist(), 0.0]
    for x, row in enumerate(contour):
        if falls and row > contour[low]:
            low = x
        elif falls and row <= contour[low] - least:
            found.append((low, notch))
            notch, falls = x, False
        elif not falls and row < contour[notch]:
            notch = x
        elif not falls and row >= contour[notch] + least:
            low, falls = x, True
    return found


def foot_rows(lowest: Field, columns: NDArray[np.bool_], box: Box, sine: float) -> tuple[Field, Field]:
    """Return for each column the row of the ground between the feet beside it, or of the outermost foot; and the same
    with 0 beyond the outermost feet.

    `sine`: of the camera's elevation. A base as deep as it is wide rises by its width times that; feet on it stand.
    """
    wide, at = box[2] - box[0], np.arange(len(lowest))
    stood = [x for x, _ in feet(lowest, columns, NOTCH * wide) if box[3] - lowest[x] <= sine * wide]
    own, within = np.interp(at, stood, lowest[stood]), np.interp(at, stood, lowest[stood], 0, 0)
    return own.astype(np.float32), within.astype(np.float32)


def lowest_points(alpha: Field) -> tuple[Field, NDArray[np.bool_]]:
    """Return the row under the silhouette's lowest pixel in each column of h×w alpha, and which columns have one."""
    solid = alpha > 0.5
    return alpha.shape[0] - np.argmax(solid[::-1], axis=0).astype(np.float32), np.asarray(solid.any(axis=0))


def contact_line(alpha: Field, box: Box, *, lies: bool = False) -> Field:
    """Return for each column of h×w alpha the row at which the product would touch the ground there.

    This is the lowest point, where a round base's rim is possible. A contour
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
    touching = receding_base(lowest, columns, box)
    foot = int(np.argmax(np.where(columns, lowest, -1)))
    recedes = np.flatnonzero(touching > 0)
    nearest = np.arange(len(lowest))
    # Beyond a base's end the ground continues at the end's height.
    if recedes.size and recedes[-1] > foot:
        nearest = np.minimum(nearest, recedes[-1])
    if recedes.size and recedes[0] < foot:
        nearest = np.maximum(nearest, recedes[0])
    return np.where(touching[nearest] > 0, lowest[nearest], line)


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


def raised_feet(things: list[tuple[Field, Box]], sine: float) -> list[tuple[Field, Box]]:
    """Return `things_apart` with the feet that stand farther behind as things of their own, at most THINGS in all.

    A foot reaches up to the nearer notch beside it. `sine` is as in `foot_rows`.
    """
    found = []
    for alpha, box in things:
        lowest, columns = lowest_points(alpha)
        contour, wide, rest = np.append(np.where(columns, lowest, 0), 0), box[2] - box[0], alpha.copy()
        for (x, start), (_, end) in itertools.pairwise([*feet(lowest, columns, NOTCH * wide), (0, len(lowest))]):
            top = int(max(contour[start] * (start > 0), contour[end]))
            if NOTCH * wide < box[3] - lowest[x] <= sine * wide:
                part = np.zeros_like(alpha)
                part[top:, start:end] = rest[top:, start:end]
                rest[top:, start:end] = 0
                found.append(part)
        found.append(rest)
    if len(found) > THINGS:
        return things
    boxes = [(part, tight_box(part > 0.5)) for part in found]
    return sorted(((part, box) for part, box in boxes if box is not None), key=lambda thing: thing[1][3])


def _above_another(names: NDArray[np.int32], name: int, large: list[int]) -> bool:
    """Return whether most columns of the part `name` of h×w numbered parts have another `large` part below it."""
    own = names == name
    lowest = names.shape[0] - np.argmax(own[::-1], axis=0)
    columns = np.flatnonzero(own.any(axis=0))
    others = np.isin(names, [other for other in large if other != name])
    lowest_other = names.shape[0] - np.argmax(others[::-1], axis=0)
    below = others.any(axis=0) & (lowest_other > lowest)
    return bool(below[columns].mean() > 0.5)
