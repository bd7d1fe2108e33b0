import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import FunctionSegmenter
from pipeline.core.types import Alpha, Doubts, Photo
from pipeline.cutout.doubts import GROUND_COLOURED, INSIDE, MOST, OUTSIDE, areas_of, right
from pipeline.cutout.segment import segment
from pipeline.cutout.warnings import undecided_share
from testkit.still_life import by_colour, photo, still_life

Rgb = NDArray[np.uint8]


def disc(middle: tuple[int, int], radius: int, shape: tuple[int, int] = (160, 200)) -> Alpha:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((y - middle[0]) ** 2 + (x - middle[1]) ** 2 <= radius**2, np.float32)


def test_a_cut_out_is_less_probable_the_more_its_looks_differ() -> None:
    one = disc((80, 80), 50)
    alike = right([one, one, one, one, one], one)
    other = np.maximum(one, disc((80, 150), 25))
    assert 0.85 < alike <= 1
    assert right([one, one, one, one, other], one) < alike
    assert right([one, other, one, other, other], one) < 0.6


def test_the_undecided_is_a_share_of_everything_but_the_background() -> None:
    mask = np.zeros((40, 40), np.float32)
    mask[:10], mask[10:20] = 1, 0.5
    assert undecided_share(mask) == pytest.approx(0.5)
    assert undecided_share(np.zeros((8, 8), np.float32)) == 0


def test_areas_in_the_cut_out_and_outside_it_are_apart_and_a_speck_is_none() -> None:
    cut = disc((80, 80), 50)
    lost, kept, speck = disc((80, 150), 15), disc((40, 80), 15), disc((150, 10), 1)
    found = areas_of([cut, np.clip(cut + lost + speck - kept, 0, 1)], cut)
    assert found.kinds == (OUTSIDE, INSIDE)
    assert [found.kept(number) for number in (1, 2)] == [False, True]
    assert found.boxes[0] == (135, 65, 166, 96)
    assert found.shares[0] == pytest.approx((lost * (1 - cut)).sum() / cut.sum(), rel=0.05)


def test_two_filled_gaps_are_one_area_in_the_grounds_colours() -> None:
    plate, gaps = disc((80, 100), 55), disc((80, 75), 16) + disc((80, 125), 16)
    solid = (plate - gaps)[..., None]
    rgb = (solid * (40, 30, 30) + (1 - solid) * (200, 190, 170)).astype(np.uint8)
    rgb += np.random.default_rng(0).integers(0, 6, rgb.shape).astype(np.uint8)
    found = areas_of([plate, plate], plate, rgb)
    assert found.kinds == (GROUND_COLOURED,)
    assert found.boxes[0] == pytest.approx((59, 64, 142, 97), abs=3)
    assert found.shares[0] == pytest.approx(gaps.sum() / plate.sum(), rel=0.2)


def reds(image: Rgb) -> Alpha:
    return np.asarray(image[..., 0] > image[..., 1] + 60, np.float32)


@pytest.fixture(scope="module")
def doubted() -> tuple[Photo, Alpha, Doubts, Alpha]:
    """A photo, its cut-out, its doubts and the truth. All looks of the first network but the mirrored lose the top."""
    alpha = disc((300, 240), 150, (600, 480))
    rgb = (alpha[..., None] * (200, 40, 40) + (1 - alpha[..., None]) * (150, 160, 150)).astype(np.uint8)
    loses = iter([True, False, True, False])

    @FunctionSegmenter
    def forgetful(image: Rgb) -> Alpha:
        mask = reds(image)
        if next(loses):
            mask[: len(mask) // 2] *= 0.2
        return mask

    taken = photo(rgb)
    found = segment(taken, forgetful, None, doubts=True)
    assert found.doubts is not None
    return taken, found.alpha, found.doubts, alpha


def test_the_mask_is_the_same_with_and_without_doubts_and_only_asked_for_they_are_found() -> None:
    rgb, _ = still_life(480, 600)
    looks = FunctionSegmenter(by_colour), FunctionSegmenter(by_colour)
    quick, thorough = segment(photo(rgb), *looks), segment(photo(rgb), *looks, doubts=True)
    assert quick.doubts is None
    assert thorough.doubts == Doubts()
    assert np.array_equal(quick.alpha, thorough.alpha)


def test_the_other_answer_of_a_lost_part_brings_it_back_with_the_photos_edges(
    doubted: tuple[Photo, Alpha, Doubts, Alpha],
) -> None:
    taken, alpha, doubts, truth = doubted
    assert 1 <= len(doubts.pieces) <= MOST
    first = doubts.pieces[0]
    assert not first.kept
    assert 0 < first.wrong < 1
    layer = np.asarray(Image.open(io.BytesIO(doubts.layer)))
    assert layer.shape == (*taken.rgb.shape[:2], 2)
    answered = np.where(layer[..., 0] > 0, layer[..., 1] / 255, alpha)
    assert np.abs(answered - truth).mean() < 0.35 * np.abs(alpha - truth).mean()
    left, top, right_, bottom = first.box
    rows, columns = np.nonzero(layer[..., 0] == first.number)
    reach = 12  # pixels of the photo in which the edge of an answer may end
    assert columns.min() >= left - reach
    assert rows.min() >= top - reach
    assert columns.max() < right_ + reach
    assert rows.max() < bottom + reach


def test_what_only_a_witness_sees_changes_no_mask_but_is_a_piece() -> None:
    rgb, _ = still_life(480, 600)
    looks = FunctionSegmenter(by_colour), FunctionSegmenter(by_colour)

    @FunctionSegmenter
    def more(image: Rgb) -> Alpha:
        mask = by_colour(image)
        height, width = mask.shape
        mask[int(0.02 * height) : int(0.2 * height), int(0.02 * width) : int(0.98 * width)] = 1
        return mask

    alone = segment(photo(rgb), *looks, doubts=True)
    witnessed = segment(photo(rgb), *looks, witness=more, doubts=True)
    assert np.array_equal(alone.alpha, witnessed.alpha)
    assert alone.confidence == witnessed.confidence
    assert witnessed.doubts is not None
    assert witnessed.doubts.pieces
    assert not witnessed.doubts.pieces[0].kept


def test_a_files_own_alpha_has_no_doubts() -> None:
    rgb, alpha = still_life(480, 600)
    network = FunctionSegmenter(by_colour)
    assert segment(photo(rgb, alpha), network, doubts=True).doubts == Doubts()


def test_a_product_that_is_one_doubt_can_be_dropped_whole() -> None:
    rgb = np.full((480, 600, 3), 200, np.uint8)
    rgb[140:340, 200:400] = (200, 40, 40)
    calls = iter(range(9))

    @FunctionSegmenter
    def unsure(image: Rgb) -> Alpha:
        return reds(image) * (1.0 if next(calls) % 2 == 0 else 0.1)

    found = segment(photo(rgb), unsure, None, doubts=True)

    assert found.doubts is not None
    assert found.doubts.pieces
    layer = np.asarray(Image.open(io.BytesIO(found.doubts.layer)))
    assert layer[240, 300, 0]
    assert not layer[240, 300, 1]
