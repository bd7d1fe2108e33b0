"""The report's documented types against reports of real swaps."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from pipeline.background.growth import Growth
from pipeline.core.order import Placement
from pipeline.core.spec import Limits, Spec
from pipeline.report import to_json
from pipeline.swap import swap
from service.schemas.responses import StoredReport
from tests.lanes import rest_in_gate
from tests.support.documented import differences
from tests.support.still_life import PHOTO, networks, preset, spec

SMALL = preset((160, 160))
SWAPS: dict[str, Spec] = {
    "a scene": spec("podium", palette=("#2f5d50",), place=SMALL),
    "moved": spec("podium", place=SMALL, placement=Placement(0.05, 0, 0.7, 5)),
    "a preview": replace(spec("podium", place=preset((640, 640))), preview=True),
    "white": spec("white", place=preset((160, 160), background="white")),
    "transparent": spec("white", place=preset(None, background="transparent")),
}


@pytest.mark.parametrize("name", rest_in_gate(SWAPS))
def test_each_field_of_a_real_report_is_typed_and_valid(document: dict[str, Any], name: str) -> None:
    ticks = itertools.count()
    made = swap(PHOTO, SWAPS[name], networks(), limits=Limits(), clock=lambda: float(next(ticks)))
    report = to_json(replace(made.report, expansion=Growth(0.01, 0.0).row()))
    assert differences(document, {"$ref": "#/components/schemas/Report"}, report) == []


def test_a_report_of_another_release_is_returned_as_stored() -> None:
    stored = {"palette": {"asked": [], "of_old": 1}, "provenance": {"seed": "seven"}, "more": [1]}
    assert TypeAdapter[Any](StoredReport).dump_python(stored, mode="json") == stored
