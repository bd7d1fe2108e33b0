"""Every shape of photo that people send, and every way in which its bytes may lie."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour import srgb_profile, srgb_to_linear
from pipeline.decode import decode
from pipeline.errors import ImageTooLarge, ImageTooSmall, ImageTruncated, ImageUnreadable, Rejected
from pipeline.image import Photo
from pipeline.spec import Limits

LIMITS = Limits()
WIDTH, HEIGHT = 96, 80


@cache
def scene() -> Image.Image:
    """Smooth colours, all four corners different, so that a turn or a swapped channel shows."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pixels = np.stack([40 + 180 * x / WIDTH, 30 + 200 * y / HEIGHT, 120 + 60 * np.sin(x / 9) * np.cos(y / 7)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def expected() -> NDArray[np.int16]:
    return np.asarray(scene(), dtype=np.int16)


def assert_close(photo: Photo, pixels: NDArray[np.int16], tolerance: float) -> None:
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.shape == pixels.shape
    assert np.abs(photo.rgb.astype(np.int16) - pixels).mean() <= tolerance


def half_covered() -> Image.Image:
    picture = scene().convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))))
    return picture


def png16(pixels: NDArray[np.uint16]) -> bytes:
    """Write a 16-bit PNG of 1 to 4 channels, which Pillow reads but cannot write."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def swapped_profile() -> bytes:
    """Return an sRGB profile whose red and green primaries have changed places."""
    parts = srgb_profile().replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ")
    return parts.replace(b"----", b"gXYZ")


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
def test_each_format_is_told_by_its_content(format: str, options: dict[str, Any], name: str, tolerance: float) -> None:
    photo = decode(saved(scene(), format, **options), LIMITS)
    assert photo.format == name
    assert photo.alpha is None
    assert_close(photo, expected(), tolerance)


def test_an_mpo_gives_its_first_picture() -> None:
    stream = io.BytesIO()
    scene().save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", scene().size)], quality=95)
    photo = decode(stream.getvalue(), LIMITS)
    assert photo.format == "mpo"
    assert_close(photo, expected(), 5)


@pytest.mark.parametrize("format", ["WEBP", "PNG", "AVIF", "TIFF"])
def test_several_frames_give_the_first(format: str) -> None:
    black = Image.new("RGB", scene().size)
    lossless = {"lossless": True} if format == "WEBP" else {}
    photo = decode(saved(scene(), format, save_all=True, append_images=[black, black], **lossless), LIMITS)
    assert_close(photo, expected(), 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
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


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_out_of_range_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert_close(decode(saved(scene(), "PNG", exif=exif.tobytes()), LIMITS), expected(), 0)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of the broken EXIF, as it would in service
def test_broken_exif_costs_nothing_but_the_turn() -> None:
    assert_close(decode(saved(scene(), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"), LIMITS), expected(), 0)


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    photo = decode(saved(scene(), "PNG", icc_profile=swapped_profile()), LIMITS)
    # exchanging the primaries of sRGB exchanges the channels; the white point stays
    exchanged = expected()[..., [1, 0, 2]]
    assert np.abs(photo.rgb.astype(np.int16) - exchanged).max() <= 2


def test_an_srgb_profile_leaves_every_byte_alone() -> None:
    assert_close(decode(saved(scene(), "PNG", icc_profile=srgb_profile()), LIMITS), expected(), 0)


@pytest.mark.parametrize("profile", [b"not a profile", srgb_profile()[:200], b"\0" * 400, linear_grey_profile()])
def test_a_broken_or_foreign_profile_counts_as_srgb(profile: bytes) -> None:
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


def test_cmyk_with_adobe_inversion_comes_out_upright() -> None:
    photo = decode(saved(scene().convert("CMYK"), "JPEG", quality=98), LIMITS)
    assert_close(photo, expected(), 3)


def test_cmyk_tiff_is_read() -> None:
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


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "empty"),
        (b"<!doctype html><html></html>", "HTML"),
        (b"  \n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'{"error": "not found"}', "JSON"),
        (saved(scene(), "GIF"), "GIF"),
        (saved(scene(), "BMP"), "BMP"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "HEIC"),
        (b"hello", "no picture"),
        (bytes(range(256)) * 20, "no picture"),
    ],
)
def test_anything_else_is_refused_by_name_with_what_is_accepted(data: bytes, named: str) -> None:
    with pytest.raises(ImageUnreadable, match="JPEG, PNG, WebP, AVIF or TIFF") as refused:
        decode(data, LIMITS)
    assert named in str(refused.value)
    assert refused.value.code == "image_unreadable"


FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 90}),
    ("PNG", {}),
    ("WEBP", {"quality": 90}),
    ("WEBP", {"lossless": True}),
    ("AVIF", {"quality": 80}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of cut TIFF directories, as it would in service
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_a_file_cut_short_is_called_truncated(format: str, options: dict[str, Any], share: float) -> None:
    whole = saved(scene().resize((400, 300)), format, **options)
    with pytest.raises(ImageTruncated, match="upload the whole file") as refused:
        decode(whole[: int(len(whole) * share)], LIMITS)
    assert refused.value.code == "image_truncated"


@pytest.mark.parametrize(("format", "options"), FORMATS)
def test_the_pixel_limit_is_read_from_the_header(format: str, options: dict[str, Any]) -> None:
    data = saved(scene(), format, **options)
    pixels = WIDTH * HEIGHT
    assert decode(data, Limits(max_pixels=pixels)).rgb.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLarge, match="96 by 80"):
        decode(data, Limits(max_pixels=pixels - 1))


def test_a_bomb_is_refused_before_its_pixels_are_decoded() -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    # no pixel data at all: had any been asked for, the answer would be that the file is truncated
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    with pytest.raises(ImageTooLarge, match="30000 by 30000"):
        decode(bomb, LIMITS)


def test_a_webp_bomb_is_refused_before_its_canvas_is_allocated() -> None:
    side = (16_383).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + side + side
    with pytest.raises(ImageTooLarge, match="16384 by 16384"):
        decode(b"RIFF" + struct.pack("<I", len(body)) + body, LIMITS)


def test_pillow_s_own_bomb_limit_does_not_apply() -> None:
    # one more pixel than Pillow's global warning allows; grey and flat, so that it costs little
    side = 9_500
    assert side * side > (Image.MAX_IMAGE_PIXELS or 0)
    data = saved(Image.new("1", (side, side)), "PNG")
    with pytest.raises(ImageTooLarge):
        decode(data, LIMITS)


def test_a_png_header_that_promises_more_rows_is_refused() -> None:
    data = bytearray(saved(scene(), "PNG"))
    data[20:24] = (HEIGHT * 50).to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    with pytest.raises(ImageTruncated, match="last rows"):
        decode(bytes(data), LIMITS)


def test_an_interlaced_black_png_needs_all_of_its_seven_passes() -> None:
    # columns × rows of the passes of 64×64, each row with its filter byte
    passes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)]
    pixels = bytes(sum(rows * (columns + 1) for columns, rows in passes))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 1))
    start, end = b"\x89PNG\r\n\x1a\n" + header, png_chunk(b"IEND", b"")
    whole = start + png_chunk(b"IDAT", zlib.compress(pixels)) + end
    assert decode(whole, LIMITS).rgb.shape == (64, 64, 3)
    with pytest.raises(Rejected):
        decode(start + png_chunk(b"IDAT", zlib.compress(pixels[:-100])) + end, LIMITS)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA"])
def test_a_png_whose_last_rows_are_truly_black_is_whole(mode: str) -> None:
    picture = scene().copy()
    picture.paste((0, 0, 0), (0, HEIGHT - 30, WIDTH, HEIGHT))
    photo = decode(saved(picture.convert(mode), "PNG"), LIMITS)
    assert photo.rgb[-30:].max() == 0
    assert photo.rgb[:30].max() > 0


def test_the_byte_limit_counts_the_file_itself() -> None:
    data = saved(scene(), "PNG")
    assert decode(data, Limits(max_bytes=len(data))).format == "png"
    with pytest.raises(ImageTooLarge, match="MiB"):
        decode(data, Limits(max_bytes=len(data) - 1))


def test_a_picture_too_small_to_show_a_product_is_refused() -> None:
    with pytest.raises(ImageTooSmall, match="63 by 200"):
        decode(saved(Image.new("RGB", (63, 200)), "PNG"), LIMITS)
    assert decode(saved(Image.new("RGB", (64, 64)), "PNG"), LIMITS).rgb.shape == (64, 64, 3)


@cache
def corpus() -> tuple[bytes, ...]:
    """Return one small valid file of each kind, with metadata for the mutations to hit."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    tags = {"exif": exif.tobytes(), "icc_profile": swapped_profile()}
    small, clear = scene().resize((72, 66)), half_covered().resize((72, 66))
    makers: list[Callable[[], bytes]] = [
        lambda: saved(small, "JPEG", **tags),
        lambda: saved(small, "JPEG", progressive=True),
        lambda: saved(small.convert("CMYK"), "JPEG"),
        lambda: saved(small, "MPO", save_all=True, append_images=[small]),
        lambda: saved(clear, "PNG", **tags),
        lambda: saved(small.quantize(16), "PNG", transparency=3),
        lambda: png16(np.full((66, 72, 4), 4321, np.uint16)),
        lambda: saved(small, "PNG", save_all=True, append_images=[small.rotate(9)]),
        lambda: saved(clear, "WEBP", **tags),
        lambda: saved(clear, "WEBP", lossless=True),
        lambda: saved(small, "WEBP", save_all=True, append_images=[small.rotate(9)]),
        lambda: saved(clear, "AVIF", **tags),
        lambda: saved(small, "TIFF", compression="tiff_lzw", **tags),
        lambda: saved(clear, "TIFF", compression="tiff_adobe_deflate"),
        lambda: saved(small, "TIFF", compression="jpeg"),
        lambda: saved(small, "TIFF"),
    ]
    return tuple(make() for make in makers)


