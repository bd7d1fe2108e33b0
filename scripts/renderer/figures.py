"""Figures of the renderer from plain arrays: missed colours and errors of light."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans, vq

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import LUMINANCE, delta_e00, linear_to_srgb, srgb_to_lab

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Clusters in addition to the asked colours, for their shades and highlights.
SPARE = 3
#: Least share of the picture for a dominant colour.
MIN_SHARE = 0.02
#: Range of gains to try, in stops up and down, and the first step between them.
STOPS, STEP = 6.0, 0.5


def misses(picture: Array, asked: Sequence[str]) -> NDArray[np.float64]:
    """Return the CIEDE2000 of each asked colour (#rrggbb) to the nearest dominant colour of an H×W×3 sRGB picture.

    Dominant colours are centres of k-means in Lab, with SPARE more clusters than asked colours, that cover MIN_SHARE or
    more.
    """
    wanted = srgb_to_lab(np.stack([hex_to_rgb(colour) for colour in asked]))
    found = dominant(srgb_to_lab(picture).reshape(-1, 3), len(asked) + SPARE)
    return np.asarray(delta_e00(wanted[:, None], found[None]).min(1), np.float64)


def dominant(lab: Array, count: int) -> Array:
    """Return at most `count` dominant colours of N×3 Lab pixels, as K×3 Lab.

    The seeds are those of k-means++ (Arthur and Vassilvitskii, SODA 2007) from a fixed random stream, so that equal
    pictures have equal figures. Raises ValueError if there is no pixel.
    """
    pixels = lab.astype(np.float64)
    rng = np.random.default_rng(0)
    seeds = [pixels[rng.integers(len(pixels))]]
    apart = ((pixels - seeds[0]) ** 2).sum(1)
    while len(seeds) < count and apart.max() > 1e-6:
        seeds.append(pixels[rng.choice(len(pixels), p=apart / apart.sum())])
        apart = np.minimum(apart, ((pixels - seeds[-1]) ** 2).sum(1))
    centres, _ = kmeans(pixels, np.stack(seeds), thresh=1e-3)
    shares = np.bincount(vq(pixels, centres)[0], minlength=len(centres)) / len(pixels)
    return np.asarray(centres[shares >= MIN_SHARE], np.float32)


def exposure(truth: Array, albedo: Array, lit: Mask) -> float:
    """Return the gain at which the median of the luminance ratio of truth to albedo is 1 over the `lit` pixels.

    Both are H×W×3 linear. 1 if no pixel is lit.
    """
    if not lit.any():
        return 1.0
    ratio = (truth[lit] @ LUMINANCE) / np.maximum(albedo[lit] @ LUMINANCE, 1e-4)
    return float(1 / max(float(np.median(ratio)), 1e-6))


def light_error(linear: Array, truth: Array, lit: Mask) -> float:
    """Return the mean absolute difference in sRGB, 0–1, of two H×W×3 linear pictures over the `lit` pixels."""
    return float(np.abs(linear_to_srgb(linear[lit]) - linear_to_srgb(truth[lit])).mean())


def best_gain(linear: Array, truth: Array, lit: Mask) -> float:
    """Return the factor on an H×W×3 linear picture that minimises its `light_error`.

    Tries all gains within STOPS in steps of STEP, then finer ones around the best, to 1/128 stop.
    """
    best, reach, step = 0.0, STOPS, STEP
    while step >= 1 / 128:
        tried = best + np.arange(-reach, reach + step / 2, step)
        errors = [light_error(linear * np.float32(2**stops), truth, lit) for stops in tried]
        best = float(tried[int(np.argmin(errors))])
        reach, step = step, step / 4
    return float(2**best)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str | float]]) -> str:
    """Return a Markdown table with aligned columns; numbers have four significant digits."""
    cells = [list(head)] + [[cell if isinstance(cell, str) else f"{cell:.4g}" for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"## {title}", "", lines[0], rule, *lines[1:], ""])


def by_kind(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return groups of rows: all, all except bokeh (whose asked lights are only in the finishes), and each kind."""
    groups = {"all": rows, "all but bokeh": [row for row in rows if row["kind"] != "bokeh"]}
    groups |= {kind: [row for row in rows if row["kind"] == kind] for kind in sorted({row["kind"] for row in rows})}
    return {name: group for name, group in groups.items() if group}


def palette_table(rows: list[dict[str, Any]], title: str) -> str:
    """Return a table of mean and 95th percentile over the asked colours."""
    names = [name for name in ("sketch", "first", "network", "truth") if name in rows[0]]
    lines: list[list[str | float]] = []
    for kind, group in by_kind(rows).items():
        values = [np.concatenate([row[name] for row in group]) for name in names]
        figures = [float(figure) for each in values for figure in (each.mean(), np.percentile(each, 95))]
        lines.append([kind, str(len(values[0])), *figures])
    return table(title, ["kind", "colours", *(f"{name} {what}" for name in names for what in ("mean", "p95"))], lines)


def light_table(rows: list[dict[str, Any]], title: str) -> str:
    """Return a table of mean errors, the network's reductions in per cent, and its wins over first light."""
    net = "network" in rows[0]
    names = ["sketch_best", "first", "first_best", *(("network", "network_best") if net else ())]
    lines: list[list[str | float]] = []
    for kind, group in by_kind(rows).items():
        mean = {name: float(np.mean([row[name] for row in group])) for name in names}
        line: list[str | float] = [kind, str(len(group)), *mean.values()]
        for end in ("", "_best") if net else ():
            line += [100 * (1 - mean[f"network{end}"] / mean[against]) for against in ("sketch_best", f"first{end}")]
            line.append(f"{sum(row[f'network{end}'] < row[f'first{end}'] for row in group)}/{len(group)}")
        lines.append(line)
    ends = ("", " best") if net else ()
    reductions = [f"{what}{end}" for end in ends for what in ("% v sketch", "% v first", "better")]
    return table(title, ["kind", "scenes", *(name.replace("_", " ") for name in names), *reductions], lines)
