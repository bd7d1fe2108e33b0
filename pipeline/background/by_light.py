"""Backgrounds under light: the paint of each asked colour is solved for, and a network corrects the light.

Only a composition that hides a colour is useless. So a further seed costs one pass of the network and a small picture,
and only the best is rendered at the canvas's size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.background.colour_transfer import Match, Moves, fit_colours, more_paint, owners_of
from pipeline.background.paint import paint_light
from pipeline.background.selection import Aim, Selection, row_of, seeds, steps
from pipeline.compositing.effects import Overlay, ProductEffects
from pipeline.core.networks import Generator
from pipeline.core.parallel import together
from pipeline.core.types import Rgb
from pipeline.light.contacts import Exposed
from pipeline.light.relight import Shaded, developed, lit, repainted, unlit
from pipeline.materials.albedo import Swatches
from pipeline.scene.layout import Colour, Layout
from pipeline.scene.trace import trace

#: Minimum `Match.shown` of a background under light. Of 180 asked colours, the 9 below it missed by ΔE00 3.8 and more;
#: all colours that missed by more than 10 were among them.
LEAST_SHOWN = 0.01


@dataclass(frozen=True)
class _Lit:
    """A composition under light, in which each asked colour has its paint."""

    seed: int
    layout: Layout
    light: Exposed
    effects: ProductEffects
    match: Match
    #: asked×3 albedo factors.
    factors: Moves


def by_light(aim: Aim, generator: Generator, on_step: Callable[[float], None], count: int) -> Selection:
    """Try the compositions of `count` seeds until one shows all asked colours, and render the one that shows most."""
    swatches = Swatches(aim.context.size[1])
    best: _Lit | None = None
    tried = []
    large: tuple[Shaded, Overlay] | None = None
    for seed, step in zip(seeds(aim.spec.seed, count), steps(on_step), strict=False):
        made, large = _lit(aim, seed, generator, step, swatches)
        tried.append(row_of(seed, made.match))
        if best is None or made.match.shown > best.match.shown:
            best = made
        if made.match.shown >= LEAST_SHOWN:
            break
        large = None  # before the next candidate: it takes 100 MB at 2048×2048
    assert best is not None, "count is at least 1"
    drawn, overlay = large or (unlit(best.layout, *aim.size, swatches=swatches), best.effects.at(*aim.size))
    swatches.clear()
    scene = lit(drawn, best.light, colours=_moved(best.layout, best.factors))
    if aim.size != aim.context.size:
        lens = replace(scene.layout.lens, grain=scene.layout.lens.grain * seen_grain(aim.context.size, aim.size))
        scene = replace(scene, layout=replace(scene.layout, lens=lens))
    # Postprocessing linear light takes a quarter of the time, and differs only in the grain.
    tone = aim.context.postprocess_light
    picture = developed(scene, blocked=overlay.blocked, on_light=lambda top, rows: tone(rows))
    return Selection(best.layout, picture, overlay.mirror, best.seed, tried)


def _lit(
    aim: Aim, seed: int, generator: Generator, on_step: Callable[[float], None], swatches: Swatches
) -> tuple[_Lit, tuple[Shaded, Overlay]]:
    """Return the candidate of a seed, and its large picture's parts: the scene before light, and the effects."""
    spec, context, small = replace(aim.spec, seed=seed), aim.context, aim.small
    layout = context.compose(spec)
    light, effects = swatches.make_beside(
        layout,
        lambda: Exposed.of(layout, paint_light(spec, layout, *context.size, generator, on_step)),
        lambda: context.effects(layout),
    )
    # The parts in the asked colours are known, and so is their light.
    first = light.light.geometry
    overlay: Overlay
    seen = first if first.depth.shape == small[::-1] else trace(layout, *small)
    scene, overlay = together(
        lambda: lit(unlit(layout, *small, swatches=swatches, geometry=seen), light), lambda: effects.at(*small, seen)
    )

    def show(factors: Moves) -> Rgb:
        moved = repainted(scene, _moved(layout, factors))
        return overlay.mirror(developed(moved, lambda top, rows: context.postprocess(rows), blocked=overlay.blocked))

    def fitted() -> tuple[Moves, Match]:
        factors = np.ones(aim.asked.shape)
        if aim.means.control.transfer:
            factors = fit_colours(aim.asked, factors, show, more_paint, aim.alpha, owners_of(scene))
        return factors, aim.measured(show(factors))

    def large() -> tuple[Shaded, Overlay]:
        geometry = trace(layout, *aim.size)
        drawn, shadowed = together(
            lambda: unlit(layout, *aim.size, swatches=swatches, geometry=geometry),
            lambda: effects.at(*aim.size, geometry),
        )
        return drawn, shadowed

    # The fit of small pictures uses one core. The other core makes the large picture's parts.
    (factors, match), parts = together(fitted, large)
    return _Lit(seed, layout, light, effects, match, factors), parts


def _moved(layout: Layout, factors: Moves) -> tuple[Colour, ...]:
    """Return a layout's colours, the first of them multiplied by the linear factors, one factor each."""
    colours = layout.colours
    moved = tuple(
        np.asarray(colour * factor, np.float32) if (factor != 1).any() else colour
        for colour, factor in zip(colours, factors, strict=False)
    )
    return (*moved, *colours[len(moved) :])


def seen_grain(canvas: tuple[int, ...], shown: tuple[int, ...]) -> float:
    """Return the share of the grain's standard deviation that is left when a canvas is reduced in size.

    A pixel's grain is the sum of 2×2 numbers (`pipeline.kernels.image.lens.grain`). The mean of k×k such pixels has
    (2k - 1) / k² of it.
    """
    k = max(1.0, max(canvas) / max(shown))
    return (2 * k - 1) / k**2
