"""Placing the product on the studio page: by mouse, by touch at a phone's width and by keyboard."""

from typing import Any

from PIL import Image, ImageDraw

from testkit.browser import Visit
from testkit.polling import until
from testkit.specimens import saved
from tests.system.studio.conftest import (
    PHONE,
    SECONDS,
    Fingers,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_scene,
    drag,
    middle,
    on_stage,
    small_bottle,
)

UNMOVED = {"shift_x": 0, "shift_y": 0, "scale": 1, "turn": 0, "stance": "auto"}


def open_board(tab: Visit, guest: Guest) -> Any:
    """Put the bottle on the stage and open the board."""
    page = on_stage(tab, guest, small_bottle(), cut=True)
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.locator(".place-box").wait_for()
    return page


def placement(page: Any) -> dict[str, Any]:
    """Return the product's placement in the draft."""
    kept: dict[str, Any] = page.evaluate("JSON.parse(sessionStorage.getItem('backdrop-draft')).placement")
    return kept


def test_by_mouse_the_product_is_moved_scaled_turned_straightened_and_reset(tab: Visit, keeper: Guest) -> None:
    page = open_board(tab, keeper)
    assert_accessible(page)
    sheet = page.locator(".place-sheet").bounding_box()

    def pull(words: str, across: float, down: float) -> None:
        x, y = middle(page.locator(words))
        drag(page, (x, y), (x + across, y + down))

    page.get_by_text("Inside the free margins").wait_for()
    pull(".place-box", 0.1 * sheet["width"], -0.05 * sheet["height"])
    moved = placement(page)
    assert abs(moved["shift_x"] - 0.1) < 0.01
    assert abs(moved["shift_y"] + 0.05) < 0.01
    pull(".place-corner.ne", 20, -60)
    assert placement(page)["scale"] > 1.05
    page.get_by_text("It comes near the edge").wait_for()
    page.get_by_role("button", name="Put back").click()
    page.get_by_text("Inside the free margins").wait_for()
    pull(".place-knob", 40, 0)
    assert 2 < placement(page)["turn"] <= 45
    page.get_by_label("Turn", exact=True).fill("-6")
    assert placement(page)["turn"] == -6
    page.get_by_role("button", name="Straighten").click()
    assert abs(placement(page)["turn"]) < 1.5, "the bottle was photographed upright"
    page.reload()
    page.get_by_role("button", name="Fix", exact=True).wait_for()
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.get_by_role("button", name="Put back").click()
    assert placement(page) == UNMOVED


def test_a_button_sets_the_stance_keeps_the_guess_marked_and_the_board_follows_at_once(
    tab: Visit, keeper: Guest
) -> None:
    page = open_board(tab, keeper)
    stances = page.get_by_role("group", name="How it stands")

    def button(name: str) -> Any:
        return stances.get_by_role("button", name=name)

    def height() -> float:
        """Return the height of the product's middle, as a share of the picture's height."""
        sheet = page.locator(".place-sheet").bounding_box()
        return float((middle(page.locator(".place-box"))[1] - sheet["y"]) / sheet["height"])

    assert button("Standing").inner_text().split("\n") == ["Standing", "as we see it"]
    assert height() > 0.51, "a standing product has its foot low"
    button("From above").click()
    assert placement(page)["stance"] == "from_above"
    until(lambda: abs(height() - 0.5) < 0.005)
    assert button("From above").get_attribute("aria-pressed") == "true"
    assert "as we see it" in button("Standing").inner_text(), "the guess stays marked"
    assert page.evaluate("document.activeElement.innerText") == "From above", "focus is kept"
    notice = page.locator(".order [data-code=scene_unsuited]")
    notice.get_by_text("is seen from above, so the scene is shown from above.").wait_for()
    notice.get_by_role("button", name="Show the scene's own view").click()
    notice.wait_for(state="hidden")
    assert placement(page)["stance"] == "lying"
    button("From above").click()
    choose_scene(page, "Neon")
    page.get_by_text("it has no place in this scene").wait_for()
    button("Lying").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Inside the free margins").wait_for()
    assert_accessible(page)
    page.keyboard.press("Space")
    assert placement(page)["stance"] == "auto", "pressed again, it returns to the guess"
    button("Hanging").click()
    until(lambda: abs(height() - 0.5) < 0.005)
    page.get_by_role("button", name="Put back").click()
    assert placement(page) == UNMOVED


