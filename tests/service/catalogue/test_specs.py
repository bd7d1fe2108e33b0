"""A job's stored spec: complete, read strictly, and still readable from rows that contain only names."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.core.order import SwapOrder
from pipeline.core.spec import Spec
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.spec_versions import SPEC_VERSION, SpecTooNew
from service.catalogue.specs import resolve_spec, stored_spec, subject_of

CATALOGUE = load_catalogue()
EMPTY = Catalogue(scenes={}, moods={}, presets={})


def stored(scene: str = "podium", mood: str = "calm", preset: str = "shopify_product") -> dict[str, Any]:
    """Return a spec as it is read from a row."""
    order = SwapOrder(scene, mood, preset, ("#e8c7b8",), seed=7, style_words=("linen",), pinned=True)
    spec = stored_spec(CATALOGUE, order)
    whole: dict[str, Any] = json.loads(json.dumps(spec))
    assert whole == spec, "a row gives back what was put in"
    return whole


def named(spec: dict[str, Any]) -> dict[str, Any]:
    """Return it as it was before specs contained records."""
    return {name: value for name, value in spec.items() if name != "records"}


def test_every_record_of_the_catalogue_is_read_back_unchanged() -> None:
    for scene in CATALOGUE.scenes.values():
        assert resolve_spec(stored(scene=scene.name), EMPTY).scene == scene
    for mood in CATALOGUE.moods.values():
        assert resolve_spec(stored(mood=mood.name), EMPTY).mood == mood
    for preset in CATALOGUE.presets.values():
        assert resolve_spec(stored(preset=preset.name), EMPTY).preset == preset


def test_a_spec_in_the_callers_words_is_read_back_unchanged() -> None:
    spec = stored(scene="A marble counter, “quoted”", mood="like early snow")

    assert resolve_spec(spec, EMPTY) == resolve_spec(named(spec), CATALOGUE)


def test_a_stored_spec_does_not_follow_the_catalogue() -> None:
    podium, calm = CATALOGUE.scenes["podium"], CATALOGUE.moods["calm"]
    place = CATALOGUE.presets["shopify_product"]
    changed = Catalogue(
        scenes={"podium": replace(podium, kind="sweep", prompt="another place")},
        moods={"calm": replace(calm, warmth=1.0)},
        presets={"shopify_product": replace(place, size=(64, 64))},
    )

    for later in (changed, EMPTY):
        spec = resolve_spec(stored(), later)
        assert (spec.scene, spec.mood, spec.preset) == (podium, calm, place)
        assert (spec.palette, spec.seed, spec.pinned) == (("#e8c7b8",), 7, True)


def test_a_row_with_names_alone_is_looked_up() -> None:
    old = named(stored())

    assert resolve_spec(old, CATALOGUE) == resolve_spec(stored(), EMPTY)
    for later in ("style_words", "pinned"):
        del old[later]
    spec: Spec = resolve_spec(old, CATALOGUE)
    assert (spec.style_words, spec.pinned) == ("", False)


def test_a_later_field_has_its_default() -> None:
    spec = stored()
    del spec["records"]["mood"]["warmth"]

    assert resolve_spec(spec, EMPTY).mood == replace(CATALOGUE.moods["calm"], warmth=0.0)


@pytest.mark.parametrize(
    ("record", "change", "said"),
    [
        ("scene", {"kind": "cathedral"}, "kind"),
        ("scene", {"palette": "#ffffff"}, "palette"),
        ("mood", {"softness": "0.5"}, "softness"),
        ("mood", {"title": None}, "title"),
        ("preset", {"credits": 1.5}, "credits"),
        ("preset", {"size": [1, 2, 3]}, "size"),
        ("preset", {"rules": [{"name": "one"}]}, "rules"),
    ],
)
def test_an_unreadable_record_is_refused_by_its_key(record: str, change: dict[str, Any], said: str) -> None:
    spec = stored()
    spec["records"][record] |= change

    with pytest.raises(ValueError, match=rf"^{record}: {said}"):
        resolve_spec(spec, CATALOGUE)


def test_fields_of_a_newer_release_are_ignored_where_the_version_can_be_read() -> None:
    spec = stored() | {"placement": {"turn": 2.0}, "output": {"format": "webp"}}
    read = resolve_spec(spec, EMPTY)
    for part in (spec, spec["placement"], spec["output"], spec["records"], *spec["records"].values()):
        part["of_next_year"] = 1
    spec["records"]["preset"]["rules"][0]["of_next_year"] = 1

    assert resolve_spec(spec, EMPTY, SPEC_VERSION) == read
    assert subject_of({"subject": [0.5, 0.5], "of_next_year": 1}) == (0.5, 0.5)


@pytest.mark.parametrize("read", [lambda version: resolve_spec(stored(), EMPTY, version), lambda v: subject_of({}, v)])
def test_a_newer_version_is_refused_by_name(read: Callable[[int], object]) -> None:
    said = f"has version {SPEC_VERSION + 1}, but this release reads versions up to {SPEC_VERSION}. Run a worker"

    with pytest.raises(SpecTooNew, match=said):
        read(SPEC_VERSION + 1)


@pytest.mark.parametrize("records", [None, [], {}, {"scene": {}}])
def test_incomplete_records_are_refused(records: Any) -> None:
    with pytest.raises(ValueError, match="records"):
        resolve_spec(stored() | {"records": records}, CATALOGUE)
