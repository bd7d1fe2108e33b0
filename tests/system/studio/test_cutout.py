"""Cut-outs on the studio page: shown at once for nothing, and mended by mouse, by keyboard and by touch."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support.browser import Visit
from tests.support.still_life import two_products
from tests.system.studio.conftest import Guest, assert_accessible, assert_fits, put_on_stage, small_bottle


@pytest.fixture
def stage(visit: Callable[..., Visit], keeper: Guest) -> Callable[..., Any]:
    """Open a window with the photo on the stage, cut out."""

    def open_stage(**settings: Any) -> Any:
        tab = visit(**settings)
        tab.sign_in(keeper.key)
        put_on_stage(tab.page, small_bottle())
        tab.page.get_by_role("button", name="Mend the cut-out").wait_for()
        return tab.page

    return open_stage


def shown(keeper: Guest) -> dict[str, Any]:
    """Return the newest cut-out, whole."""
    newest = keeper.api.get("/v1/cutouts").json()["items"][0]["public_id"]
    view: dict[str, Any] = keeper.api.get(f"/v1/cutouts/{newest}").json()
    return view


def mask(keeper: Guest) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(keeper.api.get(shown(keeper)["mask_url"]).content)))


def mend(page: Any) -> Any:
    """Open the window to mend, and return its canvas."""
    page.get_by_role("button", name="Mend the cut-out").click()
    canvas = page.get_by_role("application")
    canvas.wait_for()
    return canvas


def middle(canvas: Any) -> tuple[float, float]:
    box = canvas.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def save(page: Any) -> None:
    page.get_by_role("button", name="Save").click()
    page.locator("dialog").wait_for(state="detached")


def test_by_mouse_what_is_wrong_goes_and_comes_back(stage: Callable[..., Any], keeper: Guest) -> None:
    page = stage()
    assert_accessible(page)
    before = mask(keeper)
    canvas = mend(page)
    x, y = middle(canvas)
    undo = page.get_by_role("button", name="Undo")
    assert undo.is_disabled()
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    assert undo.is_enabled()
    undo.click()
    assert undo.is_disabled()
    page.get_by_role("button", name="Redo").click()
    assert_accessible(page)
    page.locator("dialog").get_by_role("radio", name="Scene").check(force=True)
    page.get_by_role("button", name="Compare").click()
    page.mouse.move(x, y)
    zoom = page.locator(".mend-zoom")
    fitted = zoom.inner_text()
    page.mouse.wheel(0, -300)
    page.wait_for_function("(fitted) => document.querySelector('.mend-zoom').innerText !== fitted", arg=fitted)
    save(page)

    mended = mask(keeper)
    gone = (before > 200) & (mended < 50)
    assert shown(keeper)["cut_by"] == "mended"
    assert gone.any()
    rows = np.flatnonzero(gone.any(axis=1))
    assert rows[0] > 0.35 * len(before), "the stroke went through the middle"
    assert rows[-1] < 0.65 * len(before), "the stroke went through the middle"
    assert np.array_equal(before[: rows[0] - 8], mended[: rows[0] - 8]), "all else is as it was"

    mend(page)
    page.get_by_role("button", name="Start over").click()
    page.locator("dialog [role=status]").get_by_text("Back to the first").wait_for(state="attached")
    assert shown(keeper)["cut_by"] == "network"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("not saved").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator("dialog").wait_for(state="detached")
    assert np.array_equal(mask(keeper), mended), "what was not saved has changed nothing"
    mend(page)
    page.get_by_role("button", name="Start over").click()
    page.locator("dialog [role=status]").get_by_text("Back to the first").wait_for(state="attached")
    save(page)
    assert np.array_equal(mask(keeper), before)
    assert keeper.balance() == 10, "all of it is free"


def test_by_keyboard_alone_a_cursor_paints_and_is_told(stage: Callable[..., Any], keeper: Guest) -> None:
    page = stage()
    before = mask(keeper)
    page.get_by_role("button", name="Mend the cut-out").focus()
    page.keyboard.press("Enter")
    canvas = page.get_by_role("application")
    canvas.wait_for()
    assert canvas.evaluate("(one) => one === document.activeElement"), "the canvas has the focus"
    assert canvas.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid", "and it is seen"
    told = page.locator("dialog [role=status]")
    for key in ("e", "]", "ArrowUp", "Space", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    told.get_by_text("Taken away").wait_for(state="attached")
    assert page.locator(".mend-cursor").is_visible()
    page.keyboard.press("Control+z")
    told.get_by_text("Undone").wait_for(state="attached")
    page.keyboard.press("Control+Shift+z")
    for key in ("+", "w", "0", "c", "c", "f"):
        page.keyboard.press(key)
    while page.evaluate("document.activeElement.innerText") != "Save":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    # The focus goes back to where it was, once the mended cut-out is shown.
    page.locator("#mend:focus").wait_for()

    assert ((before > 200) & (mask(keeper) < 50)).any()


def test_straight_lines_lead_from_where_the_last_stroke_ended(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, small_bottle())
    page.get_by_role("button", name="Mend the cut-out").wait_for()
    before = mask(guest)
    canvas = mend(page)
    x, y = middle(canvas)
    page.get_by_label("Follow the photo").uncheck()
    page.mouse.click(x, y - 60)
    page.keyboard.down("Shift")
    page.mouse.click(x, y + 60)
    page.keyboard.up("Shift")
    canvas.press("ArrowUp")  # the keyboard's brush begins in the middle
    canvas.press("l")
    save(page)

    gone = (before > 200) & (mask(guest) < 50)
    rows = np.flatnonzero(gone.any(axis=1))
    assert len(rows) > 60
    assert np.array_equal(rows, np.arange(rows[0], rows[-1] + 1)), "nothing is left between two clicks"


def test_by_touch_at_a_phones_width_one_finger_draws_and_two_zoom(stage: Callable[..., Any], keeper: Guest) -> None:
    page = stage(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2)
    assert_fits(page)
    before = mask(keeper)
    x, y = middle(mend(page))
    assert_fits(page)
    assert_accessible(page)
    screen = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        screen.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})

    fitted = page.locator(".mend-zoom").inner_text()
    touch("Start", (x - 30, y), (x + 30, y))
    for apart in (50, 70, 90):
        touch("Move", (x - apart, y), (x + apart, y))
    touch("End")
    page.wait_for_function("(fitted) => document.querySelector('.mend-zoom').innerText !== fitted", arg=fitted)
    undo = page.get_by_role("button", name="Undo")
    assert undo.is_disabled(), "two fingers draw nothing"
    touch("Start", (x, y - 60))
    for down in range(0, 120, 20):
        touch("Move", (x, y - 60 + down))
    touch("End")
    page.locator("button[aria-label=Undo]:enabled").wait_for()
    save(page)

    changed = mask(keeper) != before
    assert changed.any()


def test_a_click_chooses_the_product_of_several_and_one_on_the_table_says_what_to_do(
    visit: Callable[..., Visit], keeper: Guest
) -> None:
    photo, (mug, vase) = two_products()
    tab = visit()
    tab.sign_in(keeper.key)
    page = tab.page
    put_on_stage(page, photo)
    choose = page.get_by_role("button", name="Choose the product")
    choose.wait_for()
    assert (mask(keeper)[mug | vase] > 127).mean() > 0.95

    def click(x: float, y: float) -> None:
        choose.click()
        assert choose.get_attribute("aria-pressed") == "true"
        box = page.locator(".print").bounding_box()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])

    for place, product in (((0.73, 0.7), vase), ((0.2, 0.7), mug)):
        click(*place)
        page.locator("#choose[aria-pressed=false]").wait_for()
        assert shown(keeper)["cut_by"] == "subjects"
        seen = mask(keeper) > 127
        assert (seen & product).sum() / (seen | product).sum() > 0.95
    assert_accessible(page)
    click(0.5, 0.15)
    page.get_by_text("Nothing stands out there. Click the middle of the product").wait_for()
    assert choose.get_attribute("aria-pressed") == "true", "another click may follow"
    choose.click()
    assert choose.get_attribute("aria-pressed") == "false"
    assert_fits(page)
