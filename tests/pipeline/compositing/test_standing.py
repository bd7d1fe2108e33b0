"""The shadow proxy of a standing product: each part is as deep as wide, so that none casts its shadow several times."""

import numpy as np
import pytest

from pipeline.compositing.standing import SLICES, StandingProxy
from pipeline.core.resample import tight_box
from pipeline.geometry.contact import raised_feet, things_apart
from pipeline.scene.composition import compose
from pipeline.scene.layout import FOCAL
from testkit.still_life import spec

SINGLE = SLICES[0]
FOREMOST = 1 << (len(SINGLE) - 1)


def slices_of(mask: np.ndarray) -> np.ndarray:
    box = tight_box(mask)
    assert box is not None
    return (
        StandingProxy.of([(mask.astype(np.float32), box)], compose(spec("sweep"), 200, 200, 1.0)).slices().astype(int)
    )


def stool() -> np.ndarray:
    """A seat 120 wide and 60 high on two legs of 6, with a thin board that reaches out to the right."""
    mask = np.zeros((200, 200), bool)
    mask[60:120, 40:160] = True
    mask[120:180, 44:50] = mask[120:180, 150:156] = True
    mask[84:88, 160:195] = True
    return mask


def test_the_proxy_covers_every_place_of_a_silhouette_and_no_other() -> None:
    mask = stool()
    held = slices_of(mask)
    assert (held[60:119, 60:140] > 0).all()
    assert (held[~mask] == 0).all()
    assert (held[mask] > 0).mean() > 0.97


def test_a_slim_leg_and_a_bar_are_in_one_slice_and_a_body_in_all() -> None:
    held = slices_of(stool())
    assert set(np.unique(held[125:180, 44:50])) == {FOREMOST}
    assert set(np.unique(held[125:180, 150:156])) == {FOREMOST}
    assert held[90, 95] == 2 ** len(SINGLE) - 1


def test_a_round_thing_is_narrower_in_front_than_in_its_middle() -> None:
    mask = np.zeros((200, 200), bool)
    mask[40:180, 60:140] = True
    held = slices_of(mask)
    widths = [int((held[100] >> number & 1).sum()) for number in range(len(SINGLE))]
    middle = len(SINGLE) // 2
    assert max(widths) == widths[middle] == pytest.approx(80, abs=1)
    assert widths == [*sorted(widths[:middle]), *sorted(widths[middle:], reverse=True)]
    assert 30 < widths[-1] < 60


def test_of_two_things_the_one_with_the_higher_foot_stands_farther_back_on_the_same_level() -> None:
    mask = np.zeros((200, 200), bool)
    mask[80:180, 20:80] = mask[60:160, 120:180] = True
    layout = compose(spec("sweep"), 200, 200, 1.0)
    things = things_apart(mask.astype(np.float32))
    proxy = StandingProxy.of(things, layout)
    back, front = proxy.things
    assert [box[3] for _, box in things] == [160, 180]
    assert back.z < front.z == 0
    # Its foot's depth is where the camera sees the level under the foremost foot.
    eye = layout.horizon_y * 200
    assert (180 - eye) * FOCAL / (FOCAL - back.z) == pytest.approx(160 - eye, rel=1e-4)
    held = proxy.slices().astype(int)
    lowest_row = np.flatnonzero((held & 255).any(axis=1)).max()
    assert lowest_row == pytest.approx(179, abs=1)
    assert not (held[:, :100] & 255).any()


def test_a_part_right_above_another_and_a_heap_are_one_thing() -> None:
    lid = np.zeros((200, 200), np.float32)
    lid[40:80, 60:140] = lid[100:180, 60:140] = 1
    assert len(things_apart(lid)) == 1
    heap = np.zeros((200, 200), np.float32)
    for left in range(10, 190, 40):
        heap[150:180, left : left + 20] = 1
    assert len(things_apart(heap)) == 1
    assert things_apart(np.zeros((20, 20), np.float32)) == []


def test_a_far_leg_of_a_table_is_a_thing_of_its_own_and_a_low_camera_sees_none() -> None:
    mask = stool()
    mask[150:, 150:156] = False
    things = things_apart(mask.astype(np.float32))
    far, front = raised_feet(things, sine=0.5)
    assert (far[1], front[1][3]) == ((150, 120, 156, 150), 180)
    assert np.array_equal(far[0] + front[0], things[0][0])
    assert raised_feet(things, sine=0.1)[0][1] == things[0][1]
