"""An invisible floor that catches a product's shadow, where the background is a plain colour or a picture.

The floor, its lamp and the open dome are a `Layout`, so that `pipeline.compositing.effects.product_effects` traces the
shadow on it as in any scene. Only the share of blocked light is used; the floor itself is never drawn.
"""

import numpy as np

from pipeline.geometry.walls import Floor, Top, Wall
from pipeline.scene.layout import Layout, Part, Rig
from pipeline.scene.rig import lamp_half, lamp_way, point

#: Distance of the lamp from the product in canvas heights.
REACH = 3.4
#: Light of the open dome, relative to the lamp's: a full shadow blocks about three quarters of the light.
FILL = 0.3
#: Distance of the floor's end behind the product, in canvas heights.
FAR = 40.0
#: Least height of the camera over the floor, in canvas heights: a lower camera would see the shadow as a line.
LOWEST_CAMERA = 0.08
_WHITE = np.ones(3, np.float32)


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
