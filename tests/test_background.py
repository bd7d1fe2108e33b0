from dataclasses import replace

import numpy as np
import pytest

from pipeline.background import MOST_STOPS, paint_background, painted_light, prompt
from pipeline.errors import ModelFailed
from pipeline.layout import compose
from pipeline.palette import compare_palette
from pipeline.sketch import draw
from pipeline.spec import SceneKind
from tests.still_life import Darkener, preset, spec

KINDS: tuple[SceneKind, ...] = (
    "sweep", "podium", "tabletop", "niche", "window", "sand", "bokeh", "curtain", "neon",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(240, 240), (320, 180), (180, 320)])
def test_every_kind_is_drawn_at_every_shape_in_range_and_not_flat(kind: SceneKind, size: tuple[int, int]) -> None:
    asked = spec(kind, palette=("#cfd8c5", "#a8b89a", "#e07a5f"), place=preset(size))
    layout = compose(asked, *size, 0.6)
    picture = draw(layout, *size, lit=True)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert picture.std() > 0.01
    assert np.isfinite(picture).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("neon", "bokeh")])
def test_the_asked_colours_are_the_backgrounds(kind: SceneKind) -> None:
    asked = spec(kind, palette=("#2f5d50", "#e8dcc8"))
    if kind == "sweep":
        asked = replace(asked, palette=("#2f5d50",))
    picture = paint_background(asked, compose(asked, 300, 300, 0.6), 300, 300, Darkener(), lambda done: None)
    found = compare_palette(picture.reshape(-1, 3), asked.palette)
    assert found["mean_delta_e00"] < 6


def test_the_same_seed_gives_the_same_background_and_another_one_another() -> None:
    def paint(seed: int) -> np.ndarray:
        asked = spec("podium", seed=seed)
        return paint_background(asked, compose(asked, 200, 200), 200, 200, Darkener(), lambda done: None)

    np.testing.assert_array_equal(paint(3), paint(3))
    assert np.abs(paint(3) - paint(4)).max() > 0.02


def test_a_network_that_paints_light_darkens_where_it_darkened_but_only_so_far() -> None:
    sketch = np.full((96, 128, 3), 0.6, np.float32)
    stops = painted_light(sketch * np.linspace(1, 0.4, 128, dtype=np.float32)[None, :, None], sketch)
    assert stops[:, 5].mean() > 0.05
    assert stops[:, -5].mean() < -0.05
    assert np.abs(stops).max() <= MOST_STOPS


def test_a_network_that_paints_pictures_is_shown_as_it_is() -> None:
    class Green(Darkener):
        def __call__(self, **asked: object) -> np.ndarray:
            sketch = asked["sketch"]
            assert isinstance(sketch, np.ndarray)
            return np.broadcast_to(np.array([0.1, 0.8, 0.2], np.float32), sketch.shape).copy()

    asked = spec("podium")
    picture = paint_background(asked, compose(asked, 200, 160), 200, 160, Green("picture"), lambda done: None)
    np.testing.assert_allclose(picture, np.broadcast_to([0.1, 0.8, 0.2], (160, 200, 3)), atol=1e-3)


def test_an_answer_that_is_no_number_is_the_models_failure() -> None:
    class Broken(Darkener):
        def __call__(self, **asked: object) -> np.ndarray:
            return np.full((128, 128, 3), np.nan, np.float32)

    asked = spec()
    with pytest.raises(ModelFailed):
        paint_background(asked, compose(asked, 200, 200), 200, 200, Broken(), lambda done: None)


def test_the_prompt_holds_scene_mood_colours_and_the_brands_words() -> None:
    asked = replace(spec(palette=("#112233",)), style_words="hand made")
    words = prompt(asked, compose(asked, 200, 200))
    for part in ("podium scene", "a scene", "a mood", "#112233", "hand made", "light left"):
        assert part in words
