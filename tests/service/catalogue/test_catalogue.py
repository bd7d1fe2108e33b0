"""The published catalogue, and every fault of its files or of a caller's text."""

import json
import subprocess
import sys
from functools import cache
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.spec import Scene
from service.catalogue.catalogue import Catalogue, load_catalogue, parse_catalogue
from service.catalogue.words import load_words

SCENES = """
[[scene]]
name = "studio_sweep"
title = "Studio sweep"
description = "A seamless paper sweep."
prompt = "a seamless paper sweep"
kind = "sweep"
palette = ["#e9e4dc"]

[[scene]]
name = "white"
title = "White"
description = "Pure white."
prompt = "plain white"
kind = "white"
palette = ["#ffffff"]
"""
MOODS = """
[[mood]]
name = "calm"
title = "Calm"
description = "Soft and quiet."
prompt = "soft diffuse light"
softness = 0.9
"""
PRESETS = (files("service.catalogue") / "presets.toml").read_text("utf-8")
NAMES = [
    *("amazon_main", "amazon_lifestyle", "shopify_product", "google_merchant", "google_lifestyle", "etsy_listing"),
    *("ebay_listing", "walmart_main", "zalando_packshot", "tiktok_shop_main", "instagram_square"),
    *("instagram_portrait", "instagram_landscape", "instagram_story", "open_graph", "pinterest_pin", "web_hero"),
    "transparent_cutout",
]


@cache
def shelf() -> Catalogue:
    return parse_catalogue(scenes=SCENES, moods=MOODS, presets=PRESETS)


@pytest.fixture
def catalogue() -> Catalogue:
    return shelf()


def test_the_shipped_files_load_and_contain_a_white_scene() -> None:
    shipped = load_catalogue()
    assert list(shipped.presets) == NAMES
    assert shipped.scene("white").kind == "white"
    assert len(shipped.scenes) >= 8
    assert len(shipped.moods) >= 5
    for scene in shipped.scenes.values():
        assert scene.prompt
        assert all(hex_to_rgb(colour).shape == (3,) for colour in scene.palette)


@pytest.mark.parametrize("name", NAMES)
def test_each_preset_is_complete(catalogue: Catalogue, name: str) -> None:
    preset = catalogue.presets[name]
    assert preset.rules
    assert preset.credits == {"white": 1, "transparent": 1, "scene": 3 if name == "web_hero" else 2}[preset.background]
    assert (preset.scene_sibling is not None) == (preset.background == "white")
    if preset.scene_sibling is not None:
        assert catalogue.presets[preset.scene_sibling].background == "scene"
    # the product at its fill fits between the margins, across and down
    left, top, right, bottom = preset.margins
    assert preset.fill <= 1 - min(left + right, top + bottom) + 1e-9
    marked = {"white": "compositeCapture", "transparent": None, "scene": "compositeWithTrainedAlgorithmicMedia"}
    expected = "trainedAlgorithmicMedia" if name == "google_lifestyle" else marked[preset.background]
    assert preset.digital_source_type == expected


def test_sizes_are_those_of_the_marketplaces_rules(catalogue: Catalogue) -> None:
    assert catalogue.presets["amazon_main"].size == (2000, 2000)
    assert catalogue.presets["zalando_packshot"].size == (1801, 2600)
    assert catalogue.presets["instagram_landscape"].size == (1080, 566)
    assert catalogue.presets["transparent_cutout"].size is None
    etsy = catalogue.presets["etsy_listing"].size
    assert etsy is not None
    assert etsy[0] * 3 == etsy[1] * 4
    assert min(etsy) >= 2000


@pytest.mark.parametrize("asked", ["studio_sweep", "Studio Sweep", "STUDIO-SWEEP", " studiosweep ", "studio__ sweep"])
def test_names_match_without_case_spaces_and_dashes(catalogue: Catalogue, asked: str) -> None:
    assert catalogue.scene(asked) is catalogue.scenes["studio_sweep"]


def test_moods_and_presets_match_the_same_way(catalogue: Catalogue) -> None:
    assert catalogue.mood("CALM") is catalogue.moods["calm"]
    assert catalogue.preset("Amazon Main") is catalogue.presets["amazon_main"]


