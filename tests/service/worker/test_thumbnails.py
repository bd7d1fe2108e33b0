"""The studio page's thumbnails: made by the pipeline, and again only after a change."""

import io
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from pipeline.background.assigned import UNPAINTED
from pipeline.scene.surfaces import ACCENT, surfaces
from service.catalogue.catalogue import load_catalogue, own_picture
from service.settings import SHIPPED_THUMBNAILS, Settings
from service.worker.thumbnails import SIZE, make_thumbnails, product_of, sample_of
from tests.support.own_catalogue import example, written


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The thumbnails that ship, in a folder of their own."""
    folder = tmp_path / "thumbnails"
    shutil.copytree(SHIPPED_THUMBNAILS, folder)
    monkeypatch.setattr("service.worker.thumbnails.SHIPPED_THUMBNAILS", folder)
    return Settings(home=tmp_path, thumbnails=folder)


def test_a_thumbnail_of_each_scene_mood_and_preset_ships_and_shows_its_present_record(settings: Settings) -> None:
    catalogue = load_catalogue()
    numbers = {f"scene-{name}-slots" for name in catalogue.scenes if name != "white"}
    assert {path.stem for path in settings.thumbnails.glob("*.webp")} == {*dict(catalogue.pictured())} | numbers
    assert make_thumbnails(settings, print) == 0, "run `python -m scripts.thumbnails` and commit the pictures"
    weights = [path.stat().st_size for path in settings.thumbnails.iterdir()]
    assert max(weights) < 40_000
    assert sum(weights) < 600_000


def test_the_scenes_show_several_products_and_scenes_from_above_a_lying_one() -> None:
    shown = {name: product_of(scene) for name, scene in load_catalogue().scenes.items()}

    assert {product for name, product in shown.items() if name.startswith("flat_lay")} == {"notebook"}
    assert shown["white"] == "bottle"
    standing = Counter(product for product in shown.values() if product != "notebook")
    assert len(standing) >= 5
    assert max(standing.values()) <= len(shown) / 4
    pictures = [Image.open(io.BytesIO(sample_of(product))) for product in set(shown.values())]
    assert all(one.mode == "RGBA" and 300 <= max(one.size) <= 450 for one in pictures)


def test_each_pixel_of_a_scene_has_the_number_of_its_surface(settings: Settings) -> None:
    slots = json.loads((settings.thumbnails / "slots.json").read_text())
    scenes = load_catalogue().scenes

    assert set(slots) == set(scenes) - {"white"}
    for name, rows in slots.items():
        numbers = np.asarray(Image.open(settings.thumbnails / f"scene-{name}-slots.webp").convert("RGB"))[..., 0]
        assert numbers.shape == SIZE[::-1]
        assert set(np.unique(numbers)) <= {*range(len(rows)), UNPAINTED}
        known = {one.name: one.share for one in surfaces(scenes[name])}
        assert {row[0] for row in rows} <= {*known, ACCENT}
        largest = max(known, key=lambda one: known[one])
        assert (numbers == [row[0] for row in rows].index(largest)).mean() > 0.15, name
        assert numbers[SIZE[1] // 2, SIZE[0] // 2] == UNPAINTED, "the product"


@pytest.mark.gate  # loads the networks
def test_only_missing_and_outdated_thumbnails_are_made_again_and_unused_ones_go(
    settings: Settings, tmp_path: Path
) -> None:
    folder = settings.thumbnails
    said: list[str] = []
    before = Image.open(folder / "scene-podium.webp").convert("RGB")
    numbers = (folder / "scene-podium-slots.webp").read_bytes()
    (folder / "scene-podium-slots.webp").unlink()
    shutil.copy(folder / "scene-white.webp", folder / "scene-that_was.webp")
    stamps = json.loads((folder / "stamps.json").read_text())
    (folder / "stamps.json").write_text(json.dumps(stamps | {"scene-white": "of an older catalogue"}))

    assert make_thumbnails(settings, said.append) == 2

    assert [line.split()[0] for line in said] == ["scene-white", "scene-podium"]
    assert not (folder / "scene-that_was.webp").exists()
    again = Image.open(folder / "scene-podium.webp").convert("RGB")
    assert again.size == SIZE
    assert (folder / "scene-podium-slots.webp").read_bytes() == numbers
    assert max(ImageStat.Stat(ImageChops.difference(before, again)).mean) < 1, "the same spec, the same picture"
    assert json.loads((folder / "stamps.json").read_text()) == stamps
    assert make_thumbnails(settings, said.append) == 0

    table = example()["scenes.toml"]
    shared = table.replace(b'"slate_counter"', b'"podium"')
    own = written(tmp_path / "catalogue", {"scenes.toml": shared, "clients/acme/scenes.toml": table})
    folder = tmp_path / "own"
    settings = settings.model_copy(update={"catalogue": own, "thumbnails": folder})
    assert make_thumbnails(settings, said.append) == 2
    catalogue = load_catalogue(own)
    podium = own_picture(catalogue.scenes["podium"])
    client = own_picture(catalogue.of("acme").scenes["slate_counter"])
    assert {path.stem for path in folder.glob("*.webp")} == {podium, f"{podium}-slots", client}
    assert set(json.loads((folder / "slots.json").read_text())) == {"podium"}, "nobody else sees a client's own scene"
    assert make_thumbnails(settings, said.append) == 0
