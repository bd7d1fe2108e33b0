"""Pictures that were reviewed and accepted: the shipped checkpoint still paints pictures like them.

`python -m tests.pipeline.test_golden` paints them again. Look at them before you commit them.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.loading import GeneratorChoice, load_generator
from pipeline.background.paint import paint_background
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.networks import Generator
from pipeline.core.order import SwapOrder
from pipeline.scene.composition import compose
from service.catalogue.catalogue import load_catalogue
from service.settings import load_settings
from service.worker.local import build_spec

FOLDER = Path(__file__).parent / "golden"
#: Scene, mood, colours, width and height.
PICTURES: dict[str, tuple[str, str, tuple[str, ...], int, int]] = {
    "podium": ("podium", "calm", ("#e8d5c4", "#c96f4a", "#2f5d50"), 192, 192),
    "niche": ("arch_niche", "warm", (), 144, 256),
    "window": ("sunlit_wall", "natural", (), 256, 144),
    "room": ("room", "natural", ("#9fb3a5", "#8a5f3c", "#f2e9dd", "#c9745b"), 192, 192),
    "neon": ("neon", "moody", (), 192, 192),
    "sand": ("sand_dunes", "warm", (), 256, 144),
    "curtain": ("velvet_curtain", "dramatic", (), 144, 256),
}
#: Maximum mean CIEDE2000 of a picture to its golden one: a difference between processors that no eye sees.
CLOSE = 1.0


def painted(name: str, generator: Generator) -> np.ndarray:
    scene, mood, colours, width, height = PICTURES[name]
    spec = build_spec(load_catalogue(), SwapOrder(scene, mood, "shopify_product", tuple(colours), seed=11))
    spec = replace(spec, preset=replace(spec.preset, size=(width, height)))
    layout = compose(spec, width, height, 0.6)
    return paint_background(spec, layout, width, height, generator, lambda done: None)


@pytest.fixture(scope="module", name="generator")
def _generator() -> Generator:
    return load_generator(GeneratorChoice(load_settings().generator))


@pytest.mark.parametrize("name", PICTURES)
def test_a_scene_matches_its_golden_picture(name: str, generator: Generator) -> None:
    golden = np.asarray(Image.open(FOLDER / f"{name}.png"), np.float32) / 255
    now = painted(name, generator)
    assert now.shape == golden.shape
    distance = delta_e00(srgb_to_lab(now), srgb_to_lab(golden))
    assert distance.mean() < CLOSE


def test_another_scene_does_not_match_a_golden_picture(generator: Generator) -> None:
    golden = np.asarray(Image.open(FOLDER / "neon.png"), np.float32) / 255
    distance = delta_e00(srgb_to_lab(painted("podium", generator)), srgb_to_lab(golden))
    assert distance.mean() > 5 * CLOSE


def main() -> None:
    """Paint the golden pictures again."""
    generator = load_generator(GeneratorChoice(load_settings().generator))
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        Image.fromarray((painted(name, generator) * 255 + 0.5).astype(np.uint8)).save(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
