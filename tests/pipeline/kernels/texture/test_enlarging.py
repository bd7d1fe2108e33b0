"""Tiles are enlarged as Pillow does, and kept ones lie where they are put."""

import numpy as np
import pytest
from PIL import Image

from pipeline.kernels.texture.enlarging import add_enlarged, add_tile

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("m", [16, 32, 64])
def test_a_soft_tile_is_enlarged_and_added_and_repeats(m: int) -> None:
    soft, before = (RNG.standard_normal(shape).astype(np.float32) for shape in ((m, m), (12, 64)))
    out = before.copy()
    add_enlarged(soft, 60, out)
    wide = Image.fromarray(np.pad(soft, 3, mode="wrap")).resize(
        (64, 64), Image.Resampling.BICUBIC, (3, 3, m + 3, m + 3)
    )
    np.testing.assert_allclose(out, before + np.roll(np.asarray(wide), 4, 0)[:12], atol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("top", [-3, 0, 50])
def test_a_tile_of_codes_is_added_moved_and_turned_and_repeats(top: int, turned: bool) -> None:
    tile = RNG.integers(-127, 128, (16, 16)).astype(np.int8)
    before = RNG.standard_normal((20, 64)).astype(np.float32)
    out = before.copy()
    add_tile(tile, np.float32(0.5), top, 5, 11, turned, out)
    moved = np.roll(tile, (-5, -11), (0, 1))
    rows = np.arange(top, top + 20)
    wanted = moved[(-1 - rows if turned else rows) % 16]
    np.testing.assert_allclose(out, before + 0.5 * np.tile(wanted, 4), atol=1e-5)
