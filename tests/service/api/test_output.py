"""A caller's own size, format and quality: stored with the job, returned with its request, and checked."""

from typing import Any

import pytest
from pydantic import BaseModel

from backdrop_client import Spec
from pipeline.core.order import RECORDS, OptionRecord, options_of
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import resolve_spec
from service.schemas.responses import (
    DressingView,
    FrameView,
    GroundView,
    LetteringView,
    OutputView,
    PlacementView,
    ShadowView,
)
from tests.service.api.test_previews import ask
from tests.support.caller import Caller

VIEWS = (PlacementView, OutputView, DressingView, GroundView, ShadowView, FrameView, LetteringView)
NOTHING_OWN = {"width": None, "height": None, "format": None, "quality": None}


def test_an_output_is_stored_with_its_job_and_returned_with_its_request(caller: Caller) -> None:
    own = {"width": 1200, "height": 900, "format": "webp", "quality": 80}
    job_id = ask(caller, **own).json()["job_id"]

    assert caller.get(f"/v1/jobs/{job_id}/request").json()["output"] == own
    assert vars(resolve_spec(caller.claim(job_id).spec, load_catalogue()).output) == own
    plain = ask(caller).json()["job_id"]
    assert caller.get(f"/v1/jobs/{plain}/request").json()["output"] == NOTHING_OWN


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"format": "avif"}, ["output_breaks_rules"]),
        ({"width": 640, "height": 640}, ["output_breaks_rules"]),
        ({"format": "webp", "width": 1000, "height": 1000}, []),
    ],
)
def test_an_output_that_breaks_the_presets_rules_is_a_warning_of_the_dry_run(
    caller: Caller, query: dict[str, Any], codes: list[str]
) -> None:
    plan = ask(caller, dry_run="true", **query).json()

    assert [one["code"] for one in plan["warnings"]] == codes


@pytest.mark.parametrize(("record", "view"), list(zip(RECORDS.values(), VIEWS, strict=True)))
def test_every_option_is_in_the_requests_view_and_in_the_clients_spec(
    record: type[OptionRecord], view: type[BaseModel]
) -> None:
    options = {name: option.example for name, _, _, option in options_of(record)}

    assert set(view.model_fields) == set(options)
    assert {name: Spec("podium", "calm", "open_graph", **{name: one}).query() for name, one in options.items()} == {
        name: {name: one if isinstance(one, int) else str(one)} for name, one in options.items()
    }