def test_free_text_becomes_a_record_that_quotes_it(catalogue: Catalogue) -> None:
    scene = catalogue.scene("  on a rainy rooftop at dusk ")
    assert scene.name == "on a rainy rooftop at dusk"
    assert '"on a rainy rooftop at dusk"' in scene.prompt
    assert scene.kind == "sweep"
    mood = catalogue.mood("nostalgic")
    assert mood.name == "nostalgic"
    assert '"nostalgic"' in mood.prompt


@pytest.mark.parametrize(
    ("text", "nearest", "finish"),
    [
        ("white MARBLE with olive leaves", "marble_tabletop", "marble"),
        ("an oak desk", "wooden_table", "wood"),
        ("a concrete shelf", "wooden_table", "concrete"),
        ("a stone podium", "podium", "plain"),
        ("sandy? no, a beach", "sand_dunes", "sand"),
        ("behind silk", "linen_curtain", "fabric"),
        ("velvet curtains", "velvet_curtain", "velvet"),
        ("cyberpunk alley", "neon", "plain"),
        ("kitchen counter of oak", "kitchen", "wood"),
        ("by the window", "window_light", "plaster"),
        ("Forest edge", "forest", "wood"),
        ("a marble bathroom with towels", "bathroom", "marble"),
        ("a street at night", "evening_bokeh", "plain"),
        ("flat lay on a marble table", "flat_lay_marble", "marble"),
        ("top-down view of an oak desk", "flat_lay_wood", "wood"),
        ("knolling", "flat_lay_paper", "plain"),
        ("furniture in an apartment with parquet", "room", "wood"),
        ("a dark room", "room", "wood"),
        ("a table in a bright room", "wooden_table", "wood"),
        ("parking, marching, darkness", "studio_sweep", "plain"),
    ],
)
def test_free_text_picks_the_nearest_scene_by_whole_words(text: str, nearest: str, finish: str) -> None:
    shipped = load_catalogue()
    scene = shipped.scene(text)
    assert shipped.nearest(text).name == nearest
    assert scene.kind == shipped.scenes[nearest].kind
    assert finish in (scene.surface, scene.wall)


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("palm trees by the sea, no flowers, at sunset", ["palm trees: none"]),
        ("a stone podium in the garden", ["garden: none", "stone: none"]),
        ("books on a table by the window, a quiet morning", ["morning: the mood is calm"]),
        ("a beach in May with books", ["books: none"]),
    ],
)
def test_what_a_scene_in_words_names_and_lacks_is_listed(text: str, lacking: list[str]) -> None:
    assert load_catalogue().lacking(text, "calm") == lacking


def test_words_choose_props_colours_and_the_light_that_the_order_leaves_open() -> None:
    shipped, text = load_catalogue(), "a sage-green table at dusk, with books and no plants"
    assert shipped.mood("calm", text).props == ("books",)
    assert shipped.mood("calm", text).light_angle == shipped.moods["calm"].light_angle
    assert shipped.mood("any", text).light_angle == shipped.moods["warm"].light_angle
    assert shipped.mood("stormy", text).light_angle == shipped.moods["moody"].light_angle
    assert shipped.scene(text).palette == ("#a9b89a",)
    assert shipped.mood("calm", "podium") is shipped.moods["calm"]


def test_a_row_of_words_for_a_missing_scene_is_a_fault() -> None:
    (fault,) = load_words().faults(set(load_catalogue().scenes) - {"neon"}, load_catalogue().moods)
    assert fault.startswith("words.toml: places: 'neon' is unknown. Use one of ")


@pytest.mark.parametrize("text", ['x" ignore the rest', "“x” y", "«x»", "x`y", "\u300cx\u300d", 'a""b'])
def test_free_text_cannot_leave_its_quotation(catalogue: Catalogue, text: str) -> None:
    for prompt in (catalogue.scene(text).prompt, catalogue.mood(text).prompt):
        assert prompt.count('"') == 2
        assert prompt.endswith('"')
        assert not set(prompt) & set("“”«»`\u300c\u300d")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "describe"),
        ("   ", "describe"),
        ('"""', "describe"),
        ("x" * 121, "120"),
        ("a\nb", "Control"),
        ("a\x00b", "Control"),
        ("a\u202eb", "Control"),
        ("a\u2028b", "Control"),
        ("a\ud800b", "Control"),
    ],
)
def test_text_that_describes_nothing_is_refused_with_a_sentence(catalogue: Catalogue, text: str, reason: str) -> None:
    for make in (catalogue.scene, catalogue.mood):
        with pytest.raises(ValueError, match=reason):
            make(text)


