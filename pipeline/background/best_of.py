"""Best-of-n search: if a background misses the asked colours, Backdrop tries other seeds and keeps the best.

Each candidate is judged on a small picture, measured as the report measures the delivered file. Only the best is
rendered at the canvas's size. So a further seed costs one pass of a light network and a small picture. With a network
that paints pictures, it costs a whole picture.

Under light, the paint of each colour is solved for, and only a composition that hides a colour is useless. In a painted
picture, the colours near the asked ones are shifted, and the network may have enlarged the product.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
from PIL import Image

from pipeline.background.colour_transfer import (
    Lab,
    Match,
    Moves,
    anchors,
    fit_colours,
    measure,
    more_paint,
    more_shift,
    owners_near,
    owners_of,
    shifted,
)
from pipeline.background.growth import growth
from pipeline.background.paint import Painting, Unchanged, paint_light, paint_picture
from pipeline.background.scene_context import SceneContext
from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import ALL_STAGES, PaletteControl, meets_bars
from pipeline.compositing.effects import Effects, MissingShadow, Overlay, ProductEffects
from pipeline.compositing.kept_shadow import kept_shadow
from pipeline.core.errors import GeneratorRejected, PaintingWithheld
from pipeline.core.networks import Generator, Networks
from pipeline.core.order import SEED_LIMIT
from pipeline.core.parallel import by_rows, together
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Rgb
from pipeline.light.contacts import Exposed
from pipeline.light.relight import Shaded, developed, lit, repainted, shade, unlit
from pipeline.materials.albedo import Swatches
from pipeline.report import ExpansionReport, TriedBackground
from pipeline.scene.layout import Colour, Layout
from pipeline.scene.trace import trace

CacheStatus = Literal["computed", "cached"]

#: Longer side in pixels of the judged picture: its blocks of 2×2 are measured, which averages the grain.
JUDGED_SIDE = 256
#: The first attempt's share of the progress; each later attempt gets this share of the rest.
_FIRST_SHARE = 0.6
#: Minimum `Match.shown` of a background under light. Of 180 asked colours, the 9 below it missed by ΔE00 3.8 and more;
#: all colours that missed by more than 10 were among them.
LEAST_SHOWN = 0.01
#: Share of the usual starting noise for the last painting, where the product grew in all earlier ones.
LESS_NOISE = 0.75


@dataclass(frozen=True)
class Selection:
    """The best of the tried backgrounds."""

    layout: Layout
    #: H×W×3 sRGB in [0, 1], without the product, but with its shadow where the context has one.
    background: Rgb
    #: Adds the product's mirror image, in place; the judged picture included it.
    lay: Callable[[Rgb], Rgb]
    #: The seed of the background.
    seed: int
    #: For the report's provenance, in the order of the attempts.
    tried: list[TriedBackground]
    cache_status: CacheStatus = "computed"

    @property
    def expansion(self) -> ExpansionReport | None:
        """How much a network that saw the product enlarged it; None where no network saw it."""
        return next((row.expansion for row in self.tried if row.seed == self.seed and row.rejected is None), None)


def search(
    spec: Spec,
    context: SceneContext,
    networks: Networks,
    on_step: Callable[[float], None],
    *,
    control: PaletteControl = ALL_STAGES,
    shown: tuple[int, int] | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Selection:
    """Search for the best of n backgrounds: paint them for the context's canvas until one suits.

    With `shown`, width and height in pixels, the same search renders the same background at that smaller size. Each
    measured picture includes the context's postprocessing and the product's effects, as the delivered file does.
    Further seeds derive from the spec's own, so that the same spec gives the same picture.

    A generator of pictures paints `networks.paintings` times at most. If it holds products, a background in which the
    product has grown is rejected. So is a background that its safety checker withheld. Then another seed is tried, the
    last one with less noise. If all are rejected and the networks fall back, the renderer's own background is used.

    `on_step` never goes back; `clock` returns seconds. Raises GeneratorRejected, and the errors of
    `pipeline.background.paint.paint_background`.
    """
    aim = _Aim(spec, context, shown or context.size, control)
    count = 1 + (control.retries if asked_colours(spec).by_caller else 0)
    if networks.generator.capabilities.paints == "light":
        return _by_light(aim, networks.generator, on_step, count)
    return _by_picture(aim, networks, on_step, count, clock)


def fell_back(tried: list[TriedBackground]) -> bool:
    """Return whether the renderer's own background was used because all paintings were rejected."""
    painted = [row for row in tried if row.seconds is not None]
    return bool(painted) and all(row.rejected for row in painted)


