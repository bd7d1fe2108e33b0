"""A plain ground: its colour, and the product's shadow on it, by the caller's words and numbers."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.background.background import Background
from pipeline.compositing.composite import composite
from pipeline.core.order import Ground, Placement, Shadow, StanceWord
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Placed
from pipeline.swap import swap
from testkit.still_life import cut_out_png, networks, preset, spec, still_life
from tests.pipeline.background.test_source import SIDE, made

Field = NDArray[np.float32]


def asked(stance: StanceWord = "auto", background: str = "white", **shadow: object) -> Spec:
    wanted = {"shadow": "soft"} | shadow
    place = preset((SIDE, SIDE), background)
    return replace(spec(place=place, placement=Placement(stance=stance)), shadow=Shadow(**wanted))  # type: ignore[arg-type]  # names of options


def blocked(one: Spec, *, cut: bool = False) -> Field:
    """The share of white's light that the product's shadow takes, 0 under the product."""
    shown = made(one, cut=cut).with_effects()
    assert shown is not None
    return np.where(still_life(SIDE, SIDE, cut=cut)[1] > 0, 0, 1 - shown[..., 0] ** 2.2).astype(np.float32)


def centroid(field: Field) -> tuple[float, float]:
    rows, columns = np.indices(field.shape)
    return float((rows * field).sum() / field.sum()), float((columns * field).sum() / field.sum())


def test_a_shadow_falls_to_the_asked_side() -> None:
    back, right, front, left = (blocked(asked(shadow_direction=way)) for way in (0.0, 90.0, 180.0, 270.0))
    assert centroid(left)[1] < SIDE / 2 - 8 < SIDE / 2 + 8 < centroid(right)[1]
    assert abs(centroid(left)[1] + centroid(right)[1] - SIDE) < 2, "they mirror each other"
    assert centroid(front)[0] > centroid(left)[0] + 2
    assert back.sum() < 0.5 * front.sum(), "the product hides most of a shadow that falls behind it"


def test_seen_from_above_the_compass_lies_in_the_picture() -> None:
    up, right, down, left = (
        centroid(blocked(asked("from_above", shadow="hard", shadow_direction=way))) for way in (0.0, 90.0, 180.0, 270.0)
    )
    assert up[0] < min(left[0], right[0]) < max(left[0], right[0]) < down[0]
    assert left[1] < min(up[1], down[1]) < max(up[1], down[1]) < right[1]


def test_a_softer_lamp_widens_the_edge() -> None:
    def steepest(softness: float) -> float:
        """The greatest step along the shadow's edge, relative to its darkness."""
        shadow = blocked(asked(shadow_direction=90.0, shadow_softness=softness))[:, 75:85]
        return float(np.abs(np.diff(shadow, axis=0)).max() / shadow.max())

    hard, middle, soft = (steepest(softness) for softness in (0.0, 0.5, 1.0))
    assert hard > 1.3 * middle > 1.3 * 1.1 * soft


def test_a_stronger_shadow_is_darker_and_none_is_none() -> None:
    darkness = [float(blocked(asked(shadow_strength=strength)).max()) for strength in (0.0, 0.3, 0.7, 1.0)]
    assert darkness == sorted(darkness)
    assert darkness[0] == 0
    assert darkness[-1] > 0.7
    found = made(asked(shadow="none"))
    assert found.with_effects().min() == 1  # type: ignore[union-attr]  # white has a picture
    assert found.shadow is not None
    assert (found.shadow.cast, found.shadow.reason) == (False, "asked")


def test_the_canvas_border_stays_pure_where_a_shadow_is_longer_than_the_canvas() -> None:
    shadow = blocked(asked(shadow="hard", shadow_direction=90.0, shadow_strength=1.0))
    assert shadow[:, 80].max() > 0.2, "it reaches the canvas's side"
    assert max(shadow[:, -1].max(), shadow[-1].max(), shadow[0].max()) == 0
    assert np.abs(np.diff(shadow[:, 80:], axis=1)).max() < 0.2, "it fades and is not cut"


