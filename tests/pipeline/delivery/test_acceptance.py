"""Acceptance: the sets of limits, what is refused, and what a report misses."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.colour.palette import MEAN_BAR, WORST_BAR
from pipeline.delivery import preset_rules
from pipeline.delivery.acceptance import (
    RULES,
    SCENERY_FLOORS,
    SETS,
    AboutProduct,
    AcceptanceLimits,
    Other,
    Wrong,
    acceptance_faults,
    judge,
    limits_of,
    most_bad,
    publishable,
    unchecked,
)
from pipeline.delivery.fidelity import MEAN, P99
from pipeline.placement import margins
from pipeline.placement.place import MAX_ENLARGED
from pipeline.report import (
    ColourMatch,
    CutoutReport,
    FidelityReport,
    PaletteReport,
    Provenance,
    Report,
    RuleCheck,
    Status,
)
from service.catalogue.effects import WARNED, WORDS

GUIDE = Path(__file__).parents[3] / "docs/guides/callers/acceptance.md"
#: Warnings about the order itself, which it had before the charge.
BEFORE = {"scene_in_words", "scene_lacks", "mood_in_words", "brand_unknown", *WARNED.values()}


def colour(miss: float) -> ColourMatch:
    return ColourMatch("#336699", "#336699", miss, 0.5)


def rule(name: str, status: Status, measured: Any = 9.0, bound: Any = 5.0) -> RuleCheck:
    return RuleCheck(name, measured, bound, status, "https://example.com", "2026-11-30")


GOOD = Report(
    palette=PaletteReport([colour(2.0), colour(6.0)], [], 4.0),
    fidelity=FidelityReport(0.4, 1.2, 9.0, "CIEDE2000", 100, 100),
    preset=[rule("enlargement", "pass", 0.8, 1.0), rule("bytes", "pass"), rule("no_text", "unchecked", None, "None.")],
    cutout=CutoutReport(0.95, [], [], {}, {}),
    provenance=Provenance({}, 1, 1, 1, [], "computed", "network", "computed", False, None, {}),
    publishable=0.9,
)


def test_a_picture_within_all_limits_misses_none_of_either_set() -> None:
    for limits in SETS.values():
        assert judge(GOOD, ["layer_moved", "scene_in_words"], limits) == []
        assert unchecked(GOOD, limits) is None


@pytest.mark.parametrize(
    ("worse", "warnings", "missed"),
    [
        ({"fidelity": replace(GOOD.fidelity, mean=1.01)}, (), [("fidelity_mean", 1.01, 1.0)]),
        ({"fidelity": replace(GOOD.fidelity, p99=3.01)}, (), [("fidelity_p99", 3.01, 3.0)]),
        ({"palette": replace(GOOD.palette, mean_delta_e00=5.1)}, (), [("palette_mean", 5.1, 5.0)]),
        ({"palette": PaletteReport([colour(2.0), colour(10.2)], [], 5.0)}, (), [("palette_worst", 10.2, 10.0)]),
        ({"publishable": 0.1}, (), [("publishable", 0.1, SETS["standard"].publishable)]),
        ({"cutout": replace(GOOD.cutout, confidence=0.7)}, (), [("cutout_confidence", 0.7, 0.8)]),
        ({"preset": [rule("enlargement", "warn", 1.6, 1.0)]}, (), [("enlargement", 1.6, 1.5)]),
        (
            {"preset": [rule("size", "fail", [9, 9], [8, 8]), rule("fill", "warn"), rule("bytes", "fail")]},
            (),
            [("rules.size", [9, 9], [8, 8]), ("rules.bytes", 9.0, 5.0)],
        ),
        ({}, ("held_by_hand", "cropped", "held_by_hand"), [("warnings.held_by_hand", "present", "absent")]),
        ({"fidelity": replace(GOOD.fidelity, mean=None, p99=None)}, (), []),
        ({"palette": PaletteReport([], [], None)}, (), []),
    ],
)
def test_each_missed_limit_is_named_with_value_and_bound(
    worse: dict[str, Any], warnings: tuple[str, ...], missed: list[Any]
) -> None:
    limits = SETS["standard"].model_copy(update={"enlargement": 1.5, "cutout_confidence": 0.8})

    found = judge(replace(GOOD, **worse), warnings, limits)

    assert [(one.limit, one.measured, one.bound) for one in found] == missed


def test_a_picture_is_less_publishable_the_more_its_cut_out_is_in_doubt_and_on_a_scene() -> None:
    sure = publishable(0.95, cropped=False, plain=False)
    assert 0 < publishable(0.5, cropped=False, plain=False) < sure < 1
    assert publishable(0.95, cropped=True, plain=False) < sure < publishable(0.95, cropped=False, plain=True)


@pytest.mark.parametrize(("bad", "accepted", "most"), [(0, 59, 0.05), (1, 20, 0.216), (0, 0, 1), (4, 4, 1)])
def test_the_limit_of_a_share_is_that_of_clopper_and_pearson(bad: int, accepted: int, most: float) -> None:
    assert most_bad(bad, accepted) == pytest.approx(most, abs=0.001)


def test_a_value_that_the_report_lacks_is_listed_as_unchecked_only_if_it_has_a_limit() -> None:
    bare = replace(GOOD, palette=PaletteReport([], [], None), fidelity=replace(GOOD.fidelity, mean=None))

    assert unchecked(bare, SETS["standard"]) == ["fidelity_mean", "palette_mean", "palette_worst"]
    assert unchecked(bare, AcceptanceLimits(cutout_confidence=0.5)) is None


def test_an_object_gives_limits_of_its_own_or_changes_those_of_a_set() -> None:
    own = limits_of('{"palette_mean": 3, "rules": "all", "warnings": ["upscaled"], "attempts": 1}')
    changed = limits_of('{"set": "standard", "palette_mean": null, "rules": ["bytes"], "of_tomorrow": 1}')

    assert own == AcceptanceLimits(palette_mean=3, rules=RULES, warnings=("upscaled",), attempts=1)
    assert changed == SETS["standard"].model_copy(update={"set": "custom", "palette_mean": None, "rules": ("bytes",)})
    assert limits_of('{"set": "strict"}') is SETS["strict"] is limits_of("strict")
    assert limits_of("") is limits_of("none") is None


WRONG: dict[str, tuple[str, str]] = {
    "strictest": ("accept", "Did you mean strict?"),
    '{"set": "standart"}': ("accept.set", "Did you mean standard?"),
    '{"palete_mean": 3}': ("accept.palete_mean", "Did you mean palette_mean?"),
    '{"palette_mean": "3"}': ("accept.palette_mean", "a valid number"),
    '{"fidelity_p99": true}': ("accept.fidelity_p99", "a valid number"),
    '{"palette_worst": NaN}': ("accept.palette_worst", "less than or equal to 100"),
    '{"cutout_confidence": 1.1}': ("accept.cutout_confidence", "less than or equal to 1"),
    '{"enlargement": 0}': ("accept.enlargement", "greater than 0"),
    '{"attempts": 4}': ("accept.attempts", "less than or equal to 3"),
    '{"attempts": null}': ("accept.attempts", "a valid integer"),
    '{"rules": "bytes"}': ("accept.rules", "a valid array"),
    '{"rules": ["size", "byte"]}': ("accept.rules.1", "Did you mean bytes?"),
    '{"warnings": ["held_by_hands"]}': ("accept.warnings.0", "Did you mean held_by_hand?"),
    '{"set"': ("accept", "Invalid JSON"),
    "true": ("accept", "Send standard, strict, none, or a JSON object"),
    "[]": ("accept", "Send standard, strict, none, or a JSON object"),
    '{"\\ud800": 1}': ("accept", "Invalid JSON"),
}


@pytest.mark.parametrize(("limit", "floor"), SCENERY_FLOORS.items())
def test_a_limit_that_no_picture_keeps_is_refused_with_the_least_one(limit: str, floor: float) -> None:
    (fault,) = acceptance_faults(json.dumps({limit: floor / 10}))
    assert (fault.field, fault.code, fault.received) == ("accept", "accept_impossible", str(floor / 10))
    assert f"accept.{limit} is {floor / 10}" in fault.message
    assert f"Send {floor} or more" in fault.message
    assert not [*acceptance_faults(json.dumps({limit: floor}))]


@pytest.mark.parametrize("accept", WRONG)
def test_a_wrong_limit_is_named_with_its_remedy(accept: str) -> None:
    place, remedy = WRONG[accept]
    (fault,) = acceptance_faults(accept)

    assert (fault.field, fault.code) == ("accept", "accept_invalid")
    assert fault.message.startswith(f"{place} is invalid. ")
    assert remedy in fault.message
    assert fault.received


def test_right_limits_have_no_fault_and_many_wrong_ones_only_eight() -> None:
    assert not [*acceptance_faults('{"set": "strict", "rules": "all", "palette_worst": null, "attempts": 2}')]
    assert not any(fault for accept in ("", *SETS, "none", "{}") for fault in acceptance_faults(accept))
    assert not [*acceptance_faults('{"palette_mean": 0.01}', scenery=False)]
    assert len([*acceptance_faults(f'{{"rules": {["x"] * 99}}}'.replace("'", '"'))]) == 8


def test_the_sets_have_the_limits_that_the_pipeline_warns_and_searches_by() -> None:
    for limits in SETS.values():
        assert (limits.fidelity_mean, limits.fidelity_p99) == (MEAN, P99)
        assert (limits.palette_mean, limits.palette_worst) == (MEAN_BAR, WORST_BAR)
    assert SETS["strict"].enlargement == MAX_ENLARGED


def test_every_rule_that_a_file_can_break_and_every_warning_of_a_swap_has_a_name() -> None:
    sources = "".join(Path(str(one.__file__)).read_text() for one in (preset_rules, margins))
    checked = set(re.findall(r'(?:add|PlacementRule)\("(\w+)"', sources)) | {"white_border", "white_background"}

    assert set(RULES) == checked
    assert {*get_args(Wrong), *get_args(AboutProduct), *get_args(Other)} == WORDS.keys() - BEFORE


def test_the_guide_lists_the_limits_of_each_set() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", GUIDE.read_text("utf-8"), re.MULTILINE)

    def said(value: Any) -> str:
        if value in (RULES, None):
            return "`all`" if value else "not checked"
        return ", ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"{value:g}"

    expected = [
        (name, *(said(getattr(limits, name)) for limits in SETS.values()))
        for name in AcceptanceLimits.model_fields
        if name != "set"
    ]
    assert rows == expected
