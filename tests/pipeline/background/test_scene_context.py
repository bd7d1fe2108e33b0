"""A network that holds products sees them in their scene. Its picture gets the product's own pixels, and one shadow."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.background.scene_context import SceneContext
from pipeline.compositing.place import scaled
from pipeline.core.errors import PaintingWithheld
from pipeline.core.networks import PaintRequest
from pipeline.core.spec import Limits
from pipeline.core.types import Placed
from pipeline.report import to_json
from pipeline.scene.composition import compose
from pipeline.swap import swap
from testkit.still_life import Darkener, cut_out_png, networks, preset, spec, still_life


class Holder(Darkener):
    """Paints its input in its own grain, with or without the shadow in it."""

    request: PaintRequest

    def __init__(self, keeps_shadow: bool) -> None:
        super().__init__("picture", size=192, holds=True)
        self.keeps_shadow = keeps_shadow

    def painted(self, request: PaintRequest) -> np.ndarray:
        self.request = request
        laid, given = request.laid, request.conditions
        assert laid is not None
        rng = np.random.default_rng(1)
        grain = rng.normal(0, 0.004, given.sketch.shape)
        bare = given.sketch * given.light ** (1 / 2.2)  # near enough to the lit drawing, without the product
        seen = laid.picture if self.keeps_shadow else np.where(laid.keep[..., None] > 0, laid.picture, bare)
        return np.asarray(np.clip(seen + grain, 0, 1), np.float32)


def red_box() -> bytes:
    rgb, alpha = still_life()
    return cut_out_png(rgb, alpha)


def swapped(generator: Holder) -> tuple[np.ndarray, dict[str, Any]]:
    ticks = iter(range(1000))
    render = swap(red_box(), spec("podium"), networks(generator), limits=Limits(), clock=lambda: float(next(ticks)))
    return np.asarray(Image.open(BytesIO(render.data)).convert("RGB")).astype(float), to_json(render.report)


Kept = tuple[Holder, np.ndarray, dict[str, Any]]


@pytest.fixture(scope="module", name="kept")
def _kept() -> Kept:
    """A network that keeps the shadow of its input, and the result of a swap with it; read only."""
    generator = Holder(keeps_shadow=True)
    return (generator, *swapped(generator))


def test_the_generator_gets_the_whole_pictures_prompt_and_sees_product_and_shadow(kept: Kept) -> None:
    request = kept[0].request
    laid = request.laid
    assert laid is not None
    assert "one product" in request.prompt
    assert "empty" not in request.prompt
    assert "second product" in request.negative_prompt
    red = laid.picture[laid.keep > 0.99]
    assert len(red) > 100
    assert (red[:, 0] > 2 * red[:, 1]).mean() > 0.5  # the jar
    assert laid.picture.shape == request.conditions.sketch.shape


def test_a_kept_shadow_is_not_laid_twice_and_a_missing_one_is_laid(kept: Kept) -> None:
    _, picture, report_kept = kept
    forgot, report_forgot = swapped(Holder(keeps_shadow=False))
    assert report_kept["provenance"]["tried"][0]["shadow"] == "kept"
    assert report_forgot["provenance"]["tried"][0]["shadow"] == "missing"
    rows = slice(300, 340)
    # Under and next to the foot both pictures are about as dark.
    assert np.abs(picture[rows].mean(1) - forgot[rows].mean(1)).mean() < 12


def test_a_swap_whose_paintings_were_all_rejected_reports_it_and_the_replacement() -> None:
    class Withholder(Holder):
        def painted(self, request: PaintRequest) -> np.ndarray:
            raise PaintingWithheld("Withheld.")

    ticks = iter(range(1000))
    chosen = networks(Withholder(keeps_shadow=True))
    small = spec("podium", place=preset((160, 160)))
    render = swap(red_box(), small, chosen, limits=Limits(), clock=lambda: float(next(ticks)))
    report = to_json(render.report)["provenance"]
    assert "generator_fell_back" in render.warnings
    assert report["painted_by"] == "renderer"
    assert [row.get("rejected") for row in report["tried"]] == ["withheld", "withheld", None]
    assert [row.get("seconds") for row in report["tried"]] == [1, 1, None]


def test_the_delivered_painting_is_the_generators(kept: Kept) -> None:
    assert "painted_by" not in kept[2]["provenance"]
    assert "rejected" not in kept[2]["provenance"]["tried"][0]


def test_the_products_own_pixels_are_the_same_under_any_painting(kept: Kept) -> None:
    class Spoiler(Holder):
        def painted(self, request: PaintRequest) -> np.ndarray:
            picture = super().painted(request)
            assert request.laid is not None
            picture[request.laid.keep > 0] = 0.5
            return picture

    one, two = kept[1], swapped(Spoiler(keeps_shadow=True))[0]
    middle = slice(190, 210)
    np.testing.assert_array_equal(one[middle, middle], two[middle, middle])


@pytest.mark.parametrize("size", [(96, 80), (300, 250)])
def test_a_placed_product_on_another_canvas_keeps_its_colours_and_its_place(size: tuple[int, int]) -> None:
    alpha = np.zeros((200, 240), np.float32)
    alpha[60:160, 80:140] = 1
    rgb = np.zeros((200, 240, 3), np.float32)
    rgb[alpha > 0] = 0.8, 0.2, 0.1
    small = scaled(Placed(rgb, alpha, (80, 60, 140, 160), 1.0), *size)
    width, height = size
    assert small.box == pytest.approx(
        (80 * width / 240, 60 * height / 200, 140 * width / 240, 160 * height / 200), abs=1
    )
    assert np.abs(small.rgb[small.alpha > 0.5] - np.array([0.8, 0.2, 0.1])).max() < 0.01


def test_the_kept_area_ends_before_the_products_rim() -> None:
    asked = spec("podium")
    layout = compose(asked, 256, 256, 0.6)
    alpha = np.zeros((256, 256), np.float32)
    alpha[80:200, 90:160] = 1
    placed = Placed(np.full((256, 256, 3), 0.5, np.float32), alpha, (90, 80, 160, 200), 1.0)
    context = SceneContext(alpha, {}, np.ones(3, np.float32), placed)
    laid = context.lay(context.effects(layout), np.full((256, 256, 3), 0.7, np.float32))
    assert laid is not None
    rows, columns = np.nonzero(laid.keep > 0)
    assert [int(one) for side in (rows, columns) for one in (side.min(), side.max())] == [84, 195, 94, 155]
    assert (laid.picture[210:220, 90:160] < 0.69).any()  # its shadow
