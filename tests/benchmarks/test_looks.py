"""Looks of a segmenter are kept, so that trials of what comes after the networks cost no second look."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.picture.looks import KeptLooks, KeptSession
from tests.support.still_life import by_colour, still_life


class Counting:
    """A segmenter that counts its looks."""

    side = 320

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.looks += 1
        return by_colour(image)


@pytest.mark.gate  # starts a process
def test_a_picture_is_looked_at_once_even_by_another_process_later(tmp_path: Path) -> None:
    rgb, _ = still_life()
    network = Counting()
    first = KeptLooks(network, tmp_path, "one")
    answers = [first(rgb), first(rgb), KeptLooks(network, tmp_path, "one")(rgb)]
    assert network.looks == 1
    assert first.side == 320
    for answer in answers:
        np.testing.assert_allclose(answer, by_colour(rgb), rtol=0, atol=0.5 / 255 + 1e-6)


def test_looks_of_another_network_or_of_another_picture_are_not_taken_for_it(tmp_path: Path) -> None:
    rgb, _ = still_life()
    network = Counting()
    KeptLooks(network, tmp_path, "one")(rgb)
    KeptLooks(network, tmp_path, "another")(rgb)
    KeptLooks(network, tmp_path, "one")(np.ascontiguousarray(rgb[:, ::-1]))
    assert network.looks == 3


def test_rembg_is_given_kept_looks_as_its_session_would_give_them(tmp_path: Path) -> None:
    rgb, _ = still_life()
    network = Counting()
    looks = KeptLooks(network, tmp_path, "one")
    (mask,) = KeptSession(looks).predict(Image.fromarray(rgb))
    assert (mask.mode, mask.size) == ("L", (rgb.shape[1], rgb.shape[0]))
    assert np.array_equal(np.asarray(mask), np.rint(looks(rgb) * 255))
    assert network.looks == 1
