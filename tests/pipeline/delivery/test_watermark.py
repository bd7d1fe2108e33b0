import json
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.order import Ground, Lettering
from pipeline.core.spec import Limits, Spec
from pipeline.core.types import Placed, Rgb
from pipeline.delivery.encode import to_8_bit
from pipeline.delivery.watermark import NO_JOB, Payload, decoded, embed, encoded, find, strength_of, thresholds, tile_of
from pipeline.lettering.drawing import Artwork
from pipeline.report import MarksReport, WatermarkReport
from pipeline.swap import SwapResult, swap
from service.catalogue.templates import bundled_fonts
from testkit.specimens import saved
from testkit.still_life import cut_out_png, jpeg, networks, preset, spec, still_life

PAYLOAD = Payload(0x2BEEF, "7Z0QK4")
LIMITS = Limits()


def made(asked: Spec, **more: object) -> SwapResult:
    photo = cut_out_png(*still_life(240, 300))
    given = {"artwork": Artwork(bundled_fonts(), {}), "payload": PAYLOAD} | more
    return swap(photo, asked, networks(), limits=LIMITS, clock=lambda: 0.0, **given)  # type: ignore[arg-type]


def opened(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def again(picture: Image.Image, form: str, quality: int) -> Image.Image:
    return Image.open(BytesIO(saved(picture, form, quality=quality))).convert("RGB")


def test_a_scene_is_marked_beside_its_product_by_less_than_eyes_see_and_read_after_attacks() -> None:
    kept: list[tuple[Placed, Rgb]] = []
    asked = spec(place=preset((960, 960)), palette=("#2f5d50", "#e8dcc8"), seed=2)
    render = made(asked, on_composite=lambda placed, picture: kept.append((placed, picture.copy())))
    marked, (placed, picture) = opened(render.data), kept[0]
    plain = to_8_bit(picture, placed.alpha >= 1)

    changed, free = (marked != plain).any(2), placed.alpha == 0
    assert not changed[~free].any()
    assert 0.1 < changed[free].mean() < 0.8
    apart = delta_e00(*(srgb_to_lab(one[::3] / np.float32(255)) for one in (plain, marked)))
    assert apart.max() <= 0.55
    assert render.report.marks is not None
    assert render.report.marks.watermark == WatermarkReport(installation="2beef", job="7Z0QK4")

    file = Image.fromarray(marked)
    attacked = {
        "jpeg": again(file, "JPEG", 75),
        "webp": again(file, "WEBP", 75),
        "half": again(file.resize((480, 480), Image.Resampling.LANCZOS), "JPEG", 75),
        "crop": again(file.crop((120, 120, 951, 951)), "JPEG", 75),
        "odd": again(file.resize((1181, 1181)).crop((5, 0, 1100, 1181)), "JPEG", 80),
    }
    found = {name: find(np.asarray(one)) for name, one in attacked.items()}
    assert {name: one and one.payload for name, one in found.items()} == dict.fromkeys(attacked, PAYLOAD)
    assert found["half"] is not None
    assert found["half"].tile == pytest.approx(120, rel=0.01)
    assert find(plain) is None


def test_text_stays_as_it_is_and_the_ground_around_it_is_marked() -> None:
    kept: list[Rgb] = []
    words = Lettering(json.dumps([{"text": "SOLD OUT", "anchor": "top_left"}]))
    asked = replace(spec(place=preset((240, 240))), lettering=words)
    plain = opened(made(asked, payload=None, on_composite=lambda _, picture: kept.append(picture.copy())).data)
    marked = opened(made(asked).data)
    lettered = np.abs(to_8_bit(kept[0], np.ones((240, 240), bool)).astype(int) - plain).max(2) > 3
    changed = (marked != plain).any(2)
    assert lettered.sum() > 100
    assert not changed[lettered].any()
    assert changed[~lettered].mean() > 0.1


@pytest.mark.parametrize(
    "asked",
    [
        spec("white", place=preset((160, 160))),
        spec(place=preset((160, 160), background="transparent")),
        replace(spec(place=preset((160, 160))), preview=True),
        replace(spec(place=preset((160, 160))), ground=Ground(background="color", background_color="#abcdef")),
        replace(spec(place=preset((160, 160))), ground=Ground(background="image", background_image="own")),
    ],
    ids=["white", "transparent", "preview", "color", "image"],
)
def test_only_a_generated_ground_is_marked(asked: Spec) -> None:
    files = {"own": jpeg(still_life(200, 200)[0])}
    render = made(asked, files=files)
    assert (render.report.marks or MarksReport()).watermark is None
    assert render.data == made(asked, files=files, payload=None).data


def test_the_kernel_makes_the_same_steps_as_numpy_and_never_clips_a_hue_away() -> None:
    random = np.random.default_rng(5)
    codes = random.choice([0, 1, 40, 63, 64, 128, 207, 208, 254, 255], (150, 211, 4)).astype(np.uint8)
    free = random.random((150, 211)) < 0.8
    marked = codes.copy()
    embed(marked, free, PAYLOAD)

    def wide(one: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(one, (9, 9))[:150, :211]

    strength = strength_of(codes, 8).repeat(8, 0).repeat(8, 1)[:150, :211]
    step = np.floor((wide(tile_of(PAYLOAD, 44)) * strength + wide(thresholds())) / 2048).clip(-1, 1)
    low, high = codes[..., :3].min(2), codes[..., :3].max(2)
    allowed = np.where(step < 0, (low > 0) | (high >= 64), (high < 255) | (low < 208)) & free
    expected = (codes[..., :3] + (step * allowed)[..., None]).clip(0, 255)
    assert (marked[..., :3] == expected).all()
    assert (marked[..., 3] == codes[..., 3]).all()
    before, after = (srgb_to_lab(one[..., :3] / np.float32(255)) for one in (codes, marked))
    assert delta_e00(before, after).max() <= 0.55


def test_an_unmarked_picture_has_no_watermark_and_odd_shapes_are_no_error() -> None:
    random = np.random.default_rng(6)
    for shape in [(3, 5), (70, 2000), (65, 500)]:
        assert find(random.integers(0, 256, (*shape, 3), np.uint8)) is None
    assert find(np.full((64, 64, 3), 200, np.uint8)) is None


def test_the_code_corrects_many_errors_and_a_wrong_message_fails_its_check() -> None:
    random = np.random.default_rng(7)
    word = encoded(PAYLOAD.bits())
    noisy = word + random.normal(0, 1.2, (8, len(word))).astype(np.float32)
    assert ((noisy * word) < 0).mean() > 0.15
    assert [Payload.of(bits) for bits in decoded(noisy)] == [PAYLOAD] * 8
    wrong = PAYLOAD.bits()
    wrong[17] ^= 1
    assert Payload.of(wrong) is None


def test_a_payload_that_does_not_fit_is_refused() -> None:
    assert Payload(0).job == NO_JOB
    for installation, job in [(-1, NO_JOB), (1 << 18, NO_JOB), (1, "ABC"), (1, "ILOU00"), (1, "abcdef")]:
        with pytest.raises(ValueError, match="Use"):
            Payload(installation, job)


def test_a_watermark_is_read_without_compiled_kernels() -> None:
    code = "import sys, pipeline.delivery.watermark; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
