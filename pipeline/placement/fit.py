"""The product's box on the canvas, from the preset, its scene and the sides at which the photo crops it.

The canvas's edge hides a crop. `pipeline.placement.refusals` refuses boxes that are not honest.
"""

from dataclasses import replace
from math import inf

import numpy as np

from pipeline.core.order import Frame, Placement
from pipeline.core.spec import Preset, Spec
from pipeline.placement.camera import TOP_DOWN
from pipeline.placement.facts import Box
from pipeline.placement.frame import SIDES, corner, insets

#: Free canvas under the foot of a standing product whose top is cropped, as a share of the canvas height.
BELOW = 0.12
#: Width over height of the place in a pinned background of standing products, on a square canvas; a wide canvas has a
#: wider place. On a tall canvas it is the share of the preset's fill, so that the stand leaves room at both sides.
PLACE = 0.8


def fit(
    preset: Preset,
    product_aspect: float,
    width: int,
    height: int,
    edges: tuple[str, ...] = (),
    *,
    top_down: bool = False,
    stands: bool = True,
    frame: Frame = Frame(),
    most: float = inf,
) -> Box:
    """Return the product's box on a width×height canvas, in pixels: left, top, right, bottom.

    `product_aspect` is its width over height. The preset's fill is reached on the tighter side, and its margins are
    kept. In a scene the product sits a little below the middle, as in a framed picture. It sits in the middle if the
    surface behind it faces the camera (`top_down`). A side that the photo crops goes to the same side of the canvas
    (`edges`, any of "left", "top", "right", "bottom"), to hide the crop. A product cropped at the top that stands on a
    floor (`stands`) is scaled to reach from the floor to the upper edge.

    A caller's `frame` replaces margins and position, and with margins of its own the fill. Then the product is at most
    `most` pixels high. A side that the photo crops still goes to the canvas's edge.
    """
    cuts = set(edges)
    left, top, right, bottom = (
        0.0 if side in cuts else margin
        for side, margin in zip(SIDES, insets(preset, frame, width, height), strict=True)
    )
    room_x, room_y = width * max(0.05, 1 - left - right), height * max(0.05, 1 - top - bottom)
    fill = inf if frame.margins else preset.fill
    h = min(fill * height, fill * width / product_aspect, room_y, room_x / product_aspect, most)
    if cuts >= {"left", "right"}:
        h = width / product_aspect
    elif cuts >= {"top", "bottom"}:
        h = float(height)
    elif stands and not top_down and "top" in cuts and "bottom" not in cuts:
        h = min((1 - BELOW) * height, room_x / product_aspect)
    w = h * product_aspect
    x = _within(preset.centre_x * width - w / 2, w, left * width, (1 - right) * width, width)
    free = height - h
    # A flat product placed in the middle would float in front of the wall.
    below = min(0.42 * free, 0.2 * height) if preset.background == "scene" and not top_down else free / 2
    y = _within(height - below - h, h, top * height, (1 - bottom) * height, height)
    if frame != Frame():
        space = left * width, top * height, (1 - right) * width, (1 - bottom) * height
        floor = height if preset.background == "scene" and stands and not top_down else None
        x, y, *_ = corner(preset, frame, space, (w, h), floor=floor)
    if "left" in cuts:
        x = 0.0
    elif "right" in cuts:
        x = width - w
    if "bottom" in cuts:
        y = height - h
    elif "top" in cuts:
        y = 0.0
    return x, y, x + w, y + h


def place_of(spec: Spec, width: int, height: int) -> Box:
    """Return the product's place in a pinned background on a width×height canvas, pixels: left, top, right, bottom."""
    preset, frame = spec.preset, spec.frame
    if spec.scene.kind in TOP_DOWN:
        return fit(preset, width / height, width, height, top_down=True, frame=frame)
    if height > width:
        preset = replace(preset, fill=PLACE * preset.fill)
    return fit(preset, PLACE * float(np.sqrt(max(1.0, width / height))), width, height, frame=frame)


def box_in(
    spec: Spec, product_aspect: float, width: int, height: int, most: float = inf, within: Box | None = None
) -> Box:
    """Return the box of a product of that width over height in a pinned background, in the format of `place_of`.

    `within` is the place of another product, whose background it gets; None: the place for every product.
    It is no wider than its place, because stand and props were made for that, and as high as the preset allows. It
    stands in the middle of the place's lower edge, or lies in the place's middle. It is at most `most` pixels high.
    """
    left, top, right, bottom = within or place_of(spec, width, height)
    x = (left + right) / 2
    fill = inf if spec.frame.margins else spec.preset.fill
    if spec.scene.kind in TOP_DOWN:
        h = min(bottom - top, (right - left) / product_aspect, most)
        y = (top + bottom + h) / 2
    else:
        free = insets(spec.preset, spec.frame, width, height)[1] * height
        h = min(fill * height, bottom - free, (right - left) / product_aspect, most)
        y = bottom
    w = h * product_aspect
    return x - w / 2, y - h, x + w / 2, y


def lost(box: Box, width: int, height: int) -> float:
    """Return the share of a box, in pixels, beyond a width×height canvas."""
    left, top, right, bottom = box
    inside = max(0.0, min(right, width) - max(left, 0.0)) * max(0.0, min(bottom, height) - max(top, 0.0))
    return 1 - inside / ((right - left) * (bottom - top))


def leaves_place(placement: Placement) -> bool:
    """Return whether a placement moves a product out of its place in a pinned background."""
    return placement.shift_x != 0 or placement.shift_y != 0 or placement.scale > 1


def _within(wanted: float, size: float, start: float, end: float, whole: float) -> float:
    """Return where an interval of `size` begins: at `wanted`, clamped to `start`–`end`; centred if it is too wide."""
    if size > end - start + 0.5:
        return (whole - size) / 2
    return float(np.clip(wanted, start, max(start, end - size)))
