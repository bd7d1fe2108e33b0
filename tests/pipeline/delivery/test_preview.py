from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.order import Placement
from pipeline.core.spec import Limits, SceneKind, Spec
from pipeline.delivery.preview import Stamp, preview_size, stamp_of, watermarked
from pipeline.report import to_json
from pipeline.swap import SwapResult, swap
from testkit.still_life import cut_out_png, networks, preset, spec, still_life
from tests.lanes import rest_in_gate


def made(asked: Spec, *, preview: bool = False) -> SwapResult:
    photo = cut_out_png(*still_life(240, 300))
    return swap(photo, replace(asked, preview=preview), networks(), limits=Limits(), clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("size", "small"), [((2048, 2048), (512, 512)), ((1080, 1920), (288, 512)), ((400, 300), (400, 300))]
)
def test_a_preview_has_512_pixels_on_its_longer_side_and_is_never_enlarged(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    assert preview_size(*size) == small


STAMPS = [stamp_of(b"secret", seed) for seed in range(2)]


@pytest.mark.parametrize("ground", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("stamp", STAMPS)
def test_the_watermark_is_seen_everywhere_on_dark_and_pale_and_leaves_the_picture_visible(
    ground: float, stamp: Stamp
) -> None:
    plain = np.full((512, 512, 3), ground, np.float32)
    changed = np.abs(watermarked(plain, stamp) - plain).max(axis=2)
    tiles = changed.reshape(4, 128, 4, 128).max(axis=(1, 3))
    assert (tiles > 0.15).all()
    assert changed.max() < 0.6
    assert 0.05 < (changed > 0.05).mean() < 0.45


@pytest.mark.parametrize(("larger", "channels", "stamp"), [(1, 3, STAMPS[1]), (2, 4, STAMPS[0])])
def test_nothing_under_the_letters_reaches_the_picture(larger: int, channels: int, stamp: Stamp) -> None:
    plain = [np.full((400, 512, channels), level, np.float32) for level in (0.2, 0.9)]
    under = np.any([np.abs(watermarked(one, stamp) - one) > 1e-4 for one in plain], axis=(0, 3))
    under = np.kron(under, np.ones((larger, larger), bool))
    one, other = np.random.default_rng(1).random((2, 400 * larger, 512 * larger, channels), np.float32)
    other = np.where(under[..., None], other, one)
    assert np.abs(watermarked(one, stamp) - watermarked(other, stamp)).max() < 1e-5


def test_a_sandboxs_picture_has_no_detail_finer_than_a_previews() -> None:
    squares = np.indices((1024, 1024)).sum(axis=0)[..., None] % 2 * np.ones(3, np.float32)
    grey = np.full_like(squares, 0.5)
    assert np.abs(watermarked(squares, STAMPS[0]) - watermarked(grey, STAMPS[0])).max() < 1e-4


def test_the_letters_place_follows_the_backgrounds_seed_and_a_secret_and_nothing_that_a_caller_may_vary() -> None:
    scene, white = spec("sweep", place=preset((300, 300))), spec(place=preset((300, 300), background="white"))
    other = replace(scene, palette=("#2f5d50",), preset=preset((200, 200), form="png"))
    stamps = [made(one, preview=True).stamp for one in (scene, other, replace(scene, seed=2))]
    assert stamps[0] == stamps[1] != stamps[2]
    assert made(white).stamp == made(replace(white, seed=2)).stamp
    assert stamp_of(b"one", 1) != stamp_of(b"another", 1)


def order_of(kind: SceneKind, placement: Placement) -> Spec:
    return spec(kind, place=preset((640, 480)), palette=("#2f5d50", "#e8dcc8"), placement=placement)


@cache
def whole_of(kind: SceneKind, placement: Placement) -> SwapResult:
    return made(order_of(kind, placement))


@pytest.mark.parametrize(
    ("kind", "placement"),
    rest_in_gate([("podium", Placement()), ("flatlay", Placement(-0.1, 0.1, 1.1, -9))]),
)
def test_a_preview_shows_the_picture_of_the_same_seed_and_placement(
    kind: SceneKind, placement: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = whole_of(kind, placement)
    monkeypatch.setattr("pipeline.deliver.watermarked", lambda picture, stamp: picture)
    seen = made(order_of(kind, placement), preview=True)
    assert (seen.width, seen.height) == (512, 384)
    assert seen.report.provenance.tried == whole.report.provenance.tried
    large, small = (Image.open(BytesIO(one.data)).convert("RGB") for one in (whole, seen))
    reduced = large.resize((512, 384), Image.Resampling.BOX)
    apart = delta_e00(*(srgb_to_lab(np.asarray(one, np.float32) / 255) for one in (reduced, small)))
    assert apart.mean() < 1
    assert seen.report.cutout.placed_box == whole.report.cutout.placed_box


@pytest.mark.gate  # two swaps; the fast lane compares the pictures
def test_a_previews_report_describes_the_full_picture() -> None:
    report = to_json(made(order_of("podium", Placement()), preview=True).report)
    whole = to_json(whole_of("podium", Placement()).report)
    assert report["preview"] == {"width": 640, "height": 480}
    assert "preview" not in whole
    # The watermark is not measured, and no eye sees a difference below 1.
    assert abs(report["palette"]["mean_delta_e00"] - whole["palette"]["mean_delta_e00"]) < 0.5
    rules = {row["rule"]: row for row in report["preset"]}
    assert not {"size", "min_side", "bytes"} & set(rules)
    enlargement = next(row for row in whole["preset"] if row["rule"] == "enlargement")
    assert rules["enlargement"] == enlargement


@pytest.mark.parametrize("background", ["white", "transparent"])
def test_white_and_transparent_pictures_have_previews_too(background: str) -> None:
    form = "png" if background == "transparent" else "jpeg"
    seen = made(spec(place=preset((800, 800), background=background, form=form)), preview=True)
    assert (seen.width, seen.height, seen.format) == (512, 512, form)
    picture = np.asarray(Image.open(BytesIO(seen.data)).convert("RGBA")).astype(int)
    corner = picture[:100, :100]
    assert (corner[..., 3] > 60).any() if background == "transparent" else (corner[..., 0] < 230).any()
