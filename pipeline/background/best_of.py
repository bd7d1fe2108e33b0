"""Best-of-n search: if a background misses the asked colours, Backdrop tries other seeds and keeps the best.

Each candidate is judged on a small picture, measured as the report measures the delivered file. Only the best is
rendered at the canvas's size. So a further seed costs one pass of a light network and a small picture. With a network
that paints pictures, it costs a whole picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

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
from pipeline.background.context import SceneContext, postprocessed
from pipeline.background.growth import Growth
from pipeline.background.overlay import Unchanged, growth_of, shadow_of
from pipeline.background.paint import Painting, paint
from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import ALL_STAGES, PaletteControl, meets_bars
from pipeline.compositing.effects import Effects, MissingShadow, Overlay
from pipeline.compositing.kept_shadow import KeptShadow
from pipeline.core.errors import GeneratorRejected, PaintingWithheld
from pipeline.core.networks import Generator, Networks, Segmenter
from pipeline.core.order import SEED_LIMIT
from pipeline.core.parallel import by_rows, together
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Rgb
from pipeline.light.relight import Shaded, developed, lit, repainted, unlit
from pipeline.materials.swatches import Swatches
from pipeline.report import TriedBackground
from pipeline.scene.layout import Colour, Layout
from pipeline.scene.trace import trace

Lay = Callable[[Rgb], Rgb]

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
class Candidate:
    """A background that was tried."""

    seed: int
    painting: Painting
    #: The product's effects on it, without those that the network has painted.
    effects: Effects
    #: None where nothing was measured, because the product leaves no background.
    match: Match | None
    #: Albedo factors of parts, or shifts of the colours about `fixed`.
    moves: Moves
    #: K×3 Lab `pipeline.background.colour_transfer.anchors` of a painted picture.
    fixed: Lab | None = None
    #: The product's shadow and growth in the painting of a network that saw the product.
    shadow: KeptShadow | None = None
    growth: Growth | None = None
    #: Its full-size scene before light, and its overlay of effects, where they were made in parallel with the fit.
    unlit: Shaded | None = None
    lay: Overlay | None = None

    @property
    def grew(self) -> bool:
        """Whether the product has grown in it."""
        return self.growth is not None and self.growth.grew

    @property
    def suits(self) -> bool:
        """Whether it is good enough to stop the search.

        Under light, colours can be solved for. Only a composition that shows too little of a colour, in shade or
        hidden, is useless.
        """
        if self.match is None:
            return True
        return meets_bars(self.match.deltas) if self.fixed is not None else self.match.shown >= LEAST_SHOWN

    @property
    def miss(self) -> float:
        """Its error, to compare candidates of one generator; the lower the better."""
        if self.match is None:
            return 0.0
        return self.match.score if self.fixed is not None else -self.match.shown

    def row(self) -> TriedBackground:
        """Return it as a row of the report."""
        return TriedBackground(
            seed=self.seed,
            mean_delta_e00=None if self.match is None else round(self.match.mean, 2),
            worst_delta_e00=None if self.match is None else round(self.match.worst, 2),
            rejected="grew" if self.grew else None,
            shadow=None if self.shadow is None else self.shadow.verdict,
            expansion=None if self.growth is None else self.growth.row(),
        )


@dataclass(frozen=True)
class Selection:
    """The best of the tried backgrounds."""

    layout: Layout
    #: H×W×3 sRGB in [0, 1], without the product, but with its shadow where the context has one.
    background: Rgb
    #: Adds the product's mirror image, in place; the judged picture included it.
    lay: Lay
    #: The seed of the background.
    seed: int
    #: For the report's provenance, in the order of the attempts.
    tried: list[TriedBackground]
    #: How much a network that saw the product enlarged it.
    growth: Growth | None = None


def search(
    spec: Spec,
    context: SceneContext,
    alpha: Alpha,
    networks: Networks,
    on_step: Callable[[float], None],
    *,
    control: PaletteControl = ALL_STAGES,
    shown: tuple[int, int] | None = None,
    watched: bool = True,
    clock: Callable[[], float] = lambda: 0.0,
) -> Selection:
    """Search for the best of n backgrounds: paint them for a canvas of `alpha`'s size until one suits.

    With `shown`, width and height in pixels, the same search renders the same background at that smaller size.
    `alpha` is the product's H×W coverage, which is not measured. Each measured picture includes the context's
    postprocessing and the product's effects, as the delivered file does. Further seeds derive from the spec's own, so
    that the same spec gives the same picture.

    A generator of pictures paints `networks.paintings` times at most. If it holds products, and `watched` is set, a
    background in which the product has grown is rejected. So is a background that its safety checker withheld. Then
    another seed is tried, the last one with less noise. If all are rejected and the networks fall back, the renderer's
    own background is used.

    `on_step` never goes back; `clock` returns seconds. Raises GeneratorRejected, and the errors of
    `pipeline.background.paint.paint`.
    """
    generator = networks.generator
    segmenter = networks.segmenter if watched and generator.capabilities.holds else None
    best: Candidate | None = None
    rows: list[TriedBackground] = []
    size = shown or (alpha.shape[1], alpha.shape[0])
    swatches = Swatches(alpha.shape[0])
    before = 0.0
    for_colours = 1 + (control.retries if asked_colours(spec).by_caller else 0)
    pictures = generator.capabilities.paints == "picture"
    most = networks.paintings if pictures else for_colours
    for number, seed in enumerate(seeds(spec.seed, most)):
        if number >= for_colours and best is not None:
            break
        all_grew = number > 0 and all(row.rejected == "grew" for row in rows)
        noise = LESS_NOISE if all_grew and number == most - 1 else 1.0
        share = (1 - before) * _FIRST_SHARE
        start = before

        def step(done: float, start: float = start, share: float = share) -> None:
            on_step(start + share * min(1.0, max(0.0, done)))

        one, began = replace(spec, seed=seed), clock() if pictures else 0.0
        try:
            made = _candidate(one, context, alpha, size, generator, step, control, swatches, segmenter, noise)
        except PaintingWithheld:
            rows.append(TriedBackground(seed, None, None, rejected="withheld", seconds=round(clock() - began, 3)))
            before += share
            continue
        before += share
        rows.append(replace(made.row(), seconds=round(clock() - began, 3)) if pictures else made.row())
        suits = made.suits and not made.grew
        if not suits:
            # Free it before the next candidate: it takes 100 MB at 2048×2048.
            made = replace(made, unlit=None, lay=None)
        if not made.grew and (best is None or made.miss < best.miss):
            best = made
        if suits:
            break
    if best is None and not networks.falls_back:
        raise GeneratorRejected(
            f"All {len(rows)} paintings of the generator were rejected: {', '.join(str(row.rejected) for row in rows)}."
            " Try another scene or seed, or set BACKDROP_GENERATOR_FALLBACK=own to deliver a composed background."
        )
    if best is None:
        best = _candidate(spec, context, alpha, size, Unchanged(), lambda done: None, control, swatches)
        rows.append(best.row())
    overlay = best.lay or best.effects.at(*size)
    background = _shown(best, alpha.shape[::-1], size, context, swatches, overlay)
    return Selection(best.painting.layout, background, overlay.mirror, best.seed, rows, best.growth)


def fell_back(tried: list[TriedBackground]) -> bool:
    """Return whether the renderer's own background was used because all paintings were rejected."""
    painted = [row for row in tried if row.seconds is not None]
    return bool(painted) and all(row.rejected for row in painted)


