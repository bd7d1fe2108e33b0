"""A picture on the canvas: which part of it shows, what surrounds it, and whether it is busy."""

import numpy as np
import pytest

from pipeline.background.canvas import BUSY, Window, busy, on_canvas
from pipeline.core.order import Ground

#: A picture twice as wide as high: red, green, blue and grey columns.
COLOURS = np.array([[200, 20, 20], [20, 200, 20], [20, 20, 200], [120, 120, 120]], np.uint8)
WIDE = np.repeat(np.repeat(COLOURS[None], 60, axis=1), 120, axis=0)


def shown(width: int, height: int, **ground: object) -> np.ndarray:
    asked = Ground(background="image", background_image="x", **ground)  # type: ignore[arg-type]  # of the parameters
    found = on_canvas(WIDE, Window.of(asked, WIDE, width, height), width, height)
    assert found.shape == (height, width, 3)
    assert found.min() >= 0
    assert found.max() <= 1
    return np.asarray((found * 255).round())


def test_a_picture_that_covers_keeps_the_asked_point_and_its_shape() -> None:
    assert np.abs(shown(90, 90, background_x=0.0)[45, [20, 70]] - COLOURS[[0, 1]]).max() < 3
    assert np.abs(shown(90, 90, background_x=1.0)[45, [20, 70]] - COLOURS[[2, 3]]).max() < 3
    assert np.abs(shown(90, 90)[45, [20, 70]] - COLOURS[[1, 2]]).max() < 3


def test_a_zoom_enlarges_around_the_asked_point_and_only_where_it_is_positioned() -> None:
    near = shown(90, 90, background_fit="position", background_zoom=4.0, background_x=0.375)
    assert np.abs(near - COLOURS[1]).max() < 3
    assert np.array_equal(shown(90, 90, background_zoom=4.0), shown(90, 90))


@pytest.mark.parametrize(("width", "height"), [(100, 200), (300, 60)])
def test_a_contained_picture_is_whole_and_its_mirror_image_goes_on_around_it(width: int, height: int) -> None:
    found = shown(width, height, background_fit="contain")
    middle = found[height // 2]
    place = Window.of(Ground(background_fit="contain"), WIDE, width, height).place

    for number, colour in enumerate(COLOURS):
        at = place[0] + round((number + 0.5) * (place[2] - place[0]) / 4)
        assert np.abs(middle[at] - colour).max() < 6
        assert height < width or np.abs(found[2, at] - colour).max() < 40, "above it"
    assert height > width or np.abs(middle[place[0] - 8] - COLOURS[0]).max() < 40, "beside it"


def test_a_preview_shows_the_same_part() -> None:
    large, small = shown(180, 120, background_x=0.3), shown(60, 40, background_x=0.3)

    assert np.abs(large.reshape(40, 3, 60, 3, 3).mean((1, 3)) - small)[:, 4:-4].mean() < 4


def test_stripes_around_the_product_are_busy_and_a_slope_is_not() -> None:
    slope = np.repeat(np.linspace(0.3, 0.8, 200, dtype=np.float32)[:, None, None], 3, 2).repeat(200, 1)
    stripes = np.where((np.arange(200) // 2 % 2)[:, None, None], slope, slope * 0.3).astype(np.float32)

    assert busy(slope, (60, 40, 140, 180)) < 1
    assert busy(stripes, (60, 40, 140, 180)) > BUSY
