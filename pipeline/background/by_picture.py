"""Backgrounds by a network that paints pictures: the colours near the asked ones are shifted in its picture.

The network may have enlarged the product or left out its shadow, so both are measured. A further seed costs a picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

from pipeline.background.by_light import by_light
from pipeline.background.colour_transfer import (
    Lab,
    Match,
    Moves,
    anchors,
    fit_colours,
    more_shift,
    owners_near,
    shifted,
)
from pipeline.background.growth import growth
from pipeline.background.paint import Painting, Unchanged, paint_picture
from pipeline.background.selection import Aim, Selection, covered, row_of, seeds, steps
from pipeline.colour.palette import meets_bars
from pipeline.compositing.effects import Overlay
from pipeline.compositing.kept_shadow import kept_shadow
from pipeline.core.errors import GeneratorRejected, PaintingWithheld
from pipeline.core.parallel import by_rows
from pipeline.core.resample import resize
from pipeline.core.types import Rgb
from pipeline.geometry.ray import Field
from pipeline.report import TriedBackground
from pipeline.scene.layout import Layout

#: Share of the usual starting noise for the last painting, where the product grew in all earlier ones.
LESS_NOISE = 0.75


@dataclass(frozen=True)
class _Painted:
    """A painted picture, in which the colours near the asked ones are shifted."""

    row: TriedBackground
    layout: Layout
    painting: Painting
    #: The product's effects on it at a width and height, without those that the network has painted.
    overlay: Callable[[int, int], Overlay]
    match: Match
    #: Shifts of the first of the K×3 Lab `anchors`.
    shifts: Moves
    fixed: Lab


def by_picture(aim: Aim, count: int) -> Selection:
    """Let a generator paint until a picture meets the limits on colours, and render the best that is not rejected.

    For its colours it paints `count` pictures at most, further ones only if all of them are rejected.
    """
    means, networks = aim.means, aim.means.networks
    best: _Painted | None = None
    tried: list[TriedBackground] = []
    for seed, step in zip(seeds(aim.spec.seed, networks.paintings), steps(means.on_step), strict=False):
        if len(tried) >= count and best is not None:
            break
        last = 0 < len(tried) == networks.paintings - 1
        noise = LESS_NOISE if last and all(row.rejected == "grew" for row in tried) else 1.0
        began = means.clock()
        try:
            made = _painted(aim, seed, step, noise)
            row = made.row
        except PaintingWithheld:
            row = TriedBackground(seed, None, None, rejected="withheld")
        tried.append(replace(row, seconds=round(means.clock() - began, 3)))
        if row.rejected:
            continue
        if best is None or made.match.score < best.match.score:
            best = made
        if meets_bars(made.match.deltas):
            break
    if best is not None:
        return _rendered(aim, best, tried)
    if not networks.falls_back:
        why = ", ".join(str(row.rejected) for row in tried)
        raise GeneratorRejected(
            f"All {len(tried)} paintings of the generator were rejected: {why}."
            " Try another scene or seed, or set BACKDROP_GENERATOR_FALLBACK=own to deliver a composed background."
        )
    own = by_light(aim, Unchanged(), lambda done: None, 1)
    return replace(own, tried=[*tried, *own.tried])


def _painted(aim: Aim, seed: int, on_step: Callable[[float], None], noise: float) -> _Painted:
    """Return the candidate of a seed. If the network saw the product, measure its growth and the painted shadow."""
    spec, context, small, networks = replace(aim.spec, seed=seed), aim.context, aim.small, aim.means.networks
    layout = context.compose(spec)
    traced = context.effects(layout)
    lay = partial(context.lay, traced, noise=noise)
    painting = paint_picture(spec, layout, *context.size, networks.generator, on_step, lay, context.reference)
    at: Callable[[int, int], Overlay] = traced.at
    shadow = grown = None
    if painting.laid is not None:
        picture, held = painting.picture, painting.laid.picture
        size = picture.shape[1], picture.shape[0]
        alpha = covered(context.alpha, *size)
        if traced.shadow is not None:
            cast = traced.shadow.at(*size), alpha, traced.shadow.contact(*size)
            kept = kept_shadow(picture, painting.drawing, *cast)
            shadow, at = kept.verdict, partial(_lacking, kept.missing)
        grown = growth(picture + alpha[..., None] * (held - picture), held, alpha, networks.segmenter)
    plain, overlay = context.postprocessed(painting.at(*small), Overlay()), at(*small)
    seen = overlay(plain.copy())
    fixed, shifts = anchors(aim.asked, aim.measured(seen).centres), np.zeros(aim.asked.shape)

    def show(some: Moves) -> Rgb:
        return overlay(shifted(plain, fixed, some).copy())

    if aim.means.control.transfer:
        owners = owners_near(seen, fixed, len(aim.asked))
        shifts = fit_colours(aim.asked, shifts, show, more_shift, aim.alpha, owners)
    match = aim.measured(show(shifts))
    row = replace(row_of(seed, match), shadow=shadow, expansion=grown)
    if grown is not None and grown.grew:
        row = replace(row, rejected="grew")
    return _Painted(row, layout, painting, at, match, shifts, fixed)


def _lacking(share: Field, width: int, height: int) -> Overlay:
    """Return the part of a shadow that a network did not paint: the h×w share of light that is still to be removed."""
    return Overlay(np.clip(resize(share, width, height, Image.Resampling.BICUBIC), 0, 1))


def _rendered(aim: Aim, best: _Painted, tried: list[TriedBackground]) -> Selection:
    overlay = best.overlay(*aim.size)
    plain = aim.context.postprocessed(best.painting.at(*aim.size), Overlay())
    picture = shifted(plain, best.fixed, best.shifts)
    by_rows(len(picture), lambda top, bottom: overlay.darken(top, picture[top:bottom]))
    return Selection(best.layout, picture, overlay.mirror, best.row.seed, tried)
