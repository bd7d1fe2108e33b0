import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.picture.orders import TABLES, Config, PhotoSet, default_specs, listed, preset_specs, read_specs
from service.catalogue.catalogue import load_catalogue
from tests.support.still_life import spec


def test_specs_by_default_are_the_same_every_time_and_cover_scenes_moods_and_presets() -> None:
    catalogue = load_catalogue()
    specs = default_specs(catalogue, 60)
    assert specs == default_specs(catalogue, 60)
    assert {one.scene.kind for one in specs} == {scene.kind for scene in catalogue.scenes.values()} - {"white"}
    assert {one.mood.name for one in specs} == set(catalogue.moods)
    assert {len(one.palette) for one in specs} == {1, 2, 3, 4, 5}
    assert len({one.preset.name for one in specs}) > 5


def test_presets_that_take_no_scene_are_rendered_on_white() -> None:
    catalogue = load_catalogue()
    specs = list(preset_specs(catalogue, 2))
    assert len(specs) == 2 * len(catalogue.presets)
    assert all((one.scene.kind == "white") == (one.preset.background != "scene") for one in specs)


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_list_of_specs_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"specs.{suffix}"
    wanted = {"scene": "neon", "mood": "calm", "colors": ["teal"], "preset": "ebay_listing", "seed": 7}
    toml = "[[spec]]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in wanted.items())
    path.write_text(toml if suffix == "toml" else json.dumps([wanted]))
    (one,) = read_specs(path, load_catalogue())
    assert (one.scene.name, one.mood.name, one.palette, one.preset.name, one.seed) == (
        "neon",
        "calm",
        ("#008080",),
        "ebay_listing",
        7,
    )


def test_photos_come_in_turn_and_only_those_with_alpha_are_compared(tmp_path: Path) -> None:
    photos = [tmp_path / f"{name}.jpg" for name in "abcdefg"]
    Image.new("L", (8, 8)).save(tmp_path / "c.png")
    config = Config(tmp_path, None, 320)
    works = listed([PhotoSet("shop", tuple(photos), tmp_path)], config, TABLES, [spec()] * 7, 7, 1)
    assert [(work.table, work.key) for work in works if work.table in ("cutout", "halo")] == [
        ("cutout", "c"),
        ("halo", "c"),
    ]
    looks = [work for work in works if work.table == "looks"]
    assert {work.photo for work in looks} == set(photos)
    assert all(work.spec is not None and work.spec.preset.size == (320, 320) for work in looks)


def test_two_sets_keep_their_names_and_pictures_of_one_name_are_two_rows(tmp_path: Path) -> None:
    sets = []
    for name in ("shop", "street"):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("L", (8, 8)).save(folder / "a.png")
        sets.append(PhotoSet(name, (folder / "a.jpg",), folder))
    works = listed(sets, Config(tmp_path, None, None), ("cutout",), [spec()], 1, 1)
    assert [(work.key, work.photo_set, work.truth) for work in works] == [
        ("shop: a", "shop", tmp_path / "shop" / "a.png"),
        ("street: a", "street", tmp_path / "street" / "a.png"),
    ]
