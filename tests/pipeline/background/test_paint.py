import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.background.paint import paint_background, paint_light, prompt
from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import compare_palette
from pipeline.core.errors import ModelFailed
from pipeline.core.networks import Capabilities, PaintRequest
from pipeline.light.conditions import MAX_STOPS, PADDED, within_padding
from pipeline.light.first_light import first_light
from pipeline.scene.composition import compose
from service.catalogue.catalogue import load_catalogue
from testkit.still_life import Darkener, spec
from tests.pipeline.scene.test_layout import KINDS


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("neon", "bokeh")])
def test_the_asked_colours_are_the_backgrounds(kind: str) -> None:
    asked = spec(kind, palette=("#2f5d50", "#e8dcc8"))  # type: ignore[arg-type]  # a SceneKind
    picture = paint_background(asked, compose(asked, 160, 160, 0.6), 160, 160, Darkener(), lambda done: None)
    found = compare_palette(picture.reshape(-1, 3), asked_colours(asked))
    assert (found.mean_delta_e00 or 99) < 6


def test_the_same_seed_gives_the_same_background_and_another_seed_another() -> None:
    def paint(seed: int) -> np.ndarray:
        asked = spec("podium", seed=seed)
        return paint_background(asked, compose(asked, 200, 200), 200, 200, Darkener(), lambda done: None)

    np.testing.assert_array_equal(paint(3), paint(3))
    assert np.abs(paint(3) - paint(4)).max() > 0.02


def test_light_that_the_network_removed_is_missing_in_the_picture() -> None:
    class Night(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            given = request.conditions
            light = given.light.copy()
            light[:, : light.shape[1] // 2] *= 0.5
            return light

    class Day(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            return request.conditions.light

    asked = spec("sweep")
    layout = compose(asked, 240, 240)
    day, night = (paint_background(asked, layout, 240, 240, network, lambda done: None) for network in (Day(), Night()))
    left, right = slice(20, 100), slice(140, 220)
    gone = (day[:, left].mean() / day[:, right].mean()) / (night[:, left].mean() / night[:, right].mean())
    assert gone > 1.15


def test_an_extreme_network_is_limited_to_its_stops() -> None:
    class Wild(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            return request.conditions.light * 1e6

    asked = spec("podium")
    layout = compose(asked, 160, 160)
    picture = paint_background(asked, layout, 160, 160, Wild(), lambda done: None)
    assert np.isfinite(picture).all()
    assert 2**MAX_STOPS < 1e6
    assert (compare_palette(picture.reshape(-1, 3), asked_colours(asked)).mean_delta_e00 or 99) < 8


def test_a_networks_view_of_its_padding_makes_no_frame() -> None:
    stops, surface = np.zeros((24, 30, 3), np.float32), np.zeros((24, 30), np.uint16)
    stops[PADDED:-PADDED, PADDED:-PADDED] = 0.2
    surface[:, :2] = 8
    mended = within_padding(stops, surface)
    assert (mended[surface == 0] == np.float32(0.2)).all()
    # A surface that only the border shows keeps its own values.
    assert (mended[surface == 8] == 0).all()
    assert within_padding(stops[:3, :2], surface[:3, :2]).shape == (3, 2, 3)


def test_a_network_adds_nothing_as_fine_as_its_own_grid() -> None:
    class Chequered(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            given = request.conditions
            board = np.indices(given.depth.shape).sum(0) % 2
            return given.light * np.where(board, 2, 0.5).astype(np.float32)[..., None]

    asked = spec("podium")
    layout = compose(asked, 200, 200)
    light = paint_light(asked, layout, 200, 200, Chequered(), lambda done: None)
    changed = np.log2(light.light[..., 1] / first_light(layout, 200, 200).light[..., 1])
    assert np.percentile(np.abs(changed), 95) < 0.1


def test_a_network_that_paints_pictures_starts_from_the_lit_drawing_and_is_shown_unchanged() -> None:
    class Green(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            self.given = given = request.conditions
            return np.broadcast_to(np.array([0.1, 0.8, 0.2], np.float32), given.sketch.shape).copy()

    asked, green = spec("podium"), Green("picture", size=384)
    picture = paint_background(asked, compose(asked, 200, 160), 200, 160, green, lambda done: None)
    np.testing.assert_allclose(picture, np.broadcast_to([0.1, 0.8, 0.2], (160, 200, 3)), atol=1e-3)
    height, width, _ = green.given.sketch.shape
    assert (width / height, width * height) == pytest.approx((200 / 160, 384**2), rel=0.01)
    assert green.given.light.max() > 1.05 * green.given.light.min()


@pytest.mark.parametrize("answer", [np.full((128, 128, 3), np.nan, np.float32), np.zeros((7, 7, 3), np.float32)])
def test_an_answer_that_is_no_light_is_the_models_failure(answer: np.ndarray) -> None:
    class Broken(Darkener):
        def painted(self, request: PaintRequest) -> np.ndarray:
            return answer

    asked = spec()
    with pytest.raises(ModelFailed):
        paint_background(asked, compose(asked, 200, 200), 200, 200, Broken(), lambda done: None)


def test_the_prompt_contains_scene_mood_colours_and_the_brands_words() -> None:
    asked = replace(spec(palette=("#112233",)), style_words="hand made")
    layout = compose(asked, 200, 200)
    words = prompt(asked, layout)
    side = "left" if layout.light_side < 0 else "right"
    for part in ("podium scene", "a scene", "a mood", "midnight blue", "hand made", f"light from the {side}"):
        assert part in words
    assert "#112233" in prompt(asked, layout, Capabilities(reads_hex=True))


def test_the_essential_words_come_before_clips_limit() -> None:
    catalogue = load_catalogue()
    asked = spec(palette=("#e8c7b8", "#2f4f4f", "#556b2f", "#cfe3d4", "#7a8b99", "#ff8800"))
    layout = compose(asked, 64, 64)
    for scene in (one for one in catalogue.scenes.values() if one.kind != "white"):
        for mood in catalogue.moods.values():
            # Of the layout, the prompt has the kind and the side of its light.
            words = prompt(replace(asked, scene=scene, mood=mood), replace(layout, kind=scene.kind))
            # By CLIP's own vocabulary no prompt of the catalogue has more than seven tokens besides these.
            assert len(re.findall(r"[a-z']+|[^\sa-z]+", words.lower())) + 7 <= 77, words


def test_a_light_network_is_not_called_for_a_scene_from_above() -> None:
    generator, done = Darkener(), list[float]()
    asked = spec("flatlay")
    picture = paint_background(asked, compose(asked, 160, 160, 0.6), 160, 160, generator, done.append)
    assert generator.calls == 0
    assert done == [1.0]
    assert picture.std() > 0.01
