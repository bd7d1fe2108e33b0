"""A product's effects on its scene: its cast shadow, the light that it blocks, and its mirror image.

A plain colour or a picture gets the shadow on an invisible floor. The floor, its lamp and the open dome are a `Layout`,
so `product_effects` traces the shadow as in any scene. Only the share of blocked light is used; the floor is not drawn.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.compositing.composite import apply_shadow
from pipeline.compositing.shadow import CastShadow, cast_shadow, lift_of
from pipeline.core.order import Shadow
from pipeline.core.parallel import together
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field
from pipeline.geometry.walls import Floor, Top, Wall
from pipeline.kernels.image.layers import darken
from pipeline.light.reflection import MirrorImage, mirror_image
from pipeline.scene.layout import Layout, Part, Rig
from pipeline.scene.rig import lamp_half, lamp_way, point
from pipeline.scene.trace import Geometry

#: Distance of the lamp from the product in canvas heights.
REACH = 3.4
#: Light of the open dome, relative to the lamp's: a full shadow blocks about three quarters of the light.
FILL = 0.3
#: Distance of the floor's end behind the product, in canvas heights.
FAR = 40.0
#: Least height of the camera over the floor, in canvas heights: a lower camera would see the shadow as a line.
LOWEST_CAMERA = 0.08
_WHITE = np.ones(3, np.float32)


@dataclass(frozen=True)
class Overlay:
    """A product's shadow and mirror image, ready for a background of one size."""

    #: H×W share of blocked light, 0–1; None for none.
    blocked: Field | None = None
    image: MirrorImage | None = None
    #: As in `MirrorImage.on`.
    min_mirrored: float = 0.0

    def __call__(self, background: Rgb) -> Rgb:
        """Composite both onto an H×W×3 sRGB background in [0, 1], in place, and return it."""
        if self.blocked is not None:
            apply_shadow(background, self.blocked)
        return self.mirror(background)

    def darken(self, top: int, rows: Rgb) -> None:
        """Apply only the shadow to some n×W×3 rows of a background, from the row `top` on, in place."""
        if self.blocked is not None:
            darken(self.blocked[top : top + len(rows)], rows)

    def mirror(self, background: Rgb) -> Rgb:
        """Composite only the mirror image onto a background that has the shadow, and return the background."""
        return background if self.image is None else self.image.on(background, self.min_mirrored)


@dataclass(frozen=True)
class ProductEffects:
    """A product's shadow and mirror image, each computed once for a layout, for images of any size."""

    #: None if there is none.
    shadow: CastShadow | None
    image: MirrorImage | None

    def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
        """Return the overlay of both for a width×height background."""
        return Overlay(None if self.shadow is None else self.shadow.at(width, height, geometry), self.image)

    def near(self, width: int, height: int, *, min_shadow: float, min_mirrored: float) -> Overlay:
        """Return the overlay of `at`, limited to where it is visible; the rest of the background stays identical.

        A product blocks a little light in all of a scene. Shares below `min_shadow` become 0, and the shadow starts
        from 0 there. Where the mirror image covers less than `min_mirrored` of the surface, it is left out.
        """
        blocked = None if self.shadow is None else self.shadow.at(width, height)
        if blocked is not None:
            blocked = np.maximum((blocked - np.float32(min_shadow)) / np.float32(1 - min_shadow), 0)
        return Overlay(blocked, self.image, min_mirrored)


def product_effects(
    placed: Placed,
    layout: Layout,
    *,
    stands: bool = True,
    lies: bool = False,
    hangs: bool = False,
    shadow: Shadow = Shadow(),
) -> ProductEffects:
    """Trace the effects of the placed product on a layout.

    `stands`: its foot is visible. A product that is cropped below or hangs has no ground: no shadow falls on the floor,
    and no polish mirrors it. Seen from above, the surface is under all of the product, even where the photo crops it.
    `hangs`: it hangs flat against the layout's wall, and its shadow falls there.
    `lies`: it is seen from the side, and rests on its whole lower contour. Of `shadow`, the word and the strength count
    here; the layout's lamp has its softness and direction.
    """
    afloat = not layout.top_down and not stands
    mirrors = not (afloat or layout.top_down)
    strength = 1.0 if shadow.shadow_strength is None else shadow.shadow_strength
    lift = lift_of(shadow, placed.box, len(placed.alpha))

    def cast() -> CastShadow | None:
        if shadow.shadow == "none":
            return None
        return cast_shadow(
            placed.alpha, layout, cut_below=afloat and not hangs, lies=lies, hangs=hangs, strength=strength, lift=lift
        )

    traced, image = together(cast, lambda: mirror_image(placed, layout, lies=lies, lift=lift) if mirrors else None)
    return ProductEffects(traced, image)


def shadow_floor(
    width: int,
    height: int,
    box: tuple[float, float, float, float],
    *,
    horizon: float,
    direction: float,
    softness: float,
    top_down: bool,
    elevation: float,
) -> Layout:
    """Return a floor for a width×height canvas, on which a product with the tight box `box` (pixels) rests.

    `box`: left, top, right, bottom; its lower edge is the foot. `horizon`: the floor's vanishing line, in canvas
    heights from the top, above the foot; it may be above the canvas. `direction`: the way in which the shadow falls,
    degrees as `Shadow.shadow_direction`. `softness`: of the lamp, 0–1, as `Shadow.shadow_softness`. `elevation`: the
    lamp's height, degrees above the floor; the lower, the longer is the shadow. `top_down`: the product lies on a
    surface seen from straight above, and `horizon` is not used.
    """
    left, top, right, bottom = (side / height for side in box)
    # From above, the surface is the picture's plane, and the lamp is aimed at the product's middle.
    target = np.array([0.0, (bottom - top) / 2, 0.0]) if top_down else np.array([0.0, 0.2, 0.0])
    position = target + REACH * lamp_way(direction, elevation, top_down=top_down)
    surface = Part(Top(0.0) if top_down else Floor(0.0, -FAR), 0, "floor")
    beyond = () if top_down else (Part(Wall(-FAR), 0, "far", glow=FILL),)
    return Layout(
        kind="flatlay" if top_down else "sweep",
        aspect=width / height,
        horizon_y=0.5 if top_down else min(horizon, bottom - LOWEST_CAMERA),
        product=(left, top, right, bottom),
        colours=(_WHITE,),
        asked=0,
        parts=(surface, *beyond),
        rig=Rig(
            position=point(position),
            target=point(target),
            half=lamp_half(softness, REACH),
            key=1.0,
            fill=FILL,
            key_tint=_WHITE,
            fill_tint=_WHITE,
        ),
        light_side=-float(np.sin(np.deg2rad(direction))),
        softness=softness,
        seed=0,
        top_down=top_down,
    )
