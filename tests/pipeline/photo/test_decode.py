"""Every form of photo that clients send."""

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import srgb_profile, srgb_to_linear
from pipeline.core.errors import ImageUnreadable
from pipeline.core.spec import Limits
from pipeline.core.types import Photo
from pipeline.photo.decode import decode
from testkit.specimens import HEIGHT, WIDTH, half_covered, png16, png_chunk, saved, scene, swapped_profile

LIMITS = Limits()


def expected() -> NDArray[np.int16]:
    return np.asarray(scene(), dtype=np.int16)


def assert_close(photo: Photo, pixels: NDArray[np.int16], tolerance: float) -> None:
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.shape == pixels.shape
    assert np.abs(photo.rgb.astype(np.int16) - pixels).mean() <= tolerance


def linear_grey_profile() -> bytes:
    """Return a minimal ICC v2 monochrome profile of gamma 1 (ICC.1:2001-04, 6.3.2)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    table = struct.pack(">I", 2) + b"wtpt" + struct.pack(">II", 156, 20) + b"kTRC" + struct.pack(">II", 176, 12)
    size = 188
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28
    header += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + table + white + curve


def test_before_a_large_photo_free_memory_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given, photo = list[int](), saved(scene(), "JPEG")
    monkeypatch.setattr("pipeline.photo.decode.give_back_memory", lambda: given.append(1))
    decode(photo, LIMITS)
    assert not given
    monkeypatch.setattr("pipeline.photo.decode.LARGE", WIDTH * HEIGHT - 1)
    decode(photo, LIMITS)
    assert given == [1]


@pytest.mark.parametrize(
    ("format", "options", "name", "tolerance"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}, "jpeg", 1.5),
        ("JPEG", {"quality": 95, "progressive": True}, "jpeg", 4),
        ("PNG", {}, "png", 0),
        ("WEBP", {"lossless": True}, "webp", 0),
        ("WEBP", {"quality": 95}, "webp", 4),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, "avif", 2),
        ("TIFF", {}, "tiff", 0),
        ("TIFF", {"compression": "tiff_lzw"}, "tiff", 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, "tiff", 0),
        ("TIFF", {"big_tiff": True}, "tiff", 0),
    ],
)
def test_each_format_is_detected_by_its_content(
    format: str, options: dict[str, Any], name: str, tolerance: float
) -> None:
    photo = decode(saved(scene(), format, **options), LIMITS)
    assert photo.format == name
    assert photo.alpha is None
    assert_close(photo, expected(), tolerance)


@pytest.mark.parametrize("format", ["MPO", "WEBP", "PNG", "AVIF", "TIFF"])
def test_several_frames_give_the_first(format: str) -> None:
    black = Image.new("RGB", scene().size)
    own: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "MPO": {"quality": 95}}
    photo = decode(saved(scene(), format, save_all=True, append_images=[black, black], **own.get(format, {})), LIMITS)
    assert photo.format == format.lower()
    assert_close(photo, expected(), 5)


@pytest.mark.parametrize(
    ("format", "orientation"),
    [*(("JPEG", turn) for turn in range(1, 9)), ("PNG", 6), ("WEBP", 6), ("TIFF", 6), ("AVIF", 6)],
)
def test_the_exif_orientation_is_applied(format: str, orientation: int) -> None:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(turn[orientation]) if orientation > 1 else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {} if format in ("PNG", "TIFF") else {"quality": 95}
    photo = decode(saved(stored, format, exif=exif.tobytes(), **quality), LIMITS)
    assert_close(photo, expected(), 5)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about the broken EXIF, as it would in service
def test_an_orientation_out_of_range_and_broken_exif_only_lose_the_turn() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    for data in (exif.tobytes(), b"Exif\0\0II*\0\xff\xff\xff\x7f"):
        assert_close(decode(saved(scene(), "PNG", exif=data), LIMITS), expected(), 0)


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    photo = decode(saved(scene(), "PNG", icc_profile=swapped_profile()), LIMITS)
    # exchanging the primaries of sRGB exchanges the channels; the white point stays
    exchanged = expected()[..., [1, 0, 2]]
    assert np.abs(photo.rgb.astype(np.int16) - exchanged).max() <= 2


@pytest.mark.parametrize(
    "profile", [srgb_profile(), b"not a profile", srgb_profile()[:200], b"\0" * 400, linear_grey_profile()]
)
def test_srgbs_profile_and_a_broken_or_foreign_one_leave_every_byte_unchanged(profile: bytes) -> None:
    assert_close(decode(saved(scene(), "PNG", icc_profile=profile), LIMITS), expected(), 0)


def test_a_grey_profile_is_converted() -> None:
    grey = Image.new("L", (80, 80), 128)
    photo = decode(saved(grey, "PNG", icc_profile=linear_grey_profile()), LIMITS)
    # linear 128/255 is 0.502 of the light
    assert srgb_to_linear(photo.rgb[0, 0] / np.float32(255)) == pytest.approx(128 / 255, abs=0.01)


def test_alpha_next_to_a_profile_survives_it() -> None:
    photo = decode(saved(half_covered(), "PNG", icc_profile=swapped_profile()), LIMITS)
    assert photo.alpha is not None
    np.testing.assert_array_equal(np.rint(photo.alpha[0] * 255), np.linspace(0, 255, WIDTH).astype(np.uint8))
    assert np.abs(photo.rgb.astype(np.int16) - expected()[..., [1, 0, 2]]).max() <= 2


def test_cmyk_is_read_and_adobes_inversion_is_undone() -> None:
    assert_close(decode(saved(scene().convert("CMYK"), "JPEG", quality=98), LIMITS), expected(), 3)
    assert_close(decode(saved(scene().convert("CMYK"), "TIFF"), LIMITS), expected(), 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_its_colours_and_its_alpha(channels: int) -> None:
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 65536, (70, 90, channels), dtype=np.uint16)
    photo = decode(png16(samples), LIMITS)
    colours = samples[..., :3] if channels > 2 else np.repeat(samples[..., :1], 3, axis=-1)
    assert np.abs(photo.rgb.astype(np.float32) - colours / 257.0).max() <= 1.01
    if channels in (2, 4):
        assert photo.alpha is not None
        assert np.abs(photo.alpha - samples[..., -1] / 65535.0).max() <= 1.01 / 255
    else:
        assert photo.alpha is None


def test_sixteen_bit_grey_with_a_transparent_value_gets_alpha() -> None:
    samples = np.full((70, 70, 1), 30_000, np.uint16)
    samples[:35] = 12_345
    plain = png16(samples)
    split = plain.index(b"IDAT") - 4
    photo = decode(plain[:split] + png_chunk(b"tRNS", struct.pack(">H", 12_345)) + plain[split:], LIMITS)
    assert photo.alpha is not None
    assert photo.alpha[:35].max() == 0
    assert photo.alpha[35:].min() == 1


def test_sixteen_bit_tiff_is_read() -> None:
    codes = np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16), (HEIGHT, 1))
    photo = decode(saved(Image.fromarray(codes), "TIFF"), LIMITS)
    assert np.abs(photo.rgb[..., 0].astype(np.float32) - codes / 257.0).max() <= 1.01


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bit_samples_are_refused_with_a_remedy(mode: str) -> None:
    with pytest.raises(ImageUnreadable, match="8 or 16 bits"):
        decode(saved(scene().convert("L").convert(mode), "TIFF"), LIMITS)


def test_a_palette_is_expanded_and_its_transparent_entry_becomes_alpha() -> None:
    flat = Image.new("P", (64, 64))
    flat.putpalette([255, 0, 0, 0, 255, 0])
    flat.paste(1, (32, 0, 64, 64))
    opaque = decode(saved(flat, "PNG"), LIMITS)
    assert opaque.alpha is None
    assert opaque.rgb[0, 0].tolist() == [255, 0, 0]
    clear = decode(saved(flat, "PNG", transparency=1), LIMITS)
    assert clear.alpha is not None
    assert clear.alpha[:, :32].min() == 1
    assert clear.alpha[:, 32:].max() == 0
    graded = decode(saved(flat, "PNG", transparency=bytes([255, 51])), LIMITS)
    assert graded.alpha is not None
    assert graded.alpha[0, 40] == pytest.approx(0.2)


def test_a_transparent_colour_of_a_truecolour_png_becomes_alpha() -> None:
    picture = Image.new("RGB", (64, 64), (10, 20, 30))
    picture.paste((1, 2, 3), (0, 0, 64, 20))
    photo = decode(saved(picture, "PNG", transparency=(1, 2, 3)), LIMITS)
    assert photo.alpha is not None
    assert photo.alpha[:20].max() == 0
    assert photo.alpha[20:].min() == 1


@pytest.mark.parametrize(("mode", "format"), [("1", "PNG"), ("L", "PNG"), ("L", "JPEG"), ("1", "TIFF"), ("LA", "PNG")])
def test_grey_and_bilevel_become_three_equal_channels(mode: str, format: str) -> None:
    grey = scene().convert("L").convert(mode)
    photo = decode(saved(grey, format), LIMITS)
    assert photo.alpha is None
    assert (photo.rgb[..., 0] == photo.rgb[..., 1]).all()
    assert (photo.rgb[..., 0] == photo.rgb[..., 2]).all()
    truth = np.repeat(np.asarray(grey.convert("L"), dtype=np.int16)[..., None], 3, axis=-1)
    assert_close(photo, truth, 2)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_alpha_is_kept_only_where_some_pixel_is_not_opaque(format: str) -> None:
    exact = {"lossless": True, "exact": True} if format == "WEBP" else {}
    photo = decode(saved(half_covered(), format, **exact), LIMITS)
    assert photo.alpha is not None
    assert photo.alpha.dtype == np.float32
    assert photo.alpha.min() == 0
    assert photo.alpha.max() > 0.99
    assert np.abs(photo.alpha[0] - np.linspace(0, 1, WIDTH)).max() < 0.02
    opaque = scene().convert("RGBA")
    assert decode(saved(opaque, format), LIMITS).alpha is None
