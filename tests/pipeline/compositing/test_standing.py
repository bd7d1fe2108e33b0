"""The shadow proxy of what stands: each part as deep as it is wide, so that none throws its shadow several times."""

import numpy as np

from pipeline.compositing.standing import SLICES, StandingProxy
from pipeline.core.resample import tight_box
from pipeline.scene.composition import compose
from tests.support.still_life import spec

FOREMOST = 1 << (len(SLICES) - 1)


def slices_of(mask: np.ndarray) -> np.ndarray:
    box = tight_box(mask)
    assert box is not None
    return StandingProxy.of(mask.astype(np.float32), box, compose(spec("sweep"), 200, 200, 1.0)).slices().astype(int)


def stool() -> np.ndarray:
    """A seat 120 wide and 60 high on two legs of 6, with a thin board that reaches out to the right."""
    mask = np.zeros((200, 200), bool)
    mask[60:120, 40:160] = True
    mask[120:180, 44:50] = mask[120:180, 150:156] = True
    mask[84:88, 160:195] = True
    return mask


def test_every_place_of_a_silhouette_is_held_and_no_other() -> None:
    mask = stool()
    held = slices_of(mask)
    assert (held[60:119, 60:140] > 0).all()
    assert (held[~mask] == 0).all()
    assert (held[mask] > 0).mean() > 0.97


def test_a_slim_leg_and_a_bar_stand_in_one_slice_and_a_body_in_all() -> None:
    held = slices_of(stool())
    assert set(np.unique(held[125:180, 44:50])) == {FOREMOST}
    assert set(np.unique(held[125:180, 150:156])) == {FOREMOST}
    assert held[90, 95] == 2 ** len(SLICES) - 1


def test_what_is_round_is_narrower_in_front_than_in_its_middle() -> None:
    mask = np.zeros((200, 200), bool)
    mask[40:180, 60:140] = True
    held = slices_of(mask)
    middle = SLICES.index(0.0)
    widths = [int((held[100] >> number & 1).sum()) for number in range(len(SLICES))]
    assert widths[middle] == 80
    assert widths == [*sorted(widths[: middle + 1]), *sorted(widths[middle + 1 :], reverse=True)]
    assert 30 < widths[-1] < 60
