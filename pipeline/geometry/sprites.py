"""Props as pictures with depth, baked by `scripts/assets/bake.py`: what a camera sees of them, and what blocks light.

A camera meets the picture, one tint of it for each solid, at the depth of the prop. Rays of light meet a proxy: slices
of the prop, like those of a product (`pipeline.compositing.standing`). Both are in a square frame, 1 wide and high.
"""

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.core.lasting import kept
from pipeline.geometry.ray import Bounds, Face, Field, Triple, triple
from pipeline.geometry.solids import Packed, Solid
from pipeline.kernels.tracing import solids

#: Slopes at which the camera looks down in the views that stand; one more view is from straight above.
SLOPES = (0.14, 0.28, 0.5)
ABOVE = len(SLOPES)
#: Height of the foot in the frame: below it, and in the middle of the frame for the view from above.
FOOT, MIDDLE = 0.2, 0.5
#: Greatest factor of a colour; its code is the square root.
MOST = 2.0
#: Views that are kept decoded, 4 MB each. With 16, a swap of other scenes in turn would take 0.02 CPU-seconds less.
KEPT = 8
#: Distance at which light on a prop starts from its surface, in steps between its slices: it shades itself in no bands.
LIFT = 2.0
#: Standard deviation in pixels of the smoothing of alpha.
SMOOTH = 0.5
#: A tint's number in the files is its place here; "as_is" has its own colours, over white.
TINTS = ("none", "own", "other", "leaf", "stone", "earth", "egg", "page", "wood", "as_is")


@dataclass(frozen=True, eq=False)
class View:
    """One view of a prop."""

    #: n×2n float32: each pixel's tint's number plus 0.99 × its alpha; right of them the depths towards the camera.
    seen: Field
    #: n×n×3 codes of the factors of the tints' colours: 255 times the root of a factor's share of MOST.
    colour: NDArray[np.uint8]
    #: m×m×3 normals.
    normal: Field
    #: c×c float32 bits of the slices that contain each cell, 2^k for slice k, and the slices' depths.
    proxy: Field
    depths: tuple[float, ...]
    #: How far it reaches towards the camera, or up if seen from above.
    near: float
    #: Left, low, right and top of what it shows, from the foot.
    box: tuple[float, float, float, float]
    #: Share of the frame that each tint covers.
    shares: dict[str, float]

    @property
    def covers(self) -> float:
        """Share of the frame that it covers."""
        return sum(self.shares.values())


@cache
def shares_of(name: str, view: int) -> dict[str, float]:
    """Return the share of its frame that each tint of a prop covers. Raises FileNotFoundError for no such prop."""
    with _file(name) as arrays:
        return {tint: float(one) for tint, one in zip(TINTS, arrays["shares"][view], strict=True) if one > 0}


def _file(name: str) -> Any:
    return np.load(BytesIO((files("pipeline") / "assets" / "props" / f"{name}.npz").read_bytes()))


