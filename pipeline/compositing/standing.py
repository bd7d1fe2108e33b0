"""The shadow proxy of a product that stands: its silhouette as a solid, past which light can be traced."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.core.resample import Box
from pipeline.geometry.ray import Bounds, Field
from pipeline.geometry.solids import Packed
from pipeline.kernels.tracing import solids
from pipeline.scene.layout import FOCAL, Layout

#: Half the product's depth over its width, which no photo shows.
DEPTH = 0.33
#: Places of the slices of each of one, two or three objects, as shares of half its depth, the foremost last. Fewer
#: slices would show as stairs.
SLICES = tuple(tuple(np.linspace(-0.9, 0.9, count).tolist()) for count in (16, 8, 5))
#: Half the depth over half the height of a long, low part, such as a lying bar or a wing.
LOW = 2.0
#: A part no deeper than this share of the product's depth is a sheet in its foremost slice. In several slices it would
#: cast as many shadows: a leg's next to each other, a bar's in stripes.
SHEET = 0.3
#: A foot closer to the horizon than this share of the way is moved there: no floor is deeper.
HIGHEST = 0.55
#: Least distance of a hovering product from the camera, relative to the distance of its place on the ground.
NEAREST = 0.6


@dataclass(frozen=True, eq=False)
class Standing:
    """One object with its own foot."""

    #: h×w silhouette, True inside, and its tight box in pixels.
    mask: NDArray[np.bool_]
    box: Box
    #: Half its depth, in canvas heights; it extends behind its foot.
    deep: float
    #: Its enlargement relative to its size in the image's plane, since it is farther away; below 1 it is nearer.
    larger: float = 1.0

    @property
    def z(self) -> float:
        """The depth of its foot, in canvas heights from the image's plane."""
        return FOCAL * (1 - self.larger)

    def slices(self, scale: float, places: Sequence[float]) -> NDArray[np.int32]:
        """Return h×w bits of the slices that contain each pixel, 2^k for slice k; `scale` is pixels a canvas height."""
        left, top, right, bottom = self.box
        mask = self.mask[top:bottom, left:right]
        half, off = _runs(mask)
        tall, _ = _runs(mask.T)
        deep = np.float32(max(self.deep * scale, 1e-3))
        # Half the depth of a pixel's part, as a share of the product's; then a round part's section at the pixel.
        share = np.minimum(np.minimum(half, np.float32(LOW) * tall.T) / deep, 1)
        section = share * np.sqrt(np.maximum(1 - np.square(off / np.maximum(half, 0.5)), 0))
        sheet = share < SHEET
        held = np.zeros(mask.shape, np.int32)
        for number, at in enumerate(places):
            within = ~sheet & (np.abs(np.float32(at - 1) + share) <= section)
            held |= (within | sheet if number == len(places) - 1 else within).astype(np.int32) << number
        out = np.zeros(self.mask.shape, np.int32)
        out[top:bottom, left:right] = np.where(mask, held, 0)
        return out


@dataclass(frozen=True, eq=False)
class StandingProxy:
    """The silhouette as a solid of upright slices; each part is as deep as it is wide, at most the product's depth.

    A wide part is treated as round; a slim part is in front, above the foot. Each of several objects is placed where
    its own foot is visible on the surface. An object that ends higher in the image is farther away, and therefore
    larger.
    """

    things: tuple[Standing, ...]
    #: Pixels per canvas height, the pixel of the world's origin, and the pixel straight ahead of the camera.
    scale: float
    foot: tuple[float, float]
    eye: tuple[float, float]

    @classmethod
    def of(cls, things: Sequence[tuple[Field, Box]], layout: Layout, lift: float = 0.0) -> "StandingProxy":
        """Place objects, each an h×w alpha with its tight box, on the layout's spot.

        `lift`: their height above the ground, canvas heights. They are nearer to the camera then, so that the image
        shows them in the same place.
        """
        height = things[0][0].shape[0]
        x, y = layout.foot
        eye = layout.aspect / 2 * height, layout.horizon_y * height
        lowest = max(box[3] for _, box in things)
        found = []
        nearer = max(1 - lift / max(float(layout.camera[1]), 1e-3), NEAREST)
        for alpha, box in things:
            # The share of the way from the foremost foot to the camera's horizon.
            rise = min((lowest - box[3]) / max(lowest - eye[1], 1.0), HIGHEST)
            deep = DEPTH * min((box[2] - box[0]) / height, 0.8 * (box[3] - box[1]) / height) / (1 - rise)
            found.append(Standing(np.asarray(alpha > 0.5), box, deep * nearer, nearer / (1 - rise)))
        return cls(tuple(found), float(height), (x * height, y * height), eye)

    @property
    def _sliced(self) -> tuple[float, ...]:
        return SLICES[len(self.things) - 1]

    @cached_property
    def packed(self) -> Packed:
        """The slices, as rays of light meet them."""
        places = [thing.z + thing.deep * (at - 0.9) for thing in self.things for at in self._sliced]
        room = [0.0] * (solids.SLICES - len(places))
        numbers = (self.scale, *self.foot, len(places), *places, *room, 1.0)
        return Packed(solids.UPRIGHT, numbers, image=self.slices())

    @property
    def bounds(self) -> Bounds:
        """The box around it in the world: left, bottom, back, right, top, front in canvas heights."""
        boxes = []
        for thing in self.things:
            left, top, right, bottom = (
                (eye + (side - eye) * thing.larger - foot) / self.scale
                for side, eye, foot in zip(thing.box, 2 * self.eye, 2 * self.foot, strict=True)
            )
            boxes.append((left, -bottom, thing.z - 2 * thing.deep, right, -top, thing.z))
        low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
        return float(low[0]), float(low[1]), float(low[2]), float(high[3]), float(high[4]), float(high[5])

    def slices(self) -> Field:
        """Return h×w float32 bits of the slices that contain each pixel, 2^k for slice k."""
        out = np.zeros(self.things[0].mask.shape, np.int32)
        for number, thing in enumerate(self.things):
            held = thing.slices(self.scale, self._sliced)
            if thing.larger != 1:
                (height, width), (x, y) = held.shape, self.eye
                rows, columns = _nearer(height, y, thing.larger), _nearer(width, x, thing.larger)
                held = held[np.ix_(rows, columns)]
            out |= held << (number * len(self._sliced))
        return out.astype(np.float32)


def _nearer(size: int, eye: float, larger: float) -> NDArray[np.intp]:
    """Return the index of the pixel, of `size`, that is visible at each place after enlargement about `eye`."""
    at = np.floor(eye + (np.arange(size) + 0.5 - eye) / larger)
    return np.asarray(np.clip(at, 0, size - 1), np.intp)


def _runs(mask: NDArray[np.bool_]) -> tuple[Field, Field]:
    """Return for each pixel inside h×w half the length of its row's unbroken run, and its distance from the middle."""
    wide = mask.shape[1]
    at = np.arange(wide, dtype=np.int32)
    before = np.maximum.accumulate(np.where(mask, -1, at), axis=1)
    after = np.minimum.accumulate(np.where(mask, wide, at)[:, ::-1], axis=1)[:, ::-1]
    half = ((after - before - 1) * np.float32(0.5)).astype(np.float32)
    return half, (at - (before + after) * np.float32(0.5)).astype(np.float32)
