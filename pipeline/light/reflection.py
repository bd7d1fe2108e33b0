"""What stands on a polished surface, seen in it upside down: the scene's things, and the product."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.parallel import by_rows
from pipeline.core.resample import blurred, resize, tight_box
from pipeline.core.types import Placed, Rgb
from pipeline.cutout.contact import contact_line
from pipeline.geometry.ray import Field
from pipeline.geometry.walls import Floor
from pipeline.kernels.resampling import enlarge
from pipeline.kernels.surfaces import gather, mix
from pipeline.scene.layout import Layout
from pipeline.scene.trace import FACES, Geometry, trace

#: Longer side in pixels of the grid that the product is mirrored on.
GRID = 1024
#: Rows mixed at a time.
ROWS = 256
#: What shines less than this mirrors nothing that is seen.
MIN_GLOSS = 0.2
#: Canvas heights above or below the product's level that are still its surface; its sides are not.
LEVEL = 0.004
#: The product's mirror image is so much stronger than the props': it hides theirs and the lights'.
STRENGTH = 1.6
#: Canvas heights, and more by gloss, after which a mirror image has faded to 1 / e; its blur over its distance.
FADE = (0.12, 0.32)
ROUGH = 0.1
#: The product's mirror image hides lights so much longer than it is seen itself.
HIDES = 2.5


@dataclass(frozen=True)
class FloorMirror:
    """What a polished floor mirrors of its scene: where in the picture each place of a smaller grid finds it."""

    #: The floor, an index of the layout's parts, and how many those are.
    part: int
    parts: int
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
        gather(out, self.row, self.column, self.hidden, self._means(geometry, out), image)
        image = blurred(image, self.soft, self.soft)
        height, first = out.shape[0], self.part * FACES

        def work(top: int, bottom: int) -> None:
            surface = geometry.surface[top:bottom]
            if not ((surface >= first) & (surface < first + FACES)).any():
                return
            large = np.empty_like(out[top:bottom])
            enlarge(image, height, top, large)
            mix(large, surface, first, first + FACES - 1, self.share[top:bottom], out[top:bottom])

        by_rows(height, work)

    def _means(self, geometry: Geometry, out: Field) -> Field:
        """Return parts×3: what stands for the hidden places of each.

        The camera sees only the mirror image of undersides and backs: they are darker than the part's mean.
        """
        means = np.zeros((self.parts, 3), np.float32)
        some, part = out[::4, ::4], geometry.surface[::4, ::4] // FACES
        for other in np.unique(self.hidden):
            own = some[part == other] if other >= 0 else some[:0]
            if own.size:
                means[other] = 0.55 * own.mean(0)
        return means


def floor_mirrors(layout: Layout, geometry: Geometry) -> tuple[FloorMirror, ...]:
    """Trace what polished floors mirror, upside down: more at flat angles (Schlick 1994), softer farther."""
    return tuple(
        _floor_mirror(layout, geometry, index)
        for index, part in enumerate(layout.parts)
        if part.gloss >= MIN_GLOSS and isinstance(part.solid, Floor) and (geometry.part == index).any()
    )


def _floor_mirror(layout: Layout, geometry: Geometry, index: int) -> FloorMirror:
    floor = layout.parts[index]
    assert isinstance(floor.solid, Floor)
    height, width = geometry.surface.shape
    scale = max(1, round(max(height, width) / 640))
    rows, columns = np.arange(height)[scale // 2 :: scale], np.arange(width)[scale // 2 :: scale]
    camera, way = layout.camera, layout.rays(width, height)
    mirrored = (camera[0], np.float32(2 * floor.solid.level) - camera[1], camera[2])
    down = (way[0][:, columns], -way[1][rows], way[2])
    nearest = np.full((rows.size, columns.size), np.inf, np.float32)
    met = np.zeros(nearest.shape, np.int32)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for other, thing in enumerate(layout.parts):
            if other != index:
                t, _ = thing.solid.meet(mirrored, down)
                np.copyto(met, np.int32(other), where=t < nearest)
                nearest = np.minimum(nearest, t)
    seen = np.isfinite(nearest)
    far = np.where(seen, nearest, 9)
    px, py = layout.project((mirrored[0] + down[0] * far, mirrored[1] + down[1] * far, camera[2] - far))
    column = np.clip(px * (width / layout.aspect), 0, width - 1).astype(np.int32)
    row = np.clip(py * height, 0, height - 1).astype(np.int32)
    hidden = np.where(seen & (geometry.part[row, column] != met), met, -1).astype(np.int32)
    # Higher above the floor is farther from its mirror image, and a little roughness blurs it with the way.
    soft = max(0.6, 0.006 * (1.3 - floor.gloss) * rows.size)
    share = mirrored_share(way[1][:, 0], floor.gloss)
    return FloorMirror(index, len(layout.parts), row, column, hidden, soft, share)


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
        """Return an H×W×3 sRGB background with the mirror image, where that covers more than `min_share` of it."""
        height, width = background.shape[:2]
        out = background.copy()
        first = round((self.rows - len(self.light)) * height / self.rows)
        if self.lights:
            _hide_lights(out[first:], self.on_it, self.hides)
        image = np.clip(resize(self.light, width, height - first, Image.Resampling.BILINEAR), 0, 1)
        for start in range(0, height - first, ROWS):
            strip = image[start : start + ROWS]
            seen = strip[..., 3] > min_share
            pixels = out[first + start : first + start + ROWS]
            mixed = srgb_to_linear(pixels[seen]) * (1 - strip[seen][:, 3:]) + strip[seen][:, :3]
            pixels[seen] = linear_to_srgb(mixed)
        return out


def mirror_image(placed: Placed, layout: Layout) -> MirrorImage | None:
    """Return the product's mirror image in the polished surface that it stands on; None where the surface is matt.

    The product is upright at its foot's depth, where the picture plane's scale is 1, so that its mirror image is exact
    in the picture: each column upside down about its own contact (`contact_line`). What is seen of it is
    STRENGTH × `mirrored_share` × exp(-d / (FADE₀ + FADE₁ × gloss)), d canvas heights below the contact, and it is
    blurred by ROUGH × (1.3 - gloss) × d.
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
    alpha = np.clip(resize(placed.alpha, w, h, Image.Resampling.BOX), 0, 1)
    box = tight_box(alpha > 0.5)
    if box is None:
        return None
    line = contact_line(alpha, box)
    top = max(0, int(line[box[0] : box[2]].min()))
    if top >= h:
        return None  # it stands on the picture's lower edge: no surface is seen before it
    rows = np.arange(top, h, dtype=np.float32)[:, None] + np.float32(0.5)
    down = (rows - line[None]).astype(np.float32)
    light = np.dstack([srgb_to_linear(placed.rgb) * placed.alpha[..., None], placed.alpha])
    image = _upside_down(np.clip(resize(light, w, h, Image.Resampling.BOX), 0, None), line, rows, down)
    image = _softer(image, np.maximum(down, 0), ROUGH * (1.3 - gloss))
    geometry = trace(layout, w, h)
    on_it = (geometry.part[top:] == index) & (np.abs(geometry.point[1][top:]) < LEVEL)
    share = STRENGTH * mirrored_share(layout.rays(w, h)[1][top:], gloss)
    near = np.exp(-np.maximum(down, 0) / ((FADE[0] + FADE[1] * gloss) * h)) * on_it * np.clip(down + 0.5, 0, 1)
    hides = near * image[..., 3]
    image *= (share * near)[..., None]
    return MirrorImage(image, hides, on_it, h, any(part.glow > 0 for part in layout.parts))


