import numpy as np
import pytest

from pipeline.compositing.place import place
from pipeline.core.types import Cutout, Segmentation
from pipeline.cutout.foreground import extract_foreground
from pipeline.placement.fit import fit
from testkit.still_life import photo, preset, still_life


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


def test_at_scale_one_the_pixels_are_the_cutouts_own() -> None:
    cutout = jar()
    placed = place(cutout, (100, 50, 292, 410), 400, 500)
    assert placed.scale == 1
    opaque = placed.alpha == 1
    own = cutout.rgb[cutout.alpha == 1] * np.float32(1 / 255)
    np.testing.assert_array_equal(np.unique(placed.whole()[opaque], axis=0), np.unique(own, axis=0))
