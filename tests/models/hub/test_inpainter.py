"""A trained network of a stock class against the gates: real paintings, not plumbing.

How good it is, and on which products: `benchmarks/picture/inpainter.py`. It never saw this jar.
"""

import json
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.picture.inpainted import Shown, Stand, expansion_in, grown, painting, shadow_in, stand
from models.hub.generator import DiffusersGenerator
from pipeline.background.paint import Painting
from pipeline.colour.palette import PaletteControl
from pipeline.core.networks import Networks
from pipeline.core.spec import Limits
from pipeline.delivery.fidelity import Product
from pipeline.swap import SwapResult, swap
from tests.support.still_life import cut_out_png, preset, spec, still_life
from tests.support.tiny_pipelines import load_pipeline

WEIGHTS = Path(__file__).parents[2] / "weights" / "inpainter"
SIDE = 256
PHOTO = cut_out_png(*still_life())


@cache
def inpainter() -> DiffusersGenerator:
    return load_pipeline(WEIGHTS, size=128, steps=8, guidance_scale=1.0)


@cache
def jar() -> Stand:
    """The red jar on a podium."""
    return stand("jar", PHOTO, spec("podium", palette=("#9fb8ad",)), SIDE)


@cache
def painted(shown: Shown) -> Painting:
    return painting(jar(), inpainter(), shown)


def reds(image: np.ndarray) -> np.ndarray:
    """A segmenter that finds what is as red as the jar."""
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    return np.asarray((red > 2 * green) & (red > 2 * blue), np.float32)


def test_it_is_a_pipeline_of_stock_classes_and_small() -> None:
    parts = json.loads((WEIGHTS / "model_index.json").read_text())
    assert parts["_class_name"] == "StableDiffusionPipeline"
    libraries = {part[0] for part in parts.values() if isinstance(part, list) and part[0]}
    assert libraries == {"diffusers", "transformers"}
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*")) < 8 * 2**20


@pytest.mark.gate  # the first of these paints: a second of a core
def test_a_product_that_was_painted_on_is_told_and_one_that_the_network_never_saw_is_not() -> None:
    drawing, blank = painted("unseen").drawing, painted("unseen").picture
    assert drawing is not None
    assert blank is not None
    assert not expansion_in(jar(), blank, drawing, reds).grew
    assert expansion_in(jar(), grown(jar(), blank, 0.12), drawing, reds).grew


@pytest.mark.nightly  # one more painting, of what the gate's two prove of other cases
def test_it_paints_the_scene_that_it_is_shown_and_not_the_start_again() -> None:
    held = painted("held")
    assert held.picture is not None
    assert held.laid is not None
    free = held.laid.keep == 0
    apart = np.abs(held.picture - held.laid.picture)[free]
    flat = np.abs(held.laid.picture[free] - held.laid.picture[free].mean(0))
    assert 0.004 < apart.mean() < flat.mean()  # nearer to its drawing than one colour is


@pytest.mark.gate  # paints twice
@pytest.mark.parametrize("shown", ["bare", pytest.param("astray", marks=pytest.mark.nightly)])  # as above
def test_a_shadow_that_was_not_shown_is_read_weaker_than_one_that_was(shown: Shown) -> None:
    # Of this one product at 128 pixels; which verdict that comes to on ten, `models/README.md` says.
    assert shadow_in(jar(), painted(shown)).gain < shadow_in(jar(), painted("held")).gain - 0.2


def delivered(*, control: PaletteControl) -> SwapResult:
    networks = Networks(reds, inpainter(), {})
    asked = spec("podium", palette=("#3f6f8f", "#d9c7a8"), place=preset((SIDE, SIDE)))
    return swap(PHOTO, asked, networks, limits=Limits(), clock=lambda: 0.0, control=control)


@pytest.mark.nightly  # whole swaps of several paintings; the gate's paint one each
def test_no_pixel_of_the_product_changes_and_the_report_says_what_became_of_it() -> None:
    found = delivered(control=PaletteControl())
    with Image.open(BytesIO(found.data)) as picture:
        arrived = np.asarray(picture.convert("RGB"))
    placed = stand("jar", PHOTO, spec("podium", place=preset((SIDE, SIDE))), SIDE).placed
    codes = np.rint(np.clip(placed.whole(), 0, 1) * 255).astype(np.uint8)
    inside = Product(placed.whole(), placed.alpha, placed.alpha.size)
    assert inside.pixels > 1000
    assert not (arrived != codes).any(-1).reshape(-1)[inside.where].any()
    first = found.report["provenance"]["tried"][0]
    assert first["shadow"] in ("kept", "missing", "elsewhere")
    assert set(first["expansion"]) == {"area", "colour", "grew"}


@pytest.mark.nightly  # as above
def test_colours_that_the_network_let_drift_are_brought_back() -> None:
    with_all, with_none = (
        np.mean([colour["delta_e00"] for colour in delivered(control=control).report["palette"]["asked"]])
        for control in (
            PaletteControl(),
            PaletteControl(words=False, sketch=False, exposure=False, transfer=False, retries=0),
        )
    )
    assert with_all < 0.7 * with_none
