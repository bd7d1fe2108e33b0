"""A caller's frame: the margins, the room for copy, and the space that they leave for the product."""

import re
from collections.abc import Iterator
from math import inf

from pipeline.core.order import Frame, OptionFault, SwapOrder
from pipeline.core.spec import Preset
from pipeline.placement.facts import Box

#: Share of the picture's width (left, right) or height (top) for copy. Chosen by eye: a headline of three words a line
#: fits, and the product is still the largest thing in the picture.
COPY_SIDE, COPY_HEAD = 0.4, 0.35
#: Free distance between copy and product, as a share of the same side.
GAP = 0.03
#: Minimum share of the width and of the height that a frame leaves for the product.
LEAST_SPACE = 0.1
#: Minimum height of the foot of a standing product, from the top, as a share of the canvas height: `top` stops there.
#: Chosen by eye: higher, the floor fills the picture and no wall is behind the product.
HIGHEST_FOOT = 0.55
SIDES = ("left", "top", "right", "bottom")
#: In CSS order, the length of each side (top, right, bottom, left) among one to four lengths.
_CSS = {1: (0, 0, 0, 0), 2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}
_LENGTH = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(px|%)|0", re.ASCII)


def margin_shares(margins: str, width: float, height: float) -> Box:
    """Return the margins left, top, right, bottom as shares of a width×height canvas in pixels.

    `margins` has one to four lengths in the order of CSS, each of px, or of % of the canvas's side in that direction.
    Raises ValueError for other texts, with a message that names the length and the remedy.
    """
    lengths = [_LENGTH.fullmatch(word) for word in margins.split()]
    if len(lengths) not in _CSS:
        raise ValueError(f"margins has {len(lengths)} lengths. Give one to four, as 8% or 8% 40px")
    for word, found in zip(margins.split(), lengths, strict=True):
        if found is None:
            raise ValueError(f"margins has {word[:40]!r}. Give each length in px or %, 0 or more, as 40px")
    sides = [lengths[index] for index in _CSS[len(lengths)]]
    top, right, bottom, left = (
        float(one[1] or 0) / (100 if one[2] == "%" else side)
        for one, side in zip(sides, (height, width, height, width), strict=True)
        if one is not None
    )
    return left, top, right, bottom


def copy_room(frame: Frame) -> Box | None:
    """Return the room for copy: left, top, right, bottom as shares of the picture; None where none was ordered."""
    side, head = COPY_SIDE, COPY_HEAD
    rooms = {"left": (0.0, 0.0, side, 1.0), "right": (1 - side, 0.0, 1.0, 1.0), "top": (0.0, 0.0, 1.0, head)}
    return rooms.get(frame.copy_space)


def insets(preset: Preset, frame: Frame, width: float, height: float) -> Box:
    """Return what a frame keeps free at left, top, right and bottom, as shares of a width×height canvas in pixels."""
    free = margin_shares(frame.margins, width, height) if frame.margins else preset.margins
    kept = GAP + (COPY_HEAD if frame.copy_space == "top" else COPY_SIDE)
    pairs = zip(SIDES, free, strict=True)
    left, top, right, bottom = (max(margin, kept) if side == frame.copy_space else margin for side, margin in pairs)
    return left, top, right, bottom


def corner(preset: Preset, frame: Frame, space: Box, size: tuple[float, float], *, floor: float | None) -> Box:
    """Return the box of a product of that width and height, aligned in a space, pixels.

    `preset`: the preset's centre is a share of the space, and the middle beside copy; in a scene the product is a
    little below the middle. `floor`: the canvas's height, if the product stands in it. Then its foot stays at
    HIGHEST_FOOT or below.
    """
    left, top, right, bottom = space
    w, h = size
    free_x, free_y = right - left - w, bottom - top - h
    centre = 0.5 if frame.copy_space in ("left", "right") or frame.align != "preset" else preset.centre_x
    x = min(max(left + centre * (right - left) - w / 2, left), right - w) if free_x > 0 else left + free_x / 2
    x = left if frame.align.endswith("left") else right - w if frame.align.endswith("right") else x
    low = min(0.42 * free_y, 0.2 * (bottom - top)) if preset.background == "scene" and floor is not None else free_y / 2
    low = free_y / 2 if frame.align == "center" else low
    low = free_y if frame.align.startswith("top") else 0.0 if frame.align.startswith("bottom") else low
    if floor is not None:
        low = min(low, max(0.0, bottom - HIGHEST_FOOT * floor))
    return x, bottom - low - h, x + w, bottom - low


def frame_faults(preset: Preset, order: SwapOrder) -> Iterator[OptionFault]:
    """Yield the faults for which the product can't be framed as ordered.

    Pixels are of the ordered size. A preset of the photo's own size does not know them: the render refuses.
    """
    frame, output = order.frame, order.output
    own = (output.width, output.height) if output.width and output.height else preset.size
    if frame.copy_space != "none" and frame.copy_space in frame.align.split("_"):
        text = f"align={frame.align} puts the product where copy_space={frame.copy_space} keeps room for copy"
        yield OptionFault("align", "frame_align", f"{text}. Choose another align, or leave it out", frame.align)
    try:
        left, top, right, bottom = insets(preset, frame, *(own or (inf, inf)))
    except ValueError as error:
        yield OptionFault("margins", "frame_margins", str(error), frame.margins)
        return
    for side, used in (("width", left + right), ("height", top + bottom)):
        if 1 - used < LEAST_SPACE:
            text = f"margins and copy_space take {100 * used:.0f} % of the {side}. Leave {100 * LEAST_SPACE:.0f} %"
            yield OptionFault("margins", "frame_no_room", f"{text} or more for the product", frame.margins)
