"""Cut-outs on the studio page: free, shown at once, and mended by mouse, keyboard and touch."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from testkit.browser import Visit
from testkit.specimens import saved
from testkit.still_life import two_products
from testkit.up import BOTTLE
from tests.system.studio.conftest import (
    PHONE,
    Fingers,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    drag,
    middle,
    on_stage,
    planned,
    small_bottle,
)


@pytest.fixture
def stage(visit: Window, keeper: Guest) -> Callable[..., Any]:
    """Open a window with the photo on the stage, cut out."""

    def open_stage(**settings: Any) -> Any:
        return on_stage(visit(**settings), keeper, small_bottle(), cut=True)

    return open_stage


def shown(keeper: Guest) -> dict[str, Any]:
    """Return the newest finished cut-out in full."""
    items = keeper.api.get("/v1/cutouts").json()["items"]
    newest = next(one["public_id"] for one in items if one["status"] == "SUCCESS")
    view: dict[str, Any] = keeper.api.get(f"/v1/cutouts/{newest}").json()
    return view


def mask(keeper: Guest) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(keeper.api.get(shown(keeper)["mask_url"]).content)))


def fix(page: Any) -> None:
    """Show the tools, if they are hidden."""
    if page.locator("#fix").is_visible():
        page.locator("#fix").click()


def mend(page: Any) -> Any:
    """Open the window to mend, and return its canvas."""
    fix(page)
    page.get_by_role("button", name="Mend by brush").click()
    canvas = page.locator("dialog").get_by_role("application")
    canvas.wait_for()
    return canvas


def save(page: Any) -> None:
    page.get_by_role("button", name="Save").click()
    page.locator("dialog").wait_for(state="detached")


def test_the_mouse_erases_and_restores_parts(stage: Callable[..., Any], keeper: Guest) -> None:
    page = stage()
    assert_accessible(page)
    before = mask(keeper)
    canvas = mend(page)
    x, y = middle(canvas)
    undo = page.locator("dialog").get_by_role("button", name="Undo")
    assert undo.is_disabled()
    drag(page, (x - 40, y), (x + 40, y))
    assert undo.is_enabled()
    undo.click()
    assert undo.is_disabled()
    page.get_by_role("button", name="Redo").click()
    assert_accessible(page)
    for look in ("Checkerboard", "Photo"):
        page.locator("dialog").get_by_role("radio", name=look).check(force=True)
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
    assert np.array_equal(before[: rows[0] - 8], mended[: rows[0] - 8]), "everything else is unchanged"

    x, y = middle(mend(page))
    drag(page, (x - 40, y - 20), (x + 40, y - 20))
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("not saved").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator("dialog").wait_for(state="detached")
    assert np.array_equal(mask(keeper), mended), "an unsaved change has no effect"
    page.get_by_role("button", name="Start over").click()
    answered(page)
    assert shown(keeper)["cut_by"] == "network"
    assert np.array_equal(mask(keeper), before)
    page.keyboard.press("Control+z")
    answered(page)
    assert np.array_equal(mask(keeper), mended), "starting over can be undone"
    page.get_by_role("button", name="Start over").click()
    answered(page)
    assert np.array_equal(mask(keeper), before)
    assert keeper.balance() == 10, "all of it is free"


def test_the_keyboard_alone_paints_with_a_cursor_that_is_announced(stage: Callable[..., Any], keeper: Guest) -> None:
    page = stage()
    before = mask(keeper)
    page.locator("#fix").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Mend by brush").focus()
    page.keyboard.press("Enter")
    canvas = page.locator("dialog").get_by_role("application")
    canvas.wait_for()
    assert canvas.evaluate("(one) => one === document.activeElement"), "the canvas has the focus"
    assert canvas.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid", "and it is visible"
    status_line = page.locator("dialog [role=status]")
    for key in ("e", "]", "ArrowUp", "Space", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    status_line.get_by_text("Left out").wait_for(state="attached")
    assert page.locator(".mend-cursor").is_visible()
    page.keyboard.press("Control+z")
    status_line.get_by_text("Undone").wait_for(state="attached")
    page.keyboard.press("Control+Shift+z")
    for key in ("+", "0", "g", "e"):
        page.keyboard.press(key)
    while page.evaluate("document.activeElement.innerText") != "Save":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for(state="detached")
    # The focus returns to its place, once the mended cut-out is shown.
    page.locator("#mend:focus").wait_for()

    assert ((before > 200) & (mask(keeper) < 50)).any()


def test_straight_lines_start_where_the_last_stroke_ended(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle(), cut=True)
    before = mask(guest)
    canvas = mend(page)
    x, y = middle(canvas)
    page.get_by_label("Snap to edges").uncheck()
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
    page = stage(**PHONE, device_scale_factor=2)
    assert_fits(page)
    before = mask(keeper)
    x, y = middle(mend(page))
    assert_fits(page)
    assert_accessible(page)
    touch = Fingers(page)
    fitted = page.locator(".mend-zoom").inner_text()
    touch("Start", (x - 30, y), (x + 30, y))
    for apart in (50, 70, 90):
        touch("Move", (x - apart, y), (x + apart, y))
    touch("End")
    page.wait_for_function("(fitted) => document.querySelector('.mend-zoom').innerText !== fitted", arg=fitted)
    undo = page.locator("dialog").get_by_role("button", name="Undo")
    assert undo.is_disabled(), "two fingers draw nothing"
    touch("Start", (x, y - 60))
    for down in range(0, 120, 20):
        touch("Move", (x, y - 60 + down))
    touch("End")
    page.locator("dialog button[aria-label=Undo]:enabled").wait_for()
    save(page)

    changed = mask(keeper) != before
    assert changed.any()


@pytest.fixture
def two(visit: Window, guest: Guest) -> Callable[..., Any]:
    """Open a window with a mug and a vase on the stage, both cut out; `refused`: words of expected errors."""
    photo, _ = two_products()

    def open_stage(*refused: str, **settings: Any) -> Any:
        tab = visit(**settings)
        for words in refused:
            tab.mean(words)
        return on_stage(tab, guest, photo, cut=True)

    return open_stage


#: Places in that photo, as shares of it.
MUG, VASE, NOTHING = (0.2, 0.7), (0.73, 0.7), (0.5, 0.15)


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return a place of the photo in the window."""
    box = page.locator("canvas.picture").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def answered(page: Any) -> None:
    page.locator(".print:not(.cutting)").wait_for()


