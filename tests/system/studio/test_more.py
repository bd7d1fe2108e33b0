"""Background, shadow, frame, and text on the studio page: by mouse, touch and keyboard, kept, and previewed at once."""

import json
from typing import Any

import pytest

from testkit.browser import Visit
from testkit.polling import until
from tests.system.studio.conftest import (
    PHONE,
    SECONDS,
    Fingers,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_place,
    drag,
    make,
    middle,
    on_stage,
    planned,
    put_on_stage,
    small_bottle,
    unfold,
    uploaded,
)

LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><rect width="20" height="10" fill="#b02020"/></svg>'
)


def open_more(page: Any, choice: str) -> Any:
    """Unfold one of the further choices, and return it."""
    unfold(page, choice)
    return page.locator(f"[data-choice={choice}]")


def press(choice: Any, name: str, value: str) -> None:
    """Choose a radio button by keyboard."""
    choice.locator(f"[name={name}][value={value}]").press("Space")


def assert_waits(page: Any, words: str) -> None:
    """Assert that neither button makes a picture, and that the paid one says what is missing."""
    page.locator("#make[aria-disabled=true]").wait_for()
    assert page.locator("#look").get_attribute("aria-disabled") == "true"
    described = page.locator("#make").get_attribute("aria-describedby")
    page.locator(f"#{described}").get_by_text(words).wait_for()
    assert_accessible(page)


