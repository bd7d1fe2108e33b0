"""Free previews on the studio page: the paid render matches the chosen preview, and the page reports obstacles.

The obstacles: no place for the product, a lost connection, previews that are switched off, too many, or expired.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from testkit.browser import Visit
from testkit.polling import until
from testkit.up import Up
from tests.system.studio.conftest import (
    PHONE,
    SECONDS,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_place,
    choose_scene,
    lose_the_order,
    make,
    on_stage,
    put_on_stage,
    small_bottle,
)


def to_look_at(tab: Visit, guest: Guest) -> Any:
    """Put the bottle on the stage, cut out, for a small picture."""
    page = on_stage(tab, guest, small_bottle(), cut=True)
    choose_place(page)
    return page


def look(page: Any) -> None:
    page.locator("#look[aria-disabled=false]").click()


def step(page: Any, name: str) -> None:
    page.locator(".steps").get_by_role("radio", name=name).check(force=True)


def box(page: Any) -> list[float]:
    """Return the product's box on the board as shares of the picture: left, top, right, bottom."""
    words = ".place-sheet .sketch-product"
    left, top, width, height = (
        float(page.locator(words).evaluate(f"(one) => one.style.{name}").removesuffix("%")) / 100
        for name in ("left", "top", "width", "height")
    )
    return [left, top, left + width, top + height]


def test_the_paid_picture_is_the_chosen_preview_and_previews_cost_nothing(tab: Visit, guest: Guest) -> None:
    tab.mean("409")  # previews may be finished as they are stopped
    page = to_look_at(tab, guest)
    step(page, "Place")
    page.locator(".place-box").wait_for()
    board = box(page)
    assert_accessible(page)
    look(page)
    page.locator(".look-tile").nth(3).wait_for()
    page.locator(".look-tile[data-state=done]").first.wait_for(timeout=90 * SECONDS)
    page.evaluate("document.querySelector('#stop-looks')?.click()")  # all four may be there by now
    page.locator("#look[aria-disabled=false]").wait_for()
    assert_accessible(page)
    # A preview that was finished as it was stopped is not on the wall.
    shown = page.locator(".look input").evaluate_all("(all) => all.map((one) => Number(one.value))")
    seen = next(job for job in guest.jobs("preview=true") if job["status"] == "SUCCESS" and job["seed"] in shown)
    placed = seen["render"]["report"]["cutout"]["placed_box"]
    assert all(abs(here - there) < 0.01 for here, there in zip(board, placed, strict=True)), "the board is to scale"
    page.locator(f".look input[value='{seen['seed']}']").check(force=True)
    page.locator(".look-large img").wait_for()
    page.get_by_role("button", name="Make this picture").wait_for()
    assert_accessible(page)

    page.get_by_role("button", name="Place", exact=True).click()
    page.locator(".place-box").press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    for slider in ("#place-size", "#place-turn"):
        page.locator(slider).press("ArrowRight")
    page.get_by_text("the product has moved").wait_for()
    look(page)
    page.get_by_role("button", name="Make this picture").wait_for(timeout=90 * SECONDS)
    newest = guest.jobs("preview=true")[0]
    assert newest["seed"] == seen["seed"], "the same background"
    moved = newest["render"]["report"]["placement"]
    assert {name: moved[name] for name in ("shift_x", "scale", "turn")} == {
        "shift_x": -0.02,
        "scale": 1.014,
        "turn": 0.5,
    }
    assert guest.balance() == 10, "previews cost nothing"

    page.get_by_role("link", name="Gallery").click()
    page.get_by_text("Nothing here yet").wait_for()
    page.get_by_role("link", name="Studio", exact=True).click()
    page.locator("#make[aria-disabled=false]").click()
    page.locator("#download").wait_for(timeout=90 * SECONDS)
    (paid,) = guest.jobs()
    asked = guest.asked(paid["job_id"])
    looked = guest.asked(newest["job_id"])
    for name in ("seed", "placement", "request"):
        assert asked[name] == looked[name]


def test_where_a_product_has_no_place_one_press_makes_new_previews_as_photographed_or_in_a_suitable_scene(
    visit: Window, guest: Guest
) -> None:
    page = to_look_at(visit(**PHONE), guest)
    choose_scene(page, "Neon")
    step(page, "Place")
    page.get_by_role("group", name="How it stands").get_by_role("button", name="From above").click()
    page.locator(".order").get_by_text("This scene needs a photo from the front").wait_for()
    look(page)
    refusal = page.locator(".look-notes [data-code=no_honest_placement]")
    refusal.get_by_text("This scene needs a photo from the front").wait_for(timeout=90 * SECONDS)
    assert refusal.get_by_role("button", name="Standing").inner_text().split("\n")[-1] == "as we see it"
    assert_fits(page)
    assert_accessible(page)
    seeds = {job["seed"] for job in guest.jobs("preview=true")}
    picture = refusal.locator(".fitting-scenes").get_by_role("button").first
    title = picture.inner_text()
    picture.tap()
    page.locator(".look-tile[data-state=done]").first.wait_for(timeout=90 * SECONDS)
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == title
    assert {job["seed"] for job in guest.jobs("preview=true")} == seeds, "the same previews again"
    asked = guest.asked(guest.jobs("preview=true")[0]["job_id"])
    assert asked["placement"]["stance"] == "from_above", "all other choices stay"
    assert guest.balance() == 10