def click(page: Any, wish: str, x: float, y: float) -> None:
    fix(page)
    page.locator("#main").get_by_role("radio", name=wish).check(force=True)
    page.mouse.click(*place(page, x, y))
    answered(page)


def box(page: Any, wish: str, left: float, top: float, right: float, bottom: float) -> None:
    fix(page)
    page.locator("#main").get_by_role("radio", name=wish).check(force=True)
    drag(page, place(page, left, top), place(page, right, bottom))
    answered(page)


def colour(page: Any, x: float, y: float) -> list[int]:
    """Return the stage's colour at a place of the photo."""
    script = """([x, y]) => {
        const canvas = document.querySelector("canvas.picture");
        const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
        return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
    }"""
    found: list[int] = page.evaluate(script, [x, y])
    return found


def likeness(guest: Guest, product: NDArray[np.bool_]) -> float:
    seen = mask(guest) > 127
    return float((seen & product).sum() / (seen | product).sum())


def test_a_click_or_a_box_chooses_the_product_and_each_choice_can_be_undone(
    two: Callable[..., Any], guest: Guest
) -> None:
    page = two()
    _, (mug, vase) = two_products()
    both = mug | vase
    first = mask(guest)
    assert likeness(guest, both) > 0.95
    fix(page)
    photo = colour(page, *VASE)

    click(page, "This is my product", *MUG)
    assert likeness(guest, mug) > 0.95
    assert shown(guest)["cut_by"] == "subjects"
    red, green, blue, _ = left_out = colour(page, *VASE)
    assert left_out != photo, "the part left out is dimmed"
    assert max(red, green, blue) - min(red, green, blue) < 8, "and without colour"
    click(page, "This too", *VASE)
    assert likeness(guest, both) > 0.95
    click(page, "Not this", *MUG)
    assert likeness(guest, vase) > 0.95
    box(page, "Not this", 0.5, 0.75, 1, 1)
    assert not mask(guest)[int(0.76 * 620) :].any(), "everything in the box is gone"
    assert shown(guest)["cut_by"] == "mended"
    assert_accessible(page)

    for product in (vase, both, mug, both):
        page.keyboard.press("Control+z")
        answered(page)
        assert likeness(guest, product) > 0.95
    assert page.get_by_role("button", name="Undo").is_disabled()
    assert np.array_equal(mask(guest), first)
    assert shown(guest)["cut_by"] == "network"

    alert = page.locator(".cutout [role=alert]")
    click(page, "This is my product", *NOTHING)
    assert "Draw a box around the whole product, or use the brush" in alert.inner_text()
    click(page, "Not this", *NOTHING)
    assert alert.inner_text() == "This is left out already."
    assert np.array_equal(mask(guest), first), "a place without a product changes nothing"
    assert_fits(page)


