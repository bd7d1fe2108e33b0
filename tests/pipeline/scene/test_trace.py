import numpy as np

from pipeline.scene.trace import windows_of


def test_the_windows_of_parts_contain_exactly_their_pixels() -> None:
    part = np.random.default_rng(3).integers(0, 2, (30, 40)).astype(np.uint16)
    part[12:20, 7:33], part[25, 39] = 3, 4
    whole, none = (slice(0, 30), slice(0, 40)), (slice(0, 0), slice(0, 0))
    assert windows_of(part, 6) == [
        whole, whole, none, (slice(12, 20), slice(7, 33)), (slice(25, 26), slice(39, 40)), none,
    ]  # fmt: skip
