"""A chart of the cost of fleets against the time of jobs, as a PNG file (Pillow)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_SIZE, _MARGIN = (1100, 700), (90, 60, 240, 70)  # left, top, right, bottom
_INK, _GREY, _FIXED, _SCALED, _BOUND = "#222222", "#dddddd", "#1f6fb4", "#c8642a", "#2c8a4b"


@dataclass(frozen=True)
class Point:
    """A fleet: mean and peak workers, cost an hour, seconds of waits, and `p95` from submit to end (inf: it grows)."""

    name: str
    workers: float
    peak: int
    cost: float
    wait: float
    wait_p95: float
    p95: float
    cold_starts: int
    lost: int


def draw(points: Sequence[Point], bound: float, path: Path) -> None:
    """Write a chart: cost to the right, p95 upwards on a logarithmic axis. Fleets with a growing queue are left out."""
    shown = [one for one in points if math.isfinite(one.p95)]
    picture = Image.new("RGB", _SIZE, "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    left, top, right, bottom = _MARGIN[0], _MARGIN[1], _SIZE[0] - _MARGIN[2], _SIZE[1] - _MARGIN[3]
    most = 1.08 * max((one.cost for one in shown), default=1.0)
    low = 0.8 * min([bound, *(one.p95 for one in shown)])
    high = 1.25 * max([bound, *(one.p95 for one in shown)])

    def at(cost: float, p95: float) -> tuple[float, float]:
        up = math.log(p95 / low) / math.log(high / low)
        return left + (right - left) * cost / most, bottom - (bottom - top) * up

    for tick in _nice(most):
        x = at(tick, low)[0]
        pen.line([(x, top), (x, bottom)], _GREY)
        pen.text((x, bottom + 8), f"{tick:g}", _INK, font, anchor="ma")
    for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for tick in (1, 2, 5):
            value = tick * 10.0**decade
            if low <= value <= high:
                y = at(0, value)[1]
                pen.line([(left, y), (right, y)], _GREY)
                pen.text((left - 8, y), f"{value:g} s", _INK, font, anchor="rm")
    y = at(0, bound)[1]
    pen.line([(left, y), (right, y)], _BOUND, 2)
    pen.text((right + 8, y), f"p95 bar: {bound:g} s", _BOUND, font, anchor="lm")
    fixed = [one for one in shown if one.name.endswith("fixed")]
    if len(fixed) > 1:
        pen.line([at(one.cost, one.p95) for one in fixed], _FIXED, 2)
    for one in shown:
        x, y = at(one.cost, one.p95)
        colour = _FIXED if one in fixed else _SCALED
        pen.ellipse([x - 5, y - 5, x + 5, y + 5], colour)
        pen.text((x + 9, y - 6), one.name, colour, font, anchor="ls")
    pen.rectangle([left, top, right, bottom], outline=_INK)
    pen.text(
        (left, top - 14), "Submit to end, 95th percentile, against cost", _INK, ImageFont.load_default(20), anchor="ls"
    )
    pen.text(((left + right) / 2, bottom + 40), "cost an hour", _INK, font, anchor="ma")
    picture.save(path, "PNG")


def _nice(most: float) -> list[float]:
    """Return about five round numbers up to `most`."""
    size = 10.0 ** math.floor(math.log10(most / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if most / (size * factor) <= 6)
    return [step * number for number in range(int(most / step) + 1)]
