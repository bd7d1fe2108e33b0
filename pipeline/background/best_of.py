"""Best-of-n search: where a background misses the asked colours, other seeds are tried, and the best one is selected.

Each is judged on a small picture, measured as the report measures the delivered file; only the best is shown at the
canvas's size. So a further seed costs a light network's pass and a small picture, and a painted picture's whole.
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

#: Longer side in pixels of the picture that is judged: its blocks of 2×2 are measured, so that grain is averaged there.
JUDGED_SIDE = 256
#: Of the progress of all attempts, what the first takes, and then the second of the rest.
_FIRST_SHARE = 0.6
#: The least `Match.shown` of a background under light. Of 180 asked colours the 9 below missed by ΔE00 3.8 and more,
#: all that missed by more than 10 among them.
LEAST_SHOWN = 0.01
#: Of the noise that a generator starts the last painting with, where all before it grew the product.
LESS_NOISE = 0.75


@dataclass(frozen=True)
class Candidate:
    """One background that was tried."""

    seed: int
    painting: Painting
    #: What the product does to it, as far as the network has not painted it.
    effects: Effects
    #: None where nothing was measured: the product leaves nothing free.
    match: Match | None
    #: Albedo factors of parts, or shifts of the colours about `fixed`.
    moves: Moves
    #: K×3 Lab `pipeline.background.colour_transfer.anchors` of a painted picture.
    fixed: Lab | None = None
    #: What a network that saw the product made of its shadow, and of the product.
    shadow: KeptShadow | None = None
    growth: Growth | None = None
    #: What is to be shown of it, and what lays the effects on that, where they were made beside the fit.
    unlit: Shaded | None = None
    lay: Overlay | None = None

    @property
    def grew(self) -> bool:
        """Whether the product has grown in it."""
        return self.growth is not None and self.growth.grew

    @property
    def suits(self) -> bool:
        """Whether no other seed need be tried.

        Light is solved for the colours: only a composition that shows too little of one, in shade or hidden, is no use.
        """
        if self.match is None:
            return True
        return meets_bars(self.match.deltas) if self.fixed is not None else self.match.shown >= LEAST_SHOWN

    @property
    def miss(self) -> float:
        """The less the better, among those of one generator."""
        if self.match is None:
            return 0.0
        return self.match.score if self.fixed is not None else -self.match.shown

    def row(self) -> TriedBackground:
        """Return what the report says of it."""
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
    """The best of the backgrounds that were tried."""

    layout: Layout
    #: H×W×3 sRGB in [0, 1], without the product, but with its shadow where the context has one.
    background: Rgb
    #: Lays what else the product does to it, its mirror image, in its own array; was there when it was judged.
    lay: Lay
    #: The seed that it was made of.
    seed: int
    #: For the report's provenance, in the order in which they were tried.
    tried: list[TriedBackground]
    #: How much a network that saw the product painted on it.
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

    With `shown`, width and height in pixels, the same search ends with the same background at that smaller size.
    `alpha` is the product's H×W coverage, which is left out of the measure. The context's postprocessing and the
    product's effects are there when it is measured, as they are in the delivered file. Further seeds come from the
    spec's own, so that the same spec gives the same picture. A generator of pictures paints `networks.paintings` times
    at most. Where it holds products, and they are `watched`, a background on which the product has grown is rejected,
    and so is what its safety checker withheld: another seed is tried, the last one with less noise. Where all are
    rejected the renderer's own background is taken, if the networks fall back. `on_step` never goes back; `clock` gives
    seconds. Raises GeneratorRejected, and as `pipeline.background.paint.paint` does.
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
            # Before another is made: 100 MB at 2048×2048.
            made = replace(made, unlit=None, lay=None)
        if not made.grew and (best is None or made.miss < best.miss):
            best = made
        if suits:
            break
    if best is None and not networks.falls_back:
        raise GeneratorRejected(
            f"All {len(rows)} paintings of the generator were rejected: {', '.join(str(row.rejected) for row in rows)}."
            " Another scene or seed may pass; BACKDROP_GENERATOR_FALLBACK=own delivers a composed background instead."
        )
    if best is None:
        best = _candidate(spec, context, alpha, size, Unchanged(), lambda done: None, control, swatches)
        rows.append(best.row())
    overlay = best.lay or best.effects.at(*size)
    background = _shown(best, alpha.shape[::-1], size, context, swatches, overlay)
    return Selection(best.painting.layout, background, overlay.mirror, best.seed, rows, best.growth)


def fell_back(tried: list[TriedBackground]) -> bool:
    """Tell whether the renderer's own background was taken, since all that was painted in its place was rejected."""
    painted = [row for row in tried if row.seconds is not None]
    return bool(painted) and all(row.rejected for row in painted)


def seeds(asked: int, count: int) -> list[int]:
    """Return `count` seeds: the asked one, then others that follow from it."""
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
    layout = context.compose(spec if control.sketch else replace(spec, palette=()))
    traced = context.effects(layout) if generator.capabilities.holds else None
    lay = None if traced is None else partial(context.lay, traced, noise=noise)
    by_light = generator.capabilities.paints == "light" and control.sketch

    def painted() -> Painting:
        made = paint(spec, layout, width, height, generator, on_step, control, lay)
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
        # The parts that have the asked colours are known, and so is their light.
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

        # The fit, of small pictures, keeps one core busy: what no colour changes of the large one is made beside it.
        (moves, match), (drawn, overlay) = together(fitted, large)
        return Candidate(spec.seed, painting, effects, match, moves, unlit=drawn, lay=overlay)
    plain, shadowed = postprocessed(painting.at(*small), context, Overlay()), effects.at(*small)
    moves, match, fixed = _shifted(plain, shadowed, free, asked, transfer=control.transfer)
    return Candidate(spec.seed, painting, effects, match, moves, fixed, shadow, grown)


def _shifted(
    plain: Rgb, overlay: Overlay, free: Alpha, asked: Lab, *, transfer: bool
) -> tuple[Moves, Match | None, Lab | None]:
    """Return the moves that bring a small h×w×3 picture to the colours asked, what is met then, and the anchors."""
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
    """Return H×W×3 sRGB in [0, 1]: the background at the size `shown` (width, height), with the moves that were judged.

    With the shadow of `overlay`. Where that size is less than the canvas's, its grain is that of the canvas seen from
    so far away.
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
    # On light it is a quarter of the work, and but for the grain the same.
    return developed(scene, blocked=overlay.blocked, on_light=lambda top, rows: context.postprocess_light(rows))


def seen_grain(canvas: tuple[int, ...], shown: tuple[int, ...]) -> float:
    """Return the share of the grain's standard deviation that is left where a canvas is seen at a smaller size.

    A pixel's grain is the sum of 2×2 numbers (`pipeline.kernels.image.lens.grain`); of the mean of k×k such pixels it
    is (2k - 1) / k² of one's.
    """
    k = max(1.0, max(canvas) / max(shown))
    return (2 * k - 1) / k**2


def _moved(layout: Layout, factors: Moves) -> tuple[Colour, ...]:
    """Return a layout's colours, the first of them multiplied by linear factors, so many as there are."""
    colours = layout.colours
    moved = tuple(
        np.asarray(colour * factor, np.float32) if (factor != 1).any() else colour
        for colour, factor in zip(colours, factors, strict=False)
    )
    return (*moved, *colours[len(moved) :])
