"""Every preset: the delivered bytes against its rules, by other libraries' readers.

Scenes cost seconds each, so the gate takes them at half the size, and the nightly lane at full size. White, which
depends on the size, is measured at full size in both. The fast lane takes one preset of each kind of background.
"""

import io
import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyexiv2
import pytest
from PIL import Image, ImageCms
from scipy.ndimage import maximum_filter

from pipeline.core.spec import Limits, Preset, Spec
from pipeline.report import to_json
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import load_catalogue
from testkit.specimens import saved
from testkit.still_life import networks

CATALOGUE = load_catalogue()
SCENES = [name for name, preset in CATALOGUE.presets.items() if preset.background == "scene"]


def halved(place: Preset) -> Preset:
    """The same preset with half the width and height."""
    assert place.size is not None
    width, height = place.size
    return replace(place, size=(width // 2, height // 2), min_side=place.min_side // 2)


PRESETS = {**CATALOGUE.presets, **{f"{name}, halved": halved(CATALOGUE.presets[name]) for name in SCENES}}
#: The smallest of each kind of background.
FAST = {"instagram_landscape, halved", "tiktok_shop_main", "transparent_cutout"}


def marked(name: str) -> Any:
    lane = [pytest.mark.nightly] if name in SCENES else [pytest.mark.gate]
    return pytest.param(name, marks=[] if name in FAST else lane)


NAMES = [marked(name) for name in PRESETS]
WHITE = [marked(name) for name, preset in CATALOGUE.presets.items() if preset.background == "white"]
SCHEME = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@cache
def photo(*, small: bool = False) -> bytes:
    """A tall flask with a fine dark label, larger than in any preset, cut out already: a PNG with alpha.

    `small`: half as wide and high, which is larger than in a preset of 1400 pixels.
    """
    height, width = 2600, 1300
    y, x = np.mgrid[:height, :width].astype(np.float32)
    half = np.where(y < 700, 200 + 320 * np.clip((y - 400) / 300, 0, 1) ** 2, 520)
    alpha = np.clip(half - np.abs(x - width / 2) + 0.5, 0, 1) * np.clip(y - 90, 0, 1) * np.clip(2510 - y, 0, 1)
    round_ = 0.35 + 0.65 * np.sqrt(np.clip(1 - ((x - width / 2) / 540) ** 2, 0, 1))
    colour = np.stack([0.18 * round_, 0.42 * round_, 0.38 * round_], axis=-1)
    label = (np.abs(y - 1600) < 450) & (np.abs(x - width / 2) < 400)
    ink = 0.5 + 0.5 * np.sin(x / 14) * np.cos(y / 19)
    colour[label] = np.stack([0.15 + 0.7 * ink, 0.1 + 0.5 * ink, 0.08 + 0.2 * ink], axis=-1)[label]
    codes = np.rint(np.dstack([colour, alpha]) * 255).astype(np.uint8)
    return saved(Image.fromarray(codes).reduce(2 if small else 1), "PNG", compress_level=1)


@cache
def rendered(name: str) -> SwapResult:
    preset = PRESETS[name]
    scene = CATALOGUE.scenes["studio_sweep" if preset.background == "scene" else "white"]
    spec = Spec(scene, next(iter(CATALOGUE.moods.values())), (), preset, 7)
    clock = itertools.count()
    file = photo(small=preset.size is not None and max(preset.size) <= 1400)
    return swap(file, spec, networks(), limits=Limits(), clock=lambda: float(next(clock)))


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_the_preset_passes_and_other_readers_find_size_profile_and_mark(name: str) -> None:
    preset, render = PRESETS[name], rendered(name)
    checked = {row["rule"]: row for row in to_json(render.report.preset)}
    assert {rule.name for rule in preset.rules} <= set(checked)
    for rule, row in checked.items():
        assert set(row) == {"rule", "measured", "bound", "status", "source_url", "checked_on"}
        assert row["source_url"].startswith("https://")
        assert row["checked_on"]
        # a rule that no file can prove has its own words, and only that rule
        assert row["status"] == ("unchecked" if rule == "content" else "pass"), row
    fidelity = render.report.fidelity
    assert fidelity.pixels > 5_000
    assert (fidelity.mean or 0) <= 1.0
    assert (fidelity.p99 or 0) <= 3.0
    picture = Image.open(io.BytesIO(render.data))
    assert str(picture.format).lower() == preset.formats[0]
    assert picture.size == (preset.size or (1300, 2600))
    assert len(render.data) <= (preset.max_bytes or len(render.data))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    term = preset.digital_source_type
    with pyexiv2.ImageData(render.data) as file:
        assert (file.read_exif(), file.read_iptc()) == ({}, {})
        assert file.read_xmp() == ({"Xmp.iptcExt.DigitalSourceType": SCHEME + term} if term else {})


@pytest.mark.parametrize("name", WHITE)
def test_white_is_pure_but_for_blocks_with_product_and_the_product_fills_the_presets_share(name: str) -> None:
    preset, rgb = PRESETS[name], np.asarray(Image.open(io.BytesIO(rendered(name).data)).convert("RGB"))
    darkest = rgb.min(axis=2)
    # An encoder's block can spread an edge over 16 pixels.
    near = maximum_filter(darkest < 250, 33, mode="constant")
    assert (rgb[~near] == 255).all()
    assert not preset.shadow
    product = darkest < 200
    height, width = product.shape
    down, across = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    fill = max((down[-1] - down[0] + 1) / height, (across[-1] - across[0] + 1) / width)
    assert fill == pytest.approx(preset.fill, abs=0.005)


def test_a_product_that_is_not_resampled_keeps_its_own_codes() -> None:
    arrived = np.asarray(Image.open(io.BytesIO(rendered("transparent_cutout").data)))
    laid = np.asarray(Image.open(io.BytesIO(photo())))
    inside = laid[..., 3] == 255
    assert (arrived[inside] == laid[inside]).all()
