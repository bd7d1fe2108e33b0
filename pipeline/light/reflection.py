"""Mirror images in a polished surface, upside down: of the scene's objects and of the product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.parallel import ROWS, by_rows
from pipeline.core.resample import blurred, resize
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.casting import follow
from pipeline.geometry.contact import contact_line, things_apart
from pipeline.geometry.ray import Field
from pipeline.geometry.walls import Floor
from pipeline.kernels.image.layers import blend, lay_image, premultiplied_means, turn_upside_down
from pipeline.kernels.image.resampling import enlarge
from pipeline.kernels.image.surfaces import gather, mix
from pipeline.light.surroundings import part_means
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry, trace

#: Longer side, in pixels, of the grid for the product's mirror image.
GRID = 1024
#: A gloss below this mirrors nothing visible.
MIN_GLOSS = 0.2
#: Factor of a part's mean light in its hidden places.
UNDERSIDE = 0.55
#: Canvas heights above or below the product's level that still count as its surface.
LEVEL = 0.004
#: Canvas heights, the second times gloss, after which a mirror image has faded to 1 / e.
FADE = (0.03, 0.2)
#: Blur of a mirror image per distance. Lacquer shows a sheen, polished marble a clear image; chosen by eye.
ROUGH = 0.35
#: Factor by which the product's mirror image hides lights farther than it is visible itself.
HIDES = 2.5
#: Up to the first relative excess over its row, brightness is the surface's own grain; from the second on, a light.
GRAIN = (0.2, 0.6)


@dataclass(frozen=True)
class FloorMirror:
    """The mirror image of a scene in a polished floor: the mirrored pixel for each place of a smaller grid."""

    #: The floor's index among the layout's parts.
    part: int
    #: n×m int32: row and column of the mirrored pixel, and the index of its part if the camera doesn't see it, else -1.
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    hidden: NDArray[np.int32]
    #: The blur, in pixels.
    soft: float
    #: H: the share of mirrored light in each of the image's rows.
    share: Field

    def show(self, geometry: Geometry, out: Field) -> None:
        """Mix the mirror image into H×W×3 linear light."""
        image = np.empty((*self.row.shape, 3), np.float32)
        # Places that only the mirror shows are undersides and backs: darker than the part's mean.
        gather(out, self.row, self.column, self.hidden, part_means(geometry, out, UNDERSIDE), image)
        # A lamp's glint on metal is many times white: mirrored, it would be an unexplained stain of light.
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
    """Trace the mirror images in polished floors: stronger at grazing angles (Schlick 1994), softer farther away."""
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
    # Higher points are farther from their mirror images, and roughness blurs with distance.
    soft = max(0.6, 0.006 * (1.3 - floor.gloss) * rows.size)
    share = mirrored_share(way[1][:, 0], floor.gloss)
    return FloorMirror(index, row, column, hidden, soft, share)


def mirrored_places(
    layout: Layout, geometry: Geometry, index: int, across: Field, down: Field
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the places that the floor, part `index`, mirrors along camera rays of m and n slopes, `across` and `down`.

    The results are n×m int32 each, as in `FloorMirror`: row, column and hidden.
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
    # Places above the image are reflected at its upper edge: repeating the edge itself would draw streaks.
    row = np.clip(np.abs(py * height), 0, height - 1).astype(np.int32)
    hidden = np.where(seen & (geometry.surface[row, column] // FACES != met), met, np.int32(-1))
    return row, column, hidden


@dataclass(frozen=True)
class MirrorImage:
    """The product's mirror image in the polished surface under it, computed once, for images of any size."""

    #: n×w×4: the lowest n rows of an h×w grid, linear colours and coverage, both times their visible share.
    light: Field
    #: n×w: how much it hides mirrored lights, 0–1, and where the surface itself is visible.
    hides: Field
    on_it: NDArray[np.bool_]
    #: Rows of the whole grid.
    rows: int
    #: Whether the scene has lights of its own.
    lights: bool

    def on(self, background: Rgb, min_share: float = 0.0) -> Rgb:
        """Composite it, where it covers more than `min_share`, onto an H×W×3 sRGB background in place; return that."""
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


