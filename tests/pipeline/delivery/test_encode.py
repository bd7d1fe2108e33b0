"""The delivered file: exact size, exact white, within the weight, sRGB, marked, and without other metadata."""

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import srgb_profile
from pipeline.core.order import Format
from pipeline.core.provenance import read_digital_source_type
from pipeline.delivery.encode import encode, to_8_bit
from pipeline.delivery.fidelity import MEAN, P99, Product
from testkit.still_life import preset

MARK = "compositeWithTrainedAlgorithmicMedia"
PRESET = replace(preset((160, 120), form="jpeg"), quality=(92, 40), digital_source_type=MARK)
FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp", "avif")


def gradient(width: int = 160, height: int = 120, channels: int = 3) -> NDArray[np.float32]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    planes = [0.2 + 0.5 * x / width, 0.3 + 0.4 * y / height, 0.5 + 0.2 * np.sin(x / 11), x / (width - 1)]
    return np.stack(planes[:channels], axis=-1).astype(np.float32)


def noisy(width: int = 160, height: int = 120) -> NDArray[np.float32]:
    return np.random.default_rng(3).random((height, width, 3), dtype=np.float32)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("form", FORMATS)
def test_the_file_has_mark_and_profile_alone_and_is_the_same_each_time(form: Format) -> None:
    place = replace(PRESET, formats=(form, "png"))
    encoded = encode(gradient(), place)
    picture = opened(encoded.data)
    assert picture.format == form.upper()
    assert picture.size == (encoded.width, encoded.height) == (160, 120)
    assert (encoded.content_type, encoded.format) == (f"image/{form}", form)
    assert encoded.quality == (None if form == "png" else 92)
    difference = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255 - gradient()
    assert np.abs(difference).mean() < 0.01
    assert read_digital_source_type(picture.info["xmp"]) == MARK
    assert picture.info["icc_profile"] == srgb_profile()
    assert dict(picture.getexif()) == {}
    assert encode(gradient(), place).data == encoded.data
    unmarked = opened(encode(gradient(), replace(place, digital_source_type=None)).data)
    assert not unmarked.info.get("xmp")
    assert unmarked.info["icc_profile"] == srgb_profile()


def test_another_size_than_the_presets_and_alpha_in_a_jpeg_are_refused() -> None:
    with pytest.raises(ValueError, match="161x120"):
        encode(gradient(161), PRESET)
    assert encode(gradient(90, 70), replace(PRESET, size=None)).width == 90
    with pytest.raises(ValueError, match="no alpha"):
        encode(gradient(channels=4), PRESET)


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_the_quality_is_the_highest_that_fits(form: Format) -> None:
    free = replace(PRESET, formats=(form,))
    sizes = {quality: len(encode(noisy(), replace(free, quality=(quality, 40))).data) for quality in (92, 70, 40)}
    assert sizes[92] > sizes[70] > sizes[40]
    limit = sizes[70]
    fitted = encode(noisy(), replace(free, max_bytes=limit))
    assert fitted.quality is not None
    assert 70 <= fitted.quality < 92
    assert len(fitted.data) <= limit
    above = encode(noisy(), replace(free, quality=(fitted.quality + 1, 40)))
    assert len(above.data) > limit


def test_a_file_too_heavy_at_the_lowest_quality_is_delivered_with_it() -> None:
    encoded = encode(noisy(), replace(PRESET, max_bytes=100))
    assert encoded.quality == 40
    assert len(encoded.data) > 100


def test_colour_has_full_resolution_at_high_quality_only() -> None:
    layers = {q: opened(encode(gradient(), replace(PRESET, quality=(q, q))).data) for q in (92, 60)}
    sampling = {q: [layer[1:3] for layer in vars(picture)["layer"]] for q, picture in layers.items()}
    assert sampling[92] == [(1, 1)] * 3
    assert sampling[60][0] == (2, 2)


@pytest.mark.parametrize("form", FORMATS)
def test_pure_white_stays_pure_and_pure_black_too(form: Format) -> None:
    picture = np.ones((120, 160, 3), np.float32)
    picture[:, 96:] = 0
    arrived = np.asarray(opened(encode(picture, replace(PRESET, formats=(form,))).data).convert("RGB"))
    # the seam itself may ring in a lossy file; one 16-pixel block of it is left out on each side
    assert arrived[:, :80].min() == 255
    assert arrived[:, 112:].max() <= (1 if form == "avif" else 0)


