"""Object growth: measured on grown and unchanged products, and never delivered."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.background.best_of import search
from pipeline.background.growth import growth
from pipeline.background.scene_context import SceneContext
from pipeline.background.selection import Means, fell_back
from pipeline.compositing.effects import ProductEffects, product_effects
from pipeline.core.errors import GeneratorRejected, PaintingWithheld
from pipeline.core.networks import FunctionSegmenter, Networks, PaintRequest
from pipeline.core.spec import Spec
from pipeline.core.types import Placed
from pipeline.scene.composition import compose
from pipeline.scene.layout import Layout
from testkit.still_life import Darkener, spec

SIDE = 160


@FunctionSegmenter
def reds(image: np.ndarray) -> np.ndarray:
    """A segmenter that finds everything as red as the jar."""
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    return np.asarray((red > 2.5 * green) & (red > 2.5 * blue), np.float32)


def placed() -> Placed:
    """A red jar on a square canvas."""
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[60:130, 60:100] = 1
    rgb = np.zeros((SIDE, SIDE, 3), np.float32)
    rgb[alpha > 0] = 0.75, 0.12, 0.1
    return Placed(rgb, alpha, (60, 60, 100, 130), 1.0)


def grown(picture: np.ndarray, by: int) -> np.ndarray:
    """Return the jar grown by this many pixels to each side."""
    answer = picture.copy()
    answer[60 - by : 130, 60 - by : 100 + by] = 0.75, 0.12, 0.1
    return answer


def other(picture: np.ndarray) -> np.ndarray:
    """Return the scene as a network paints it: in another grain and tone."""
    rng = np.random.default_rng(0)
    return np.asarray(np.clip(picture * 0.94 + gaussian_filter(rng.normal(0, 0.02, picture.shape), (1, 1, 0)), 0, 1))


def grey() -> np.ndarray:
    """Return the jar on plain grey."""
    return grown(np.full((SIDE, SIDE, 3), (0.6, 0.65, 0.7)), 0)


@pytest.mark.parametrize("by", [1, 4, 8, 16])  # of 160: at 512 a pixel would be three, and 16 are a fourth of the jar
def test_a_product_that_grew_by_few_or_many_pixels_is_detected(by: int) -> None:
    drawing = grey()
    measured = growth(grown(other(drawing), by), drawing, placed().alpha, reds)
    assert measured.grew
    assert measured.area == pytest.approx(((40 + 2 * by) * (70 + by) - 40 * 70) / (40 * 70), rel=0.1)


def test_growth_is_detected_where_no_segmenter_finds_the_product() -> None:
    drawing, blind = grey(), FunctionSegmenter(lambda image: np.zeros(image.shape[:2], np.float32))
    found = growth(grown(other(drawing), 4), drawing, placed().alpha, blind)
    assert (found.grew, found.area) == (True, 0)


def test_a_drift_of_tone_and_colour_and_a_shadow_next_to_the_product_are_no_growth() -> None:
    drawing = grey()
    shaded = other(drawing) * np.array([1.1, 0.95, 0.9])
    shaded[:, 100:] *= 0.7  # as dark as the jar's red, but grey
    measured = growth(np.where(placed().alpha[..., None] > 0, drawing, shaded), drawing, placed().alpha, reds)
    assert not measured.grew


def test_blotches_next_to_the_product_are_no_growth_even_if_nearer_to_its_colour() -> None:
    drawing = grey()
    rng = np.random.default_rng(5)
    blotches = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), 4)[..., None] * np.array([1.0, -0.6, -0.6])
    painted = np.clip(drawing + 0.12 * blotches / blotches[..., 0].std(), 0, 1)
    assert not growth(grown(painted, 0), drawing, placed().alpha, reds).grew
    assert growth(grown(painted, 1), drawing, placed().alpha, reds).grew


def test_where_a_product_has_its_scenes_colour_no_growth_is_reported() -> None:
    drawing = np.full((SIDE, SIDE, 3), (0.75, 0.12, 0.1))
    assert growth(grown(other(drawing), 8), drawing, placed().alpha, reds).colour == 0


def test_another_grain_and_tone_and_a_thing_that_was_there_before_are_no_growth() -> None:
    drawing = grey()
    drawing[100:130, 100:140] = 0.7, 0.1, 0.1  # a red block right next to the jar
    measured = growth(grown(other(drawing), 0), drawing, placed().alpha, reds)
    assert not measured.grew
    assert measured.area < 0.02


@cache
def composed(seed: int) -> Layout:
    return compose(spec("podium", seed=seed), SIDE, SIDE, 0.55)


@cache
def effects_of(seed: int) -> ProductEffects:
    return product_effects(placed(), composed(seed))


class Square(SceneContext):
    """A square canvas with the jar on it. All tests share its compositions, one a seed."""

    def compose(self, spec: Spec) -> Layout:
        return composed(spec.seed)

    def effects(self, layout: Layout) -> ProductEffects:
        return effects_of(layout.seed)


class Grower(Darkener):
    """Grows the jar in its first `grows` paintings, and keeps seeds and noise."""

    def __init__(self, grows: int) -> None:
        super().__init__("picture", size=SIDE, holds=True)
        self.grows, self.attempts = grows, list[tuple[int, float]]()

    def painted(self, request: PaintRequest) -> np.ndarray:
        assert request.laid is not None
        self.attempts.append((request.seed, request.laid.noise))
        picture = request.laid.picture
        height, width = picture.shape[:2]
        if len(self.attempts) <= self.grows:
            picture = picture.copy()
            rows = slice(round(0.34 * height), round(0.82 * height))
            picture[rows, round(0.33 * width) : round(0.67 * width)] = 0.75, 0.12, 0.1
        return np.asarray(picture, np.float32)


class Withholder(Grower):
    """Has a safety checker that withholds its first `grows` paintings."""

    def painted(self, request: PaintRequest) -> np.ndarray:
        answer = super().painted(request)
        if len(self.attempts) <= self.grows:
            raise PaintingWithheld("Withheld.")
        return answer


def selected(generator: Grower, **chosen: Any) -> Any:
    networks = Networks(reds, generator, **chosen)
    context = Square(placed().alpha, {}, np.ones(3, np.float32), placed())
    return search(spec("podium"), context, Means(networks, lambda done: None))


@pytest.mark.gate  # five paintings; the fast lane tries them all
def test_a_background_that_grew_the_product_is_retried_with_other_seeds_and_finally_with_less_noise() -> None:
    once, twice = Grower(1), Grower(2)
    one, two = selected(once), selected(twice, paintings=3)
    assert [row.rejected for row in one.tried] == ["grew", None]
    assert [row.expansion.grew for row in two.tried] == [True, True, False]
    assert [noise for _, noise in once.attempts] == [1, 0.75]
    assert [noise for _, noise in twice.attempts] == [1, 1, 0.75]
    assert len({seed for seed, _ in twice.attempts}) == 3
    assert one.seed == once.attempts[1][0]
    assert not one.expansion.grew


@pytest.mark.parametrize(("generator", "why"), [(Grower(99), "grew"), (Withholder(99), "withheld")])
def test_where_all_are_rejected_the_renderers_own_background_is_used_or_the_swap_fails(
    generator: Grower, why: str
) -> None:
    found = selected(generator)
    assert len({seed for seed, _ in generator.attempts}) == len(generator.attempts) == 2
    assert [row.rejected for row in found.tried] == [why, why, None]
    assert fell_back(found.tried)
    assert found.expansion is None
    with pytest.raises(GeneratorRejected, match=f"2 paintings of the generator were rejected: {why}, {why}"):
        selected(generator, falls_back=False)
    red = found.background[..., 0] - found.background[..., 1]
    assert red.max() < 0.4  # it has none of the jar's red


def test_a_withheld_painting_is_retried_with_another_seed() -> None:
    found = selected(once := Withholder(1))
    assert [row.rejected for row in found.tried] == ["withheld", None]
    assert found.seed == once.attempts[1][0] != once.attempts[0][0]
    assert not fell_back(found.tried)
    assert [noise for _, noise in once.attempts] == [1, 1]