def test_a_preview_that_cannot_be_made_states_the_reason_and_links_to_the_remedy(visit: Window, guest: Guest) -> None:
    page = to_look_at(visit(**PHONE), guest)
    step(page, "Place")
    product = page.locator(".place-box")
    product.wait_for()
    product.focus()
    for _ in range(10):
        page.keyboard.press("Shift+ArrowRight")
    page.get_by_text("outside the picture. Move it back").wait_for()
    assert_fits(page)
    assert_accessible(page)
    look(page)
    page.locator(".look-tile[data-state=failed]").nth(3).wait_for(timeout=90 * SECONDS)
    page.get_by_role("alert").get_by_text("beyond the picture's edge").wait_for()
    assert_fits(page)
    page.get_by_role("button", name="Change its place").click()
    page.get_by_role("button", name="Put back").click()
    page.get_by_text("Inside the free margins").wait_for()
    assert guest.balance() == 10


@pytest.mark.usefixtures("busy")
def test_after_a_lost_connection_previews_are_requested_once_and_survive_a_reload(tab: Visit, keeper: Guest) -> None:
    page = tab.sign_in(keeper.key)
    put_on_stage(page, small_bottle())
    lose_the_order(tab, arrives=True, where="**/v1/background-swap-with-spec*")
    look(page)
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    page.locator(".look-tile").nth(3).wait_for()
    page.wait_for_function("() => JSON.parse(sessionStorage.getItem('backdrop-looks'))?.items.length === 4")
    page.reload()
    page.locator(".steps").get_by_role("radio", name="Previews").wait_for()
    step(page, "Previews")
    page.get_by_role("button", name="Stop", exact=True).click()
    until(lambda: {job["status"] for job in keeper.jobs("preview=true")} == {"FAILURE"})


@contextmanager
def installed(home: Path, browser: Any, **settings: str) -> Iterator[tuple[Visit, Guest]]:
    """An installation with settings of its own, and a window of its client."""
    up = Up(home, **settings)
    up.start()
    try:
        guest, tab = Guest(up, "looker", 10), Visit(browser, up.address)
        yield tab, guest
        guest.api.close()
        tab.close()
    finally:
        up.stop()


def test_with_previews_off_the_page_reports_it_once_and_the_picture_can_be_ordered(
    tmp_path: Path, browser: Any
) -> None:
    with installed(tmp_path, browser, BACKDROP_PREVIEWS="false") as (tab, guest):
        page = to_look_at(tab, guest)
        look(page)
        page.get_by_role("alert").get_by_text("Free previews are switched off here").wait_for()
        assert_accessible(page)
        page.locator("#look").wait_for(state="hidden")
        make(page)
        page.locator("#download").wait_for(timeout=90 * SECONDS)
        assert guest.jobs("preview=true") == []
        assert [error for error in tab.errors if "403" not in error] == []


def test_after_too_many_previews_the_page_says_when_and_the_others_follow(tmp_path: Path, browser: Any) -> None:
    with installed(tmp_path, browser, BACKDROP_PREVIEW_RATE="1", BACKDROP_SUBMIT_WINDOW="20") as (tab, guest):
        page = to_look_at(tab, guest)
        look(page)
        alert_box = page.get_by_role("alert").get_by_text(
            "You made many previews in a short time. You can make more in "
        )
        alert_box.wait_for()
        seconds = int(alert_box.inner_text().split(" more in ")[1].split(" s")[0])
        assert 0 < seconds <= 20, "at most Retry-After"
        assert_accessible(page)
        page.locator(".look-tile[data-state=done]").wait_for(timeout=90 * SECONDS)
        assert len(guest.jobs("preview=true")) == 1
        page.locator(".look-tile[data-state=done]").nth(1).wait_for(timeout=90 * SECONDS)
        page.get_by_role("button", name="Stop", exact=True).click()
        alert_box.wait_for(state="hidden")
        assert page.locator(".look-tile").count() == len(guest.jobs("preview=true")) == 2
        assert [error for error in tab.errors if "429" not in error] == []


def test_an_expired_preview_is_reported_and_made_again_with_the_same_background(tab: Visit, guest: Guest) -> None:
    page = to_look_at(tab, guest)
    look(page)
    page.locator(".look-tile[data-state=done]").nth(3).wait_for(timeout=180 * SECONDS)
    gone = guest.jobs("preview=true")[0]
    assert guest.api.delete(f"/v1/renders/{gone['render']['public_id']}").status_code == 204
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})  # or the browser would show it all the same
    page.reload()
    page.locator(".steps").get_by_role("radio", name="Previews").wait_for()
    step(page, "Previews")

    tile = page.locator(".look-tile[data-state=expired]")
    tile.get_by_text("has expired").wait_for()
    assert_accessible(page)
    tile.get_by_role("button").click()
    page.locator(".look-tile[data-state=done]").nth(3).wait_for(timeout=90 * SECONDS)
    newest = guest.jobs("preview=true")[0]
    assert (newest["job_id"] != gone["job_id"], newest["seed"]) == (True, gone["seed"])
    assert [error for error in tab.errors if "404" not in error] == []
    tab.errors.clear()
