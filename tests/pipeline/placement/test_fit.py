"""The product's place: the canvas's edge hides the photo's crops."""

from dataclasses import replace

import pytest

from pipeline.placement.fit import BELOW, fit
from pipeline.placement.refusals import LEAST_FOOT, MAX_LOST
from testkit.still_life import preset


def test_a_product_cropped_above_stands_on_the_floor_and_reaches_the_upper_edge_however_wide_it_is() -> None:
    left, top, right, bottom = fit(preset(), 0.6, 400, 400, ("top",))
    assert (top, bottom) == pytest.approx((0, (1 - BELOW) * 400))
    assert (left + right) / 2 == pytest.approx(200)
    assert (right - left) / (bottom - top) == pytest.approx(0.6)
    assert fit(preset(), 2.4, 400, 400, ("top",), stands=False)[1] == 0
    assert fit(preset(), 2.4, 400, 400, ("top",), top_down=True)[1] == 0
    assert fit(preset(), 0.8, 400, 300, ("bottom",), top_down=True)[3] == 300
    assert fit(preset((800, 400)), 2.4, 800, 400, ("top",))[3] >= LEAST_FOOT * 400


@pytest.mark.parametrize(
    ("edges", "aspect"), [(("left", "right"), 1.6), (("left", "right", "bottom"), 1.3), (("top", "bottom"), 0.5)]
)
def test_cropped_on_opposite_sides_it_goes_from_edge_to_edge(edges: tuple[str, ...], aspect: float) -> None:
    box = dict(zip(("left", "top", "right", "bottom"), fit(preset(), aspect, 400, 400, edges), strict=True))
    for side in edges:
        assert box[side] == pytest.approx(400 if side in ("right", "bottom") else 0)
    assert min(box["left"], box["top"]) >= 0
    assert max(box["right"], box["bottom"]) <= 400 + 1e-6


def test_a_close_up_may_lose_some_and_the_centre_is_the_presets_or_the_middle_between_two_edges() -> None:
    _, top, _, bottom = fit(preset(), 1 / (1 + 0.5 * MAX_LOST), 400, 400, ("left", "right", "bottom"))
    assert bottom == 400
    assert -MAX_LOST * 400 < top < 0
    left, _, right, _ = fit(preset((800, 400), centre_x=0.7), 1.0, 800, 400)
    assert (left + right) / 2 == pytest.approx(560)
    asked = replace(preset(), margins=(0.2, 0.08, 0.08, 0.08))
    left, _, right, _ = fit(asked, 0.9, 400, 400, ("top", "bottom"))
    assert (left + right) / 2 == pytest.approx(200)
