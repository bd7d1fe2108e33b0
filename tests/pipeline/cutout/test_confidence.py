import numpy as np
import pytest

from pipeline.cutout.warnings import LOW_CONFIDENCE, confidence_of, disputed, undecided_share


def test_confidence_falls_where_looks_disagree_and_where_much_is_undecided() -> None:
    sure = confidence_of(0.98, 0.01)
    assert LOW_CONFIDENCE < sure <= 1
    assert confidence_of(0.5, 0.01) < LOW_CONFIDENCE
    assert confidence_of(0.98, 0.3) < sure


def test_the_undecided_is_a_share_of_everything_but_the_background() -> None:
    mask = np.zeros((40, 40), np.float32)
    mask[:10], mask[10:20] = 1, 0.5
    assert undecided_share(mask) == pytest.approx(0.5)
    assert undecided_share(np.zeros((8, 8), np.float32)) == 0


def test_a_disagreement_of_looks_is_boxed_and_a_speck_is_not() -> None:
    one = np.zeros((60, 80), np.float32)
    one[10:40, 10:40] = 1
    other = one.copy()
    other[10:20, 60:70] = 1
    other[50, 5] = 1
    assert disputed([one, other], one) == [(60, 10, 70, 20)]
