"""What stands on a polished surface, seen in it upside down: the scene's things, and the product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import srgb_to_linear
from pipeline.core.parallel import ROWS, by_rows
from pipeline.core.resample import blurred, resize
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.casting import follow
from pipeline.geometry.contact import contact_line, things_apart
from pipeline.geometry.ray import Field
from pipeline.geometry.walls import Floor
from pipeline.kernels.image.layers import blend, lay_image, premultiplied_means, take_light, turn_upside_down
from pipeline.kernels.image.resampling import enlarge
from pipeline.kernels.image.surfaces import gather, mix
from pipeline.light.surroundings import part_means
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry, trace

#: Longer side in pixels of the grid that the product is mirrored on.
GRID = 1024
#: What shines less than this mirrors nothing that is seen.
MIN_GLOSS = 0.2
#: Share of a part's mean light that its hidden places have.
UNDERSIDE = 0.55
#: Canvas heights above or below the product's level that are still its surface.
LEVEL = 0.004
#: Canvas heights, and more by gloss, after which a mirror image has faded to 1 / e.
FADE = (0.03, 0.2)
#: Blur of a mirror image over its distance: lacquer's is a sheen, polished marble's a picture. By eye.
ROUGH = 0.35
#: The product's mirror image hides lights so much longer than it is seen itself.
HIDES = 2.5
#: What is brighter than its row by less than the first is the surface's own grain, by more than the second a light.
GRAIN = (0.2, 0.6)


@dataclass(frozen=True)
class FloorMirror:
    """What a polished floor mirrors of its scene: where in the picture each place of a smaller grid finds it."""

    #: The floor, an index of the layout's parts.
    part: int
    #: n×m int32: row and column of what is mirrored; and, where the camera doesn't see that, its part, else -1.
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    hidden: NDArray[np.int32]
    #: Pixels of the blur.
    soft: float
    #: H: the share of its light that each of the picture's rows mirrors.
    share: Field

    def show(self, geometry: Geometry, out: Field) -> None:
        """Mix what it mirrors into H×W×3 linear light."""
        image = np.empty((*self.row.shape, 3), np.float32)
        # The camera sees only the mirror image of undersides and backs: they are darker than the part's mean.
        gather(out, self.row, self.column, self.hidden, part_means(geometry, out, UNDERSIDE), image)
        # A lamp's glint on metal is many times white: mirrored, it would be a stain of light with no cause in sight.
        image = blurred(np.minimum(image, 1), self.soft, self.soft)
        height, first = out.shape[0], self.part * FACES

        def work(top: int, bottom: int) -> None:
            surface = geometry.surface[top:bottom]
            if not ((surface >= first) & (surface < first + FACES)).any():
                return
            large = np.empty_like(out[top:bottom])
            enlarge(image, height, top, large)
            mix(large, surface, first, first + FACES - 1, self.share[top:bottom], out[top:bottom])

        by_rows(height, work)


def floor_mirrors(layout: Layout, geometry: Geometry) -> tuple[FloorMirror, ...]:
    """Trace what polished floors mirror, upside down: more at flat angles (Schlick 1994), softer farther."""
    return tuple(
        _floor_mirror(layout, geometry, index)
        for index, part in enumerate(layout.parts)
        if part.gloss >= MIN_GLOSS and isinstance(part.solid, Floor)
    )


def _floor_mirror(layout: Layout, geometry: Geometry, index: int) -> FloorMirror:
    floor = layout.parts[index]
    assert isinstance(floor.solid, Floor)
    height, width = geometry.surface.shape
    scale = max(1, round(max(height, width) / 640))
    rows, columns = np.arange(height)[scale // 2 :: scale], np.arange(width)[scale // 2 :: scale]
    way = layout.rays(width, height)
    row, column, hidden = mirrored_places(layout, geometry, index, way[0][0, columns], way[1][rows, 0])
    # Higher above the floor is farther from its mirror image, and a little roughness blurs it with the way.
    soft = max(0.6, 0.006 * (1.3 - floor.gloss) * rows.size)
    share = mirrored_share(way[1][:, 0], floor.gloss)
    return FloorMirror(index, row, column, hidden, soft, share)


def mirrored_places(
    layout: Layout, geometry: Geometry, index: int, across: Field, down: Field
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return what a floor, a part's `index`, mirrors along camera rays of m and n slopes, `across` and `down`.

    n×m int32 each, as of `FloorMirror`: row, column and hidden.
    """
    floor = layout.parts[index].solid
    assert isinstance(floor, Floor)
    height, width = geometry.surface.shape
    camera = layout.camera
    mirrored = (camera[0], np.float32(2 * floor.level) - camera[1], camera[2])
    solids = [thing.solid for thing in layout.parts]
    surface, nearest = follow(solids, mirrored, across, -down, without=index)
    met, seen = (surface // FACES).astype(np.int32), np.isfinite(nearest)
    far = np.where(seen, nearest, np.float32(9))
    px, py = layout.project((mirrored[0] + across * far, mirrored[1] - down[:, None] * far, camera[2] - far))
    column = np.clip(px * (width / layout.aspect), 0, width - 1).astype(np.int32)
    # What is above the picture is as what is as far below its upper edge: the edge itself would be drawn in streaks.
    row = np.clip(np.abs(py * height), 0, height - 1).astype(np.int32)
    hidden = np.where(seen & (geometry.surface[row, column] // FACES != met), met, np.int32(-1))
    return row, column, hidden


@dataclass(frozen=True)
class MirrorImage:
    """The product upside down in the polished surface that it stands on, made once; laid on a picture of any size."""

    #: n×w×4: the lowest n rows of an h×w grid, linear colours and coverage, both as much as is seen of them.
    light: Field
    #: n×w: how far it hides lights that are mirrored there, 0–1, and where the surface itself is seen.
    hides: Field
    on_it: NDArray[np.bool_]
    #: Rows of the whole grid.
    rows: int
    #: Whether the scene has lights of its own.
    lights: bool

    def on(self, background: Rgb, min_share: float = 0.0) -> Rgb:
        """Lay it on an H×W×3 sRGB background, where it covers more than `min_share` of it, and return that."""
        height = background.shape[0]
        first = round((self.rows - len(self.light)) * height / self.rows)
        below = background[first:]
        if self.lights:
            _hide_lights(below, self.on_it, self.hides)

        def work(top: int, bottom: int) -> None:
            image = np.empty((*below[top:bottom].shape[:2], 4), np.float32)
            enlarge(self.light, len(below), top, image)
            lay_image(image, np.float32(min_share), below[top:bottom])

        by_rows(len(below), work, ROWS // 2)
        return background


def mirror_image(placed: Placed, layout: Layout, *, lies: bool = False) -> MirrorImage | None:
    """Return the product's mirror image in the polished surface that it stands on; None where the surface is matt.

    The product is upright at its foot's depth, where the picture plane's scale is 1, so that its mirror image is exact
    in the picture: each column upside down about its own contact (`contact_line`), each of several things that stand
    beside or behind each other about its own. What is seen of it is
    `mirrored_share` × exp(-d / (FADE₀ + FADE₁ × gloss)), d canvas heights below the contact, and it is
    blurred by ROUGH × (1 - gloss) × d. `lies`: as in `contact_line`.
    """
    index = _under(layout)
    if index is None:
        return None
    gloss = max(layout.parts[index].gloss, layout.parts[index].polish)
    if gloss < MIN_GLOSS:
        return None
    height, width = placed.alpha.shape
    scale = min(1.0, GRID / max(height, width))
    w, h = max(16, round(width * scale)), max(16, round(height * scale))
    small = np.empty((h, w, 4), np.float32)
    product = placed.rgb, placed.corner, placed.alpha
    by_rows(h, lambda top, bottom: premultiplied_means(*product, h, top, small[top:bottom]))
    things = things_apart(np.minimum(small[..., 3], 1))
    lines = [contact_line(alpha, box, lies=lies) for alpha, box in things]
    top = max(
        0, min((int(line[box[0] : box[2]].min()) for line, (_, box) in zip(lines, things, strict=True)), default=h)
    )
    if top >= h:
        return None  # it stands on the picture's lower edge: no surface is seen before it
    geometry = trace(layout, w, h)
    on_it = _level(geometry, index, top)
    # It ends at the surface's rim, half covered there, within a pixel of the grid and not in stairs.
    within = np.clip(3 * gaussian_filter(on_it.astype(np.float32), 1.0, mode="nearest") - 1, 0, 1)
    rows = np.arange(top, h, dtype=np.float32)[:, None] + np.float32(0.5)
    image, hides = np.zeros((h - top, w, 4), np.float32), np.zeros((h - top, w), np.float32)
    for line, (alpha, _) in zip(lines, things, strict=True):
        down = (rows - line[None]).astype(np.float32)
        one = np.empty_like(image)
        turn_upside_down(small if len(things) == 1 else small * (alpha > 0)[..., None], line, top, one)
        one = _softer(one, np.float32(ROUGH * (1 - gloss)) * np.maximum(down, 0))
        fade = np.exp(-np.maximum(down, 0) / np.float32((FADE[0] + FADE[1] * gloss) * h))
        near = fade * within * np.clip(down + 0.5, 0, 1)
        cover = near * one[..., 3]
        hides += (1 - hides) * cover
        # What is nearer comes later, and hides what is behind it.
        if len(things) > 1:
            image *= 1 - cover[..., None]
        one *= near[..., None]
        image += one
    image *= mirrored_share(layout.rays(w, h)[1][top:], gloss)[..., None]
    return MirrorImage(image, hides, on_it, h, any(part.glow > 0 for part in layout.parts))


def _hide_lights(picture: Rgb, on_it: NDArray[np.bool_], hidden: Field) -> None:
    """Take from an H×W×3 sRGB picture the mirrored lights that the product stands before, by shares `hidden` (h×w).

    What is brighter than the surface is in its row (the median where `on_it`) is a light's mirror image.
    """
    if picture.shape[1] < hidden.shape[1]:
        size = picture.shape[1], picture.shape[0]
        hidden = resize(hidden, *size, Image.Resampling.BOX)
        on_it = resize(on_it.astype(np.float32), *size, Image.Resampling.BOX) > 0.5
    h, w = hidden.shape
    small = srgb_to_linear(resize(picture, w, h, Image.Resampling.BOX))
    usual = np.ones((h, 3), np.float32)
    for row in np.flatnonzero(on_it.any(axis=1)):
        usual[row] = np.median(small[row][on_it[row]], axis=0)
    usual = gaussian_filter(usual, (0.01 * w, 0), mode="nearest")
    # As much as it is a light; the surface's own grain stays.
    light = np.clip((small / usual[:, None] - 1 - GRAIN[0]) / (GRAIN[1] - GRAIN[0]), 0, 1)
    over = (small - usual[:, None]) * light * np.clip(HIDES * hidden, 0, 1)[..., None]

    def work(top: int, bottom: int) -> None:
        light = np.empty_like(picture[top:bottom])
        enlarge(over, len(picture), top, light)
        take_light(light, picture[top:bottom])

    by_rows(len(picture), work)


def mirrored_share(slope: Field, gloss: float) -> Field:
    """Return the share of light, 0–1, that a polished level mirrors along camera rays of that slope (y over depth).

    Schlick's approximation of Fresnel's formula (1994), weakened to what polished stone and wood show.
    """
    flat = np.abs(slope) / np.sqrt(1 + slope**2)
    return np.asarray(gloss * (0.06 + 0.5 * (1 - flat) ** 5), np.float32)


def _under(layout: Layout) -> int | None:
    """Return the index of the part that the product stands on, None where it stands on none."""
    for role in ("stand", "floor"):
        for index, part in enumerate(layout.parts):
            if part.role == role:
                return index
    return None


def _level(geometry: Geometry, index: int, top: int) -> NDArray[np.bool_]:
    """Return where, from the row `top` on, a part is seen that faces up at the product's level; its sides don't."""
    points = geometry.points(slice(top, None), slice(None))
    on_it: NDArray[np.bool_] = (geometry.part[top:] == index) & (np.abs(points[1]) < LEVEL)
    face = (geometry.surface[top:][on_it] % FACES).astype(np.uint8)
    x, y, z = (axis[on_it] for axis in points)
    up = geometry.layout.parts[index].solid.normal((x, y, z), face)[1]
    on_it[on_it] = np.broadcast_to(up, x.shape) > 0.5
    return on_it


def _softer(image: Field, wanted: Field) -> Field:
    """Blur n×w×C by a Gaussian of `wanted` (n×w) pixels, taller than wide as at flat angles; four steps."""
    steps = (float(wanted.max()) * np.array([0, 0.12, 0.4, 1])).astype(np.float32)
    seen = np.flatnonzero(image[..., 3].any(axis=0))
    if not seen.size:
        return image
    reach = int(4 * steps[-1]) + 1
    columns = slice(max(0, seen[0] - reach), seen[-1] + 1 + reach)
    sharp = np.ascontiguousarray(image[:, columns])
    levels = np.stack([sharp] + [blurred(sharp, 1.6 * step, step) for step in steps[1:].tolist()])
    soft = np.empty_like(sharp)
    blend(levels, steps, np.ascontiguousarray(wanted[:, columns]), soft)
    out = np.zeros_like(image)
    out[:, columns] = soft
    return out
