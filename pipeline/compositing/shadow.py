"""The product's shadow: the light that it blocks from the scene's own lamps, and the occlusion at its contact.

The silhouette becomes a solid of a few slices in the layout, and the scene's lights are traced past it. The shadow
falls over the surface, off the podium's rim, up the wall, through the window. The grid is coarse. Since shadows are
soft, nothing is lost, and a 4-megapixel canvas costs no more than a small one.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import LUMINANCE
from pipeline.compositing.lying import LyingProxy
from pipeline.compositing.standing import StandingProxy
from pipeline.core.order import Shadow
from pipeline.core.resample import Box, blurred, grown_box, resize, tight_box
from pipeline.core.types import Alpha
from pipeline.geometry.contact import contact_band, foot_rows, lowest_points, raised_feet, things_apart
from pipeline.geometry.ray import Bounds, Field
from pipeline.geometry.solids import Caster
from pipeline.light.first_light import LightTracer
from pipeline.light.upsample import upsample_within_surfaces
from pipeline.scene.layout import FOCAL, Layout
from pipeline.scene.trace import Geometry, trace

#: Longer side, in pixels, of the silhouette's grid, and of the grid for tracing light. A coarser grid would leave a rim
#: of light along the edges of other objects' shadows and of patches of light.
GRID = 640
TRACED = 512
#: Samples of the dome per pixel. On panels right behind the product, few of them meet it; fewer would show as cells.
DOME_SAMPLES = 36
#: Canvas heights by which the box around a solid is enlarged.
MARGIN = 0.02
#: Darkness on the surface below a hovering contour, relative to that along a touching contour; the contour is half as
#: high as the touching limit. Chosen by eye.
HOVER = 5.0
#: Feet no wider than this share of the product are legs.
SLIM = 0.08
#: Height of a floating product above the ground, relative to its size, and the least height in canvas heights.
LIFT, LOWEST = 0.15, 0.015


@dataclass(frozen=True)
class CastShadow:
    """A product's shadow, traced once on a small grid, for images of any size."""

    layout: Layout
    #: The surfaces of the grid and, h×w, the share of light that is blocked.
    geometry: Geometry
    share: Field
    #: The occlusion under the foot, on the silhouette's grid.
    occlusion: Field
    #: The product is cropped below, so no shadow falls on the floor.
    cut_below: bool

    def at(self, width: int, height: int, geometry: Geometry | None = None) -> Field:
        """Return H×W: the share of light, 0–1, that the product blocks from the surface and the wall behind it.

        `geometry` is the layout's at this size, passed if the light is still to be mixed along edges by coverage
        (`pipeline.light.relight.developed`). Without it the share itself is mixed, for a finished image.
        """
        full = geometry or trace(self.layout, width, height)
        blocked = upsample_within_surfaces(self.share[..., None], self.geometry.surface, full.surface)[..., 0]
        if geometry is None:
            full.coverage.smooth(blocked)
        if self.cut_below:
            upright = np.array([part.role in ("wall", "panel") for part in self.layout.parts])
            return np.where(upright[full.part], blocked, 0)
        _occlude(blocked, self.occlusion)
        return blocked

    def contact(self, width: int, height: int) -> Field:
        """Return H×W: the share of light, 0–1, that the occlusion under the foot blocks, under any lights."""
        blocked = np.zeros((height, width), np.float32)
        if not self.cut_below:
            _occlude(blocked, self.occlusion)
        return blocked


def cast_shadow(
    alpha: Alpha,
    layout: Layout,
    *,
    cut_below: bool = False,
    lies: bool = False,
    hangs: bool = False,
    strength: float = 1.0,
    lift: float = 0.0,
) -> CastShadow | None:
    """Trace the layout's lights past the product, whose H×W coverage on the canvas is `alpha`; None for no product.

    `cut_below`: no ground is visible under it, so no shadow falls on the floor. `lies`: it rests on its whole lower
    contour, seen from the side. `hangs`: it hangs flat against the wall. `strength`: the share of the blocked light,
    0–1, that is shown. `lift`: above 0, it is the height in canvas heights at which the product hovers.
    """
    small, box = _silhouette(alpha)
    if box is None:
        return None
    height, width = alpha.shape
    longest = max(height, width)
    traced_at = max(16, round(width * TRACED / longest)), max(16, round(height * TRACED / longest))
    solid: Caster
    if layout.top_down or hangs:
        solid = flat = LyingProxy.of(small, box, layout, lift)
        around = _around(box, len(small), layout, flat.base)
        occlusion = _occlusion_around(small, box)
    else:
        things = things_apart(small)
        sine = float(np.sin(np.deg2rad(layout.elevation)))
        standing = StandingProxy.of(raised_feet(things, sine), layout, lift)
        solid, around = standing, _grown(standing.bounds)
        occlusion = reduce(np.maximum, (_occlusion(thing, its, lies=lies, sine=sine) for thing, its in things))
    occlusion = occlusion * np.float32(0 if lift > 0 else strength)
    geometry, share = blocked_share(layout, *traced_at, solid, around)
    return CastShadow(layout, geometry, share * np.float32(strength), occlusion, cut_below)


