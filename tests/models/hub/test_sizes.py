"""Pipelines paint as many pixels as in their training, whatever the picture's shape."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.hub.recipe import painted_size
from service.catalogue.catalogue import load_catalogue
from tests.support.tiny_pipelines import load_pipeline


def test_every_preset_is_painted_at_about_a_megapixel_and_never_more() -> None:
    sizes = {one.size for one in load_catalogue().presets.values() if one.background == "scene" and one.size}
    shapes = {size: painted_size(*size, size=1024, multiple=16) for size in sizes}
    for (width, height), (wide, tall) in shapes.items():
        assert 0.96 < wide * tall / 1024**2 <= 1, shapes
        assert wide / tall == pytest.approx(width / height, rel=0.03)
    # Each is a shape to compile for.
    assert len(set(shapes.values())) <= 8


@pytest.mark.parametrize("width", [1, 3, 100, 1000, 4000])
@pytest.mark.parametrize("height", [1, 7, 640, 1001])
def test_sides_are_multiples_and_at_least_one(width: int, height: int) -> None:
    wide, tall = painted_size(width, height, size=64, multiple=32)
    assert wide % 32 == tall % 32 == 0
    assert wide >= 32 <= tall
    assert min(wide, tall) == 32 or wide * tall <= 64**2


def test_a_pipeline_of_no_known_family_paints_at_its_own_size(
    tiny_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub.found.family_of", lambda *_, **__: None)
    # FLUX.1 [dev] has 128 cells of its autoencoder's, which are two pixels wide here.
    assert load_pipeline(tiny_folder("FLUX.1-dev")).capabilities.size == 256
