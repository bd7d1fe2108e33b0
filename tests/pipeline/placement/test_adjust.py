import numpy as np
import pytest

from pipeline.compositing.place import lay, reduced
from pipeline.core.order import Placement
from pipeline.core.types import Cutout
from pipeline.placement.adjust import Outline, adjusted

BOX = (100.0, 60.0, 300.0, 360.0)


def test_scaled_a_standing_product_keeps_its_foot_and_others_their_middle_and_shifts_are_right_and_down() -> None:
    small = Placement(scale=0.5)
    assert adjusted(BOX, small, 400, 400, stands=True).bounds == (150, 210, 250, 360)
    assert adjusted(BOX, small, 400, 400).bounds == (150, 135, 250, 285)
    assert adjusted(BOX, Placement(0.1, -0.05), 400, 400, stands=True).bounds == (140, 40, 340, 340)


@pytest.mark.parametrize("turn", [-45.0, -15.0, 4.0, 12.0])
def test_a_standing_product_is_turned_about_its_foot_which_keeps_its_place(turn: float) -> None:
    post = Cutout(np.full((300, 60, 3), 200, np.uint8), np.ones((300, 60), np.float32), 1, ())
    position = adjusted(
        (250, 60, 310, 360), Placement(turn=turn), 560, 400, outline=Outline.of(post.alpha), stands=True
    )
    placed = lay(post, position, 560, 400)
    _, top, _, bottom = placed.box
    assert bottom == 360
    assert np.abs(np.array(placed.box) - position.bounds).max() <= 1.5
    # clockwise, its head goes to the right of its foot
    head, foot = (np.flatnonzero(placed.alpha[row] > 0.5).mean() for row in (top + 50, bottom - 50))
    assert (head - foot) / (bottom - top - 100) == pytest.approx(np.tan(np.deg2rad(turn)), abs=0.02)
    area = placed.alpha.sum()
    assert area == pytest.approx(60 * 300, rel=0.005)


def test_turning_keeps_colours_and_is_done_in_linear_light() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    cutout = Cutout(stripes, np.ones((400, 400), np.float32), 1, ())
    position = adjusted((50, 50, 150, 150), Placement(turn=10), 200, 200)
    placed = lay(cutout, position, 200, 200)
    # Half the light of white is sRGB 0.735; a mean of the encoded values would be 0.5.
    assert placed.whole()[80:120, 80:120].mean() == pytest.approx(0.735, abs=0.01)
    assert (placed.alpha[70:130, 70:130] == 1).all()


def test_a_reduced_product_looks_the_same_from_farther_away() -> None:
    y, x = np.mgrid[:200, :200]
    disc = (np.hypot(x - 99.5, y - 99.5) < 90).astype(np.float32)
    cutout = Cutout(np.full((200, 200, 3), (200, 60, 30), np.uint8), disc, 1, ())
    placed = lay(cutout, adjusted((10, 10, 190, 190), Placement(shift_x=0.01), 200, 200), 200, 200)
    small = reduced(placed, 50, 50)
    assert small.alpha.sum() * 16 == pytest.approx(placed.alpha.sum(), rel=1e-3)
    np.testing.assert_allclose(small.rgb[25, 25] * 255, (200, 60, 30), atol=0.6)
