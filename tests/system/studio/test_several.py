"""Several photos at once on the studio page: ordered together, followed separately, found by their names."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageOps

from testkit.browser import Visit
from testkit.polling import until
from testkit.specimens import saved
from testkit.up import BOTTLE, grey
from tests.system.studio.conftest import (
    SECONDS,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_place,
    choose_scene,
    drag,
    drop,
    lose_the_order,
    make,
    middle,
    put,
    small_bottle,
    unfold,
)

PHOTOS = {"front.jpg": BOTTLE, "wall.jpg": grey(), "notes.jpg": b"not a photo"}


def mirrored() -> bytes:
    return saved(ImageOps.mirror(Image.open(io.BytesIO(BOTTLE)).reduce(2)), "JPEG")


def pair() -> bytes:
    """Return a photo of two things."""
    bottle = Image.open(io.BytesIO(BOTTLE)).resize((420, 540))
    photo = Image.new("RGB", (1100, 620), bottle.getpixel((3, 3)))
    photo.paste(bottle, (40, 40))
    photo.paste(bottle.resize((300, 386)), (700, 194))
    return saved(photo, "JPEG", quality=92)


def tile(page: Any, name: str) -> Any:
    return page.locator(".several > li", has=page.get_by_text(name, exact=True))


def names(page: Any) -> list[str]:
    found: list[str] = page.locator(".several-name").all_inner_texts()
    return found


def zipped(download: Any) -> zipfile.ZipFile:
    read = zipfile.ZipFile(download.value.path())
    assert read.testzip() is None
    return read


def test_several_photos_are_priced_made_and_saved_together_and_each_shows_its_result(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    put(page, {**PHOTOS, "Rückseite.jpg": mirrored()})
    page.locator("li[data-state=failed]").get_by_text("not a supported photo").wait_for()
    choose_place(page)
    tile(page, "wall.jpg").get_by_text("Backdrop found no product").wait_for()
    page.locator("#price").get_by_text("4 credits", exact=True).wait_for()
    page.locator("#price").get_by_text("2 \u00d7 2 \u00b7 10 credits left").wait_for()
    page.get_by_text("1 photo can't be made like this, and is left out").wait_for()
    assert page.locator(".several .cut[src]").count() == 2, "cut-outs are shown before the user pays"
    assert guest.balance() == 10, "viewing is free"
    assert_accessible(page)

    make(page)
    page.locator("#make", has_text="Sending").wait_for(state="detached")
    page.locator("li:is([data-state=waiting], [data-state=running], [data-state=done])").first.wait_for()
    page.reload()  # a reload loses nothing
    page.locator("li[data-state=done]").nth(1).wait_for(timeout=120 * SECONDS)
    page.locator("#several-head").get_by_text("2 of 3 photos done, 1 to check").wait_for()
    assert_accessible(page)
    assert guest.balance() == 10 - 2 * 2, "impossible pictures are not charged"

    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    saved = zipped(download)
    renders = {one["reference"]: one for one in guest.api.get("/v1/renders").json()["items"]}
    assert set(renders) == {"front.jpg", "Rückseite.jpg"}
    files = {name for name in saved.namelist() if name != "manifest.json"}
    assert {hashlib.sha256(saved.read(name)).hexdigest() for name in files} == {
        one["sha256"] for one in renders.values()
    }
    assert len(json.loads(saved.read("manifest.json"))["pictures"]) == 2
    with page.expect_download() as sheet:
        page.get_by_role("button", name="Contact sheet").click()
    with Image.open(sheet.value.path()) as picture:
        assert picture.format == "WEBP"

    asked = len(tab.asked)
    page.get_by_role("link", name="Gallery").click()
    page.locator(".gallery img[src]").nth(1).wait_for()
    seen = page.locator(".gallery li").all_inner_texts()
    assert len(seen) == 2
    assert all("Podium, natural" in one and "Instagram landscape post" in one for one in seen)
    assert not [url for url in tab.asked[asked:] if "/v1/files/" in url], "no picture is loaded whole"
    page.get_by_label("Select front.jpg").check()
    page.get_by_label("Select Rückseite.jpg").check()
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as zip").click()
    assert len(zipped(download).namelist()) == 2
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("dialog").get_by_text("Delete 2 pictures? This can't be undone").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Keep").click()
    assert len(guest.api.get("/v1/renders").json()["items"]) == 2
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete for good").click()
    page.locator(".gallery img").first.wait_for(state="detached")
    assert guest.api.get("/v1/renders").json()["items"] == []


def test_photos_dropped_during_an_outage_are_sent_after_it(tab: Visit, guest: Guest) -> None:
    tab.mean("ERR_INTERNET_DISCONNECTED")
    page = tab.sign_in(guest.key)
    page.get_by_text("Drop product photos").wait_for()
    page.wait_for_load_state("networkidle")  # the parts that load after the view
    tab.context.set_offline(True)
    drop(page, small_bottle(), "alone.jpg")
    page.get_by_text("No connection. Trying again").wait_for()
    assert page.get_by_alt_text("Your photo, alone.jpg").is_visible()
    page.get_by_role("link", name="Credits", exact=True).click()
    page.get_by_role("heading", name="This did not work").wait_for()
    tab.context.set_offline(False)
    page.get_by_role("heading", name="Credits").wait_for()  # by itself
    tab.context.set_offline(True)
    page.go_back()
    page.locator(".facts", has_text="alone.jpg").wait_for()
    put(page, {"front.jpg": small_bottle(), "back.jpg": small_bottle()})
    waiting = page.locator("li[data-state=uploading]")
    for number in range(2):
        waiting.get_by_text("No connection. Trying again").nth(number).wait_for()
    page.get_by_role("button", name="Remove front.jpg").click()
    tab.context.set_offline(False)
    page.locator("li[data-state=ready]").nth(1).wait_for()
    assert names(page) == ["alone.jpg", "back.jpg"]


def test_the_cost_and_the_refunds_of_several_photos_are_counted_in_every_tab(
    tab: Visit, guest: Guest, pause: Callable[[], None]
) -> None:
    tab.sign_in(guest.key)
    first = tab.page
    put(first, {"front.jpg": small_bottle(), "back.jpg": small_bottle()})
    choose_place(first)
    first.locator("#price").get_by_text("4 credits", exact=True).wait_for()
    first.locator("#make[aria-disabled=false]").wait_for()
    pause()
    second = tab.tab()
    tab.open("credits")
    second.get_by_role("heading", name="Credits").wait_for()  # signed in by the first
    second.locator("#balance").get_by_text("10 credits").wait_for()
    first.locator("#make[aria-disabled=false]").click()
    for page in (first, second):
        page.locator("#balance").get_by_text("6 credits").wait_for()
    guest.cancel()
    for page in (first, second):
        page.locator("#balance").get_by_text("10 credits").wait_for()


def test_an_order_whose_answer_is_lost_is_not_charged_twice_and_what_has_not_begun_is_cancelled(
    visit: Window, guest: Guest, pause: Callable[[], None]
) -> None:
    tab = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    page = tab.sign_in(guest.key)
    put(page, {f"{number}.jpg": BOTTLE for number in range(3)})
    choose_place(page)
    page.locator("#make[aria-disabled=false]").wait_for()
    assert_fits(page)
    pause()
    sent = lose_the_order(tab, arrives=True)
    make(page)
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    page.get_by_role("button", name="Make 3 pictures").click()
    page.locator("li:is([data-state=waiting], [data-state=running])").nth(2).wait_for()

    jobs = guest.jobs()
    assert sorted(job["reference"] for job in jobs) == ["0.jpg", "1.jpg", "2.jpg"]
    assert (len(sent), len(set(sent))) == (2, 1)
    assert guest.balance() == 10 - 3 * 2
    page.reload()
    page.get_by_role("button", name="Cancel what has not begun").wait_for()
    page.goto(f"{tab.address}/#/gallery")
    page.locator("li[data-running]").nth(2).wait_for()
    assert_fits(page)
    page.go_back()
    page.get_by_role("button", name="Cancel what has not begun").click()
    page.locator("#several-head").get_by_text("3 not made. 6 credits refunded").wait_for()
    assert guest.balance() == 10
    page.goto(f"{tab.address}/#/gallery")
    page.locator(".gallery").get_by_text("You cancelled").nth(2).wait_for()


def test_the_tray_works_by_keyboard_and_the_last_photo_leaves_an_empty_stage(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    put(page, {"first.jpg": BOTTLE, "second.jpg": BOTTLE})
    page.locator("li[data-state=ready]").nth(1).wait_for()
    page.get_by_role("button", name="Remove first.jpg").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make the picture").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove second.jpg"
    page.keyboard.press("Enter")
    page.get_by_text("Drop product photos").wait_for()
    page.locator("#photo").set_input_files({"name": "alone.jpg", "mimeType": "image/jpeg", "buffer": BOTTLE})
    page.get_by_text("alone.jpg  \u00b7  1400 \u00d7 1800").wait_for()
    page.get_by_role("button", name="Remove").wait_for()
    held: list[Any] = []
    released: list[bool] = []
    page.route("**/v1/uploads", lambda route: route.continue_() if released else held.append(route))
    put(page, {"more.jpg": BOTTLE})
    # The order's button may show it too by now.
    page.get_by_role("region", name="Photo").get_by_text("Uploading …").wait_for()
    put(page, {"a.jpg": BOTTLE, "b.jpg": BOTTLE})
    page.locator("li[data-state=uploading]").nth(2).wait_for()
    released.append(True)
    for route in held:
        route.continue_()
    page.locator("li[data-state=ready]").nth(2).wait_for()
    assert names(page) == ["more.jpg", "a.jpg", "b.jpg"], "an uploading photo joins the others"
    page.get_by_role("button", name="Clear").click()
    put(page, {"stands.jpg": BOTTLE})
    page.get_by_role("button", name="Remove").wait_for()
    put(page, {"a.jpg": BOTTLE, "b.jpg": BOTTLE})
    page.locator("li[data-state=ready]").nth(2).wait_for()
    assert names(page) == ["stands.jpg", "a.jpg", "b.jpg"], "a photo already there joins them too"


def test_a_photo_of_the_tray_can_be_mended(tab: Visit, keeper: Guest) -> None:
    page = tab.sign_in(keeper.key)
    put(page, {"front.jpg": small_bottle(), "notes.jpg": b"not a photo"})
    page.get_by_role("button", name="Mend the cut-out: front.jpg").click()
    canvas = page.get_by_role("application")
    canvas.wait_for()
    x, y = middle(canvas)
    drag(page, (x, y), (x + 60, y))
    page.get_by_role("button", name="Save").click()
    page.locator("li[data-state=ready]").get_by_text("Ready, its cut-out mended").wait_for()
    (cutout,) = keeper.api.get("/v1/cutouts").json()["items"]
    assert cutout["cut_by"] == "mended"
    assert_accessible(page)


def test_doubtful_photos_come_first_and_are_asked_about_once_and_photos_without_a_place_are_left_out(
    tab: Visit, guest: Guest, pause: Callable[[], None]
) -> None:
    page = tab.sign_in(guest.key)
    put(page, {"front.jpg": small_bottle(), "back.jpg": mirrored(), "pair.jpg": pair()})
    choose_place(page)
    doubtful = page.locator("li[data-doubt]")
    doubtful.get_by_text("There is more than one thing in the photo").wait_for()
    page.locator("#make[aria-disabled=false]").wait_for()
    until(lambda: names(page) == ["pair.jpg", "front.jpg", "back.jpg"])
    assert "as we see it" in tile(page, "front.jpg").get_by_role("button", name="Standing").inner_text()

    unfold(page, "scene_type")
    choose_scene(page, "Neon")
    above = tile(page, "back.jpg").get_by_role("button", name="From above")
    above.click()
    tile(page, "back.jpg").get_by_text("This scene does not suit the product").wait_for()
    page.locator("#price").get_by_text("4 credits", exact=True).wait_for()
    assert above.evaluate("one => one === document.activeElement"), "nothing moves under the focus"
    assert names(page) == ["pair.jpg", "front.jpg", "back.jpg"]
    page.get_by_role("button", name="Show scenes that fit: back.jpg").click()
    page.locator(".fitting-scenes button").first.click()
    tile(page, "back.jpg").get_by_text("Ready, in").wait_for()
    page.locator("#price").get_by_text("6 credits", exact=True).wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Use the scene of the others: back.jpg").click()
    page.locator("#price").get_by_text("4 credits", exact=True).wait_for()
    page.get_by_role("radio", name="Podium", exact=True).check(force=True)
    page.locator("#price").get_by_text("6 credits", exact=True).wait_for()

    make(page)
    question = page.get_by_role("dialog", name="1 cut-out may be wrong")
    question.locator(".cut[src]").wait_for()
    assert_accessible(page)
    page.keyboard.press("Escape")
    doubtful.locator(":focus").wait_for()  # it is checked first
    assert guest.jobs() == []
    asked_before = len(tab.asked)
    page.reload()
    page.locator("#make[aria-disabled=false]").wait_for()
    page.locator(".several .cut").nth(2).wait_for()  # each is shown again
    again = [url.partition("/v1/")[2] for url in tab.asked[asked_before:] if "/v1/cutouts" in url]
    assert again == ["cutouts?limit=100"], "one request for all"
    pause()
    make(page)
    question.get_by_role("button", name="Leave this one out").click()
    page.locator("li[data-state=waiting]").nth(1).wait_for()
    asked = {job["reference"]: job for job in guest.jobs()}
    assert set(asked) == {"front.jpg", "back.jpg"}
    stances = {name: guest.asked(job["job_id"])["placement"]["stance"] for name, job in asked.items()}
    assert stances == {"front.jpg": "auto", "back.jpg": "from_above"}
    page.get_by_role("button", name="It is right: pair.jpg").click()
    make(page)  # no question this time
    page.locator("li[data-state=waiting]").nth(2).wait_for()
    guest.cancel()


def test_cutouts_are_requested_again_after_retry_after_and_the_others_are_ordered_meanwhile(
    tab: Visit, guest: Guest
) -> None:
    tab.mean("status of 429")
    page = tab.sign_in(guest.key)
    choose_place(page)
    refused: list[str] = []

    def refuse(route: Any) -> None:
        if route.request.method != "POST" or len(refused) != 1:
            if route.request.method == "POST":
                refused.append("")
            route.continue_()
            return
        refused.append("refused")
        problem = {"code": "rate_limited", "detail": "Too many."}
        route.fulfill(status=429, headers={"Retry-After": "12"}, json=problem)

    page.route("**/v1/cutouts", refuse)
    put(page, {"front.jpg": small_bottle(), "back.jpg": mirrored()})
    page.get_by_text("The service is busy. Trying again").wait_for()
    page.get_by_text("1 photo being cut out").wait_for()
    page.get_by_role("button", name="Make the one that is ready").click()
    page.locator("li:is([data-state=waiting], [data-state=running])").wait_for()
    page.locator("li[data-state=ready]").wait_for()
    assert len(guest.jobs()) == 1
    guest.cancel()


def test_a_photo_of_the_tray_has_a_free_preview_and_its_picture_matches_it(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    put(page, {"front.jpg": small_bottle(), "back.jpg": mirrored()})
    choose_place(page)
    page.locator("li[data-state=ready]").nth(1).wait_for()
    page.get_by_role("button", name="Free preview: front.jpg").click()
    looked = page.locator("li[data-looked]")
    looked.get_by_text("This is what you get").wait_for(timeout=90 * SECONDS)
    assert_accessible(page)
    assert guest.balance() == 10
    (look,) = guest.jobs("preview=true")
    unfold(page, "scene_type")
    choose_scene(page, "Arch niche")
    looked.wait_for(state="detached")
    page.locator("[data-choice=scene_type]").get_by_role("radio", name="Podium", exact=True).check(force=True)
    looked.wait_for()

    make(page)
    page.locator("li[data-state=done]").nth(1).wait_for(timeout=180 * SECONDS)
    seeds = {job["reference"]: job["seed"] for job in guest.jobs()}
    assert seeds["front.jpg"] == look["seed"] != seeds["back.jpg"]
