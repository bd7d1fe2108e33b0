"""An operator's folder: the example of the guide, every fault of it, and the catalogues of clients."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.order import Lettering, SwapOrder
from service.catalogue.catalogue import load_catalogue
from service.catalogue.toml_records import CatalogueInvalid
from tests.support.own_catalogue import FONT, LICENCE, example, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the guide."""
    return written(tmp_path / "catalogue", example())


def faults(folder: Path) -> tuple[str, ...]:
    with pytest.raises(CatalogueInvalid) as refused:
        load_catalogue(folder)
    return refused.value.faults


def test_the_guides_folder_adds_one_entry_of_each_kind(folder: Path) -> None:
    shipped, read = load_catalogue(), load_catalogue(folder)

    assert set(example()) == {"scenes.toml", "moods.toml", "presets.toml", "layers.toml", FONT, LICENCE}
    assert set(read.scenes) - set(shipped.scenes) == {"slate_counter"}
    assert set(read.moods) - set(shipped.moods) == {"golden_hour"}
    assert set(read.presets) - set(shipped.presets) == {"acme_card"}
    assert set(read.fonts.names) - set(shipped.fonts.names) == {"acme_sans"}
    assert set(read.templates) == {"new_arrival"}
    order = SwapOrder("Slate Counter", "golden hour", "acme_card", lettering=Lettering("template:new_arrival"))
    assert '"font": "acme_sans"' in read.lettered(order).lettering.layers
    unknown = replace(order, lettering=Lettering("template:none"))
    assert read.lettered(unknown) == unknown


def test_an_entry_of_a_shipped_name_replaces_it_in_its_place(tmp_path: Path) -> None:
    calm = example()["moods.toml"].replace(b"golden_hour", b"calm")
    folder = written(tmp_path, {"moods.toml": calm, "scenes.toml": example()["scenes.toml"]})
    shipped, read = load_catalogue(), load_catalogue(folder)

    assert list(read.scenes) == [*shipped.scenes, "slate_counter"]
    assert list(read.moods) == list(shipped.moods)
    assert read.moods["calm"].description == "Low, warm light from the left." != shipped.moods["calm"].description
    assert read.presets == shipped.presets


