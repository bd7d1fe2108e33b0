import numpy as np

from pipeline.scene.trace import window_of, windows_of


def test_the_windows_of_all_parts_are_those_of_each() -> None:
    part = np.random.default_rng(3).integers(0, 2, (30, 40)).astype(np.uint16)
    part[12:20, 7:33], part[25, 39] = 3, 4
    assert windows_of(part, 6) == [window_of(part == index) for index in range(6)]
    assert windows_of(part, 6)[2] == (slice(0, 0), slice(0, 0))
