"""Colours go to the surfaces that can have them, in any order of the palette."""

import numpy as np
import pytest

from pipeline.colour.assignment import DARKEST, Assignment, Surface, assign
from pipeline.colour.gamuts import GAMUTS, is_gold, lab_of, linear_of
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.scene.surfaces import surfaces
from service.catalogue.catalogue import load_catalogue

SCENES = load_catalogue().scenes
BUILT = sorted(name for name in SCENES if name != "white")


def assigned(scene: str, *palette: str) -> Assignment:
    return assign([linear_of(colour) for colour in palette], surfaces(SCENES[scene]))


def painted(plan: Assignment) -> dict[str, str]:
    """Return the colour of each surface."""
    return {name: rgb_to_hex(linear_to_srgb(plan.colours[slot])) for name, slot in plan.surfaces.items()}


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize(
    ("scene", "palette", "expected"),
    [
        ("wooden_table", ("#b5835a", "#f1e3d3"), {"table": "#b5835a", "wall": "#f1e3d3"}),
        ("flat_lay_wood", ("#8a5a36", "#efe3d0"), {"surface": "#8a5a36", "sheet": "#efe3d0"}),
        ("sand_dunes", ("#e0b589", "#cfe0e8"), {"sand": "#e0b589", "sky": "#cfe0e8"}),
        ("flat_lay_marble", ("#f1efec", "#c9a227"), {"surface": "#f1efec"}),
        ("neon", ("#12122a", "#ff3d81"), {"wall": "#12122a", "tube": "#ff3d81"}),
        ("velvet_curtain", ("#5a1026", "#c9a227"), {"curtain": "#5a1026"}),
        ("evening_bokeh", ("#1b2030", "#d4a24c"), {"table": "#1b2030"}),
        ("garden_bokeh", ("#8a5a36", "#9fb58a"), {"table": "#8a5a36"}),
    ],
)
def test_a_colour_goes_to_the_surface_that_has_it_in_the_real_world(
    scene: str, palette: tuple[str, ...], expected: dict[str, str], flipped: bool
) -> None:
    found = painted(assigned(scene, *(palette[::-1] if flipped else palette)))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("scene", BUILT)
def test_no_surface_has_a_colour_that_its_material_lacks(scene: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(8):
        palette = [f"#{rng.integers(1 << 24):06x}" for _ in range(int(rng.integers(1, 7)))]
        plan = assigned(scene, *palette)
        for surface in surfaces(SCENES[scene]):
            assert plan.suits(plan.surfaces[surface.name], surface.material), (palette, surface)


@pytest.mark.parametrize("scene", BUILT)
def test_a_scenes_own_palette_goes_where_its_author_meant_it(scene: str) -> None:
    palette = SCENES[scene].palette
    places = surfaces(SCENES[scene])
    plan = assigned(scene, *palette)
    assert all(plan.suits(plan.surfaces[surface.name], surface.material) for surface in places)
    assert plan.surfaces[places[0].name] == 0


def test_where_two_surfaces_suit_the_first_colour_gets_the_larger() -> None:
    plan = assigned("podium", "#4f7cac", "#f4c6d0")
    assert painted(plan) == {"wall": "#4f7cac", "floor": "#f4c6d0"}


def test_a_colour_without_a_surface_is_left_for_props_and_every_asked_colour_has_a_place() -> None:
    plan = assigned("sand_dunes", "#2e8b57", "#ff00ff")
    assert plan.left == (0, 1)
    for scene in BUILT:
        plan = assigned(scene, "#2e8b57", "#e9e3d5", "#b5835a", "#c9a227")
        assert set(plan.left) | {slot for slot in plan.surfaces.values() if slot < 4} == {0, 1, 2, 3}


def test_gold_is_metal_and_a_wall_of_it_only_where_nothing_else_was_asked() -> None:
    plan = assigned("studio_sweep", "#c9a227", "#f1efec")
    assert painted(plan) == {"backdrop": "#f1efec"}
    assert plan.metallic(0)
    assert not plan.metallic(1)
    assert painted(assigned("studio_sweep", "#c9a227")) == {"backdrop": "#c9a227"}


def test_a_product_gets_no_background_of_its_own_colour() -> None:
    wall = Surface("wall", "paint", 0.69, behind=True)
    both = [linear_of("#4f7cac"), linear_of("#f4c6d0")]
    for product, expected in (("#4f7cac", 1), ("#f4c6d0", 0)):
        plan = assign(both, (wall, Surface("floor", "paint", 0.6)), lab_of(product))
        assert plan.surfaces["wall"] == expected


def test_a_surface_without_an_asked_colour_has_a_natural_one_as_light_as_the_palette() -> None:
    dark, pale = (painted(assigned("wooden_table", colour))["table"] for colour in ("#0b3d91", "#bfe3ff"))
    assert lab_of(dark)[0] < 40 < 70 < lab_of(pale)[0]


def test_materials_include_their_samples_paint_takes_any_colour_and_natural_materials_do_not() -> None:
    assert all(one.distance(lab_of(sample)) <= 1 for one in GAMUTS.values() for sample in one.samples)
    for colour in ("#ff00ff", "#0000ff", "#00ffee"):
        assert GAMUTS["paint"].cost(lab_of(colour)) == 0
        assert not any(GAMUTS[one].has(lab_of(colour)) for one in ("wood", "sand", "leaf", "stone", "egg", "page"))
    assert is_gold(lab_of("#d4af37"))
    assert not is_gold(lab_of("#fcce7b"))


@pytest.mark.parametrize("scene", ["podium", "arch_niche", "sunlit_wall", "plaster_podium"])
@pytest.mark.parametrize("palette", [("#5a1026", "#c9a227"), ("#1b2030", "#d4a24c"), ("#2d0f2e",)])
def test_no_surface_has_a_tone_that_is_black_in_the_shade(scene: str, palette: tuple[str, ...]) -> None:
    plan = assigned(scene, *palette)
    for slot in plan.surfaces.values():
        assert slot < plan.asked or plan.lab[slot][0] >= DARKEST


def test_a_locked_colour_is_on_its_surface_and_the_others_go_where_they_suit_best() -> None:
    colours = [linear_of(one) for one in ("#f1e3d3", "#b5835a", "#2e8b57")]
    places = surfaces(SCENES["wooden_table"])

    free = assign(colours, places)
    green = assign(colours, places, fixed={"table": 2})
    accents = assign(colours, places, accents={0, 1})

    assert (dict(free.surfaces), free.left) == ({"wall": 0, "table": 1}, (2,))
    # No wood is green: its owner wants it stained.
    assert (dict(green.surfaces), green.left) == ({"wall": 0, "table": 2}, (1,))
    assert set(accents.left) >= {0, 1}
    assert assign(colours, places, fixed={"wall": 2, "table": 0}).left == (1,)


def test_a_surface_has_a_colour_even_where_the_only_asked_colour_has_no_visible_tone() -> None:
    plan = assign([linear_of("#000000")], [Surface("wall", "paint", 0.7)], accents=[0])
    assert plan.surfaces["wall"] >= plan.asked