def lift_of(shadow: Shadow, box: Box, height: int) -> float:
    """Return how high a product with that box, in pixels, hovers in canvas heights; 0 unless it floats.

    The height follows the product's size, and the room below it, in which its shadow is to be seen.
    """
    if shadow.shadow != "floating":
        return 0.0
    size = float(np.sqrt((box[2] - box[0]) * (box[3] - box[1]))) / height
    return float(np.clip(LIFT * size, LOWEST, max(LOWEST, 0.6 * (1 - box[3] / height))))


def blocked_share(layout: Layout, width: int, height: int, caster: Caster, around: Bounds) -> tuple[Geometry, Field]:
    """Return the surfaces of a width×height image and, H×W, the share of first light that `caster` blocks.

    `around` is a box around the caster. Shares are of luminance, 0–1. They are 0 where the caster blocks no light, and
    on glowing parts. No light bounces off the caster, and parts reflect less by the direct light that it blocks.
    """
    geometry = trace(layout, width, height)
    tracer = LightTracer.of(geometry, caster, around)
    # Luminance that a ray of the dome meets, with all light and with the light past the caster; last, the open dome.
    fill = (layout.rig.fill * layout.rig.fill_tint)[None]
    luminance, coarsest = LUMINANCE.astype(np.float32), tracer.coarsest
    back = (coarsest.given_back(coarsest.coloured(some)) for some in np.split(coarsest.direct(), 2))
    send = np.stack([np.concatenate([some, fill]) @ LUMINANCE for some in back]).astype(np.float32)

    def blocked(lights: LightTracer) -> Field:
        dome = lights.dome(send, kept=1, count=DOME_SAMPLES)
        light, remaining = (
            np.tensordot(luminance, lights.coloured(some), 1) + fallen
            for some, fallen in zip(np.split(lights.direct(), 2), dome, strict=True)
        )
        share = np.where(lights.receives_light, 1 - remaining / np.maximum(light, np.float32(1e-4)), 0)
        # Shared once more: enlarged, the steps between places that share their samples would show as cells.
        return lights.shared(np.clip(share, 0, 1).astype(np.float32)[None])

    return geometry, tracer.spared(blocked, lambda share: (share[0], 1 - share[0]))[0]