def test_glass_is_painted_at_its_opacity_and_the_keys_work_wherever_the_focus_is(
    two: Callable[..., Any], guest: Guest
) -> None:
    page = two()
    page.get_by_role("button", name="Look closer").first.click()
    dialog = page.locator("dialog")
    zoom = dialog.locator(".mend-zoom")
    zoom.wait_for()
    closer = int(zoom.inner_text().rstrip(" %"))
    fit = dialog.get_by_role("button", name="Fit")
    fit.click()
    assert closer >= int(zoom.inner_text().rstrip(" %")), "nothing is shown smaller than in the whole photo"
    assert fit.get_attribute("aria-pressed") == "true"

    dialog.locator("label", has_text="Glass").click()
    size = dialog.get_by_label("Brush size")
    before = int(size.input_value())
    page.keyboard.press("]")
    assert int(size.input_value()) > before
    size.focus()
    page.keyboard.press("]")
    assert dialog.get_by_label("Opacity").input_value() == "60", "enough to be measured as the product"
    dialog.get_by_label("Opacity").fill("80")
    page.keyboard.press("1")
    assert zoom.inner_text() == "100 %"
    assert dialog.get_by_role("button", name="1:1").get_attribute("aria-pressed") == "true"
    fit.click()
    dialog.get_by_label("Snap to edges").uncheck()
    assert_accessible(page)
    frame = dialog.get_by_role("application").bounding_box()
    x, y = frame["x"] + 0.3 * frame["width"], frame["y"] + 0.6 * frame["height"]
    for _ in range(2):
        drag(page, (x, y), (x - 60, y))
    page.keyboard.press("Control+z")
    save(page)
    painted = (mask(guest) >= 200) & (mask(guest) <= 208)
    assert painted.sum() > 400, "a stroke of 80 %"
    page.get_by_role("button", name="Yes", exact=True).click()
    page.get_by_role("button", name="Check the cut-out").wait_for(state="hidden")


def test_a_joined_mask_that_the_service_refuses_leaves_the_previous_one(two: Callable[..., Any], guest: Guest) -> None:
    page = two("413")
    click(page, "This is my product", *MUG)
    before = mask(guest)
    refused: list[str] = []

    def refuse(route: Any) -> None:
        if route.request.method == "PUT" and not refused:
            refused.append(route.request.url)
            route.fulfill(status=413, json={"code": "too_large", "detail": "The mask is too large."})
        else:
            route.continue_()

    page.route("**/v1/cutouts/*/mask", refuse)
    box(page, "This too", 0.55, 0.5, 0.95, 1)
    assert refused
    page.get_by_text("The mask is too large.").wait_for()
    assert np.array_equal(mask(guest), before)

    box(page, "This too", 0.55, 0.5, 0.95, 1)
    assert (mask(guest) > 127).sum() > 1.2 * (before > 127).sum(), "the lower part of the vase is there too"
    page.get_by_role("button", name="Undo").click()
    answered(page)
    assert np.array_equal(mask(guest), before)


def test_a_reload_during_a_choice_asks_first_and_leaving_the_view_keeps_the_mended_cutout(
    two: Callable[..., Any], guest: Guest
) -> None:
    page = two("422")
    box(page, "Not this", 0.6, 0.75, 1, 1)
    mended = mask(guest)
    held: list[Any] = []
    page.route("**/v1/cutouts", lambda route: held.append(route))  # no answer comes yet
    fix(page)
    page.locator("#main").get_by_role("radio", name="This too").check(force=True)
    with page.expect_request("**/v1/cutouts"):
        page.mouse.click(*place(page, *NOTHING))
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.get_by_role("link", name="Gallery").click()
    page.get_by_text("Nothing here yet").wait_for()
    with page.expect_response("**/v1/cutouts/*/mask"):
        held[0].fulfill(status=422, json={"code": "invalid", "detail": "No."})
    assert shown(guest)["cut_by"] == "mended"
    assert np.array_equal(mask(guest), mended)