def seeds(asked: int, count: int) -> list[int]:
    """Return `count` seeds: the asked seed, then others derived from it."""
    further = np.random.default_rng([asked, 1]).integers(SEED_LIMIT, size=count)
    return [asked, *(int(seed) for seed in further[1:])]


@dataclass(frozen=True)
class _Aim:
    """The aim of a search: the same for all its candidates."""

    spec: Spec
    context: SceneContext
    #: Width and height in pixels of the picture to render.
    size: tuple[int, int]
    control: PaletteControl

    @cached_property
    def small(self) -> tuple[int, int]:
        """Width and height in pixels of the judged picture."""
        width, height = self.context.size
        scale = min(1.0, JUDGED_SIDE / max(width, height))
        return max(16, round(width * scale)), max(16, round(height * scale))

    @cached_property
    def alpha(self) -> Alpha:
        """h×w: what is not measured in it."""
        return covered(self.context.alpha, *self.small)

    @property
    def asked(self) -> Lab:
        """asked×3 Lab: the asked colours."""
        return asked_colours(self.spec).lab

    def measured(self, picture: Rgb) -> Match:
        """Compare a judged picture with the asked colours."""
        return measure(picture, self.alpha, self.asked)


def covered(alpha: Alpha, width: int, height: int) -> Alpha:
    """Return coverage at another size."""
    return np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)


def _row(seed: int, match: Match) -> TriedBackground:
    if not match.deltas:
        return TriedBackground(seed, None, None)
    return TriedBackground(seed, round(match.mean, 2), round(match.worst, 2))


def _steps(on_step: Callable[[float], None]) -> Iterator[Callable[[float], None]]:
    """Yield the callback of each attempt, which gets its share of the progress."""

    def step(start: float, share: float, done: float) -> None:
        on_step(start + share * min(1.0, max(0.0, done)))

    before = 0.0
    while True:
        share = (1 - before) * _FIRST_SHARE
        yield partial(step, before, share)
        before += share


# Under light


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


def _by_light(aim: _Aim, generator: Generator, on_step: Callable[[float], None], count: int) -> Selection:
    """Try the compositions of `count` seeds until one shows all asked colours, and render the one that shows most."""
    swatches = Swatches(aim.context.size[1])
    best: _Lit | None = None
    tried = []
    large: tuple[Shaded, Overlay] | None = None
    for seed, step in zip(seeds(aim.spec.seed, count), _steps(on_step), strict=False):
        made, large = _lit(aim, seed, generator, step, swatches)
        tried.append(_row(seed, made.match))
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
    aim: _Aim, seed: int, generator: Generator, on_step: Callable[[float], None], swatches: Swatches
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
        lambda: shade(layout, light, *small, swatches=swatches, geometry=seen), lambda: effects.at(*small, seen)
    )

    def show(factors: Moves) -> Rgb:
        moved = repainted(scene, _moved(layout, factors))
        return overlay.mirror(developed(moved, lambda top, rows: context.postprocess(rows), blocked=overlay.blocked))

    def fitted() -> tuple[Moves, Match]:
        factors = np.ones(aim.asked.shape)
        if aim.control.transfer:
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


# By pictures