def _occlude(blocked: Field, occlusion: Field) -> None:
    """Add an h×w occlusion to H×W `blocked`, as a share of the remaining light, in place, where there is any."""
    (height, width), (h, w) = blocked.shape, occlusion.shape
    some = tight_box(occlusion > 0)
    if some is None:
        return
    # The filter reaches two pixels of the grid beyond the occlusion.
    left, top, right, bottom = grown_box(
        (some[0] * width // w, some[1] * height // h, some[2] * width // w, some[3] * height // h),
        3 * max(1.0, height / h),
        width,
        height,
    )
    part = Image.fromarray(np.ascontiguousarray(occlusion)).resize(
        (right - left, bottom - top),
        Image.Resampling.BICUBIC,
        box=(left * w / width, top * h / height, right * w / width, bottom * h / height),
    )
    there = blocked[top:bottom, left:right]
    there += (1 - there) * np.clip(np.asarray(part), 0, 1)


def contact_shadow(alpha: Alpha, strength: float = 0.3, *, lies: bool = False, slope: float = 0.0) -> Field:
    """Return a faint H×W shadow right under the product for a white backdrop; exactly 0 along the canvas's border.

    `lies` is as in `cast_shadow`, `slope` as `pitch_slope` of a `pipeline.cutout.stance.CameraPose`.
    """
    small, box = _silhouette(alpha)
    if box is None:
        return np.zeros_like(alpha)
    wide = box[2] - box[0]
    band = contact_band(small, box, 0.012 * wide, lies=lies, sine=float(np.sin(np.arctan(slope))))
    shadow = strength * np.maximum(gaussian_filter(band, 0.012 * wide), 0.6 * gaussian_filter(band, 0.035 * wide))
    height, width = small.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    border = np.minimum(
        np.minimum(rows, height - 1 - rows) / (0.03 * height),
        np.minimum(columns, width - 1 - columns) / (0.03 * width),
    )
    faded = shadow * np.clip(border - 0.7, 0, 1)
    # Below a quarter of an 8-bit step it becomes 0.
    faded = np.clip((faded - 0.004) / 0.996, 0, 1).astype(np.float32)
    return np.clip(resize(faded, alpha.shape[1], alpha.shape[0], Image.Resampling.BILINEAR), 0, 1)


def _silhouette(alpha: Alpha) -> tuple[Alpha, Box | None]:
    """Return the coverage on a grid of at most GRID pixels a side, and the tight box of the product in it."""
    height, width = alpha.shape
    scale = min(1.0, GRID / max(height, width))
    grid = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.clip(resize(alpha, *grid, Image.Resampling.BOX), 0, 1)
    return small, tight_box(small > 0.5)


def _around(box: Box, height: int, layout: Layout, base: float) -> Bounds:
    """Return a box around the solid of a flat silhouette at z = `base`: never thicker than two thirds of its width."""
    (x, y), (eye_x, eye_y) = layout.foot, map(float, layout.camera[:2])
    larger = max(1.0, 1 - base / FOCAL)
    left, top, right, bottom = (side / height for side in box)
    left, right = (eye_x + (side - x - eye_x) * larger for side in (left, right))
    low, high = (eye_y + (y - side - eye_y) * larger for side in (bottom, top))
    return _grown((left, low, min(0.0, base), right, high, base + 0.67 * (right - left)))


def _grown(bounds: Bounds) -> Bounds:
    """Return a box enlarged by MARGIN on all sides."""
    left, low, back, right, high, front = bounds
    return left - MARGIN, low - MARGIN, back - MARGIN, right + MARGIN, high + MARGIN, front + MARGIN


def _gaussian(field: Field, sigma: float) -> Field:
    return blurred(field, sigma, sigma)


def _occlusion_around(alpha: Field, box: Box) -> Field:
    """Return h×w: the darkness all around a lying product's contour, finer than the traced light.

    It is as narrow as the shadow on one side allows: if wider, the lit side would have a dark glow.
    """
    narrow = min(box[2] - box[0], box[3] - box[1])
    tight = _gaussian(alpha, max(1.0, 0.008 * narrow))
    near = _gaussian(alpha, max(1.0, 0.025 * narrow))
    return np.asarray(np.clip(0.5 * tight + 0.14 * near, 0, 0.7), np.float32)


def _occlusion(alpha: Field, box: Box, *, lies: bool, sine: float) -> Field:
    """Return h×w occlusion, dark and tight under the foot, finer than the traced light, wide and faint where it hovers.

    Where the contour rises from the foot, the darkness is on the surface below, not along the contour: a line there
    would look like contact.
    """
    wide = box[2] - box[0]
    band = contact_band(alpha, box, 0.016 * wide, lies=lies, sine=sine)
    peak = max(float(band.max()), 1e-6)
    slim = _foot_width(band) / wide
    out = np.zeros_like(band)
    foot, ground = tight_box(band > 0), foot_rows(*lowest_points(alpha), box, sine)[0]
    if foot is not None:
        # A blur reaches four standard deviations; twice that keeps the crop's own edge out of it.
        left, top, right, bottom = grown_box(foot, 8 * 0.11 * wide + 2, band.shape[1], band.shape[0])
        band = band[top:bottom, left:right]
        touch = band.max(0)
        under = ground[left:right] - np.arange(top, bottom, dtype=np.float32)[:, None]
        below = ((under > 0) & (under <= 0.016 * wide)) * touch * (1 - touch)
        tight = _gaussian(band * np.square(touch), max(0.7, 0.01 * wide))
        near = _gaussian(band * touch, 0.03 * wide)
        around = blurred(band + HOVER * below, 0.045 * wide, 0.11 * wide)
        if slim < SLIM:
            # A leg is dark on its own scale: on the whole product's scale it would seem to float.
            foot_band = contact_band(alpha, box, 0.4 * slim * wide, lies=lies, sine=sine)[top:bottom, left:right]
            leg = _gaussian(foot_band * np.square(touch), max(0.7, 0.15 * slim * wide))
            tight = np.maximum(tight, leg * (peak / max(float(leg.max()), 1e-6)))
        # Limited: more than most products' darkness at the foot would look like an outline.
        shade = 0.68 * np.clip(1.5 * tight / peak, 0, 1) + 0.45 * np.clip(near / peak, 0, 1) + 0.25 * around / peak
        out[top:bottom, left:right] = np.clip(shade, 0, 0.66)
    return out


def _foot_width(band: Field) -> float:
    """Return the median width, in pixels, of the product's contacts with the surface, from a contact band's columns."""
    touches = np.concatenate([[0], (band.max(axis=0) > 0.5).astype(np.int8), [0]])
    turns = np.flatnonzero(np.diff(touches))
    widths = turns[1::2] - turns[::2]
    return float(np.median(widths)) if widths.size else float(band.shape[1])
