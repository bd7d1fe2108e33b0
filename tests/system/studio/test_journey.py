"""The studio page from the photo's drop to the download."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from testkit.browser import Visit
from testkit.up import BOTTLE
from tests.system.studio.conftest import (
    PLACE,
    SECONDS,
    Guest,
    Window,
    assert_accessible,
    choose_place,
    choose_scene,
    drop,
    make,
    unfold,
)


def test_from_drop_to_download(visit: Window, guest: Guest) -> None:
    tab = visit(reduced_motion="no-preference")
    page = tab.sign_in(guest.key)
    assert_accessible(page)

    drop(page, BOTTLE, "my bottle.jpg")
    page.get_by_text("my bottle.jpg  ·  1400 \u00d7 1800").wait_for()
    choose_scene(page, "Arch niche")
    unfold(page, "mood")
    page.get_by_role("radio", name="Calm").check(force=True)
    unfold(page, "colours")
    page.get_by_role("button", name="Take from my photo").click()
    page.get_by_role("button", name="Take all").click()
    while page.locator(".colours li").count() > 1:
        page.get_by_role("button", name="Remove #").last.click()
    page.get_by_label("Add a colour").fill("rgb(215, 180, 154)")
    page.get_by_label("Add a colour").press("Enter")
    page.get_by_role("button", name="More of #d7b49a").click()
    colours = page.locator(".colours li input[type=text]").evaluate_all("all => all.map(one => one.value)")
    assert colours[0] == "#d7b49a"
    assert len(colours) == 2
    choose_place(page)
    page.locator("#price").get_by_text("10 credits left").wait_for()
    assert_accessible(page)
    assert guest.balance() == 10, "viewing is free"

    make(page)
    page.locator("#progress[data-stage]").wait_for()
    assert_accessible(page)
    page.locator("#download").wait_for(timeout=90 * SECONDS)

    job = guest.jobs()[0]
    asked = guest.asked(job["job_id"])["request"]
    assert (asked["scene_type"], asked["mood"], asked["output_preset"]) == ("arch_niche", "calm", PLACE)
    assert asked["dominant_colors"] == colours
    assert_accessible(page)
    assert page.locator("#report-verdict").inner_text() == "Channel rules met"
    seen = page.locator(".report").inner_text()
    for row in job["render"]["report"]["palette"]["asked"]:
        assert f"{row['colour']} asked, {row['nearest']} found" in seen
    assert page.locator(".checks li").count() == len(job["render"]["report"]["preset"])
    words = page.locator("main").inner_text()
    assert not [word for word in ("\u0394E", "eed", "ercentile") if word in words]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    saved = Path(download.value.path()).read_bytes()
    assert Image.open(BytesIO(saved)).size == (1080, 566)
    assert len(saved) == job["render"]["bytes"]
    assert download.value.suggested_filename == f"my bottle-{PLACE}.jpg"

    slider = page.get_by_role("slider", name="Before and after")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "55 % before, 45 % after"
    edge = page.locator(".divider").evaluate("one => one.offsetLeft / one.parentElement.clientWidth")
    assert abs(edge - 0.55) < 0.01

    page.get_by_role("link", name="Gallery").click()
    page.locator(".gallery img").first.wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Credits", exact=True).click()
    page.locator(".ledger").wait_for()
    assert page.locator(".ledger .amount").all_inner_texts() == ["\u22122", "+10"]
    assert_accessible(page)


def test_the_photos_product_overlays_the_pictures(tab: Visit, finished: tuple[Guest, dict[str, Any]]) -> None:
    guest, job = finished
    page = tab.sign_in(guest.key, f"jobs/{job['job_id']}")
    page.locator(".before-photo[style*=width]").wait_for()

    cutout = job["render"]["report"]["cutout"]
    photo, sheet = (page.locator(one).bounding_box() for one in (".before-photo", ".sheet"))
    for axis, side in (("x", "width"), ("y", "height")):
        at = 0 if axis == "x" else 1
        for edge in (at, at + 2):
            under = photo[axis] + cutout["source_box"][edge] * photo[side]
            over = sheet[axis] + cutout["placed_box"][edge] * sheet[side]
            assert abs(under - over) < 2, (axis, edge)


def test_the_report_states_first_whether_the_channels_rules_are_met_and_what_to_check(
    tab: Visit, finished: tuple[Guest, dict[str, Any]]
) -> None:
    guest, job = finished
    shown: dict[str, Any] = {"warnings": [], "size": "pass"}

    def change(route: Any) -> None:
        answer = route.fetch()
        job = answer.json()
        job["render"]["warnings"] = shown["warnings"]
        rules = {rule["rule"]: rule for rule in job["render"]["report"]["preset"]}
        rules["enlargement"] |= {"measured": 1.49, "status": "warn"}
        rules["size"]["status"] = shown["size"]
        job["render"]["report"]["preset"] = [*rules.values()] if shown["size"] else []
        route.fulfill(response=answer, json=job)

    tab.page.route("**/v1/jobs/*", change)
    tab.sign_in(guest.key, f"jobs/{job['job_id']}")
    verdict = tab.page.locator(".verdict")
    verdict.wait_for()
    assert verdict.inner_text().split("\n\n") == ["Channel rules met", "Note: photo was enlarged."]

    shown["warnings"] = ["upscaled", "low_confidence"]
    tab.page.reload()
    verdict.get_by_text("The cut-out is uncertain.").wait_for()
    assert verdict.get_by_role("heading").inner_text() == "Channel rules met"
    assert "Note" not in verdict.inner_text(), "the enlargement is not mentioned twice"
    assert not tab.page.locator(".checks").is_visible()

    shown["size"] = "fail"
    tab.page.reload()
    verdict.get_by_text("The size is not the channel's.").wait_for()
    assert verdict.get_by_role("heading").inner_text() == "1 channel rule not met"
    assert tab.page.locator(".checks").is_visible()
    assert_accessible(tab.page)

    shown["size"] = None
    tab.page.reload()
    verdict.get_by_text("The cut-out is uncertain.").wait_for()
    assert not verdict.get_by_role("heading").count(), "without rules there is nothing to keep"