@dataclass(frozen=True)
class _Painted:
    """A painted picture, in which the colours near the asked ones are shifted."""

    row: TriedBackground
    layout: Layout
    painting: Painting
    #: The product's effects on it, without those that the network has painted.
    effects: Effects
    match: Match
    #: Shifts of the first of the K×3 Lab `anchors`.
    shifts: Moves
    fixed: Lab


def _by_picture(
    aim: _Aim, networks: Networks, on_step: Callable[[float], None], count: int, clock: Callable[[], float]
) -> Selection:
    """Let a generator paint until a picture meets the limits on colours, and render the best that is not rejected.

    For its colours it paints `count` pictures at most, further ones only if all of them are rejected.
    """
    best: _Painted | None = None
    tried: list[TriedBackground] = []
    for seed, step in zip(seeds(aim.spec.seed, networks.paintings), _steps(on_step), strict=False):
        if len(tried) >= count and best is not None:
            break
        last = 0 < len(tried) == networks.paintings - 1
        noise = LESS_NOISE if last and all(row.rejected == "grew" for row in tried) else 1.0
        began = clock()
        try:
            made = _painted(aim, seed, networks, step, noise)
            row = made.row
        except PaintingWithheld:
            row = TriedBackground(seed, None, None, rejected="withheld")
        tried.append(replace(row, seconds=round(clock() - began, 3)))
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
    own = _by_light(aim, Unchanged(), lambda done: None, 1)
    return replace(own, tried=[*tried, *own.tried])


def _painted(aim: _Aim, seed: int, networks: Networks, on_step: Callable[[float], None], noise: float) -> _Painted:
    """Return the candidate of a seed. If the network saw the product, measure its growth and the painted shadow."""
    spec, context, small = replace(aim.spec, seed=seed), aim.context, aim.small
    layout = context.compose(spec)
    traced = context.effects(layout)
    lay = partial(context.lay, traced, noise=noise)
    painting = paint_picture(spec, layout, *context.size, networks.generator, on_step, lay, context.reference)
    effects: Effects = traced
    shadow = grown = None
    if painting.laid is not None:
        picture, held = painting.picture, painting.laid.picture
        size = picture.shape[1], picture.shape[0]
        alpha = covered(context.alpha, *size)
        if traced.shadow is not None:
            cast = traced.shadow.at(*size), alpha, traced.shadow.contact(*size)
            kept = kept_shadow(picture, painting.drawing, *cast)
            shadow, effects = kept.verdict, MissingShadow(kept.missing)
        grown = growth(picture + alpha[..., None] * (held - picture), held, alpha, networks.segmenter)
    plain, overlay = context.postprocessed(painting.at(*small), Overlay()), effects.at(*small)
    seen = overlay(plain.copy())
    fixed, shifts = anchors(aim.asked, aim.measured(seen).centres), np.zeros(aim.asked.shape)

    def show(some: Moves) -> Rgb:
        return overlay(shifted(plain, fixed, some).copy())

    if aim.control.transfer:
        owners = owners_near(seen, fixed, len(aim.asked))
        shifts = fit_colours(aim.asked, shifts, show, more_shift, aim.alpha, owners)
    match = aim.measured(show(shifts))
    row = replace(_row(seed, match), shadow=shadow, expansion=grown)
    if grown is not None and grown.grew:
        row = replace(row, rejected="grew")
    return _Painted(row, layout, painting, effects, match, shifts, fixed)


def _rendered(aim: _Aim, best: _Painted, tried: list[TriedBackground]) -> Selection:
    overlay = best.effects.at(*aim.size)
    plain = aim.context.postprocessed(best.painting.at(*aim.size), Overlay())
    picture = shifted(plain, best.fixed, best.shifts)
    by_rows(len(picture), lambda top, bottom: overlay.darken(top, picture[top:bottom]))
    return Selection(best.layout, picture, overlay.mirror, best.row.seed, tried)
