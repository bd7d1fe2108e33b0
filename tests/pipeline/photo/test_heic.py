"""HEIC as phones write it: created in `testkit.heic`, read by libheif."""

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import linear_to_srgb, srgb_to_linear
from pipeline.core.errors import ImageTooLarge, ImageTooSmall, ImageTruncated, ImageUnreadable
from pipeline.core.spec import Limits
from pipeline.photo.decode import decode
from testkit.heic import Item, coded, container, heic, hvcc, ispe, mirrored, turned
from testkit.specimens import HEIGHT, WIDTH, half_covered, scene, swapped_profile

LIMITS = Limits()
Codes = NDArray[np.int16]


def pixels(data: bytes) -> Codes:
    return decode(data, LIMITS).rgb.astype(np.int16)


def expected() -> Codes:
    return np.asarray(scene(), dtype=np.int16)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 1.0),
        ({"depth": 10}, 1.0),
        ({"chroma": 1}, 1.5),  # colours of four pixels in one
        ({"chroma": 1, "depth": 10}, 1.5),
        ({"tile": 64}, 1.0),
        ({"tile": 32, "chroma": 1, "depth": 10}, 1.5),
    ],
)
def test_each_depth_and_each_storage_gives_the_photo(options: dict[str, Any], tolerance: float) -> None:
    photo = decode(heic(scene(), **options), LIMITS)
    assert (photo.format, photo.alpha) == ("heic", None)
    assert np.abs(photo.rgb.astype(np.int16) - expected()).mean() < tolerance


@pytest.mark.parametrize("tile", [None, 64])
def test_alpha_is_kept(tile: int | None) -> None:
    photo = decode(heic(half_covered(), tile=tile), LIMITS)
    assert photo.alpha is not None
    np.testing.assert_array_equal(np.rint(photo.alpha[0] * 255), np.linspace(0, 255, WIDTH).astype(np.uint8))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_it_is_turned_once_and_by_the_files_own_property(quarters: int, mirror: int | None) -> None:
    stored = scene().rotate(-90 * quarters, expand=True)
    steps = [turned(quarters)] if quarters else []
    if mirror is not None:
        # mirrored after it was turned
        flip = Image.Transpose.FLIP_LEFT_RIGHT if mirror else Image.Transpose.FLIP_TOP_BOTTOM
        stored = scene().transpose(flip).rotate(-90 * quarters, expand=True)
        steps.append(mirrored(mirror))
    tag_value = {1: 8, 2: 3, 3: 6}.get(quarters, 1)
    upright = pixels(heic(stored, properties=steps, exif=exif(tag_value)))
    assert upright.shape == expected().shape
    assert np.abs(upright - expected()).mean() < 1


def test_exif_alone_turns_nothing() -> None:
    assert np.abs(pixels(heic(scene(), exif=exif(6))) - expected()).mean() < 1


@pytest.mark.parametrize("nclx", [None, (1, 13, 6), (9, 16, 6)])
def test_a_profile_is_converted_and_comes_before_named_colours(nclx: tuple[int, int, int] | None) -> None:
    # without `nclx` the samples would count as those of video, from 16 to 235
    photo = pixels(heic(scene(), icc=swapped_profile(), nclx=nclx))
    assert np.abs(photo - expected()[..., [1, 0, 2]]).mean() < (7 if nclx is None else 1.5)


#: From Display P3 and BT.2020 to sRGB, both linear (CSS Color 4, section 10.9: by way of XYZ, D65).
P3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
BT2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


@pytest.mark.parametrize(("primaries", "matrix"), [(12, P3), (9, BT2020)])
def test_colours_named_by_numbers_are_converted(primaries: int, matrix: NDArray[np.float64]) -> None:
    muted = Image.blend(scene(), Image.new("RGB", scene().size, (128, 128, 128)), 0.6)  # all of it inside sRGB
    linear = srgb_to_linear(np.asarray(muted, dtype=np.float32) / 255) @ matrix.T
    truth = linear_to_srgb(np.clip(linear, 0, 1).astype(np.float32)) * 255
    assert np.abs(pixels(heic(muted, nclx=(primaries, 13, 6))) - truth).mean() < 1.5


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.5807), (18, 0.75)])
def test_diffuse_white_of_hdr_is_white_and_brighter_values_are_clipped(transfer: int, white: float) -> None:
    # ITU-R BT.2408, table 1: 58 % of PQ and 75 % of HLG
    grey = Image.new("L", (128, 64), round(255 * white))
    grey.paste(255, (64, 0, 128, 64))
    grey.paste(round(255 * white * 0.7), (0, 0, 32, 64))
    photo = pixels(heic(grey.convert("RGB"), nclx=(9, transfer, 6)))
    assert photo[32, [48, 96]].min() >= 253
    assert 60 < photo[32, 16].mean() < 215


def test_the_limits_are_read_before_pixels_are_decoded() -> None:
    whole = heic(scene(), tile=32)
    assert decode(whole, Limits(max_pixels=WIDTH * HEIGHT)).rgb.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(ImageTooLarge, match="96 by 80"):
        decode(whole, Limits(max_pixels=WIDTH * HEIGHT - 1))
    with pytest.raises(ImageTooSmall, match="63 by 64"):
        decode(heic(Image.new("RGB", (63, 64))), LIMITS)


@pytest.mark.parametrize("tile", [None, 64])
def test_a_file_cut_short_is_called_truncated(tile: int | None) -> None:
    whole = heic(scene(), tile=tile)
    for share in (0.1, 0.3, 0.6, 0.9):
        with pytest.raises(ImageTruncated, match="Upload the whole file"):
            decode(whole[: int(len(whole) * share)], LIMITS)


def test_a_main_picture_of_another_kind_is_refused() -> None:
    made = Item(b"iovl", bytes(40), [ispe((96, 80))], [(b"dimg", [2])])
    part = Item(b"hvc1", coded(scene()), [hvcc((96, 80)), ispe((96, 80))])
    with pytest.raises(ImageUnreadable, match="Save it again"):
        decode(container([made, part]), LIMITS)


def test_without_the_extra_the_refusal_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(ImageUnreadable, match=r"HEIC.*as JPEG.*backdrop\[heic\]"):
        decode(heic(scene()), LIMITS)