def test_an_unsuitable_scene_is_reported_suitable_ones_are_offered_and_the_last_change_is_undone(
    tab: Visit, keeper: Guest
) -> None:
    page = open_board(tab, keeper)
    scene = page.locator("[data-choice=scene_type] .choice-value")
    before = scene.inner_text()
    choose_scene(page, "Neon")
    page.get_by_role("group", name="How it stands").get_by_role("button", name="From above").click()
    order = page.locator(".order")
    order.get_by_text("This scene needs a photo from the front").wait_for()
    assert_accessible(page)
    picture = order.locator(".fitting-scenes").get_by_role("button").nth(1)
    title = picture.inner_text()
    picture.focus()
    page.keyboard.press("Enter")
    page.locator("[data-code=no_place]").wait_for(state="hidden")
    assert scene.inner_text() == title
    assert placement(page)["stance"] == "from_above", "all other choices stay"
    assert page.evaluate("document.activeElement.id") == "make", "the pressed button is gone"

    undo = page.locator("#undo")
    assert undo.inner_text() == "Undo: Scene"
    page.keyboard.press("Control+z")
    assert scene.inner_text() == "Neon"
    page.reload()
    page.get_by_role("button", name="Fix", exact=True).wait_for()
    order.get_by_role("button", name="Standing").click()
    page.locator("[data-code=no_place]").wait_for(state="hidden")
    assert undo.inner_text() == "Undo: Place"
    page.locator("#scene_type-own").fill("a table of oak")
    page.keyboard.press("Control+z")
    assert placement(page)["stance"] == "standing", "a field undoes its own typing"
    while undo.is_visible():
        undo.click()
    assert (scene.inner_text(), placement(page)) == (before, UNMOVED)
    assert page.locator(".facts").is_visible(), "the photo stays"


def test_by_touch_at_a_phones_width_two_fingers_scale_and_turn(visit: Window, keeper: Guest) -> None:
    tab = visit(**PHONE)
    page = open_board(tab, keeper)
    assert_fits(page)
    assert_accessible(page)
    page.locator(".place-box").scroll_into_view_if_needed()
    x, y = middle(page.locator(".place-box"))
    touch = Fingers(page)
    touch("Start", (x, y))
    for across in (8, 16, 24):
        touch("Move", (x - across, y))
    touch("End")
    assert placement(page)["shift_x"] < -0.03
    touch("Start", (x - 40, y))
    touch("Start", (x - 40, y), (x + 40, y))
    for more in (4, 8, 12):
        touch("Move", (x - 40 - more, y - more), (x + 40 + more, y + more))
    touch("End")
    assert placement(page)["scale"] > 1.15
    assert placement(page)["turn"] > 5, "clockwise"
    page.get_by_role("button", name="Put back").click()
    assert_fits(page)


def test_a_leaning_product_is_straightened_by_keyboard_and_delivered_as_on_the_board(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, leaning_carton(25), cut=True)
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.locator(".place-box").wait_for()
    page.get_by_role("button", name="Straighten").press("Enter")
    turn = placement(page)["turn"]
    assert abs(turn - 25) < 2, "a product that leans to the left is turned to the right"
    page.locator("#make[aria-disabled=false]").focus()
    page.keyboard.press("Enter")
    page.locator("#download").wait_for(timeout=90 * SECONDS)
    (job,) = guest.jobs()
    assert job["render"]["report"]["placement"]["turn"] == turn
    left, top, right, bottom = job["render"]["report"]["cutout"]["placed_box"]
    upright = (right - left) * job["render"]["width"] / ((bottom - top) * job["render"]["height"])
    assert abs(upright - 0.4) < 0.06, "with its own aspect ratio"


def leaning_carton(degrees: float) -> bytes:
    """Return a photo of a carton, 200 by 500 pixels, that leans to the left."""
    carton = Image.new("RGBA", (200, 500), (30, 60, 50, 255))
    ImageDraw.Draw(carton).rectangle((30, 60, 170, 260), fill=(230, 200, 90, 255))
    turned = carton.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    photo = Image.new("RGB", (700, 800), (222, 220, 216))
    photo.paste(turned, ((700 - turned.width) // 2, (800 - turned.height) // 2), turned)
    return saved(photo, "JPEG", quality=92)
