"""The best-of-n search: other seeds only where the colours are off, the best is kept, and it repeats itself."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.background.best_of import search
from pipeline.background.scene_context import NO_EFFECTS, SceneContext
from pipeline.background.selection import JUDGED_SIDE, Means, Selection, seeds
from pipeline.colour.asked import AskedColours, asked_colours
from pipeline.colour.palette import MEAN_BAR, PaletteControl, background_pixels, compare_palette
from pipeline.colour.spaces import delta_e00, linear_to_srgb, srgb_to_lab, srgb_to_linear
from pipeline.compositing.effects import Overlay, ProductEffects
from pipeline.core.networks import PaintRequest
from pipeline.core.spec import SceneKind, Spec
from pipeline.scene.layout import Layout
from pipeline.scene.trace import Geometry
from testkit.still_life import Darkener, networks, preset, spec
from tests.lanes import rest_in_gate

ASKED = ("#2f5d50", "#e8dcc8", "#c96f4a")


class Painter(Darkener):
    """Paints one flat colour for any request, another colour at each call, and keeps the requests."""

    def __init__(self, *colours: tuple[float, float, float]) -> None:
        super().__init__("picture", size=96)
        self.colours = colours
        self.given: list[PaintRequest] = []

    def painted(self, request: PaintRequest) -> np.ndarray:
        self.given.append(request)
        for done in (0.5, 1.0):
            request.on_step(done)
        colour = self.colours[min(len(self.given), len(self.colours)) - 1]
        return np.broadcast_to(np.asarray(colour, np.float32), request.conditions.sketch.shape).copy()


def product(width: int, height: int) -> np.ndarray:
    alpha = np.zeros((height, width), np.float32)
    alpha[int(0.3 * height) : int(0.85 * height), int(0.35 * width) : int(0.65 * width)] = 1
    return alpha


class Square(SceneContext):
    """A context on a square canvas, where a product may have effects and a photo its light."""

    def __init__(
        self,
        side: int,
        finish: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
        product_effects: ProductEffects = NO_EFFECTS,
    ) -> None:
        super().__init__(product(side, side), {"product_aspect": 0.55}, np.ones(3, np.float32))
        self.__dict__.update(finish=finish, product_effects=product_effects)

    finish: Callable[[np.ndarray], np.ndarray]
    product_effects: ProductEffects

    def postprocess(self, rows: np.ndarray) -> None:
        rows[:] = self.finish(rows)

    def postprocess_light(self, rows: np.ndarray) -> None:
        rows[:] = srgb_to_linear(self.finish(linear_to_srgb(rows)))

    def effects(self, layout: Layout) -> ProductEffects:
        return self.product_effects


def selected(
    asked: Spec,
    generator: Darkener,
    side: int = 200,
    on_step: Callable[[float], None] = lambda done: None,
    context: Square | None = None,
    **options: Any,
) -> Selection:
    chosen = replace(networks(generator), paintings=options.pop("paintings", 2))
    return search(asked, context or Square(side), Means(chosen, on_step, **options))


def misses(found: Selection) -> list[float]:
    """Return the mean ΔE00 of each tried and measured background."""
    return [row.mean_delta_e00 for row in found.tried if row.mean_delta_e00 is not None]


def test_a_background_within_the_bounds_is_the_only_one() -> None:
    found = selected(spec("podium", palette=ASKED), Darkener())
    assert [row.seed for row in found.tried] == [1]
    assert misses(found)[0] <= MEAN_BAR
    assert found.seed == 1


def test_of_three_backgrounds_out_of_bounds_the_best_is_kept_and_reported() -> None:
    painter = Painter((0.9, 0.1, 0.9), (0.25, 0.3, 0.9), (1.0, 1.0, 0.0))
    asked = spec("podium", palette=("#3050d0", "#2f5d50"))
    found = selected(asked, painter, paintings=3)
    assert [row.seed for row in found.tried] == seeds(1, 3)
    means = misses(found)
    assert found.seed == found.tried[int(np.argmin(means))].seed == seeds(1, 3)[1]
    assert found.background[0, 0, 2] > 0.7 > found.background[0, 0, 0]


@pytest.mark.parametrize(("palette", "retries", "tried"), [(("#2f5d50",), 0, 1), (("#2f5d50",), 1, 2), ((), 1, 1)])
def test_no_more_seeds_are_tried_than_allowed_and_none_for_colours_that_nobody_asked_for(
    palette: tuple[str, ...], retries: int, tried: int
) -> None:
    painter = Painter((0.9, 0.1, 0.9))
    found = selected(spec("podium", palette=palette), painter, control=PaletteControl(retries=retries))
    assert len(painter.given) == len(found.tried) == tried


def test_a_generator_of_pictures_paints_twice_by_default() -> None:
    painter, light = Painter((0.9, 0.1, 0.9)), Darkener()
    ticks = iter(range(0, 1000, 5))
    asked = spec("podium", palette=("#2f5d50",))
    found = selected(asked, painter, clock=lambda: float(next(ticks)))
    assert [one.seed for one in painter.given] == seeds(1, 2)
    assert [row.seconds for row in found.tried] == [5, 5]
    selected(asked, more := Painter((0.9, 0.1, 0.9)), paintings=4)
    assert (
        len({one.seed for one in more.given}) == len(more.given) == 3
    )  # as many seeds as the search allows for colours
    assert [row.seconds for row in selected(asked, light).tried] == [None]


def test_progress_never_goes_back_however_many_are_tried() -> None:
    reported: list[float] = []
    selected(spec("podium", palette=("#2f5d50",)), Painter((0.9, 0.1, 0.9)), on_step=reported.append)
    assert len(reported) == 4
    assert reported == sorted(reported)
    assert reported[-1] < 1


def test_the_same_spec_gives_the_same_bytes_and_seeds() -> None:
    asked = spec("tabletop", palette=ASKED)
    one, two = (selected(asked, Darkener(), 120) for _ in range(2))
    np.testing.assert_array_equal(one.background, two.background)
    assert one.tried == two.tried
    assert seeds(7, 3) == seeds(7, 3) != seeds(8, 3)
    assert len(set(seeds(7, 3))) == 3


@pytest.mark.parametrize("kind", rest_in_gate(["podium", "sand"]))
def test_the_search_is_judged_small_and_delivered_large(kind: str) -> None:
    side = 2 * JUDGED_SIDE
    asked = spec(kind, palette=ASKED, place=preset((side, side)))  # type: ignore[arg-type]  # a SceneKind
    found = selected(asked, Darkener(), side, control=PaletteControl(retries=0))
    pixels = background_pixels((found.background * 255 + 0.5).astype(np.uint8), product(side, side))
    large = compare_palette(pixels, AskedColours(tuple(ASKED), True)).mean_delta_e00
    assert large == pytest.approx(misses(found)[0], abs=1.0)


def test_the_transfer_corrects_later_changes_unless_it_is_switched_off() -> None:
    def bluer(picture: np.ndarray) -> np.ndarray:
        return picture * np.array([0.9, 0.93, 1], np.float32)

    asked = spec("sweep", palette=("#9fb8c8",))
    control = PaletteControl(retries=0)
    found = misses(selected(asked, Darkener(), context=Square(200, finish=bluer), control=control))[0]
    without = selected(asked, Darkener(), context=Square(200, finish=bluer), control=replace(control, transfer=False))
    assert found < 1.5
    assert misses(without)[0] > found + 2


@pytest.mark.parametrize("kind", rest_in_gate(["window", "tabletop", "neon"]))
def test_noise_on_the_products_shadow_gives_the_same_picture(kind: SceneKind) -> None:
    class Noisy(ProductEffects):
        """Blocks light next to the product, with noise of a hundredth."""

        def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
            y, x = (np.arange(side)[:, None] / side for side in (height, width))
            blocked = 0.6 * np.exp(-(((x.T - 0.65) / 0.2) ** 2) - ((y - 0.8) / 0.15) ** 2)
            noise = np.random.default_rng(width).standard_normal(blocked.shape)
            return Overlay((blocked * (1 + self.noise * noise)).astype(np.float32))

        noise = 0.0

    pictures = []
    for noise in (0.0, 0.01):
        effects = Noisy(None, None)
        Noisy.noise = noise
        asked = spec(kind, palette=("#53707a", "#e8c7b8"))
        pictures.append(selected(asked, Darkener(), context=Square(200, product_effects=effects)).background)
    apart = delta_e00(*(srgb_to_lab(picture) for picture in pictures))
    assert apart.mean() < 0.1


def test_the_products_effect_on_its_scene_is_judged_and_corrected() -> None:
    class Sunglasses(ProductEffects):
        """Blocks a third of all light, as a wide shadow would."""

        def at(self, width: int, height: int, geometry: Geometry | None = None) -> Overlay:
            return Overlay(np.full((height, width), 1 / 3, np.float32))

    effects = Sunglasses(None, None)
    asked, control = spec("sweep", palette=("#6f8898",)), PaletteControl(retries=0)
    found = selected(asked, Darkener(), context=Square(200, product_effects=effects), control=control)
    delivered = found.lay(found.background.copy())
    assert np.array_equal(delivered, found.background)  # a shadow is laid on it already, and there is no mirror image
    pixels = background_pixels((delivered * 255 + 0.5).astype(np.uint8), product(200, 200))
    judged = misses(found)[0]
    assert judged < 1.5
    assert compare_palette(pixels, asked_colours(asked)).mean_delta_e00 == pytest.approx(judged, abs=1.0)
    without = selected(
        asked, Darkener(), context=Square(200, product_effects=effects), control=replace(control, transfer=False)
    )
    assert misses(without)[0] > judged + 4