def seeds(asked: int, count: int) -> list[int]:
    """Return `count` seeds: the asked seed, then others derived from it."""
    further = np.random.default_rng([asked, 1]).integers(SEED_LIMIT, size=count)
    return [asked, *(int(seed) for seed in further[1:])]


def _candidate(
    spec: Spec,
    context: SceneContext,
    alpha: Alpha,
    size: tuple[int, int],
    generator: Generator,
    on_step: Callable[[float], None],
    control: PaletteControl,
    swatches: Swatches,
    segmenter: Segmenter | None = None,
    noise: float = 1.0,
) -> Candidate:
    height, width = alpha.shape
    layout = context.compose(spec)
    traced = context.effects(layout) if generator.capabilities.holds else None
    lay = None if traced is None else partial(context.lay, traced, noise=noise)
    by_light = generator.capabilities.paints == "light"

    def painted() -> Painting:
        made = paint(spec, layout, width, height, generator, on_step, lay, context.reference)
        if by_light:
            _ = made.exposed  # kept from here on
        return made

    effects: Effects
    if by_light:
        painting, effects = swatches.make_beside(layout, painted, lambda: traced or context.effects(layout))
    else:
        painting = painted()
        effects = traced or context.effects(layout)
    shadow = None if traced is None else shadow_of(painting.picture, painting.drawing, traced, alpha)
    grown = None if segmenter is None else growth_of(painting.picture, painting.laid, alpha, segmenter)
    if shadow is not None:
        effects = MissingShadow(shadow.missing)
    scale = min(1.0, JUDGED_SIDE / max(width, height))
    small = max(16, round(width * scale)), max(16, round(height * scale))
    asked = asked_colours(spec).lab
    free = np.clip(resize(alpha, *small, Image.Resampling.BOX), 0, 1)
    with_effects: Overlay
    if by_light:
        # The parts in the asked colours are known, and so is their light.
        seen = painting.traced(*small)
        scene, with_effects = together(
            lambda: painting.shaded(*small, swatches, seen), lambda: effects.at(*small, seen)
        )

        def show(factors: Moves) -> Rgb:
            moved = repainted(scene, _moved(scene.layout, factors))
            shown = developed(moved, lambda top, rows: context.postprocess(rows), blocked=with_effects.blocked)
            return with_effects.mirror(shown)

        def fitted() -> tuple[Moves, Match | None]:
            moves = np.ones(asked.shape)
            if control.transfer:
                moves = fit_colours(asked, moves, show, more_paint, free, owners_of(scene))
            return moves, measure(show(moves), free, asked)

        def large() -> tuple[Shaded, Overlay]:
            large_geometry = trace(layout, *size)
            drawn, overlay = together(
                lambda: unlit(layout, *size, swatches=swatches, geometry=large_geometry),
                lambda: effects.at(*size, large_geometry),
            )
            return drawn, overlay

        # The fit of small pictures uses one core. The other core makes the parts of the large picture that no colour
        # changes.
        (moves, match), (drawn, overlay) = together(fitted, large)
        return Candidate(spec.seed, painting, effects, match, moves, unlit=drawn, lay=overlay)
    plain, shadowed = postprocessed(painting.at(*small), context, Overlay()), effects.at(*small)
    moves, match, fixed = _shifted(plain, shadowed, free, asked, transfer=control.transfer)
    return Candidate(spec.seed, painting, effects, match, moves, fixed, shadow, grown)


