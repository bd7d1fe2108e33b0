"""The rules that presets share, checked on canvases whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.core.spec import Preset, Rule
from pipeline.core.types import Placed
from pipeline.delivery.preset_rules import Delivered, check_rules
from pipeline.report import to_json
from testkit.still_life import preset

SIDE = 320
WHITE = replace(preset(size=(SIDE, SIDE), background="white", form="jpeg"), shadow=False)


def square(left: int = 96, top: int = 96, right: int = 224, bottom: int = 224) -> Placed:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[top:bottom, left:right] = 1
    return Placed(np.full((SIDE, SIDE, 3), 0.3, np.float32), alpha, (left, top, right, bottom), 1.0)


def on_white(placed: Placed) -> NDArray[np.uint8]:
    return np.where(placed.alpha[..., None] == 1, 77, 255).repeat(3, axis=2).astype(np.uint8)


def checked(
    place: Preset,
    placed: Placed,
    rgb: NDArray[np.uint8],
    background: NDArray[np.float32] | None = None,
    *,
    signed_by: str | None = None,
    issuer: str | None = None,
) -> dict[str, dict[str, Any]]:
    file = Delivered(rgb, "jpeg", 1000, None, (), None, signed_by)
    return {row["rule"]: row for row in to_json(check_rules(file, place, placed, background, issuer=issuer))}


def test_a_rule_that_no_file_proves_and_a_part_of_a_listed_rule_have_the_rules_text_and_source() -> None:
    content = Rule("content", "No text.", "https://example.com/content", "2026-03-04")
    white = Rule("white_background", "White.", "https://example.com/white", "2026-03-04")
    checks = checked(replace(WHITE, rules=(content, white)), square(), on_white(square()))
    assert checks["content"] == {
        "rule": "content",
        "measured": None,
        "bound": "No text.",
        "status": "unchecked",
        "source_url": "https://example.com/content",
        "checked_on": "2026-03-04",
    }
    for name in ("white_background", "white_border", "white_edge"):
        assert checks[name]["source_url"] == "https://example.com/white"
    assert checks["ai_marking"]["source_url"].startswith("https://eur-lex.europa.eu/")


@pytest.mark.parametrize(("code", "status"), [(255, "pass"), (250, "pass"), (245, "warn"), (240, "fail")])
def test_white_next_to_the_product_may_ring_unseen_but_not_turn_grey(code: int, status: str) -> None:
    # the product ends inside a block of columns 208 to 223
    placed = square(right=220)
    rgb = on_white(placed)
    rgb[150, 221] = code
    row = checked(WHITE, placed, rgb)["white_edge"]
    assert (row["measured"], row["bound"], row["status"]) == (code, 250, status)


def test_a_shadow_fails_where_the_preset_forbids_it_and_passes_elsewhere() -> None:
    rgb = on_white(square())
    rgb[226:250, 110:210] = 220
    background = np.ones((SIDE, SIDE, 3), np.float32)
    background[226:250, 110:210] = 220 / 255
    forbidden = checked(WHITE, square(), rgb, background)["shadow"]
    allowed = checked(replace(WHITE, shadow=True), square(), rgb, background)["shadow"]
    assert (forbidden["measured"], forbidden["bound"], forbidden["status"]) == (220, 255, "fail")
    assert (allowed["measured"], allowed["status"]) == (220, "pass")


@pytest.mark.parametrize(
    ("box", "status"),
    [((96, 96, 224, 224), "pass"), ((96, 96, 224, 300), "fail"), ((96, 96, 224, 320), "warn")],
)
def test_margins_are_kept_unless_the_photo_cropped_the_product(box: tuple[int, int, int, int], status: str) -> None:
    rule = Rule("margins", "Free.", "https://example.com/", "2026-03-04")
    place = replace(WHITE, margins=(0.1, 0.1, 0.1, 0.1), rules=(rule,))
    row = checked(place, square(*box), on_white(square(*box)))["margins"]
    assert row["status"] == status
    assert row["measured"][3] == round((SIDE - box[3]) / SIDE, 4)


def test_the_signature_is_a_rule_only_where_files_are_signed() -> None:
    placed, rgb = square(), on_white(square())
    assert "content_credentials" not in checked(WHITE, placed, rgb)
    good = checked(WHITE, placed, rgb, signed_by="Example Shop", issuer="Example Shop")["content_credentials"]
    bad = checked(WHITE, placed, rgb, signed_by=None, issuer="Example Shop")["content_credentials"]
    assert (good["status"], bad["status"]) == ("pass", "fail")