def test_the_corpus_itself_is_valid() -> None:
    assert {decode(data, LIMITS).format for data in corpus()} == {"jpeg", "mpo", "png", "webp", "avif", "tiff"}


@pytest.mark.filterwarnings("ignore")  # in service Pillow's warnings pass by, and so they do here
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_damaged_files_give_a_photo_or_a_refusal_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(corpus()), label="file"))
    for _ in range(data.draw(st.integers(1, 8), label="mutations")):
        # half of the mutations hit the head, where the structure is
        reach = min(len(damaged), 600) if data.draw(st.booleans()) else len(damaged)
        at = data.draw(st.integers(0, max(0, reach - 1)), label="at")
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"]), label="how"):
            case "set":
                piece = data.draw(st.binary(min_size=1, max_size=4))
                damaged[at : at + len(piece)] = piece
            case "insert":
                damaged[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del damaged[at : at + data.draw(st.integers(1, 16))]
            case _:
                del damaged[max(at, 4) :]
    try:
        photo = decode(bytes(damaged), Limits(max_pixels=2_000_000))
    except Rejected:
        return
    height, width, channels = photo.rgb.shape
    assert channels == 3
    assert min(height, width) >= LIMITS.min_side
    if photo.alpha is not None:
        assert photo.alpha.shape == (height, width)
        assert photo.alpha.min() < 1


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        decode(data, LIMITS)
