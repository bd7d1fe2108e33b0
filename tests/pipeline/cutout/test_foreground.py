import numpy as np
import pytest

from pipeline.core.types import Segmentation
from pipeline.cutout.foreground import extract_foreground, foreground_colours
from testkit.still_life import photo, still_life


def test_nothing_of_the_old_background_is_left_under_the_soft_edge() -> None:
    y, x = np.mgrid[:200, :200]
    alpha = np.clip((60 - np.hypot(x - 100, y - 100)) / 12 + 0.5, 0, 1).astype(np.float32)
    red, green = np.array([0.8, 0.1, 0.1], np.float32), np.array([0.1, 0.9, 0.2], np.float32)
    mixed = red * alpha[..., None] + green * (1 - alpha[..., None])
    codes = np.rint(mixed * 255).astype(np.uint8)
    soft = (alpha > 0.05) & (alpha < 0.95)
    before = np.abs(mixed - red)[soft].mean()
    foreground_colours(codes, alpha, 800)
    after = np.abs(codes / 255 - red)[soft].mean()
    assert after < 0.15 * before


def test_opaque_pixels_keep_the_photos_values_to_the_bit() -> None:
    rgb, alpha = still_life(480, 600)
    cutout = extract_foreground(photo(rgb, alpha), Segmentation(alpha)).assessed()
    left, top = cutout.origin
    height, width = cutout.alpha.shape
    own = rgb[top : top + height, left : left + width]
    opaque = cutout.alpha == 1
    assert opaque.sum() > 10_000
    np.testing.assert_array_equal(cutout.rgb[opaque], own[opaque])


def test_the_crop_is_the_products_box_and_a_few_pixels_and_specks_are_dropped() -> None:
    rgb, alpha = still_life(480, 600)
    speckled = alpha.copy()
    speckled[10:14, 10:14] = 1
    cutout = extract_foreground(photo(rgb), Segmentation(speckled)).assessed()
    assert cutout.alpha.shape < alpha.shape
    assert cutout.alpha.sum() == alpha.sum()
    assert cutout.alpha[0].max() == 0
    assert cutout.warnings == ()


@pytest.mark.parametrize("state", ["laid on a photo", "multiplied by alpha"])
def test_a_files_own_alpha_over_mixed_colours_gets_the_products_own_colours(state: str) -> None:
    rgb, alpha = still_life(480, 600)
    red = np.median(rgb[alpha == 1], axis=0) / 255
    mixed = red * alpha[..., None] if state == "multiplied by alpha" else rgb / 255
    cutout = extract_foreground(photo((mixed * 255).astype(np.uint8), alpha), Segmentation(alpha)).assessed()
    soft = (cutout.alpha > 0.3) & (cutout.alpha < 0.9)
    assert soft.sum() > 100
    assert np.abs(cutout.rgb[soft] / 255 - red).mean() < 0.03


def test_a_files_own_alpha_over_the_products_own_colours_is_left_unchanged() -> None:
    rgb, alpha = still_life(480, 600)
    own = np.broadcast_to(np.array([190, 31, 26], np.uint8), rgb.shape).copy()
    own[alpha == 0] = 0
    cutout = extract_foreground(photo(own, alpha), Segmentation(alpha)).assessed()
    seen = cutout.alpha > 0
    assert (cutout.rgb[seen] == [190, 31, 26]).all()
