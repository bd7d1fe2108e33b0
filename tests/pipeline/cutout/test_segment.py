from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.core.errors import ModelFailed, NoSubject
from pipeline.core.networks import FunctionSegmenter
from pipeline.cutout.segment import segment
from testkit.still_life import by_colour, photo, still_life


def test_a_real_alpha_channel_is_used_without_the_network() -> None:
    rgb, alpha = still_life(480, 600)

    @FunctionSegmenter
    def never(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError("asked")

    assert segment(photo(rgb, alpha), never).alpha is alpha


def test_a_coarse_mask_gets_the_photos_own_edges() -> None:
    rgb, alpha = still_life(480, 600)

    @FunctionSegmenter
    def coarse(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = gaussian_filter(by_colour(image), 3)
        return blurred

    before = np.abs(coarse(rgb) - alpha).mean()
    assert np.abs(segment(photo(rgb), coarse).alpha - alpha).mean() < 0.6 * before


@pytest.mark.parametrize("sure", [0.0, 0.2])
def test_a_mask_without_a_sure_part_and_a_texture_over_the_whole_frame_are_no_subject(sure: float) -> None:
    @FunctionSegmenter
    def speckled(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        drawn = np.random.default_rng(0).choice([0.0, 0.6, 1.0], image.shape[:2], p=[0.4, 0.6 - sure, sure])
        drawn[5, 5] = 1.0  # min-max normalisation of an empty answer
        return drawn.astype(np.float32)

    with pytest.raises(NoSubject):
        segment(photo(np.full((300, 300, 3), 128, np.uint8)), speckled)


def test_a_single_segmenter_looks_at_the_photo_mirrored_and_unsqueezed() -> None:
    rgb, alpha = still_life(480, 600)
    one = Looks(by_colour)
    segment(photo(rgb), one)
    assert len(one.seen) == 3
    assert np.array_equal(one.seen[1], rgb[:, ::-1])
    assert one.seen[2].shape[0] == one.seen[2].shape[1] == 600
    for losing in (Looks(by_colour, upper, by_colour), Looks(by_colour, by_colour, upper)):
        assert overlap(segment(photo(rgb), losing).alpha, alpha) > 0.97, "a later look that loses a part is outvoted"


@pytest.mark.parametrize("answer", [np.ones((3, 3), np.float32), np.full((600, 480), np.nan, np.float32)])
def test_a_mask_of_the_wrong_size_is_the_models_failure(answer: NDArray[np.float32]) -> None:
    with pytest.raises(ModelFailed):
        segment(photo(still_life(480, 600)[0]), FunctionSegmenter(lambda image: answer))


class Looks:
    """A segmenter that returns one answer per look, and repeats the last one; it keeps its inputs."""

    side = 640

    def __init__(self, *answers: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> None:
        self.answers, self.seen = answers, list[NDArray[np.uint8]]()

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seen.append(image)
        return self.answers[min(len(self.seen), len(self.answers)) - 1](image)


@FunctionSegmenter
def upper(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The product's upper half alone."""
    mask = by_colour(image)
    rows = np.flatnonzero((mask > 0.5).any(1))
    mask[(rows[0] + rows[-1]) // 2 :] = 0
    return mask


def overlap(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    return float(((one > 0.5) & (two > 0.5)).sum() / ((one > 0.5) | (two > 0.5)).sum())


def test_segmenters_that_agree_look_once_each() -> None:
    rgb, alpha = still_life(480, 600)
    one, two = Looks(by_colour), Looks(by_colour)
    found = segment(photo(rgb), one, second=two)
    assert (len(one.seen), len(two.seen)) == (1, 1)
    assert np.abs(found.alpha - alpha).mean() < 0.004


def test_where_the_segmenters_disagree_the_first_looks_at_the_mirror_image_and_at_the_photo_unsqueezed() -> None:
    rgb, alpha = still_life(480, 600)
    one, two = Looks(upper, by_colour), Looks(by_colour)
    found = segment(photo(rgb), one, second=two)
    assert (len(one.seen), len(two.seen)) == (3, 1)
    assert one.seen[2].shape[0] == one.seen[2].shape[1] == 600
    assert overlap(found.alpha, alpha) > 0.5


def test_a_part_that_two_of_four_looks_see_is_kept() -> None:
    rgb, alpha = still_life(480, 600)
    found = segment(photo(rgb), Looks(by_colour, upper, by_colour), second=upper)
    assert overlap(found.alpha, alpha) > 0.97
    found = segment(photo(rgb), Looks(by_colour, upper, upper), second=upper)
    assert overlap(found.alpha, upper(rgb)) > 0.9


def test_the_first_segmenter_decides_whether_there_is_a_product() -> None:
    rgb, alpha = still_life(480, 600)

    @FunctionSegmenter
    def nothing(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full(image.shape[:2], 0.3, np.float32)

    with pytest.raises(NoSubject):
        segment(photo(rgb), nothing, second=by_colour)
    assert overlap(segment(photo(rgb), by_colour, second=nothing).alpha, alpha) > 0.97


def test_each_network_gets_its_own_number_of_pixels() -> None:
    class Coarse(Looks):
        side = 200

    rgb, alpha = still_life(900, 1200)
    one, two = Looks(upper, by_colour), Coarse(by_colour)
    assert overlap(segment(photo(rgb), one, second=two).alpha, alpha) > 0.97
    assert [max(image.shape) for image in (*one.seen, *two.seen)] == [640, 640, 640, 200]
