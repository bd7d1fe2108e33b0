"""The local means of blur fusion against SciPy."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from pipeline.kernels.image.guide import fusion_means

RNG = np.random.default_rng(4)
Field = NDArray[np.float32]


def means(front: Field, back: Field, alpha: Field, window: int, sure: int) -> Field:
    """Return h×w×6 local means of both sides' colours, weighted by powers of alpha and of 1 - alpha."""

    def mean(values: Field) -> Field:
        return np.asarray(uniform_filter(values, window, output=np.float32, mode="nearest"), np.float32)

    own, rest = (one**sure + 1e-3 * one for one in (alpha, 1 - alpha))
    sides = (front, own), (back, rest)
    planes = [mean(colours[..., c] * weight) / (mean(weight) + 1e-5) for colours, weight in sides for c in range(3)]
    return np.stack(planes, -1)


@pytest.mark.parametrize(("window", "doublings"), [(3, 0), (16, 3), (7, 3), (40, 0)])
def test_local_means_match_box_filters(window: int, doublings: int) -> None:
    colours, alpha = RNG.random((21, 30, 6), np.float32), RNG.random((21, 30), np.float32)
    alpha[:, :12], alpha[:, 20:] = 0, 1
    out = np.empty((21, 30, 6), np.float32)
    for top in (0, 11):
        fusion_means(colours, alpha, window, doublings, top, out[top : top + 11])
    expected = means(colours[..., :3], colours[..., 3:], alpha, window, 2**doublings)
    np.testing.assert_allclose(out, expected, atol=2e-5)


def test_equal_colours_count_for_both_sides() -> None:
    colours, alpha = RNG.random((9, 12, 3), np.float32), RNG.random((9, 12), np.float32)
    out = np.empty((9, 12, 6), np.float32)
    fusion_means(colours, alpha, 5, 0, 0, out)
    np.testing.assert_allclose(out, means(colours, colours, alpha, 5, 1), atol=2e-5)