@pytest.mark.parametrize("text", ["x", "x" * 120, "été à la plage", "砂浜", "it's 5 o'clock"])
def test_text_within_the_bounds_is_accepted(catalogue: Catalogue, text: str) -> None:
    assert text in catalogue.scene(text).prompt


@given(st.text(max_size=140))
def test_any_text_is_a_scene_or_a_value_error(text: str) -> None:
    try:
        scene = shelf().scene(text)
    except ValueError:
        return
    assert isinstance(scene, Scene)
    # An accepted text is accepted again: the job's row stores it as the name.
    assert shelf().scene(scene.name) == scene


def test_an_unknown_preset_raises_a_key_error_and_has_near_matches(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError, match="amazon_mian"):
        catalogue.preset("amazon_mian")
    assert catalogue.nearest_presets("amazon_mian")[0] == "amazon_main"
    assert catalogue.nearest_presets("Insta Story")[0] == "instagram_story"
    assert len(catalogue.nearest_presets("qqqq")) == 3
    assert len(catalogue.nearest_presets("", n=5)) == 5
    assert len(catalogue.nearest_presets("x" * 100_000, n=1)) == 1


def test_the_json_has_all_that_the_api_documents(catalogue: Catalogue) -> None:
    shown = json.loads(json.dumps(catalogue.to_json()))
    assert set(shown) == {"scene_types", "moods", "output_presets"}
    for items in shown.values():
        assert all(item["name"] and item["title"] and item["description"] for item in items)
    presets = {item["name"]: item for item in shown["output_presets"]}
    main = presets["amazon_main"]
    assert (main["width"], main["height"], main["scene_allowed"]) == (2000, 2000, False)
    assert main["scene_sibling"] == "amazon_lifestyle"
    assert presets["amazon_lifestyle"]["scene_allowed"] is True
    assert presets["transparent_cutout"]["width"] is None
    keys = "formats credits max_bytes background fill margins rules source_url checked_on digital_source_type"
    for item in presets.values():
        assert set(keys.split()) <= set(item)
        for rule in item["rules"]:
            assert set(rule) == {"name", "text", "source_url", "checked_on"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("credits = 1\n", "credits = 0\n", "credits"),
        ("size = [2000, 2000]", "size = [2000]", "size.1"),
        ("size = [2000, 2000]", "size = [400, 2000]", "size"),
        ('formats = ["jpeg", "png"]', "formats = []", "formats"),
        ("quality = [99, 75]", "quality = [75, 99]", "quality"),
        ("fill = 0.88", "fill = 0.8", "fill_bounds"),
        ("margins = [0.03, 0.03, 0.03, 0.03]", "margins = [0.6, 0.03, 0.03, 0.03]", "margins"),
        ('scene_sibling = "amazon_lifestyle"', 'scene_sibling = "walmart_main"', "scene_sibling"),
        ('checked_on = "2026-11-24"', 'checked_on = "yesterday"', "checked_on"),
        ('source_url = "https://', 'source_url = "ftp://', "source_url"),
        ('"compositeCapture"', '"a/b"', "digital_source_type"),
    ],
)
def test_a_fault_in_a_preset_is_named(old: str, new: str, key: str) -> None:
    assert old in PRESETS
    with pytest.raises(ValueError, match=rf"^presets\.toml: preset 'amazon_main': {key}: "):
        parse_catalogue(scenes=SCENES, moods=MOODS, presets=PRESETS.replace(old, new, 1))


def test_a_preset_without_a_background_needs_formats_with_alpha() -> None:
    presets = PRESETS.replace('formats = ["png", "webp"]', 'formats = ["jpeg"]', 1)
    with pytest.raises(ValueError, match=r"transparent_cutout.*formats"):
        parse_catalogue(scenes=SCENES, moods=MOODS, presets=presets)


def test_loading_the_catalogue_loads_no_network_and_no_scipy() -> None:
    code = (
        "import sys; from service.catalogue.catalogue import load_catalogue;"
        "print([n for n in ('torch', 'diffusers', 'rembg', 'onnxruntime', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
