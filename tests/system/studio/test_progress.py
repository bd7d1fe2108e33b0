"""Jobs on the studio page: their progress, their end, and the pictures that can be made from them."""

from typing import Any

import pytest

from testkit.browser import Visit
from testkit.polling import until
from testkit.up import BOTTLE, ended, grey, job_id, upload
from tests.system.studio.conftest import (
    PHONE,
    PLACE,
    PLACE_TITLE,
    SECONDS,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_place,
    drag,
    make,
    put_on_stage,
    small_bottle,
)


def test_progress_follows_the_job_and_a_closed_tab_loses_nothing(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    page.get_by_role("button", name="Use our sample bottle").click()
    choose_place(page)
    page.evaluate(
        """() => {
            globalThis.shown = {};
            new MutationObserver(() => {
                globalThis.shown[document.querySelector("#progress")?.dataset.stage] = true;
            }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    make(page)
    page.locator("#progress").wait_for()
    job = page.url.rpartition("/")[2]
    # The machine's speed decides which stages it reports: fast ones are left out.
    until(lambda: page.evaluate("Object.keys(globalThis.shown).filter((stage) => stage !== 'undefined').length > 1"))

    page.reload()
    page.get_by_role("button", name="Sign out").wait_for()
    assert page.url.endswith(job), "a reload keeps the place"
    page.close()
    again = tab.tab()
    tab.sign_in(guest.key)
    again.goto(f"{tab.address}/#/jobs/{job}")
    again.locator("#download").wait_for(timeout=90 * SECONDS)


@pytest.mark.usefixtures("busy")
def test_running_jobs_return_after_signing_in_and_can_be_stopped(tab: Visit, guest: Guest) -> None:
    running = job_id(guest.api, BOTTLE)
    page = tab.sign_in(guest.key)

    page.get_by_role("region", name="Being made").get_by_role("link").click()
    page.get_by_role("button", name="Cancel and refund").click()

    page.get_by_role("heading", name="You cancelled this picture").wait_for()
    page.get_by_text("You have 10 credits.").wait_for()
    assert guest.api.get(f"/v1/jobs/{running}").json()["error"]["code"] == "cancelled"
    assert_accessible(page)


@pytest.mark.usefixtures("busy")
def test_a_job_is_followed_to_its_end_although_the_connection_was_lost(tab: Visit, guest: Guest) -> None:
    running = job_id(guest.api, BOTTLE)
    tab.mean("ERR_")  # the browser's own message about each failed request
    page = tab.sign_in(guest.key, f"jobs/{running}")
    page.locator("#progress").wait_for()
    tab.context.set_offline(True)
    page.get_by_text("No connection. Trying again").wait_for()
    guest.api.delete(f"/v1/jobs/{running}")
    tab.context.set_offline(False)
    page.get_by_role("heading", name="You cancelled this picture").wait_for()
    page.locator("#balance").get_by_text("10 credits").wait_for()


def test_the_same_background_for_another_preset_and_another_seed(
    tab: Visit, finished: tuple[Guest, dict[str, Any]]
) -> None:
    guest, first = finished
    page = tab.sign_in(guest.key, f"jobs/{first['job_id']}")

    page.get_by_text("Same background, other sales channel").click()
    assert page.get_by_role("radio", name="Amazon main image").is_disabled(), "it takes no scene"
    page.get_by_role("radio", name=PLACE_TITLE).check(force=True)
    page.get_by_role("button", name="Make it for 2 credits").click()
    page.wait_for_url(lambda url: "/jobs/" in url and not url.endswith(first["job_id"]))
    second = page.url.rpartition("/")[2]
    page.go_back()
    page.get_by_text("Same background, other sales channel").click()
    page.get_by_role("radio", name=PLACE_TITLE).check(force=True)
    page.get_by_role("button", name="Open this picture").click()
    page.wait_for_url(f"**/{second}")
    # By the API, which accepts it when the picture is finished already: another test checks the button.
    guest.api.delete(f"/v1/jobs/{second}")
    page.goto(f"{tab.address}/#/jobs/{first['job_id']}")
    page.get_by_role("button", name="Another version").click()
    page.wait_for_url(lambda url: not url.endswith((first["job_id"], second)))
    third = page.url.rpartition("/")[2]
    guest.api.delete(f"/v1/jobs/{third}")

    asked = {one: guest.asked(one) for one in (first["job_id"], second, third)}
    assert asked[second]["request"]["source_render_public_id"] == first["render"]["public_id"]
    assert asked[second]["request"]["output_preset"] == PLACE
    assert asked[second]["seed"] == first["render"]["report"]["provenance"]["kept_seed"]
    assert asked[third]["request"]["output_preset"] == asked[first["job_id"]]["request"]["output_preset"]
    assert asked[third]["seed"] != asked[first["job_id"]]["seed"]


def test_a_finished_picture_is_shown_pixel_by_pixel_and_next_to_another(
    tab: Visit, finished: tuple[Guest, dict[str, Any]]
) -> None:
    guest, first = finished
    second = ended(guest.api, job_id(guest.api, small_bottle()))
    page = tab.sign_in(guest.key, f"jobs/{first['job_id']}")
    sheet, slider, level = page.locator(".sheet"), page.get_by_label("Before and after"), page.locator(".zoom-level")

    def pull(start: float, by: tuple[float, float]) -> None:
        """Drag from a share of the picture's width."""
        there = sheet.first.bounding_box()
        x, y = there["x"] + start * there["width"], there["y"] + there["height"] / 3
        drag(page, (x, y), (x + by[0] * there["width"], y + by[1] * there["height"]))

    def moved(number: int = 0) -> str:
        return str(page.locator(".zoomed").nth(number).evaluate("(one) => one.style.transform"))

    until(lambda: level.inner_text() != "100 %")  # it is scaled to fit
    fitted = level.inner_text()
    pull(0.5, (-0.25, 0))
    assert abs(int(slider.input_value()) - 25) <= 1, "over the whole picture a drag moves the slider"
    page.get_by_role("button", name="1:1").click()
    assert level.inner_text() == "100 %"
    assert (
        sheet.evaluate("(one) => one.clientWidth")
        < page.locator(".after").evaluate("(one) => Math.round(one.getBoundingClientRect().width)")
        == first["render"]["width"]
    )
    before = moved()
    pull(0.7, (-0.1, 0.1))
    assert moved() != before, "off the slider's line a drag moves the picture"
    assert abs(int(slider.input_value()) - 25) <= 1
    pull(0.25, (0.25, 0))
    assert abs(int(slider.input_value()) - 50) <= 1, "and on it the slider"
    assert_accessible(page)
    page.mouse.wheel(0, -300)
    until(lambda: int(level.inner_text().split()[0]) > 120)
    sheet.focus()
    before = moved()
    page.keyboard.press("ArrowLeft")
    assert moved() != before
    page.keyboard.press("0")
    assert level.inner_text() == fitted

    page.get_by_text("Compare with another picture").click()
    page.locator("#compare .tile").first.focus()
    page.keyboard.press("Enter")
    sheet.nth(1).wait_for()
    assert page.locator(".after").nth(1).get_attribute("src").split("?")[0] == second["render"]["url"].split("?")[0]
    page.get_by_role("button", name="1:1").click()
    assert moved(0) == moved(1), "they zoom together"
    before = moved()
    pull(0.5, (0.1, 0))
    assert moved(0) == moved(1) != before
    assert_accessible(page)
    page.set_viewport_size({"width": 390, "height": 844})
    upper, lower = sheet.first.bounding_box(), sheet.nth(1).bounding_box()
    assert upper["y"] + upper["height"] < lower["y"], "one under the other"
    assert_fits(page)
    page.get_by_role("button", name="Show one picture").click()
    assert slider.is_visible()


def test_the_riskiest_edges_are_shown_pixel_by_pixel_and_what_the_owner_says_is_kept(
    visit: Window, finished: tuple[Guest, dict[str, Any]]
) -> None:
    guest, job = finished
    tab = visit(**PHONE)
    page = tab.sign_in(guest.key, f"jobs/{job['job_id']}")
    strip = page.get_by_role("region", name="Look at these edges")
    strip.get_by_role("button", name="Fine parts").first.wait_for()
    crops = strip.get_by_role("button", name="pixel by pixel")
    assert crops.count() == 3
    wide = strip.locator("img").first.evaluate("(one) => one.getBoundingClientRect().width * devicePixelRatio")
    assert round(wide) == job["render"]["width"]
    middle, bottom = (job["render"]["report"]["cutout"]["placed_box"][at] for at in (1, 3))
    seen = strip.get_by_role("button", name="Foot").evaluate(
        """(crop) => {
            const [box, image] = [crop, crop.firstElementChild].map((one) => one.getBoundingClientRect());
            return [box.top - image.top, box.bottom - image.top].map((edge) => edge / image.height);
        }"""
    )
    assert middle < seen[0] < bottom <= seen[1]
    assert_accessible(page)
    assert_fits(page)

    strip.get_by_role("button", name="Foot").click()
    assert page.locator(".zoom-level").inner_text() == "100 %"
    assert page.get_by_label("Before and after").input_value() == "0"
    foot = page.locator(".zoomed").evaluate("(one) => one.style.transform")
    strip.get_by_role("button", name="Fine parts").first.click()
    assert page.locator(".zoomed").evaluate("(one) => one.style.transform") != foot, "it moves to the other place"

    right = strip.get_by_role("button", name="Looks right")
    for said in (True, None):
        right.click()
        page.locator(f"#looks-right[aria-pressed={str(bool(said)).lower()}]").wait_for()
        assert guest.api.get(f"/v1/jobs/{job['job_id']}").json()["render"]["looks_right"] is said
        page.get_by_role("link", name="Gallery").click()
        page.get_by_label("What is shown").select_option("Looks right")
        if said:
            page.locator(".gallery li:only-child a").click()
        else:
            page.get_by_text("No pictures match.").wait_for()
            tab.open(f"jobs/{job['job_id']}")
        right.wait_for()


def test_a_job_without_a_place_for_its_product_leads_back_to_a_suitable_scene(tab: Visit, guest: Guest) -> None:
    key = upload(guest.api, BOTTLE)
    body = {"source_image_s3_key": key, "scene_type": "neon", "mood": "calm", "output_preset": PLACE}
    query = {"stance": "from_above"}
    accepted = guest.api.post("/v1/background-swap-with-spec", json=body, params=query).json()
    failed = ended(guest.api, accepted["job_id"])
    assert failed["error"]["code"] == "no_honest_placement"
    page = tab.sign_in(guest.key, f"jobs/{failed['job_id']}")
    page.get_by_role("alert").get_by_text("This scene needs a photo from the front").wait_for()
    page.get_by_text("2 credits refunded. You have 10 credits.").wait_for()
    assert page.get_by_role("button", name="From above").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Standing").get_by_text("as we see it").wait_for()
    picture = page.locator(".fitting-scenes").get_by_role("button").first
    title = picture.inner_text()
    assert_accessible(page)
    picture.click()
    page.locator("#make[aria-disabled=false]").wait_for()
    page.locator("#fix").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == title
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    kept = page.evaluate("JSON.parse(sessionStorage.getItem('backdrop-draft')).placement.stance")
    assert kept == "from_above", "all other choices stay"


def test_make_it_without_limits_makes_that_picture_and_leaves_the_limits_of_others(tab: Visit, guest: Guest) -> None:
    photo = upload(guest.api, small_bottle())
    body = {"source_image_s3_key": photo, "scene_type": "podium", "mood": "natural", "output_preset": PLACE}
    limits = {"accept": '{"attempts": 1, "enlargement": 0.01}', "reference": "one.jpg"}
    accepted = guest.api.post("/v1/background-swap-with-spec", json=body, params=limits).json()
    refused = ended(guest.api, accepted["job_id"])
    assert refused["error"]["code"] == "not_accepted"
    page = tab.sign_in(guest.key, f"jobs/{refused['job_id']}")
    page.get_by_role("button", name="Make it without limits · 2 credits").click()
    page.locator("#download").wait_for(timeout=90 * SECONDS)
    page.get_by_role("heading", name="one.jpg").wait_for()
    made = guest.api.get(f"/v1/jobs/{page.url.rpartition('/')[2]}").json()
    assert made["render"]["seed"] == refused["render"]["seed"]
    assert guest.balance() == 8

    page.get_by_role("button", name="Change something").click()
    page.locator("#price").get_by_text("left").wait_for()
    planned = next(url for url in reversed(tab.asked) if "dry_run" in url)
    assert "accept=standard" in planned, "the next picture keeps its limits"


def test_a_refusal_for_how_the_product_stands_asks_for_that_first(tab: Visit, guest: Guest) -> None:
    photo = upload(guest.api, small_bottle())
    body = {"source_image_s3_key": photo, "scene_type": "podium", "mood": "natural", "output_preset": PLACE}
    limits = {"accept": '{"attempts": 1, "enlargement": 0.01}', "shift_x": "0.1"}
    accepted = guest.api.post("/v1/background-swap-with-spec", json=body, params=limits).json()
    refused = ended(guest.api, accepted["job_id"])

    def doubt(route: Any) -> None:
        answer = route.fetch()
        job = answer.json()
        missed = {"limit": "warnings.placement_unsure", "measured": True, "bound": False}
        job["render"]["report"]["acceptance"]["missed"] = [missed]
        route.fulfill(response=answer, json=job)

    tab.page.route(f"**/v1/jobs/{refused['job_id']}", doubt)
    page = tab.sign_in(guest.key, f"jobs/{refused['job_id']}")
    first = page.locator(".panel .row .button").first
    assert first.inner_text() == "Say how it stands"
    first.click()
    page.get_by_role("button", name="Standing").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    kept = page.evaluate("JSON.parse(sessionStorage.getItem('backdrop-draft')).placement")
    assert (kept["stance"], kept["shift_x"]) == ("standing", 0.1)


def test_the_next_photo_begins_with_the_same_choices_on_an_empty_stage(tab: Visit, guest: Guest) -> None:
    photo = upload(guest.api, small_bottle())
    body = {"source_image_s3_key": photo, "scene_type": "arch_niche", "mood": "calm", "output_preset": PLACE}
    plain = {"background": "color", "background_color": "#e8c7b8", "shift_x": "0.1", "accept": '{"attempts": 1}'}
    accepted = guest.api.post("/v1/background-swap-with-spec", json=body, params=plain).json()
    made = ended(guest.api, accepted["job_id"])
    page = tab.sign_in(guest.key, "gallery")
    page.locator(".tile-name").get_by_text("Plain colour").wait_for()
    tab.open(f"jobs/{made['job_id']}")
    page.get_by_role("heading", name="Plain colour").wait_for()

    page.get_by_role("button", name="Next photo").click()
    page.get_by_text("Drop product photos").wait_for()
    kept = page.evaluate("JSON.parse(sessionStorage.getItem('backdrop-draft'))")
    assert (kept["source"], kept["seed"], kept["placement"]["shift_x"]) == (None, None, 0)
    assert kept["acceptance"] == {"accept": "standard"}
    assert (kept["mood"], kept["output_preset"], kept["ground"]["background_color"]) == ("calm", PLACE, "#e8c7b8")


def test_a_failed_job_shows_its_reason_and_the_refund(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    put_on_stage(page, grey(), "wall.jpg")
    choose_place(page)
    make(page)

    page.get_by_role("alert").get_by_text("No product stands out").wait_for(timeout=60 * SECONDS)
    page.get_by_text("2 credits refunded. You have 10 credits.").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Another photo, same settings").click()
    page.get_by_text("Drop product photos").wait_for()
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    page.get_by_role("link", name="Credits", exact=True).click()
    page.locator(".ledger [data-kind=refund]").wait_for()
