"""Versions of stored specs: every field has a version, and an order gets the lowest sufficient one."""

import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import pytest

from pipeline.core.order import RECORDS, Dressing, Output, Placement, Shadow, SwapOrder
from pipeline.core.spec import Mood, Preset, Scene
from service.catalogue.catalogue import load_catalogue
from service.catalogue.spec_versions import SINCE, SPEC_VERSION, version_of
from service.catalogue.specs import stored_spec

#: The fields of version 1. Never add to it: a new field gets a new version (`service/catalogue/spec_versions.py`).
FIRST = {
    *("scene_type", "mood", "dominant_colors", "output_preset", "seed", "style_words", "pinned", "placement", "output"),
    *(f"placement.{name}" for name in ("shift_x", "shift_y", "scale", "turn")),
    *(f"output.{name}" for name in ("width", "height", "format", "quality")),
    *(f"output.format={word}" for word in ("jpeg", "png", "webp", "avif")),
    *(
        f"records.scene.{name}"
        for name in ("name", "title", "description", "prompt", "kind", "wall", "surface", "far", "palette")
    ),
    *(
        f"records.scene.kind={word}"
        for word in ("white", "sweep", "podium", "tabletop", "niche", "window", "sand", "bokeh", "curtain", "neon")
    ),
    "records.scene.kind=flatlay",
    *(
        f"records.scene.{where}={finish}"
        for where in ("wall", "surface")
        for finish in (
            *("plain", "plaster", "marble", "wood", "concrete", "terrazzo", "sand", "fabric", "velvet"),
            *("linen", "stone", "page", "leaf"),
        )
    ),
    *("records.scene.far=lights", "records.scene.far=foliage"),
    *(f"records.mood.{name}" for name in ("name", "title", "description", "prompt", "light_angle", "softness")),
    *(f"records.mood.{name}" for name in ("exposure", "contrast", "warmth", "depth_of_field", "vignette", "grain")),
    "records.mood.props",
    *(
        f"records.mood.props={thing}"
        for thing in (
            *("stones", "pebbles", "books", "folded_cloth", "towels", "tray", "bowl", "vase", "potted_plant"),
            *("water", "metal_ball"),
        )
    ),
    *(
        f"records.preset.{name}"
        for name in (
            *("name", "title", "description", "credits", "size", "formats", "max_bytes", "quality", "background"),
            *("fill", "margins", "centre_x", "digital_source_type", "scene_sibling", "source_url", "checked_on"),
            *("rules", "fill_bounds", "min_side", "shadow"),
        )
    ),
    *(f"records.preset.formats={word}" for word in ("jpeg", "png", "webp", "avif")),
    *(f"records.preset.background={word}" for word in ("scene", "white", "transparent")),
    *(f"records.preset.rules.{name}" for name in ("name", "text", "source_url", "checked_on")),
}


def words(kind: Any) -> Iterator[str]:
    """Yield the words of a closed list, within a union or a tuple."""
    if typing.get_origin(kind) is Literal:
        yield from typing.get_args(kind)
    elif typing.get_origin(kind) in (tuple, typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from words(part)


def paths(record: type[Any], under: str) -> Iterator[str]:
    """Yield every path of a record as its JSON has it, and every word of its closed lists."""
    hints = typing.get_type_hints(record)
    for field in fields(record):
        path = f"{under}.{field.name}"
        yield path
        yield from (f"{path}={word}" for word in words(hints[field.name]))
        for part in typing.get_args(hints[field.name]):
            if is_dataclass(part):
                assert isinstance(part, type)
                yield from paths(part, path)


def stored_paths() -> set[str]:
    """Return all paths that a stored spec can contain."""
    asked = set(spec(placement=Placement(turn=1.0), output=Output(quality=1), subject=(0.5, 0.5))) - {"records"}
    records: tuple[tuple[str, type[Any]], ...] = (("scene", Scene), ("mood", Mood), ("preset", Preset))
    for name, record in records:
        asked |= set(paths(record, f"records.{name}"))
    # The submit adds the render whose background an order repeats, and what a sandbox client asked for.
    return asked.union({"earlier", "sandbox", "simulate"}, *(paths(record, name) for name, record in RECORDS.items()))


def test_every_field_and_word_of_a_stored_spec_names_its_version() -> None:
    # The words of a later field are as old as the field.
    later = {path for path in stored_paths() - FIRST if path not in SINCE and path.partition("=")[0] not in SINCE}

    assert later == set(), "name them in service/catalogue/spec_versions.py"
    assert stored_paths() >= FIRST, "rows still contain a removed field"
    assert stored_paths() >= set(SINCE)
    assert max(version for version, _ in SINCE.values()) == SPEC_VERSION
    assert all(version > 1 for version, _ in SINCE.values())


def spec(**asked: Any) -> dict[str, Any]:
    return stored_spec(load_catalogue(), SwapOrder("podium", "calm", "shopify_product", seed=1, **asked))


@pytest.mark.parametrize(
    ("stored", "version"),
    [
        ({}, 1),
        (spec(), 1),
        (spec(placement=Placement(0.1, 0.1, 0.9, 3.0), output=Output(640, 480, "webp", 80), pinned=True), 1),
        (spec(placement=Placement(stance="lying")), 2),
        (spec(placement=Placement(shift_x=0.1, stance="auto")), 1),
        (spec(subject=(0.5, 0.5)), 2),
        ({"subject": [0.1, 0.1, 0.9, 0.9]}, 2),
        (spec(dressing=Dressing("scene", "")), 1),
        (spec(dressing=Dressing("none")), 2),
        (spec(shadow=Shadow("soft")), 3),
        (spec(shadow=Shadow(shadow_strength=0.0)), 3),
        (spec(dressing=Dressing(colors_on="wall:#e8c7b8")), 2),
    ],
)
def test_an_order_has_the_lowest_sufficient_version(stored: dict[str, Any], version: int) -> None:
    assert version_of(stored) == version


def test_a_records_new_field_and_a_new_word_need_their_version_where_they_matter() -> None:
    since = {
        "records.mood.bloom": (3, 0.0),
        "records.preset.rules.weight": (4, None),
        "records.scene.kind=arcade": (5, None),
        "records.mood.props=kite": (6, None),
    }

    def needed(record: str, **changes: Any) -> int:
        asked = spec()
        asked["records"][record] |= changes
        return version_of(asked, since)

    assert needed("mood", bloom=0.0) == 1, "an older worker can do that"
    assert needed("mood", bloom=0.2) == 3
    assert needed("preset", rules=[{"weight": None}, {"weight": 2}]) == 4
    assert needed("scene", kind="arcade") == 5
    assert needed("mood", props=["stones", "kite"]) == 6
