"""Hostile files in place of a photo: refused by their code or read after all, in little time and memory."""

from functools import cache

import numpy as np
import pytest
from PIL import Image

from benchmarks.robustness.fuzz_decode import DECODED, MEBIBYTES, SECONDS, judged
from pipeline.core.errors import ImageUnreadable, Rejected
from pipeline.core.spec import Limits
from pipeline.photo import avif
from pipeline.photo.decode import decode
from testkit.specimens import (
    HEIGHT,
    WIDTH,
    corpus,
    half_covered,
    png_chunk,
    saved,
    scene,
    swapped_profile,
)
from testkit.watched import Result, watched
from tests.support import hostile
from tests.support.hostile import SENT

LIMITS = Limits()


def sent(number: int) -> bytes:
    return SENT[number].make()


@cache
def results() -> dict[int, Result]:
    """The results, from another process: a hang or a crash must not end the tests."""
    made = watched(range(len(SENT)), sent, judged, workers=1, seconds=SECONDS, mebibytes=MEBIBYTES)
    return {result.number: result for result in made}


@pytest.mark.system
@pytest.mark.parametrize("number", range(len(SENT)), ids=[str(one) for one in SENT])
def test_each_is_refused_by_its_code_or_read(number: int) -> None:
    assert results()[number].outcome == (SENT[number].end or DECODED)


def largest(_: int) -> bytes:
    """Write the costliest allowed photo: 50 megapixels with alpha, a profile and a turn."""
    exif = Image.Exif()
    exif[0x0112] = 6
    tags = {"exif": exif.tobytes(), "icc_profile": swapped_profile()}
    return saved(Image.new("RGBA", (7071, 7071), (200, 90, 9, 128)), "WEBP", lossless=True, method=0, **tags)


@pytest.mark.system
def test_the_largest_allowed_photo_takes_less_than_two_gigabytes() -> None:
    (result,) = watched([0], largest, judged, workers=1, seconds=30, mebibytes=MEBIBYTES)

    assert (result.outcome, result.peak < MEBIBYTES) == (DECODED, True)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about truncated TIFF directories, as it would in service
@pytest.mark.parametrize("number", range(len(corpus())))
def test_a_file_truncated_anywhere_is_refused_unless_only_the_end_after_the_pixels_is_gone(number: int) -> None:
    whole = corpus()[number]
    photo = decode(whole, LIMITS)
    codes = set()
    for at in [*range(64), *range(64, len(whole), max(1, len(whole) // 150)), len(whole) - 1]:
        try:
            cut = decode(whole[:at], LIMITS)
        except Rejected as refused:
            codes.add(refused.code)
        else:
            assert cut.rgb.shape == photo.rgb.shape
            assert at > len(whole) * 0.4, "some pixels are missing"
    assert codes == {"image_truncated", "image_unreadable"}


def test_a_png_in_thousands_of_small_chunks_is_read() -> None:
    data = hostile.png()
    start = data.index(b"IDAT") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    pixels = data[start + 8 : end - 4]
    chunks = [png_chunk(b"IDAT", pixels[at : at + 1]) for at in range(len(pixels))]
    photo = decode(data[:start] + b"".join(chunks) + data[end:], LIMITS)

    assert len(chunks) > 2000
    np.testing.assert_array_equal(photo.rgb, np.asarray(scene()))


def test_a_jpeg_with_a_profile_and_text_in_a_thousand_segments_is_read() -> None:
    data = hostile.with_segments(b"\xff\xed\0\x0amaker...", 1000)

    assert decode(data, LIMITS).rgb.shape == (HEIGHT, WIDTH, 3)


def test_a_jpeg_of_sixty_scans_is_read_and_one_of_seventy_is_refused() -> None:
    assert decode(hostile.scans(60, side=700), LIMITS).rgb.shape == (700, 700, 3)
    with pytest.raises(ImageUnreadable, match="more parts"):
        decode(hostile.scans(70, side=700), LIMITS)


def test_scans_after_the_end_of_the_picture_belong_to_another_picture() -> None:
    stream = hostile.jpeg(progressive=True) * 10

    assert stream.count(b"\xff\xda") > 64
    assert decode(stream, LIMITS).rgb.shape == (HEIGHT, WIDTH, 3)


def test_a_profile_of_a_short_chain_is_converted_and_one_of_a_long_chain_counts_as_srgb() -> None:
    plain = np.asarray(scene(), dtype=np.int16)
    short = decode(hostile.png(icc_profile=hostile.chain_profile(3)), LIMITS)
    long = decode(hostile.png(icc_profile=hostile.chain_profile(2000)), LIMITS)

    assert np.abs(short.rgb - plain).mean() > 5
    np.testing.assert_array_equal(long.rgb, plain)


def test_exif_that_is_broken_elsewhere_still_turns_the_photo() -> None:
    # an exposure in place of the copyright's text
    entries = b"\x12\x01\3\0\1\0\0\0\6\0\0\0" + b"\x98\x82\5\0\1\0\0\0\x26\0\0\0"
    exif = b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries + b"\0\0\0\0" + b"\1\0\0\0\1\0\0\0"

    assert decode(hostile.png(exif=exif), LIMITS).rgb.shape == (WIDTH, HEIGHT, 3)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (96, 80), (1000, 65)])
def test_an_avifs_own_streams_give_its_size(size: tuple[int, int], moving: bool) -> None:
    picture = half_covered().resize(size)
    options = {"save_all": True, "append_images": [picture.rotate(9)]} if moving else {}
    data = saved(picture, "AVIF", **options)
    sizes = [side for item in avif.items(data) for side in avif.frame_sizes(data, item) if side != (0, 0)]

    assert len(sizes) >= 2, "colour and alpha"
    assert set(sizes) == {size}
