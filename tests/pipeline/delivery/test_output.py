"""A caller's own output, delivered by a whole swap and checked by its preset's rules."""

from dataclasses import replace

import pytest

from pipeline.core.order import Output
from pipeline.core.spec import Limits
from pipeline.delivery.output import ordered, output_faults
from pipeline.delivery.preset_rules import reopen
from pipeline.report import to_json
from pipeline.swap import swap
from testkit.still_life import jpeg, networks, preset, spec, still_life


@pytest.mark.parametrize("preview", [False, True])
def test_a_swap_delivers_the_ordered_output_and_the_report_compares_it_with_the_preset(preview: bool) -> None:
    own = Output(200, 150, "webp", 70)
    asked = replace(spec(place=preset((160, 160))), output=own, preview=preview)
    made = swap(jpeg(still_life()[0]), asked, networks(), limits=Limits(), clock=lambda: 0.0)

    file = reopen(made.data)
    assert file.rgb.shape == (150, 200, 3)
    assert (file.format, made.format, made.width, made.height) == ("webp", "webp", 200, 150)
    rules = {row["rule"]: (row["measured"], row["bound"], row["status"]) for row in to_json(made.report.preset)}
    assert rules["format"] == ("webp", ["png"], "fail")
    assert rules.get("size") == (None if preview else ([200, 150], [160, 160], "warn"))


def test_the_search_starts_at_the_ordered_quality_and_never_goes_below_its_minimum() -> None:
    place = preset(form="jpeg")  # 95, down to 80

    assert ordered(place, Output()) is place
    assert ordered(place, Output(quality=85)).quality == (85, 80)
    assert ordered(place, Output(quality=40)).quality == (40, 40)


@pytest.mark.parametrize(
    ("background", "form", "own", "faults"),
    [
        ("scene", "jpeg", Output(800, 600, "png"), []),
        ("scene", "jpeg", Output(quality=80), []),
        ("scene", "png", Output(quality=80), ["quality"]),
        ("scene", "png", Output(format="jpeg", quality=80), []),
        ("transparent", "png", Output(format="jpeg"), ["format"]),
        ("transparent", "png", Output(format="webp"), []),
        ("scene", "jpeg", Output(width=800), ["height"]),
    ],
)
def test_an_impossible_output_is_named(background: str, form: str, own: Output, faults: list[str]) -> None:
    assert [fault.field for fault in output_faults(preset((400, 400), background, form), own)] == faults