def test_dither_leaves_exact_black_and_white_and_nothing_else_overflows() -> None:
    picture = np.zeros((300, 40, 3), np.float32)
    picture[:, 10:20] = 1
    picture[:, 20:30] = 1.5
    picture[:, 30:40] = -0.5
    codes = to_8_bit(picture)
    assert set(np.unique(codes[:, 10:30])) == {255}
    assert set(np.unique(codes[:, :10])) == {0}
    assert set(np.unique(codes[:, 30:])) == {0}
    near = to_8_bit(np.full((300, 40, 3), 254.9 / 255, np.float32))
    assert near.min() >= 253


def test_dither_keeps_the_mean_between_two_codes() -> None:
    for value in (100.25, 100.5, 100.75):
        codes = to_8_bit(np.full((400, 400, 3), value / 255, np.float32))
        assert codes.mean() == pytest.approx(value, abs=0.01)
        assert codes.var() == pytest.approx(0.25, abs=0.01)  # at any value: the reason for triangular noise
        assert codes.min() >= 99
        assert codes.max() <= 102
        assert (codes[:200] != codes[200:]).any(), "rows do not repeat their noise"


def test_the_product_is_rounded_and_only_the_background_is_dithered() -> None:
    picture = gradient(200, 300)
    product = np.zeros((300, 200), bool)
    product[60:240, 50:150] = True
    codes, rounded = to_8_bit(picture, product), np.rint(picture * 255)
    assert (codes[product] == rounded[product]).all()
    assert (codes[~product] == to_8_bit(picture)[~product]).all()
    assert (codes[~product] != rounded[~product]).mean() > 0.3


def fine_print() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Dark coloured texture inside a box on white, which a low quality blurs; and the box's alpha."""
    alpha = np.zeros((120, 160), np.float32)
    alpha[20:100, 30:130] = 1
    texture = np.random.default_rng(2).random((120, 160, 3), dtype=np.float32) * np.float32(0.25)
    return np.where(alpha[..., None] == 1, texture, np.float32(1)), alpha


def test_the_quality_rises_until_the_products_colours_are_within_bounds() -> None:
    image, alpha = fine_print()
    low = replace(PRESET, quality=(80, 60))
    encoded = encode(image, low, alpha=alpha)
    assert encode(image, low).quality == 80
    assert encode(gradient(), low, alpha=np.ones((120, 160), np.float32)).quality == 80, "an easy one stays"
    assert encoded.quality is not None
    assert encoded.quality > 95
    product = Product(image, alpha, 1_000_000)
    errors = product.errors(np.asarray(opened(encoded.data)))
    coarser = product.errors(np.asarray(opened(encode(image, replace(PRESET, quality=(95, 95))).data)))
    assert (errors.mean() <= MEAN and np.quantile(errors, 0.99) <= P99) or encoded.quality == 100
    assert coarser.mean() > MEAN


def test_the_report_of_a_file_matches_its_content() -> None:
    image, alpha = fine_print()
    encoded = encode(image, replace(PRESET, quality=(80, 60)), alpha=alpha, beside=lambda rgb: int(rgb.sum()))
    shown = np.asarray(opened(encoded.data))
    assert encoded.judged is not None
    np.testing.assert_array_equal(encoded.judged.decoded, shown)
    assert encoded.judged.fidelity == Product(image, alpha).fidelity(shown)
    assert encoded.judged.beside == int(shown.sum())


def test_the_quality_does_not_rise_beyond_the_weight() -> None:
    image, alpha = fine_print()
    low = replace(PRESET, quality=(80, 60))
    limit = len(encode(image, low).data) + 100
    encoded = encode(image, replace(low, max_bytes=limit), alpha=alpha)
    assert encoded.quality == 80
    assert len(encoded.data) <= limit


def test_room_is_left_for_later_metadata() -> None:
    whole = encode(noisy(), replace(PRESET, max_bytes=15_000))
    less = encode(noisy(), replace(PRESET, max_bytes=15_000), reserve=4_000)
    assert len(less.data) <= 11_000 < len(whole.data) <= 15_000


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_transparent_preset_keeps_straight_alpha_and_the_colours_under_it(form: Format) -> None:
    preset = replace(PRESET, formats=(form,), background="transparent", digital_source_type=None)
    image = gradient(channels=4)
    encoded = encode(image, preset)
    arrived = np.asarray(opened(encoded.data).convert("RGBA"))
    assert encoded.quality is None
    np.testing.assert_array_equal(arrived[..., 3], np.rint(image[..., 3] * 255))
    assert np.abs(arrived[..., :3] / 255 - image[..., :3]).max() < 2 / 255
