import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from pipeline.core.resample import eroded


@pytest.mark.parametrize("reach", [2.5, 3, 3.5])
def test_erosion_by_a_disc_keeps_what_is_farther_from_the_outside(reach: float) -> None:
    mask = np.random.default_rng(5).random((60, 45)) > 0.01
    mask[:, :20] = True
    assert 0.1 < eroded(mask, reach).mean() < 0.9
    np.testing.assert_array_equal(eroded(mask, reach), mask & (distance_transform_edt(mask) > reach))