def _shifted(
    plain: Rgb, overlay: Overlay, free: Alpha, asked: Lab, *, transfer: bool
) -> tuple[Moves, Match | None, Lab | None]:
    """Return the moves that bring a small h×w×3 picture to the asked colours, the match after them, and the anchors."""
    moves, seen = np.zeros(asked.shape), overlay(plain.copy())
    match = measure(seen, free, asked)
    if match is None:
        return moves, None, None
    fixed = anchors(asked, match.centres)
    if transfer:

        def moved(some: Moves) -> Rgb:
            return overlay(shifted(plain, fixed, some).copy())

        moves = fit_colours(asked, moves, moved, more_shift, free, owners_near(seen, fixed, len(asked)))
        match = measure(moved(moves), free, asked)
    return moves, match, fixed


def _shown(
    candidate: Candidate,
    canvas: tuple[int, ...],
    shown: tuple[int, ...],
    context: SceneContext,
    swatches: Swatches,
    overlay: Overlay,
) -> Rgb:
    """Return H×W×3 sRGB in [0, 1]: the background at the size `shown` (width, height), with the judged moves.

    It includes the shadow of `overlay`. Where the size is less than the canvas's, the grain is that of the canvas
    reduced to that size.
    """
    painting, (width, height) = candidate.painting, shown
    if candidate.match is None:
        return postprocessed(painting.at(width, height), context, overlay)
    if candidate.fixed is not None:
        plain = postprocessed(painting.at(width, height), context, Overlay())
        picture = shifted(plain, candidate.fixed, candidate.moves)
        by_rows(len(picture), lambda top, bottom: overlay.darken(top, picture[top:bottom]))
        return picture
    drawn = candidate.unlit or unlit(painting.layout, width, height, swatches=swatches)
    swatches.clear()
    scene = lit(drawn, painting.exposed, colours=_moved(painting.layout, candidate.moves))
    if shown != canvas:
        lens = replace(scene.layout.lens, grain=scene.layout.lens.grain * seen_grain(canvas, shown))
        scene = replace(scene, layout=replace(scene.layout, lens=lens))
    # Postprocessing linear light takes a quarter of the time, and differs only in the grain.
    return developed(scene, blocked=overlay.blocked, on_light=lambda top, rows: context.postprocess_light(rows))


def seen_grain(canvas: tuple[int, ...], shown: tuple[int, ...]) -> float:
    """Return the share of the grain's standard deviation that is left when a canvas is reduced in size.

    A pixel's grain is the sum of 2×2 numbers (`pipeline.kernels.image.lens.grain`). The mean of k×k such pixels has
    (2k - 1) / k² of it.
    """
    k = max(1.0, max(canvas) / max(shown))
    return (2 * k - 1) / k**2


def _moved(layout: Layout, factors: Moves) -> tuple[Colour, ...]:
    """Return a layout's colours, the first of them multiplied by the linear factors, one factor each."""
    colours = layout.colours
    moved = tuple(
        np.asarray(colour * factor, np.float32) if (factor != 1).any() else colour
        for colour, factor in zip(colours, factors, strict=False)
    )
    return (*moved, *colours[len(moved) :])