def _hide_lights(picture: Rgb, on_it: NDArray[np.bool_], hidden: Field) -> None:
    """Take from an H×W×3 sRGB picture the mirrored lights that the product stands before, by shares `hidden` (h×w).

    What is brighter than the surface is in its row (the median where `on_it`) is a light's mirror image.
    """
    h, w = hidden.shape
    small = srgb_to_linear(resize(picture, w, h, Image.Resampling.BOX))
    rows = [np.median(small[row][on_it[row]], axis=0) if on_it[row].any() else np.ones(3) for row in range(h)]
    usual = gaussian_filter(np.asarray(rows, np.float32), (0.01 * w, 0), mode="nearest")
    over = np.maximum(small - usual[:, None], 0) * np.clip(HIDES * hidden, 0, 1)[..., None]
    over = np.clip(resize(over, picture.shape[1], picture.shape[0], Image.Resampling.BILINEAR), 0, 1)
    where = over.max(-1) > 0
    picture[where] = linear_to_srgb(srgb_to_linear(picture[where]) - over[where])


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


def _upside_down(image: Field, line: Field, rows: Field, down: Field) -> Field:
    """Return for `rows` (n×1) the h×w×C image mirrored about each column's own row `line` (w); 0 above it."""
    source = np.clip(2 * line[None] - rows - 0.5, 0, image.shape[0] - 1)
    upper = np.floor(source).astype(np.intp)
    lower = np.minimum(upper + 1, image.shape[0] - 1)
    part = (source - upper)[..., None].astype(np.float32)
    columns = np.arange(image.shape[1])[None]
    mirrored = image[upper, columns] * (1 - part) + image[lower, columns] * part
    return np.asarray(np.where((down > 0)[..., None] & (2 * line[None] > rows)[..., None], mirrored, 0), np.float32)


def _softer(image: Field, down: Field, rough: float) -> Field:
    """Blur n×w×C by a Gaussian of `rough` × `down` (n×w) pixels, taller than wide as at flat angles; four steps."""
    wanted = rough * down
    steps = [0.0, *(float(wanted.max()) * share for share in (0.12, 0.4, 1.0))]
    levels = [image] + [
        np.stack([gaussian_filter(image[..., c], (1.6 * step, step)) for c in range(image.shape[2])], -1)
        for step in steps[1:]
    ]
    out = np.zeros_like(image)
    for index, level in enumerate(levels):
        weight = np.interp(wanted, steps, np.eye(len(steps))[index]).astype(np.float32)
        out += weight[..., None] * level
    return out
