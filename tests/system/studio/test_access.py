"""The studio page by keyboard alone, and at a phone's width."""

from typing import Any

import pytest

from testkit.browser import Visit
from testkit.up import BOTTLE
from tests.system.studio.conftest import (
    PHONE,
    SECONDS,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    put_on_stage,
    unfold,
    uploaded,
)


@pytest.mark.usefixtures("busy")
def test_by_keyboard_alone(tab: Visit, guest: Guest) -> None:
    tab.open()
    page = tab.page
    page.get_by_label("Your key").wait_for()

    def reach(name: str, role: str) -> None:
        """Press Tab until this element has a visible focus."""
        for _ in range(60):
            page.keyboard.press("Tab")
            found = page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const name = at.getAttribute("aria-label") ?? at.labels?.[0]?.innerText ?? at.innerText ?? "";
                    return { name: name.trim(), role: at.type === "radio" ? "radio" : at.tagName.toLowerCase() };
                }"""
            )
            if found["role"] == role and found["name"].startswith(name):
                return
        raise AssertionError(f"{name} can't be reached by the Tab key")

    reach("Your key", "input")
    page.keyboard.type(guest.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    page.locator("#main:not([inert])").wait_for()
    reach("Use our sample bottle", "button")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove").wait_for()
    reach("Sales channel", "summary")
    page.keyboard.press("Enter")
    reach("Shopify product media", "radio")
    page.keyboard.press("ArrowLeft")
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == "Amazon secondary image"
    reach("Scene", "summary")
    page.keyboard.press("Enter")
    reach("All scenes", "button")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")  # the focus is on the next scene
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Plaster podium"
    reach("More\nBackground", "summary")
    page.keyboard.press("Enter")
    reach("Shadow", "summary")
    page.keyboard.press("Enter")
    reach("As in the scene", "radio")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    reach("Direction", "input")
    page.keyboard.press("End")
    assert page.locator("[data-choice=shadow] .choice-value").inner_text() == "Soft shadow"
    page.locator("#make[aria-disabled=false]").wait_for()
    reach("Make the picture", "button")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is visible"
    page.keyboard.press("Enter")
    page.locator("#progress").wait_for()
    reach("Cancel and refund", "button")
    page.keyboard.press("Space")
    page.get_by_role("heading", name="You cancelled").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "H1", "the focus goes to the new heading"


def assert_touchable(page: Any) -> None:
    """Pressable controls are at least 44 pixels high; links within a text have its height."""
    small = page.evaluate(
        """() => [...document.querySelectorAll("button:not(.link), a, input, select, textarea, summary")]
            .map((one) => (/radio|checkbox|file/.test(one.type) && one.labels[0]) || one)
            .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.offsetHeight < 44)
            .filter((one) => getComputedStyle(one).display !== "inline" && !one.matches(".unseen, .skip"))
            .map((one) => one.outerHTML)"""
    )
    assert small == []


def assert_stays(page: Any, control: str) -> None:
    """A control is in the window, wherever the page is scrolled to."""
    for place in ("0", "document.body.scrollHeight"):
        page.evaluate(f"scrollTo(0, {place})")
        box = page.locator(control).bounding_box()
        assert 0 <= box["y"] <= page.viewport_size["height"] - box["height"], (control, place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_phone_width_light_and_dark(visit: Window, guest: Guest, scheme: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    tab = visit(**phone, color_scheme=scheme, reduced_motion="reduce")
    tab.open()
    page = tab.page
    page.get_by_label("Your key").wait_for()
    assert_fits(page)
    tab.sign_in(guest.key)
    put_on_stage(page, BOTTLE)
    uploaded(page)
    assert_stays(page, "#make")
    assert_stays(page, "#price")
    for choice in ("mood", "colours", "output_preset", "ground", "shadow", "frame", "lettering"):
        unfold(page, choice)
        if choice == "lettering":
            page.get_by_role("button", name="Add a text").click()
        assert_fits(page)
        assert_touchable(page)
    assert_accessible(page)
    tab.mean("status of 404")  # the client has no webhook
    for place in ("gallery", "brands", "credits", "account"):
        page.goto(f"{tab.address}/#/{place}")
        page.get_by_role("heading", name=place.title()).wait_for()
        assert_fits(page)
        assert_touchable(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"
    assert dark == (scheme == "dark")
    assert_accessible(page)


def test_on_a_phone_the_download_stays_on_the_screen(visit: Window, finished: tuple[Guest, dict[str, Any]]) -> None:
    guest, job = finished
    page = visit(**PHONE).sign_in(guest.key, f"jobs/{job['job_id']}")
    page.locator("#download").wait_for()
    assert_stays(page, "#download")
    assert_fits(page)


def test_an_opened_operation_of_the_reference_fits_a_phone(visit: Window) -> None:
    tab = visit(viewport={"width": 390, "height": 844})
    tab.page.goto(f"{tab.address}/reference")
    operations = tab.page.locator(".opblock-summary-control")
    for number in (0, 2):
        operations.nth(number).click(timeout=90 * SECONDS)  # it renders the schema of a whole report
        tab.page.locator(".responses-table").first.wait_for()
        assert_fits(tab.page)
        operations.nth(number).click()