@pytest.mark.usefixtures("busy")
def test_a_colour_and_a_shadow_outlive_a_reload_are_undone_ordered_and_ordered_again(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    uploaded(page)
    more = page.locator("details.more")
    assert more.get_attribute("open") is None, "the first screen is simple"
    ground = open_more(page, "ground")
    press(ground, "background", "color")
    ground.get_by_text("To go on, choose a colour").wait_for()
    assert_waits(page, "Background: choose a colour first")
    ground.get_by_label("Colour", exact=True).last.fill("nearly blue")
    ground.get_by_label("Colour", exact=True).last.press("Enter")
    ground.get_by_role("alert").get_by_text("Unknown colour").wait_for()
    ground.get_by_role("button", name="Use #f2f0ec").click()
    planned(tab, background="color", background_color="#f2f0ec")
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Not used"
    assert_accessible(page)

    shadow = open_more(page, "shadow")
    press(shadow, "shadow", "hard")
    direction = shadow.get_by_role("slider", name="Direction")
    assert direction.get_attribute("aria-valuetext") == "automatic"
    for _ in range(6):
        direction.press("ArrowUp")
    assert direction.get_attribute("aria-valuetext") == "90 degrees, to the right"
    direction.fill("180")
    assert direction.get_attribute("aria-valuetext") == "180 degrees, towards you"
    shadow.get_by_label("Strength").press("ArrowRight")
    whole = {"shadow": "hard", "shadow_direction": "180", "shadow_strength": "0.51", "background": "color"}
    planned(tab, **whole, shadow_softness=None)
    assert_accessible(page)

    page.reload()
    page.locator("#make[aria-disabled=false]").wait_for()
    assert more.get_attribute("open") is not None
    assert more.locator("> summary").inner_text().endswith("#f2f0ec, hard shadow")
    undo = page.locator("#undo")
    while undo.inner_text() == "Undo: Shadow":
        undo.click()
    planned(tab, background="color", shadow=None, shadow_direction=None)
    press(open_more(page, "shadow"), "shadow", "soft")
    planned(tab, background="color", shadow="soft")
    page.locator("#make[aria-disabled=false]").wait_for()
    make(page)
    page.get_by_role("button", name="Cancel and refund").click()
    page.get_by_role("heading", name="You cancelled").wait_for()
    (job,) = guest.jobs()
    asked = guest.asked(job["job_id"])
    assert (asked["ground"]["background"], asked["ground"]["background_color"]) == ("color", "#f2f0ec")
    assert asked["shadow"]["shadow"] == "soft"
    page.get_by_role("button", name="Another photo, same settings").click()
    page.get_by_text("Drop product photos").wait_for()
    assert page.locator("[data-choice=ground] .choice-value").inner_text() == "Plain colour #f2f0ec"


def test_limits_are_for_one_photo_unless_its_owner_keeps_them(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle(), cut=True)
    limits = open_more(page, "acceptance")
    keep = limits.get_by_label("For the next photos too")
    assert keep.is_hidden(), "Standard is what each photo begins with"
    for name, kept in (("second.jpg", False), ("third.jpg", True)):
        press(limits, "accept", "strict")
        planned(tab, accept="strict")
        keep.set_checked(kept)
        put_on_stage(page, small_bottle(), name)
        page.get_by_alt_text(f"Your photo, {name}").wait_for()
        page.locator("#make[aria-disabled=false]").wait_for()
        planned(tab, accept="strict" if kept else "standard")


@pytest.mark.usefixtures("busy")
def test_an_own_picture_is_dropped_moved_and_seen_at_once_behind_the_product(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    uploaded(page)
    ground = open_more(page, "ground")
    press(ground, "background", "image")
    assert_waits(page, "Background: add a picture first")
    page.locator(".order").get_by_role("button", name="use a scene").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    press(ground, "background", "image")
    ground.locator("#ground-image").set_input_files(
        {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}
    )
    ground.get_by_role("alert").get_by_text("not a supported photo").wait_for()
    wide = """async ([selector]) => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 600, height: 300 });
        const brush = canvas.getContext("2d");
        for (const [i, colour] of ["#c8b8a0", "#8aa399"].entries()) {
            brush.fillStyle = colour;
            brush.fillRect(300 * i, 0, 300, 300);
        }
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        const files = new DataTransfer();
        files.items.add(new File([blob], "wall.png", { type: "image/png" }));
        document.querySelector(selector).dispatchEvent(
            new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(wide, ["[data-choice=ground] .picture-field"])
    sheet = ground.locator(".sketch.movable")
    sheet.wait_for()
    assert page.locator(".facts").inner_text().startswith("bottle.jpg"), "it is no product photo"
    behind = sheet.locator(".sketch-ground")
    before = behind.evaluate("one => getComputedStyle(one).backgroundPositionX")
    box = sheet.bounding_box()
    drag(page, (box["x"] + 100, box["y"] + 40), (box["x"] + 160, box["y"] + 40))
    assert behind.evaluate("one => getComputedStyle(one).backgroundPositionX") != before
    moved = float(json.loads(page.evaluate("sessionStorage.getItem('backdrop-draft')"))["ground"]["background_x"])
    assert 0.3 < moved < 0.49, "the picture follows the hand"
    sheet.get_by_role("application").press("ArrowRight")
    press(ground, "background_fit", "position")
    ground.get_by_label("Size").fill("50")
    found = planned(tab, background="image", background_fit="position", background_zoom="2")
    assert float(found["background_x"][0]) == pytest.approx(moved + 0.02, abs=0.002)
    assert_accessible(page)
    page.reload()
    open_more(page, "ground")
    sheet.wait_for()
    press(ground, "background", "reference")
    kept = planned(tab, background="reference", background_zoom=None)
    assert kept["background_image"] == found["background_image"]


@pytest.mark.usefixtures("busy")
def test_the_frame_is_set_by_keyboard_and_shown_on_the_stage_and_a_refusal_appears_at_its_field(
    tab: Visit, guest: Guest
) -> None:
    page = on_stage(tab, guest)
    uploaded(page)
    frame = open_more(page, "frame")
    frame.get_by_label("Top", exact=True).first.fill("20")
    frame.get_by_label("Top", exact=True).first.press("Tab")
    planned(tab, margins="20% 8% 8% 8%")
    middle = frame.locator("[name=align][value=center]")
    middle.press("Space")
    middle.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    planned(tab, align="bottom_right")
    press(frame, "copy_space", "right")
    planned(tab, align=None, copy_space="right")
    assert frame.locator("[name=align]:disabled").count() == 3, "the product stays out of the room for text"
    assert_accessible(page)
    tab.mean("422")
    frame.get_by_label("Left", exact=True).first.fill("90")
    frame.get_by_label("Left", exact=True).first.press("Tab")
    frame.locator("#frame-error").get_by_text("margins").wait_for()
    page.get_by_text("One of your choices above can't be used").wait_for()
    frame.get_by_role("button", name="As the channel again").click()
    frame.locator("#frame-error:empty").wait_for(state="attached")
    page.locator("#make[aria-disabled=false]").wait_for()


def test_a_text_and_a_logo_are_drawn_in_one_preview_at_a_time_and_the_brand_keeps_them(
    visit: Window, guest: Guest
) -> None:
    brand = {"palette": ["#224466"], "style_words": [], "seed_policy": "free", "default_preset": None}
    guest.api.put("/v1/brands/Dawn", json=brand).raise_for_status()
    tab = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark")
    tab.mean("status of 429")
    page = on_stage(tab, guest, small_bottle(), cut=True)
    refused: list[str] = []

    def refuse(route: Any) -> None:
        if "preview=true" not in route.request.url or refused:
            route.continue_()
            return
        refused.append("refused")
        problem = {"code": "rate_limited", "detail": "Too many."}
        route.fulfill(status=429, headers={"Retry-After": "3"}, json=problem)

    page.route("**/v1/background-swap-with-spec*", refuse)
    page.get_by_label("Brand", exact=True).select_option("Dawn")
    text = open_more(page, "lettering")
    text.get_by_role("button", name="Add a text").click()
    text.get_by_label("Text", exact=True).fill("Spring")
    text.get_by_text("You made many previews in a short time").wait_for()
    text.locator("#layer-logo").set_input_files({"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": LOGO})
    text.locator(".layers > li").nth(1).wait_for()
    text.get_by_label("Size", exact=True).last.fill("20")
    text.locator("[name=layer-0-anchor][value=bottom]").dispatch_event("click")
    text.get_by_text("Free preview. It follows each change").wait_for(timeout=60 * SECONDS)
    text.get_by_text("bottom, easy to read").wait_for()
    shown = text.get_by_alt_text("Your picture as you chose it")
    assert shown.get_attribute("src")
    assert len(guest.jobs("preview=true")) <= 2, "changes meanwhile share a preview"
    assert_accessible(page)
    assert_fits(page)
    text.get_by_role("button", name="Keep these for Dawn").click()
    text.get_by_text("These are the texts and logos of Dawn").wait_for()
    (kept,) = guest.api.get("/v1/brands").json()["items"]
    assert [next(iter(one)) for one in json.loads(json.dumps(_layers(kept)))] == ["text", "logo"]
    text.get_by_role("button", name="Remove all").click()
    assert json.loads(planned(tab, layers="[]")["layers"][0]) == [], "the brand's are left out"
    text.get_by_role("button", name="Use those of Dawn").click()
    until(lambda: text.locator(".layer-name").all_inner_texts() == ["Spring", "logo.svg"])


def test_a_text_is_typed_over_dragged_and_warned_of_under_the_controls_of_a_storys_app(
    visit: Window, guest: Guest
) -> None:
    tab = visit(**PHONE)
    page = on_stage(tab, guest, small_bottle())
    uploaded(page)
    choose_place(page, "Instagram story")
    text = open_more(page, "lettering")
    text.get_by_role("button", name="Add a text").click()
    page.keyboard.type("Spring")
    piece = text.get_by_role("application", name="Spring, top left. Arrow keys move it.")
    text.get_by_text("cover the hatched areas").wait_for()
    assert text.get_by_text("controls cover this part").count() == 0, "a new text is below them"
    text.get_by_text("Free preview. It follows each change").wait_for(timeout=60 * SECONDS)

    sheet = text.locator(".sketch.lettered")
    sheet.evaluate("one => one.scrollIntoView({ block: 'start' })")  # the order covers the lower part of the screen
    box, finger = sheet.bounding_box(), Fingers(page)
    start, across = middle(piece), box["x"] + box["width"] / 2 + 3
    finger("Start", start)
    finger("Move", (start[0] + 20, start[1] + 20))
    finger("Move", (across, box["y"] + box["height"] / 3 - 4))
    sheet.locator(".sketch-guide:visible").nth(1).wait_for()
    finger("End")
    piece = text.get_by_role("application", name="Spring, top. Arrow keys move it.")
    piece.wait_for()
    assert "x" not in kept_layer(page), "it snaps to the centre"
    third = piece.evaluate("one => (one.offsetTop + one.offsetHeight / 2) / one.parentElement.clientHeight")
    assert third == pytest.approx(1 / 3, abs=0.01)
    for _ in range(12):
        piece.press("ArrowUp")
    text.get_by_text("controls cover this part").wait_for()
    page.get_by_role("status").get_by_text("under the app's controls").wait_for()
    assert_accessible(page)
    assert_fits(page)
    piece.press("ArrowLeft")
    assert kept_layer(page)["x"] == -2


def test_a_text_is_dragged_on_the_stage_and_the_product_behind_it_stays(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle(), cut=True)
    text = open_more(page, "lettering")
    text.get_by_role("button", name="Add a text").click()
    page.keyboard.type("Spring")
    sheet = page.locator(".place-sheet")
    piece = sheet.get_by_role("application", name="Spring, top left. Arrow keys move it.")
    piece.wait_for()
    sheet.scroll_into_view_if_needed()
    box, start = sheet.bounding_box(), middle(piece)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    sheet.get_by_role("application", name="Spring, middle. Arrow keys move it.").wait_for()
    draft = json.loads(page.evaluate("sessionStorage.getItem('backdrop-draft')"))
    assert draft["placement"]["shift_x"] == draft["placement"]["shift_y"] == 0
    assert_accessible(page)


def kept_layer(page: Any) -> dict[str, Any]:
    """Return the first layer of the draft."""
    draft = json.loads(page.evaluate("sessionStorage.getItem('backdrop-draft')"))
    layer: dict[str, Any] = draft["lettering"]["layers"][0]
    return layer


def _layers(brand: dict[str, Any]) -> list[dict[str, Any]]:
    found = brand["options"]["layers"]
    layers: list[dict[str, Any]] = json.loads(found) if isinstance(found, str) else found
    return layers
