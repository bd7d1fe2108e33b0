"""Where layers go: at their anchors, and beside the product unless they may cover it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.core.types import Alpha
from pipeline.lettering.layers import Layer

#: Coverage from which a pixel counts as product.
_PRODUCT = 0.02
#: Shares of the shorter side: distance from the product below which a layer has to move, and the distance from it and
#: from the canvas's edge where it then goes.
_CLEAR, _APART, _EDGE = 0.01, 0.03, 0.04
#: Sizes that are tried where a layer has no room, as factors, and the number of places tried each way.
_SIZES, _PLACES = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52), 192
#: Blocks along the longer side in which the picture is searched.
_BLOCKS = 512

#: Left and top in pixels of the full picture.
Corner = tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """The place of a layer."""

    corner: Corner
    #: Factor on its ordered size.
    factor: float = 1.0
    #: Whether it had to leave its place.
    moved: bool = False


@dataclass(frozen=True)
class Room:
    """The full picture, in pixels, and the product on it."""

    width: int
    height: int
    #: The product's box: left, top, right, bottom.
    product: tuple[float, float, float, float]
    #: Which square blocks of the picture are taken, and their side in pixels.
    taken: NDArray[np.bool_]
    step: int

    @classmethod
    def of(cls, alpha: Alpha, box: tuple[int, int, int, int]) -> "Room":
        """Return the room around a product: its coverage on the full picture (H×W), and its box."""
        height, width = alpha.shape
        step = max(1, max(height, width) // _BLOCKS)
        mask = np.pad(alpha > _PRODUCT, ((0, -height % step), (0, -width % step)))
        blocks = mask.reshape(mask.shape[0] // step, step, -1, step).any(axis=(1, 3))
        return cls(width, height, box, np.asarray(blocks), step)

    @cached_property
    def _sums(self) -> NDArray[np.int64]:
        """The number of taken blocks above and to the left of each block's corner."""
        return np.pad(self.taken.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    @property
    def shorter(self) -> int:
        """The shorter side."""
        return min(self.width, self.height)

    def without(self, corner: Corner, size: tuple[float, float]) -> "Room":
        """Return the room with a layer's box taken as well."""
        columns, rows = (
            slice(max(0, int(at / self.step)), int((at + side) / self.step) + 1)
            for at, side in zip(corner, size, strict=True)
        )
        taken = self.taken.copy()
        taken[rows, columns] = True
        return replace(self, taken=taken)

    def free(
        self, left: NDArray[np.float64], top: NDArray[np.float64], size: tuple[float, float], apart: float = _CLEAR
    ) -> NDArray[np.bool_]:
        """Return for each place, by its left and top, whether a box of that size is clear of what is taken.

        `apart` is the distance kept, as a share of the shorter side.
        """
        gap, (rows, columns), sums = apart * self.shorter, self.taken.shape, self._sums
        x0, y0 = (np.floor((at - gap) / self.step) for at in (left, top))
        x1, y1 = (np.ceil((at + side + gap) / self.step) for at, side in ((left, size[0]), (top, size[1])))
        x0, x1 = (np.clip(at, 0, columns).astype(int) for at in (x0, x1))
        y0, y1 = (np.clip(at, 0, rows).astype(int) for at in (y0, y1))
        return np.asarray(sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0] == 0)

    def nearest(self, asked: Corner, size: tuple[float, float], margin: float) -> tuple[Corner, float] | None:
        """Return the free place nearest to the asked one, and its distance; None: no place inside the margin is free.

        The distance is the sum of both axes, so that a layer keeps its row or its column where it can.
        """
        spans = self.width - size[0] - margin, self.height - size[1] - margin
        if min(spans) < margin:
            return None
        across, down = (
            np.append(np.linspace(margin, end, _PLACES), np.clip(at, margin, end))
            for at, end in zip(asked, spans, strict=True)
        )
        left, top = np.meshgrid(across, down)
        far = np.abs(left - asked[0]) + np.abs(top - asked[1])
        far[~self.free(left, top, size, _APART)] = np.inf
        best = np.unravel_index(far.argmin(), far.shape)
        return None if np.isinf(far[best]) else ((float(left[best]), float(top[best])), float(far[best]))


def asked_corner(layer: Layer, size: tuple[float, float], room: Room) -> Corner:
    """Return where a layer of that size goes by its anchor, offset and margin; it may be beyond the canvas."""
    margin, box, anchor = layer.margin / 100 * room.shorter, room.product, layer.anchor
    if layer.to == "canvas":
        box = margin, margin, room.width - margin, room.height - margin
    across = 0.0 if anchor.endswith("left") else 1.0 if anchor.endswith("right") else 0.5
    down = 0.0 if anchor.startswith("top") else 1.0 if anchor.startswith("bottom") else 0.5
    left = box[0] + across * (box[2] - box[0] - size[0])
    top = box[1] + down * (box[3] - box[1] - size[1])
    left = {"left_of": box[0] - margin - size[0], "right_of": box[2] + margin}.get(anchor, left)
    top = {"above": box[1] - margin - size[1], "below": box[3] + margin}.get(anchor, top)
    return left + layer.x / 100 * room.width, top + layer.y / 100 * room.height


def edge_of(layer: Layer, room: Room) -> float:
    """Return the least distance to the canvas's edge, in pixels, of a layer that has to move."""
    return min(layer.margin / 100, _EDGE) * room.shorter


def arranged(
    layers: Sequence[Layer], sizes: Sequence[Callable[[float], tuple[float, float]]], room: Room
) -> list[Spot | None]:
    """Return the place of each layer, None where it has none beside the product.

    `sizes` return each layer's width and height at a factor of its size. A layer stays where it was ordered if it may
    cover the product or is clear of it. The others go to the nearest place that is free of product and layers: a move
    by a share of the shorter side counts as much as a reduction by that share.
    """
    spots: list[Spot | None] = [None] * len(layers)
    taken = room
    for index, (layer, size) in enumerate(zip(layers, sizes, strict=True)):
        box, edge = size(1.0), edge_of(layer, room) if layer.to == "product" else 0.0
        asked = asked_corner(layer, box, room)
        left = max(edge, min(asked[0], room.width - box[0] - edge))
        top = max(edge, min(asked[1], room.height - box[1] - edge))
        if layer.over_product or room.free(np.array([left]), np.array([top]), box)[0]:
            spots[index] = Spot((left, top), moved=max(abs(asked[0] - left), abs(asked[1] - top)) > 1)
            taken = taken.without((left, top), box)
    for index in [place for place, spot in enumerate(spots) if spot is None]:
        layer, options = layers[index], list[tuple[float, Spot]]()
        for factor in _SIZES:
            box = sizes[index](factor)
            found = taken.nearest(asked_corner(layer, box, room), box, edge_of(layer, room))
            if found is not None:
                options.append((found[1] / room.shorter + 1 - factor, Spot(found[0], factor, found[1] > 1)))
        if options:
            spots[index] = best = min(options, key=lambda option: option[0])[1]
            taken = taken.without(best.corner, sizes[index](best.factor))
    return spots
