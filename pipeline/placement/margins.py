"""Rules of a place of publication on the product's box: how much of the picture it fills, and its free margins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.core.spec import Preset
from pipeline.placement.facts import Box
from pipeline.report import Status


@dataclass(frozen=True)
class PlacementRule:
    """One rule: the measured value, the bound, and the status; JSON-ready."""

    name: str
    measured: Any
    bound: Any
    status: Status


def placement_rules(
    preset: Preset, box: Box, scale: float, width: int, height: int, *, touches: tuple[str, ...] | None = None
) -> Iterator[PlacementRule]:
    """Yield the rules `fill`, `margins` and `enlargement` for a product whose tight box on a canvas is `box`, pixels.

    `scale`: canvas pixels per photo pixel. The first two rules apply only where the preset has them. `touches`: the
    sides of the canvas that the product touches on purpose; None: any that it touches. Too
    small a margin there only gives a warning.
    """
    if preset.fill_bounds is not None:
        lowest, highest = preset.fill_bounds
        fill = _fill(box, width, height)
        # half a pixel of rounding on each edge of the box does not break the rule
        slack = 1.0 / min(width, height)
        kept = lowest - slack <= fill <= highest + slack
        yield PlacementRule("fill", round(fill, 4), [lowest, highest], "pass" if kept else "fail")
    if any(rule.name == "margins" for rule in preset.rules):
        yield PlacementRule("margins", *_margins(box, preset, width, height, touches))
    yield PlacementRule("enlargement", round(scale, 3), 1.0, "warn" if scale > 1.0 + 1e-3 else "pass")


def _fill(box: Box, width: int, height: int) -> float:
    left, top, right, bottom = box
    return max((right - left) / width, (bottom - top) / height)


def _margins(
    box: Box, preset: Preset, width: int, height: int, touches: tuple[str, ...] | None
) -> tuple[list[float], list[float], Status]:
    """Return the free shares at the left, top, right and bottom, their minimum values, and the status.

    A product that its photo crops touches the edge on purpose, so it gets a warning.
    """
    left, top, right, bottom = box
    x, y = (left / width, (width - right) / width), (top / height, (height - bottom) / height)
    free = {"left": x[0], "top": y[0], "right": x[1], "bottom": y[1]}
    pixel = 1.0 / min(width, height)
    short = [side for side, least in zip(free, preset.margins, strict=True) if free[side] < least - pixel]
    meant = 0.0 in free.values() if touches is None else set(short) <= set(touches)
    status: Status = "pass" if not short else "warn" if meant else "fail"
    return [round(there, 4) for there in free.values()], list(preset.margins), status
