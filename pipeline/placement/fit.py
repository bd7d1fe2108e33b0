"""The product's placement on the canvas: its box, by the preset, its scene and the sides that the photo cuts it at.

A cut is hidden where the canvas's edge is; where no box hides every cut and shows the product standing on something,
there is no honest placement.
"""

from dataclasses import replace

import numpy as np

from pipeline.core.errors import NoHonestPlacement
from pipeline.core.spec import Placement, Preset, Spec
from pipeline.placement.camera import TOP_DOWN

Box = tuple[float, float, float, float]

#: Of a product that is cut above and stands: free canvas under its foot, and how far down the foot is at least, shares
#: of the canvas height. By eye, on six pictures on 2026-11-26: with the foot at .43 to .5 a can and a box stand on
#: their table, at .4 a pillow seems to hang from the upper edge.
BELOW = 0.12
LEAST_FOOT = 0.42
#: Share of the product that the canvas may cut off where the photo did not: a close-up loses some, but a quarter is
#: taken to be no longer what was photographed. Nobody was asked.
MAX_LOST = 0.25
#: Width over height of a pinned background's place where things stand, on a square canvas; a wide one has a wider
#: place. On a tall one it takes this share of what the preset fills, so that its stand leaves room at both sides.
PLACE = 0.8

_MORE_ROOM = "Use a photo that shows all of it, or a preset whose picture has the photo's shape."


def fit(
    preset: Preset,
    product_aspect: float,
    width: int,
    height: int,
    edges: tuple[str, ...] = (),
    *,
    top_down: bool = False,
    stands: bool = True,
) -> Box:
    """Return the product's box on a width×height canvas, in pixels: left, top, right, bottom.

    `product_aspect` is its width over height. The preset's fill is reached on the tighter side and its margins are
    kept; on a scene the product sits a little below the middle, the way it is hung in a frame, and in the middle where
    it is seen from above (`top_down`). A side that the photo cuts the product at goes to the same side of the canvas
    (`edges`, any of "left", "top", "right", "bottom"), or the cut would show. Cut above and standing on a floor
    (`stands`), it is made so large that it reaches from the floor to the upper edge.

    Raises NoHonestPlacement where it would hang from the upper edge, or the canvas would cut it once more.
    """
    cuts = set(edges)
    left, top, right, bottom = (
        0.0 if side in cuts else margin
        for side, margin in zip(("left", "top", "right", "bottom"), preset.margins, strict=True)
    )
    room_x, room_y = width * max(0.05, 1 - left - right), height * max(0.05, 1 - top - bottom)
    h = min(preset.fill * height, preset.fill * width / product_aspect, room_y, room_x / product_aspect)
    on_foot = stands and not top_down and "top" in cuts and "bottom" not in cuts
    if cuts >= {"left", "right"}:
        h = width / product_aspect
    elif cuts >= {"top", "bottom"}:
        h = float(height)
    elif on_foot:
        h = min((1 - BELOW) * height, room_x / product_aspect)
    w = h * product_aspect
    x = _within(preset.centre_x * width - w / 2, w, left * width, (1 - right) * width, width)
    free = height - h
    # A flat product would otherwise float in the middle of the wall.
    below = min(0.42 * free, 0.2 * height) if preset.background == "scene" and not top_down else free / 2
    y = _within(height - below - h, h, top * height, (1 - bottom) * height, height)
    if "left" in cuts:
        x = 0.0
    elif "right" in cuts:
        x = width - w
    if "bottom" in cuts:
        y = height - h
    elif "top" in cuts:
        y = 0.0
    shown = max(0.0, min(x + w, width) - max(x, 0.0)) * max(0.0, min(y + h, height) - max(y, 0.0))
    if shown < (1 - MAX_LOST) * w * h:
        raise NoHonestPlacement(
            f"The photo cuts the product at {_listed(edges)}; to hide that, this picture would have to cut off"
            f" {round(100 * (1 - shown / (w * h)))} % of what the photo shows. {_MORE_ROOM}"
        )
    if on_foot and y + h < LEAST_FOOT * height:
        raise NoHonestPlacement(
            "The photo cuts the product off above, and it is so wide that it would hang in the air from this picture's"
            f" upper edge. {_MORE_ROOM} A flat lay or a white background takes it as it is."
        )
    return x, y, x + w, y + h


def place_of(spec: Spec, width: int, height: int) -> Box:
    """Return a pinned background's place of the product on a width×height canvas, pixels: left, top, right, bottom."""
    preset, top_down = with_room(spec, width, height).preset, spec.scene.kind in TOP_DOWN
    return fit(preset, pinned_aspect(spec, width, height), width, height, top_down=top_down)


def box_in(spec: Spec, product_aspect: float, width: int, height: int) -> Box:
    """Return where a product of that width over height goes in a pinned background, as `place_of` does.

    No wider than its place, whose stand and props were made for that; as high as the preset lets it be. It stands in
    the middle of the place's lower edge, or lies in the place's middle.
    """
    left, top, right, bottom = place_of(spec, width, height)
    x = (left + right) / 2
    fill = spec.preset.fill
    if spec.scene.kind in TOP_DOWN:
        h = min(bottom - top, (right - left) / product_aspect)
        y = (top + bottom + h) / 2
    else:
        h = min(fill * height, bottom - spec.preset.margins[1] * height, (right - left) / product_aspect)
        y = bottom
    w = h * product_aspect
    return x - w / 2, y - h, x + w / 2, y


def leaves_place(placement: Placement) -> bool:
    """Tell whether a product that is moved so is no longer where a pinned background has its place."""
    return placement.shift_x != 0 or placement.shift_y != 0 or placement.scale > 1


def with_room(spec: Spec, width: int, height: int) -> Spec:
    """Return a pinned background's spec, whose preset on a tall canvas fills less of it."""
    if spec.scene.kind in TOP_DOWN or height <= width:
        return spec
    return replace(spec, preset=replace(spec.preset, fill=PLACE * spec.preset.fill))


def pinned_aspect(spec: Spec, width: int, height: int) -> float:
    """Return the width over height of a pinned background's place."""
    if spec.scene.kind in TOP_DOWN:
        return width / height
    return PLACE * float(np.sqrt(max(1.0, width / height)))


def _within(wanted: float, size: float, start: float, end: float, whole: float) -> float:
    """Return where something of that size begins: as wanted, within `start` to `end`, or in the middle if too wide."""
    if size > end - start + 0.5:
        return (whole - size) / 2
    return float(np.clip(wanted, start, max(start, end - size)))


def _listed(edges: tuple[str, ...]) -> str:
    sides = [{"top": "the top", "bottom": "the bottom"}.get(side, f"the {side}") for side in edges]
    return sides[0] if len(sides) == 1 else f"{', '.join(sides[:-1])} and {sides[-1]}"
