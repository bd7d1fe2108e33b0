import numpy as np
import pytest

from pipeline.compositing.place import place
from pipeline.core.types import Cutout, Segmentation
from pipeline.cutout.foreground import extract_foreground
from pipeline.placement.fit import fit
from pipeline.scene.composition import compose
from tests.support.podium import podium_of
from tests.support.still_life import photo, preset, spec, still_life


def jar() -> Cutout:
    rgb, alpha = still_life(480, 600)
    return extract_foreground(photo(rgb, alpha), Segmentation(alpha)).assessed()


@pytest.mark.parametrize("size", [(400, 400), (640, 360), (360, 640)])
def test_the_product_fills_the_presets_share_on_the_tighter_side(size: tuple[int, int]) -> None:
    box = fit(preset(size), 192 / 360, *size)
    placed = place(jar(), box, *size)
    left, top, right, bottom = placed.box
    assert max((right - left) / size[0], (bottom - top) / size[1]) == pytest.approx(0.6, abs=0.01)
    assert min(left, top, size[0] - right, size[1] - bottom) >= 0.08 * min(size) - 1


def test_its_foot_is_on_the_layouts_surface() -> None:
    asked = spec("podium")
    layout = compose(asked, 400, 400, 192 / 360)
    placed = place(jar(), fit(asked.preset, 192 / 360, 400, 400), 400, 400)
    assert abs(placed.box[3] - layout.foot[1] * 400) <= 1
    podium = podium_of(layout)
    assert podium is not None
    assert podium.y - podium.ry < layout.foot[1] < podium.y + podium.ry


def test_a_product_cropped_by_the_photo_touches_the_same_edge_of_the_canvas() -> None:
    rgb, alpha = still_life(480, 600, cut=True)
    cutout = extract_foreground(photo(rgb, alpha), Segmentation(alpha)).assessed()
    box = fit(preset(), 0.6, 400, 400, cutout.cut_sides)
    placed = place(cutout, box, 400, 400)
    assert placed.box[3] == 400
    assert placed.alpha[-1].max() == 1


def test_at_scale_one_the_pixels_are_the_cutouts_own() -> None:
    cutout = jar()
    placed = place(cutout, (100, 50, 292, 410), 400, 500)
    assert placed.scale == 1
    opaque = placed.alpha == 1
    own = cutout.rgb[cutout.alpha == 1] * np.float32(1 / 255)
    np.testing.assert_array_equal(np.unique(placed.whole()[opaque], axis=0), np.unique(own, axis=0))


def test_resampling_is_done_in_linear_light() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    placed = place(Cutout(stripes, np.ones((400, 400), np.float32), 1, ()), (0, 0, 100, 100), 100, 100)
    # Half the light of white is sRGB 0.735; a mean of the encoded values would be 0.5.
    assert placed.whole()[20:80, 20:80].mean() == pytest.approx(0.735, abs=0.01)