def changed(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def added(name: str, data: bytes | str) -> Callable[[Path], object]:
    return lambda folder: written(folder, {name: data if isinstance(data, bytes) else data.encode()})


def removed(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def again(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text() * 2)


SCENE, MOOD, PRESET = (
    "scenes.toml: scene 'slate_counter': ",
    "moods.toml: mood 'golden_hour': ",
    "presets.toml: preset 'acme_card': ",
)
LAYERS = "layers.toml: template 'new_arrival': "
WHITE = changed("presets.toml", 'background = "scene"', 'background = "white"\nscene_sibling = "etsy_lstng"')
#: A change of the guide's folder, and how its one fault begins.
FAULTS = [
    (changed("scenes.toml", "title =", "titel ="), SCENE + "titel: unknown key (received 'Slate counter'). Write"),
    (changed("scenes.toml", "wall =", "gloss ="), SCENE + "gloss: unknown key (received 'plaster'). Remove it. The"),
    (changed("scenes.toml", 'title = "Slate counter"\n', ""), SCENE + "title: missing. Add it."),
    (changed("scenes.toml", '"tabletop"', '"attic"'), SCENE + "kind: should be 'white', 'sweep',"),
    (changed("scenes.toml", '"concrete"', "3"), SCENE + "surface: should be 'plain',"),
    (changed("scenes.toml", '"concrete"', '"leaf"'), SCENE + "surface: should be one of plain, plaster, marble,"),
    (changed("scenes.toml", '"#565c60"', '"ivory"'), SCENE + "palette: 'ivory' is not a colour. Use the form #rrggbb."),
    (changed("scenes.toml", '"slate_counter"', '"Slate counter"'), "scenes.toml: scene 'Slate counter': name: use"),
    (changed("scenes.toml", '"slate_counter"', '"po_dium"'), "scenes.toml: 'po_dium': name is taken by 'podium'."),
    (changed("scenes.toml", '"slate_counter"', '"white"'), "scenes.toml: scene 'white': kind: must be 'white'"),
    (changed("scenes.toml", '["#565c60", "#b9b4aa"]', "[]"), SCENE + "palette: "),
    (changed("scenes.toml", '"Slate counter"', '" "'), SCENE + "title: "),
    (again("scenes.toml"), "scenes.toml: 'slate_counter': name is taken by 'slate_counter'. Choose another name."),
    (changed("scenes.toml", "[[scene]]", "[[scnee]]"), "scenes.toml: scnee: unknown table. Use only [[scene]]"),
    (changed("moods.toml", "[[mood]]", "[mood]"), "moods.toml: mood: no list of tables (received {'name':"),
    (changed("moods.toml", "[[mood]]", "[[mood"), "moods.toml: not TOML: Expected ']]'"),
    (added("moods.toml", b'[[mood]]\nname = "\xff"'), "moods.toml: can't be read: 'utf-8' codec can't"),
    (added("moods.toml", "a = " + "[" * 9000), "moods.toml: not TOML: "),
    (added("moods.toml", ""), "moods.toml: mood: missing. Add at least one"),
    (changed("moods.toml", "-65.0", "200.0"), MOOD + "light_angle: "),
    (changed("moods.toml", "0.35", "3"), MOOD + "softness: must be from 0 to 1 (received 3)."),
    (changed("moods.toml", "0.35", '"soft"'), MOOD + "softness: should be a valid number (received 'soft')."),
    (changed("presets.toml", "0.6", "6"), PRESET + "fill: must be above 0 and at most 1 (received 6)."),
    (changed("presets.toml", 'formats = ["webp"', 'formats = ["gif"'), PRESET + "formats.0: should be 'jpeg',"),
    (changed("presets.toml", 'text = "At', 'txt = "At'), PRESET + "rules.0.txt: unknown key"),
    (WHITE, PRESET + "scene_sibling: 'etsy_lstng' is not a preset that allows scenes. Name one"),
    (changed("layers.toml", "title =", "titel ="), LAYERS + "titel: unknown key (received 'New arrival'). Write"),
    (changed("layers.toml", "anchor =", "ancor ="), LAYERS + "layers[0].ancor: A layer has no ancor. Did you mean"),
    (changed("layers.toml", '"acme_sans"', '"acme_serif"'), LAYERS + "layers[0].font: There is no font acme_serif."),
    (changed("layers.toml", "size = 7", 'size = "7"'), LAYERS + "layers[0].size: size must be a number"),
    (removed(LICENCE), FONT + ": licence: missing. Put the font's licence text beside it, as LICENSE.txt."),
    (added("fonts/Acme.otf", b"no font"), "fonts/Acme.otf is not a TrueType or OpenType font: "),
    (added("fonts/Acme.woff2", b""), "fonts/Acme.woff2: fonts are .ttf or .otf files (received .woff2). Convert it."),
    (added("scene.toml", ""), "scene.toml: unknown name. Did you mean scenes.toml? This folder takes scenes.toml,"),
    (added("colours.toml", ""), "colours.toml: unknown name. Remove it."),
    (added("client/acme/moods.toml", ""), "client: unknown name. Did you mean clients?"),
    (added("clients/Acme/moods.toml", example()["moods.toml"]), "clients/Acme: bad name. Use 1 to 64 lower case"),
    (added("clients/acme/notes.txt", ""), "clients/acme: an empty catalogue. Put at least one of scenes.toml,"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[str(number) for number in range(len(FAULTS))])
def test_a_fault_names_file_entry_key_value_and_remedy(
    folder: Path, change: Callable[[Path], object], said: str
) -> None:
    change(folder)
    (fault,) = faults(folder)
    assert fault.startswith(f"{folder}/{said}"), fault


def test_all_faults_of_all_files_are_reported_at_once(folder: Path) -> None:
    for change in (
        changed("scenes.toml", '"tabletop"', '"attic"'),
        changed("scenes.toml", "#565c60", "ivory"),
        changed("moods.toml", "0.35", "3"),
        changed("presets.toml", "0.6", '"large"'),
        changed("presets.toml", "credits = 2", "credits = 0"),
        changed("layers.toml", "acme_sans", "acme_serif"),
        removed(LICENCE),
        added("clients/acme/moods.toml", "x"),
    ):
        change(folder)
    keys = ["kind", "palette", "softness", "fill", "credits", "font", "licence", "not TOML"]

    found = faults(folder)

    assert sorted(key for key in keys for fault in found if f"{key}: " in fault) == sorted(keys)
    assert len(found) == len(keys)