def test_a_doubtful_cutout_is_checked_before_the_order(two: Callable[..., Any], guest: Guest) -> None:
    page = two()
    check, make = page.get_by_role("button", name="Check the cut-out"), page.locator("#make")
    assert "primary" not in make.get_attribute("class")
    assert_accessible(page)
    page.get_by_role("radio", name="Place").check(force=True)
    check.click()
    page.locator("canvas.picture").wait_for()
    photo = page.get_by_role("button", name="Photo", exact=True)
    for pressed in ("true", "false"):
        photo.click()
        assert photo.get_attribute("aria-pressed") == pressed
    assert check.is_visible(), "it was not confirmed yet"
    page.reload()
    page.get_by_role("button", name="Yes", exact=True).click()
    check.wait_for(state="hidden")
    page.locator(".place-sheet").wait_for()
    assert "primary" in make.get_attribute("class")
    assert shown(guest)["confidence"] == 1, "the order's limits count the owner's word"
    page.reload()
    page.get_by_text("You said that it is right.").wait_for()
    assert check.is_hidden(), "it was checked before"
    assert guest.balance() == 10


def with_ring() -> bytes:
    """Return the bottle beside a ring, about which the looks disagree."""
    picture = Image.open(io.BytesIO(BOTTLE)).resize((420, 540))
    ImageDraw.Draw(picture).ellipse((228, 224, 363, 389), outline=(139, 184, 104), width=8)
    return saved(picture, "PNG")


def test_each_doubtful_piece_is_kept_or_dropped_by_one_click_and_a_yes_answers_the_rest(
    tab: Visit, guest: Guest
) -> None:
    page = on_stage(tab, guest, with_ring(), cut=True)
    first = mask(guest)
    check = page.get_by_role("button", name="Check the cut-out")
    [piece, *_] = shown(guest)["pieces"]
    assert check.is_visible(), "a doubt is asked about before the order"
    assert_accessible(page)
    rows = page.locator(".piece")
    print_height = page.locator(".print").bounding_box()["height"]
    rows.first.get_by_role("radio", name="Drop" if piece["kept"] else "Keep").click(force=True)
    answered(page)
    [now, *_] = shown(guest)["pieces"]
    assert now["kept"] is not piece["kept"]
    assert now["answered"]
    assert (mask(guest) != first).any()
    assert page.locator(".print").bounding_box()["height"] == print_height, "the picture keeps its size"
    page.keyboard.press("Control+z")
    answered(page)
    assert np.array_equal(mask(guest), first)
    page.get_by_role("button", name="Yes", exact=True).click()
    page.locator(".place-sheet").wait_for()
    assert all(one["answered"] for one in shown(guest)["pieces"])
    assert check.is_hidden()
    assert np.array_equal(mask(guest) > 127, first > 127), "a Yes changes nothing"
    planned(tab, stance=shown(guest)["stance"])  # and the stance beside the question is the owner's word


def test_by_keyboard_and_by_touch_a_place_is_a_point_or_a_box(two: Callable[..., Any], guest: Guest) -> None:
    page = two(**PHONE, device_scale_factor=2)
    _, (mug, vase) = two_products()
    assert_fits(page)
    assert_accessible(page)
    for control in page.locator(".cutout :is(.segment, .button, .link, .round)").all():
        assert not control.is_visible() or control.bounding_box()["height"] >= 44
    fix(page)
    touch = Fingers(page)
    page.locator("canvas.picture").scroll_into_view_if_needed()
    touch("Start", place(page, *MUG))
    touch("End")
    page.wait_for_timeout(50)
    answered(page)
    assert likeness(guest, mug) > 0.95
    touch("Start", place(page, 0.55, 0.1))
    for share in (0.3, 0.6, 1):
        touch("Move", place(page, 0.55 + 0.4 * share, 0.1 + 0.88 * share))
    touch("End")
    page.wait_for_timeout(50)
    answered(page)
    assert likeness(guest, vase) > 0.95

    picture = page.locator("canvas.picture")
    picture.focus()
    for key in ("ArrowLeft",) * 15 + ("ArrowDown",) * 10:
        page.keyboard.press(key)
    page.locator("#said").get_by_text("Left out; 20 % from the left, 70 % from the top.").wait_for(state="attached")
    page.keyboard.press("Enter")
    answered(page)
    assert likeness(guest, mug) > 0.95