def mirror_image(placed: Placed, layout: Layout, *, lies: bool = False, lift: float = 0.0) -> MirrorImage | None:
    """Return the product's mirror image in the polished surface under it; None if the surface is matt.

    The product is upright at its foot's depth, where the picture plane has scale 1, so its mirror image is exact in the
    image. Each column is mirrored about its own contact (`contact_line`). Each of several separate objects has its own
    contact. The visible share at d canvas heights below the contact is
    `mirrored_share` × exp(-d / (FADE₀ + FADE₁ × gloss)), and the blur is ROUGH × (1 - gloss) × d. `lies` is as in
    `contact_line`. `lift`: its height above the surface, canvas heights.
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
    lines = [contact_line(alpha, box, lies=lies) + np.float32(lift * h) for alpha, box in things]
    top = max(
        0, min((int(line[box[0] : box[2]].min()) for line, (_, box) in zip(lines, things, strict=True)), default=h)
    )
    if top >= h:
        return None  # on the image's lower edge no surface is visible in front of it
    geometry = trace(layout, w, h)
    on_it = _level(geometry, index, top)
    # It ends at the surface's rim, where it is half covered, within a grid pixel and without stairs.
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
        # Nearer objects come later, and hide those behind them.
        if len(things) > 1:
            image *= 1 - cover[..., None]
        one *= near[..., None]
        image += one
    image *= mirrored_share(layout.rays(w, h)[1][top:], gloss)[..., None]
    return MirrorImage(image, hides, on_it, h, any(part.glow > 0 for part in layout.parts))


def _hide_lights(picture: Rgb, on_it: NDArray[np.bool_], hidden: Field) -> None:
    """Remove mirrored lights behind the product from an H×W×3 sRGB image, by shares `hidden` (h×w).

    A place brighter than its row's surface (the median where `on_it`) is a light's mirror image.
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
    # Only the excess of a light is removed; the surface's own grain stays.
    light = np.clip((small / usual[:, None] - 1 - GRAIN[0]) / (GRAIN[1] - GRAIN[0]), 0, 1)
    over = (small - usual[:, None]) * light * np.clip(HIDES * hidden, 0, 1)[..., None]

    def work(top: int, bottom: int) -> None:
        strip = picture[top:bottom]
        light = np.empty_like(strip)
        enlarge(over, len(picture), top, light)
        lit = light.max(-1) > 0
        strip[lit] = linear_to_srgb(srgb_to_linear(strip[lit]) - light[lit])

    by_rows(len(picture), work)


def mirrored_share(slope: Field, gloss: float) -> Field:
    """Return the share of light, 0–1, that a polished level surface mirrors along camera rays of a slope, y / depth.

    Schlick's approximation of Fresnel's formula (1994), weakened to match polished stone and wood.
    """
    flat = np.abs(slope) / np.sqrt(1 + slope**2)
    return np.asarray(gloss * (0.06 + 0.5 * (1 - flat) ** 5), np.float32)


def _under(layout: Layout) -> int | None:
    """Return the index of the part under the product, None without one."""
    for role in ("stand", "floor"):
        for index, part in enumerate(layout.parts):
            if part.role == role:
                return index
    return None


def _level(geometry: Geometry, index: int, top: int) -> NDArray[np.bool_]:
    """Return where, from the row `top` on, a part shows a face at the product's level that faces up."""
    points = geometry.points(slice(top, None), slice(None))
    on_it: NDArray[np.bool_] = (geometry.part[top:] == index) & (np.abs(points[1]) < LEVEL)
    face = (geometry.surface[top:][on_it] % FACES).astype(np.uint8)
    x, y, z = (axis[on_it] for axis in points)
    up = geometry.layout.parts[index].solid.normal((x, y, z), face)[1]
    on_it[on_it] = np.broadcast_to(up, x.shape) > 0.5
    return on_it


def _softer(image: Field, wanted: Field) -> Field:
    """Blur n×w×C by a Gaussian of `wanted` (n×w) pixels, taller than wide as at grazing angles, by four steps."""
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