@lru_cache(KEPT)
def view_of(name: str, view: int, flip: bool) -> View:
    """Return a view of a prop; `flip` mirrors it. Raises FileNotFoundError for no such prop."""
    with _file(name) as arrays:
        numbers = "size", "shares"
        pictures = {key: np.asarray(Image.open(BytesIO(arrays[key].tobytes()))) for key in arrays if key not in numbers}
        deep, high = (float(one) for one in arrays["size"])
    keys = "colour", "relief", "depth", "tint"
    colour, relief, level, tint = (_part(pictures[key], view, ABOVE + 1, flip) for key in keys)
    above = view == ABOVE
    proxy = _part(pictures["proxy"], int(above), 2, flip)
    n = len(colour)
    near, far = (high, 0.0) if above else (deep, -deep)
    depth = level[..., 0].astype(np.float32) * np.float32((near - far) / 255) + np.float32(far)
    packed = relief.astype(np.float32) / np.float32(255) * 2 - 1
    x, y = packed[..., 0] * (-1 if flip else 1), packed[..., 1]
    normal = np.stack([x, y, np.sqrt(np.maximum(1 - x * x - y * y, np.float32(1e-4)))], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    number = tint.astype(np.int64)
    # Baked with four rays a pixel; smooth, so that a large outline shows no stairs.
    alpha = gaussian_filter(colour[..., 3].astype(np.float32) / np.float32(255), SMOOTH)
    rows, columns = np.nonzero(alpha > 0.5)
    low = MIDDLE if above else 1 - FOOT
    box = columns.min() / n - 0.5, low - (rows.max() + 1) / n, (columns.max() + 1) / n - 0.5, low - rows.min() / n
    return View(
        kept(np.concatenate([number + np.float32(0.99) * alpha, depth], 1).astype(np.float32)),
        kept(colour[..., :3].astype(np.uint8)),
        kept(normal),
        proxy.astype(np.float32),
        tuple(np.linspace(far, near, solids.SLICES + 1)[1:].tolist()),
        near,
        tuple(float(side) for side in box),  # type: ignore[arg-type]  # four of them
        shares_of(name, view),
    )


def _part(picture: NDArray[np.generic], at: int, count: int, flip: bool) -> NDArray[np.generic]:
    wide = picture.shape[1] // count
    part = picture[:, at * wide : (at + 1) * wide]
    return np.ascontiguousarray(part[:, ::-1] if flip else part)


@dataclass(frozen=True)
class Sprite:
    """One tint of a prop: its foot at (x, y, z), its frame `size` canvas heights wide and high.

    Seen from above it lies on the depth z, turned by `turn` radians. `blocks`: it is the tint that blocks light for all
    of the prop. `eye` is the camera's place.
    """

    name: str
    view: int
    flip: bool
    tint: str
    x: float
    y: float
    z: float
    size: float
    eye: tuple[float, float, float]
    turn: float = 0.0
    blocks: bool = True

    @property
    def baked(self) -> View:
        """The view of the prop."""
        return view_of(self.name, self.view, self.flip)

    @property
    def bounds(self) -> Bounds:
        left, low, right, top = (self.size * side for side in self.baked.box)
        deep = self.size * self.baked.near
        if self.view != ABOVE:
            return self.x + left, self.y + min(low, 0.0), self.z - deep, self.x + right, self.y + top, self.z + deep
        c, s = np.cos(self.turn), np.sin(self.turn)
        corners = np.array([(c * u - s * v, s * u + c * v) for u in (left, right) for v in (low, top)])
        (left, low), (right, top) = corners.min(0).tolist(), corners.max(0).tolist()
        return self.x + left, self.y + low, self.z, self.x + right, self.y + top, self.z + deep

    @property
    def lift(self) -> float:
        """Distance from its surface at which its light is measured."""
        one, two = self.baked.depths[:2]
        return LIFT * self.size * (two - one)

    @cached_property
    def packed(self) -> Packed:
        """Its proxy; no slice if another tint blocks the light."""
        count = solids.SLICES if self.blocks else 0
        depths = [self.z + self.size * depth for depth in self.baked.depths]
        scale, *foot = self._frame(len(self.baked.proxy))
        return Packed(
            solids.UPRIGHT, (scale, *foot, count, *depths, np.cos(self.turn), np.sin(self.turn)), image=self.baked.proxy
        )

    @cached_property
    def seen(self) -> Packed:
        """Its picture, as a camera's rays meet it."""
        numbers = (*self._frame(len(self.baked.seen)), self.z, TINTS.index(self.tint), self.size, self._ground)
        room = [0.0] * (20 - len(numbers))
        return Packed(solids.CARD, (*numbers, *room, np.cos(self.turn), np.sin(self.turn)), image=self.baked.seen)

    @property
    def _ground(self) -> float:
        return -np.inf if self.view == ABOVE else self.y

    def _frame(self, n: int) -> tuple[float, float, float]:
        """Return pixels per canvas height, and the pixel of the world's origin, in a picture of n×n pixels."""
        scale, c, s = n / self.size, np.cos(self.turn), np.sin(self.turn)
        middle = MIDDLE if self.view == ABOVE else 1 - FOOT
        column, row = 0.5 * n - (self.x * c + self.y * s) * scale, middle * n + (self.y * c - self.x * s) * scale
        return scale, float(column), float(row)

    def place_of(self, column: Field, row: Field) -> tuple[Field, Field]:
        """Return the x and y, on the plane of its foot, of pixels of its picture."""
        scale, left, top = self._frame(len(self.baked.seen))
        u, v, c, s = (column - left) / scale, (top - row) / scale, np.cos(self.turn), np.sin(self.turn)
        return c * u - s * v, s * u + c * v

    def _at(self, point: Triple, n: int) -> tuple[Field, Field]:
        """Return the pixels, column and row, of an n×n picture that the camera sees before places of the prop."""
        eye_x, eye_y, eye_z = (np.float32(one) for one in self.eye)
        along = (eye_z - np.float32(self.z)) / (eye_z - point[2])
        x, y = eye_x + (point[0] - eye_x) * along, eye_y + (point[1] - eye_y) * along
        scale, column, row = (np.float32(one) for one in self._frame(n))
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        return (x * c + y * s) * scale + column, row - (y * c - x * s) * scale

    def covers(self, x: Field, y: Field) -> NDArray[np.bool_]:
        """Return which places (x, y), which broadcast together, a prop that lies covers, without perspective."""
        seen = self.baked.seen
        n = len(seen)
        scale, column, row = (np.float32(one) for one in self._frame(n))
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        at = (x * c + y * s) * scale + column, row - (y * c - x * s) * scale
        inside = (at[0] >= 0) & (at[0] < n) & (at[1] >= 0) & (at[1] < n)
        right, down = (np.clip(axis.astype(np.int32), 0, n - 1) for axis in at)
        return np.asarray(inside & (seen[down, right] % 1 > 0.5))

    def normal(self, point: Triple, face: Face) -> Triple:
        normals = self.baked.normal
        column, row = (np.clip(at - np.float32(0.5), 0, len(normals) - 1.001) for at in self._at(point, len(normals)))
        left, top = column.astype(np.int32), row.astype(np.int32)
        u, v = (column - left)[..., None], (row - top)[..., None]
        above, below = (normals[at, left] * (1 - u) + normals[at, left + 1] * u for at in (top, top + 1))
        mixed = above * (1 - v) + below * v
        x, y, z = np.moveaxis(mixed / np.linalg.norm(mixed, axis=-1, keepdims=True), -1, 0)
        c, s = np.float32(np.cos(self.turn)), np.float32(np.sin(self.turn))
        return triple(c * x - s * y, s * x + c * y, z, point)

    def surface(self, point: Triple, face: Face) -> tuple[Field, Field]:
        """Return (u, v), the place in its picture from 0 to 1."""
        return self._at(point, 1)


def lift(solid: Solid) -> float:
    """Return the distance from a solid's surface, in canvas heights, at which its light is measured."""
    return solid.lift if isinstance(solid, Sprite) else 0.0


def blocks(solid: Solid) -> bool:
    """Return whether a solid blocks light: one tint of a prop does so for all of it."""
    return not isinstance(solid, Sprite) or solid.blocks