def test_a_floating_product_stays_in_its_place_apart_from_its_shadow() -> None:
    standing, floating = (blocked(asked(shadow=word, shadow_direction=0.0)) for word in ("soft", "floating"))
    middle = slice(SIDE // 2 - 8, SIDE // 2 + 8)
    darkest = [int(shadow[:, middle].mean(axis=1).argmax()) for shadow in (standing, floating)]
    assert darkest[1] > darkest[0] + 1, "the floating product's shadow is darkest below its foot, not at it"


@pytest.mark.parametrize(("stance", "cut", "reason"), [("hanging", False, "hanging"), ("auto", True, "cropped")])
def test_without_a_foot_there_is_no_shadow_and_the_report_says_why(stance: StanceWord, cut: bool, reason: str) -> None:
    found = made(asked(stance), cut=cut)
    assert found.with_effects().min() == 1  # type: ignore[union-attr]  # white has a picture
    assert found.shadow is not None
    assert (found.shadow.cast, found.shadow.reason) == (False, reason)


def test_a_preset_that_allows_no_shadow_has_none() -> None:
    one = asked()
    found = made(replace(one, preset=replace(one.preset, shadow=False)))
    assert found.with_effects().min() == 1  # type: ignore[union-attr]  # white has a picture
    assert found.shadow is not None
    assert found.shadow.reason == "preset"


@pytest.mark.parametrize("under", [(255, 255, 255), (120, 160, 90), (16, 18, 30)])
def test_another_program_lays_a_transparent_picture_with_its_shadow_over_a_colour(under: tuple[int, int, int]) -> None:
    rgb, alpha = still_life(SIDE, SIDE)
    placed = Placed(rgb.astype(np.float32) / np.float32(255), alpha, (19, 19, 77, 77), 1.0)
    found: Background = made(asked(background="transparent"))
    assert found.picture is None
    assert found.shade is not None
    picture = composite(placed, None, shade=found.shade(SIDE, SIDE))
    assert (picture[alpha == 1] == np.dstack([placed.rgb, alpha])[alpha == 1]).all(), "product pixels stay exact"

    layer = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
    seen = np.asarray(Image.alpha_composite(Image.new("RGBA", (SIDE, SIDE), (*under, 255)), layer))[..., :3] / 255.0
    ground = np.array(under) / 255.0
    where = alpha == 0
    if under == (255, 255, 255):
        own = made(asked()).with_effects()
        assert own is not None
        assert np.abs(seen - own)[where].max() < 0.006, "it looks as on Backdrop's own white"
    assert (seen[where] <= ground + 1e-6).all()
    assert seen[where].min() < 0.8 * ground.min()
    # An edge pixel is between the product's colour and the shaded ground: no fringe.
    edge = (alpha > 0) & (alpha < 1)
    low, high = np.minimum(placed.rgb, 0)[edge], np.maximum(placed.rgb, ground)[edge]
    assert ((seen[edge] >= low - 0.01) & (seen[edge] <= high + 0.01)).all()


def test_a_flat_colour_is_exact_measured_and_marked_as_a_composite() -> None:
    rgb, alpha = still_life(SIDE, SIDE)
    place = replace(preset((SIDE, SIDE)), digital_source_type="compositeWithTrainedAlgorithmicMedia")
    one = replace(
        spec(place=place, palette=("#ff0000",)),
        ground=Ground(background="color", background_color="rgb(31, 58, 77)"),
        shadow=Shadow(shadow="soft"),
    )
    done = swap(cut_out_png(rgb, alpha), one, networks(), limits=Limits(), clock=lambda: 0.0)
    picture = np.asarray(Image.open(BytesIO(done.data)))
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == (31, 58, 77)).all()
    assert picture.min() < 58, "the shadow is darker"
    assert [(row.colour, row.delta_e00 < 1) for row in done.report.palette.asked] == [("#1f3a4d", True)]
    assert done.report.shadow is not None
    assert (done.report.shadow.mode, done.report.shadow.cast) == ("soft", True)
    assert next(row for row in done.report.preset if row.rule == "ai_marking").measured == "compositeCapture"
