"""A composed scene before anything is drawn: its camera, parts and light, frozen.

The camera's picture plane is upright, like a view camera's, so that vertical lines stay parallel. Its vanishing line is
shifted to suit the composition. World coordinates are those of `pipeline.geometry.ray`. The product stands at the
origin, where one unit is one canvas height. In the picture, y runs from 0 at the top to 1 at the bottom, x from 0 to
the aspect.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.core.spec import Finish, SceneKind
from pipeline.geometry.ray import Field, Triple
from pipeline.geometry.solids import Solid
from pipeline.geometry.walls import Floor, Sweep

#: Distance of the camera from the product, and its focal length, in canvas heights. It is about an 80 mm lens on full
#: frame, as product photographers use.
FOCAL = 2.2

Colour = NDArray[np.float32]
Role = Literal["floor", "wall", "stand", "panel", "prop", "tube", "far"]


@dataclass(frozen=True)
class Part:
    """A solid with its colour (an index into the layout's colours) and its finish."""

    solid: Solid
    slot: int
    role: Role
    finish: Finish = "plain"
    #: 0 matt to 1 polished.
    gloss: float = 0.0
    #: Radiance over albedo of a glowing part; 0 for a lit part.
    glow: float = 0.0
    #: Gloss for the product's mirror image only, where the part's own light is matt.
    polish: float = 0.0
    #: Share of light that it mirrors at right angles: metal from 0.3 up, in its own colour; water less.
    mirror: float = 0.0
    #: Factor by which its finish is finer than its tile.
    fine: float = 1.0
    #: Its name for callers, such as "table"; empty: its role is the name.
    name: str = ""


@dataclass(frozen=True)
class View:
    """The place behind a table, far out of focus, as `pipeline.scene.places` keeps it. Lengths are canvas heights."""

    #: Name of its plate.
    plate: str
    #: Whether left and right are swapped, so that its light comes from the product's side.
    flipped: bool
    #: How far its middle is right of the picture's.
    shift: float
    #: (3,) factors of its linear light.
    gain: tuple[float, float, float]
    #: Radius of the disc that the lens makes of a point of light there.
    blur: float


@dataclass(frozen=True)
class Lens:
    """The lens's effects on the background: see the fields of the same names of `pipeline.core.spec.Mood`."""

    depth_of_field: float = 0.0
    vignette: float = 0.0
    grain: float = 0.0


@dataclass(frozen=True)
class Gobo:
    """Opaque things between the sun and the scene: rectangles (u0, v0, u1, v1) and leaves (polygons of u, v).

    Its plane is perpendicular to the line from `centre` to the key light; u runs level, v up, in canvas heights.
    """

    centre: tuple[float, float, float]
    bars: tuple[tuple[float, float, float, float], ...]
    leaves: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Rig:
    """The light: a square key light that faces its target, and a dome of fill all round.

    A white matt surface at the target that faces the light has radiance `key`. A white matt surface in the open under
    the dome has radiance `fill`.
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    #: Half the key light's side, in canvas heights.
    half: float
    key: float
    fill: float
    #: (3,) linear, of luminance 1.
    key_tint: Colour
    fill_tint: Colour
    gobo: Gobo | None = None


@dataclass(frozen=True)
class Layout:
    """A composed scene."""

    kind: SceneKind
    aspect: float
    #: The horizon, the floor's vanishing line: canvas heights from the top.
    horizon_y: float
    #: The product's box in the picture: left, top, right, bottom. Its lowest contour is at `bottom`.
    product: tuple[float, float, float, float]
    #: (3,) linear albedo each: first the asked colours in order, then their tones, then the surfaces' and natural
    #: things' own colours (`pipeline.colour.assignment`).
    colours: tuple[Colour, ...]
    #: Number of asked colours among `colours`.
    asked: int
    parts: tuple[Part, ...]
    rig: Rig
    #: -1: the key light comes from the left, 1: from the right.
    light_side: float
    softness: float
    seed: int
    #: Whether it is seen from straight above: the product lies on a surface that faces the camera.
    top_down: bool = False
    #: How far the product's base reaches behind its foot, canvas heights; 0 where the photo does not show it.
    base: float = 0.0
    #: Places of the product's feet in the picture; empty where the photo does not show them.
    feet: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    #: What the far part shows; None: its colour.
    view: View | None = None
    lens: Lens = Lens()
    #: The room for copy in the picture, which the scene keeps calm: left, top, right, bottom; None: none. It is not in
    #: the repr, by which pinned backgrounds are cached.
    kept: tuple[float, float, float, float] | None = field(default=None, repr=False)

    @property
    def away(self) -> int:
        """1 if the room for copy is left of the product, so that things go right of it; -1 the other way; else 0."""
        if self.kept is None or self.kept[2] - self.kept[0] == self.aspect:
            return 0
        return 1 if self.kept[0] == 0 else -1

    @property
    def clear(self) -> tuple[float, float]:
        """How far the picture is clear of the room for copy: from the foot to its side, and up; inf: everywhere."""
        if self.kept is None:
            return inf, inf
        (x, y), (left, _, right, bottom) = self.foot, self.kept
        return {0: (inf, y - bottom), 1: (x - right, inf), -1: (left - x, inf)}[self.away]

    @property
    def copy_room(self) -> tuple[float, float, float, float] | None:
        """The part of the room for copy on one surface: above the floor's edge, or below it if that is larger."""
        if self.kept is None or self.top_down:
            return self.kept
        left, top, right, bottom = self.kept
        edge = min(max(self.edge, top), bottom)
        # A skirting board is between the wall and the floor.
        boards = [part.solid.bounds for part in self.parts if part.name == "skirting"]
        over = min([edge, *(self._height(box[4], box[5]) for box in boards if box is not None)])
        return (left, top, right, over) if edge - top >= bottom - edge else (left, edge, right, bottom)

    @property
    def foot(self) -> tuple[float, float]:
        """The product's foot: the point of the picture where it stands."""
        left, _, right, bottom = self.product
        return (left + right) / 2, bottom

    @property
    def camera(self) -> Triple:
        """The camera's position in the world; it looks along -z."""
        x, bottom = self.foot
        return np.float32(self.aspect / 2 - x), np.float32(bottom - self.horizon_y), np.float32(FOCAL)  # type: ignore[return-value]  # 0-d

    @property
    def eye(self) -> tuple[float, float, float]:
        """The camera's position as plain numbers."""
        x, y, z = (float(axis) for axis in self.camera)
        return x, y, z

    @property
    def elevation(self) -> float:
        """The camera's downward angle in degrees, from the product's foot to the horizon."""
        return 90.0 if self.top_down else float(np.rad2deg(np.arctan((self.foot[1] - self.horizon_y) / FOCAL)))

    def ground(self, x: float, y: float) -> tuple[float, float]:
        """Return the x and z of the place on the product's level that a place in the picture shows."""
        eye, high, _ = (float(axis) for axis in self.camera)
        away = FOCAL * high / max(y - self.horizon_y, 0.1 * high)
        return eye + (x - self.aspect / 2) * away / FOCAL, FOCAL - away

    def rays(self, width: int, height: int) -> Triple:
        """Return directions of the rays through pixel centres: 1×W, H×1 and -1, so that distance is depth."""
        x = (np.arange(width, dtype=np.float32) + 0.5) * np.float32(self.aspect / width)
        y = (np.arange(height, dtype=np.float32) + 0.5) / np.float32(height)
        return (
            ((x - np.float32(self.aspect / 2)) / np.float32(FOCAL))[None],
            ((np.float32(self.horizon_y) - y) / np.float32(FOCAL))[:, None],
            np.full((1, 1), -1, np.float32),
        )

    def project(self, point: Triple) -> tuple[Field, Field]:
        """Return the positions of world points in the picture, x and y in canvas heights."""
        cx, cy, cz = self.camera
        scale = np.float32(FOCAL) / (cz - point[2])
        return (
            np.asarray(self.aspect / 2 + (point[0] - cx) * scale, np.float32),
            np.asarray(self.horizon_y - (point[1] - cy) * scale, np.float32),
        )

    @property
    def behind(self) -> int:
        """The slot of the far background, a sky or a blurred distance; 0 where there is none."""
        return next((part.slot for part in self.parts if part.role == "far"), 0)

    @property
    def edge(self) -> float:
        """Height in the picture at which the floor ends behind the product: wall, table's back or horizon."""
        for part in self.parts:
            if part.role == "floor" and isinstance(part.solid, Floor):
                return self._height(part.solid.level, part.solid.back)
            if isinstance(part.solid, Sweep):
                return self._height(part.solid.level, part.solid.z + 0.5 * part.solid.radius)
        return self.horizon_y + 0.04

    def _height(self, level: float, z: float) -> float:
        zero = np.zeros((), np.float32)
        return float(self.project((zero, np.asarray(level, np.float32), np.asarray(z, np.float32)))[1])

    def radiance(self, part: Part) -> Colour:
        """Return the (3,) linear light that a part emits: for a tube, its colour at full brightness."""
        colour = self.colours[part.slot]
        if part.role == "tube":
            colour = colour / max(float(colour.max()), 1e-3)
        return np.asarray(colour * np.float32(part.glow), np.float32)
