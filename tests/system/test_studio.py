"""The studio page as a person uses it: a real browser, a real `backdrop up`, from the photo's drop to the download."""

import base64
import os
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.settings import Settings
from tests.support.browser import REMEDY, Visit, find_browser, open_browser
from tests.support.up import BOTTLE, Up, ended, grey, job_id

#: Small enough for a swap to take some seconds.
PLACE, PLACE_TITLE = "instagram_landscape", "Instagram landscape post"
#: What a browser itself writes to the console for each answer that is an error.
REFUSED = "Failed to load resource"
SECONDS = 1000


@pytest.fixture(scope="module")
def up(request: pytest.FixtureRequest) -> Up:
    if find_browser() is None:
        if os.environ.get("CI"):  # noqa: TID251  # where a test that is left out goes unseen
            pytest.fail(REMEDY)
        pytest.skip(REMEDY)
    up: Up = request.getfixturevalue("running_up")
    return up


@pytest.fixture(scope="module")
def browser(up: Up) -> Iterator[Any]:
    with open_browser(str(find_browser())) as browser:
        yield browser


class Guest:
    """A client of the service: its key for the page, and the API for the test."""

    def __init__(self, up: Up, name: str, credits: int) -> None:
        engine = create_engine(Settings(home=up.home).sqlalchemy_url)
        self.key = Accounts(engine).add(name, credits=credits)[1]
        engine.dispose()
        self.api = httpx.Client(base_url=up.address, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def balance(self) -> int:
        return int(self.api.get("/v1/credits").json()["balance"])


@pytest.fixture
def guest(up: Up, request: pytest.FixtureRequest) -> Iterator[Guest]:
    guest = Guest(up, request.node.name[:100], 10)
    yield guest
    guest.api.close()


@pytest.fixture(scope="module")
def finished(up: Up) -> Iterator[tuple[Guest, dict[str, Any]]]:
    """A client with a picture that is made, and its job."""
    guest = Guest(up, "finished", 10)
    yield guest, ended(guest.api, job_id(guest.api, BOTTLE))
    guest.api.close()


@pytest.fixture
def visit(up: Up, browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open a window; at the end nothing in it may have gone wrong, and nobody else may have been asked."""
    visits: list[Visit] = []

    def open_window(**settings: Any) -> Visit:
        visits.append(Visit(browser, up.address, **settings))
        return visits[-1]

    yield open_window
    for one in visits:
        one.close()
        assert one.errors == []
        assert one.elsewhere() == []


def put_on_stage(page: Any, data: bytes, name: str = "bottle.jpg", kind: str = "image/jpeg") -> None:
    page.locator("#photo").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def drop(page: Any, data: bytes, name: str) -> None:
    """Let a file fall onto the page, as a person's file manager does."""
    page.evaluate(
        """([data, name]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([bytes], name, { type: "image/jpeg" }));
            for (const kind of ["dragover", "drop"]) {
                document.querySelector(".stage").dispatchEvent(
                    new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
            }
        }""",
        [base64.b64encode(data).decode(), name],
    )


def unfold(page: Any, choice: str) -> None:
    if page.locator(f"[data-choice={choice}]").get_attribute("open") is None:
        page.locator(f"[data-choice={choice}] > summary").click()


def choose_place(page: Any, title: str = PLACE_TITLE) -> None:
    unfold(page, "output_preset")
    page.locator("[data-choice=output_preset]").get_by_role("radio", name=title).check(force=True)


def make(page: Any) -> None:
    page.locator("#make[aria-disabled=false]").click()


def assert_accessible(page: Any) -> None:
    """No rule of axe that is serious or critical is broken in what is shown."""
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(reduced_motion="reduce")  # halfway through a fade, colours are of neither state
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0].get("failureSummary")) for one in grave] == []


def assert_fits(page: Any) -> None:
    """Nothing sticks out at the side."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_from_drop_to_download(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    assert_accessible(page)

    drop(page, BOTTLE, "my bottle.jpg")
    page.get_by_text("my bottle.jpg  ·  1400 \u00d7 1800").wait_for()
    page.get_by_role("radio", name="Arch niche").check(force=True)
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
    assert guest.balance() == 10, "what is looked at is not paid for"

    make(page)
    page.locator("#progress[data-stage]").wait_for()
    assert_accessible(page)
    page.locator("#download").wait_for(timeout=90 * SECONDS)

    job = guest.api.get("/v1/jobs").json()["items"][0]
    asked = guest.api.get(f"/v1/jobs/{job['job_id']}/request").json()["request"]
    assert (asked["scene_type"], asked["mood"], asked["output_preset"]) == ("arch_niche", "calm", PLACE)
    assert asked["dominant_colors"] == colours
    assert_accessible(page)
    told = page.locator(".report").inner_text()
    for row in job["render"]["report"]["palette"]["asked"]:
        assert f"{row['colour']} asked, {row['nearest']} found" in told
    assert page.locator(".checks li").count() == len(job["render"]["report"]["preset"])
    page.get_by_text("Seed, time and networks").click()
    assert str(job["render"]["report"]["provenance"]["kept_seed"]) in page.locator(".origin").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    saved = Path(download.value.path()).read_bytes()
    assert Image.open(BytesIO(saved)).size == (1080, 566)
    assert len(saved) == job["render"]["bytes"]
    assert download.value.suggested_filename.endswith(".jpg")

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


def test_the_photos_product_lies_under_the_pictures(
    visit: Callable[..., Visit], finished: tuple[Guest, dict[str, Any]]
) -> None:
    tab = visit()
    guest, job = finished
    tab.sign_in(guest.key, f"jobs/{job['job_id']}")
    page = tab.page
    page.locator(".before-photo[style*=width]").wait_for()

    cutout = job["render"]["report"]["cutout"]
    photo, sheet = (page.locator(one).bounding_box() for one in (".before-photo", ".sheet"))
    for axis, side in (("x", "width"), ("y", "height")):
        at = 0 if axis == "x" else 1
        for edge in (at, at + 2):
            under = photo[axis] + cutout["source_box"][edge] * photo[side]
            over = sheet[axis] + cutout["placed_box"][edge] * sheet[side]
            assert abs(under - over) < 2, (axis, edge)


def test_progress_moves_within_a_second_and_a_closed_tab_loses_nothing(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    page.get_by_role("button", name="Use our sample bottle").click()
    choose_place(page)
    page.evaluate(
        """() => {
            globalThis.moved = {};
            new MutationObserver(() => {
                const stage = document.querySelector("#progress")?.dataset.stage;
                if (stage) globalThis.moved[stage] ??= Date.now() / 1000;
            }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    make(page)
    page.locator("#progress").wait_for()
    job = page.url.rpartition("/")[2]
    stages: dict[str, float] = {}
    until = time.monotonic() + 90
    while (state := guest.api.get(f"/v1/jobs/{job}").json())["status"] in {"NOT_STARTED", "IN_PROGRESS"}:
        assert time.monotonic() < until, state
        if state["stage"]:
            stages.setdefault(state["stage"], time.time())
        if state["stage"] == "shadow":
            break
        time.sleep(0.05)
    page.wait_for_timeout(1000)
    moved = page.evaluate("globalThis.moved")
    late = {
        stage: moved.get(stage, 9e9) - seen for stage, seen in stages.items() if stage in moved or stage == "background"
    }
    assert "background" in late
    assert max(late.values()) < 1, late

    page.reload()
    page.get_by_role("button", name="Sign out").wait_for()
    assert page.url.endswith(job), "a reload keeps the place"
    page.close()
    again = tab.tab()
    tab.sign_in(guest.key)
    again.goto(f"{tab.address}/#/jobs/{job}")
    again.locator("#download").wait_for(timeout=90 * SECONDS)


@pytest.fixture
def busy(up: Up) -> Iterator[None]:
    """No job ends while a test looks at it."""
    worker = up.child("service.worker.main")
    worker.suspend()
    yield
    worker.resume()


@pytest.mark.usefixtures("busy")
def test_what_runs_comes_back_after_signing_in_and_can_be_stopped(visit: Callable[..., Visit], guest: Guest) -> None:
    running = job_id(guest.api, BOTTLE)
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page

    page.get_by_role("region", name="Being made").get_by_role("link").click()
    page.get_by_role("button", name="Stop it").click()

    page.get_by_role("heading", name="You stopped this picture").wait_for()
    page.get_by_text("You have 10 credits again.").wait_for()
    assert guest.api.get(f"/v1/jobs/{running}").json()["error"]["code"] == "cancelled"
    assert_accessible(page)


def test_the_same_background_for_another_place_and_another_seed(
    visit: Callable[..., Visit], finished: tuple[Guest, dict[str, Any]]
) -> None:
    guest, first = finished
    tab = visit()
    tab.sign_in(guest.key, f"jobs/{first['job_id']}")
    page = tab.page

    page.get_by_text("Same background, other place").click()
    assert page.get_by_role("radio", name="Amazon main image").is_disabled(), "it takes no scene"
    page.get_by_role("radio", name=PLACE_TITLE).check(force=True)
    page.get_by_role("button", name="Make it for 2 credits").click()
    page.wait_for_url(lambda url: "/jobs/" in url and not url.endswith(first["job_id"]))
    second = page.url.rpartition("/")[2]
    page.get_by_role("button", name="Stop it").click()
    page.get_by_role("heading", name="You stopped").wait_for()
    page.goto(f"{tab.address}/#/jobs/{first['job_id']}")
    page.get_by_role("button", name="Another seed").click()
    page.wait_for_url(lambda url: not url.endswith((first["job_id"], second)))
    third = page.url.rpartition("/")[2]
    guest.api.delete(f"/v1/jobs/{third}")

    asked = {one: guest.api.get(f"/v1/jobs/{one}/request").json() for one in (first["job_id"], second, third)}
    assert asked[second]["request"]["source_render_public_id"] == first["render"]["public_id"]
    assert asked[second]["request"]["output_preset"] == PLACE
    assert asked[second]["seed"] == first["render"]["report"]["provenance"]["kept_seed"]
    assert asked[third]["request"]["output_preset"] == asked[first["job_id"]]["request"]["output_preset"]
    assert asked[third]["seed"] != asked[first["job_id"]]["seed"]


def test_a_double_click_and_a_second_try_after_no_answer_order_one_picture(visit: Callable[..., Visit], up: Up) -> None:
    guest = Guest(up, "twice", 10)
    first = ended(guest.api, job_id(guest.api, BOTTLE))
    tab = visit()
    tab.sign_in(guest.key, f"jobs/{first['job_id']}")
    page = tab.page
    answers: list[int] = []

    def lose_the_first(route: Any) -> None:
        answer = route.fetch()
        answers.append(answer.status)
        if len(answers) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/v1/background-swap-with-spec**", lose_the_first)
    another = page.get_by_role("button", name="Another seed")
    another.dblclick()
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    tab.errors.clear()
    another.dblclick()
    page.wait_for_url(lambda url: not url.endswith(first["job_id"]))

    assert answers == [202, 202]
    assert guest.balance() == 10 - 2 * first["credits_cost"]
    guest.api.close()


def test_a_key_that_is_not_known_is_told_in_words(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.open()
    page = tab.page
    page.get_by_label("Your key").fill("no-key")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("alert").get_by_text("not known here").wait_for()
    assert [one for one in tab.errors if REFUSED not in one or "401" not in one] == []
    tab.errors.clear()
    assert_accessible(page)
    assert page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})") == "{}", "a wrong key is not kept"
    page.get_by_label("Your key").fill(guest.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your key").wait_for()
    assert guest.key not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")


def test_a_key_that_is_being_typed_stays_when_the_address_changes(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your key").fill(guest.key)
    tab.open("gallery")

    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("heading", name="Gallery").wait_for()


def test_a_page_that_could_not_be_loaded_can_be_signed_out_of(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    page = tab.page
    page.route("**/v1/moods", lambda route: route.abort())
    tab.sign_in(guest.key)
    page.get_by_role("heading", name="This did not work").wait_for()
    tab.errors.clear()

    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("Your key").wait_for()


def test_scenes_moods_and_places_are_chosen_from_pictures_that_the_pipeline_made(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    made = set(guest.api.get("/studio/thumbnails").json().values())

    shown = tab.page.locator(".card :is(img, image)").evaluate_all(
        "all => all.map(one => one.getAttribute('src') ?? one.getAttribute('href'))"
    )

    assert len(shown) == tab.page.locator(".card").count()
    assert set(shown) == made


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("notes.jpg", b"<html>not a photo</html>", "not a photo that is taken here"),
        ("cut.jpg", BOTTLE[:400], "damaged or ends early"),
        ("nothing.png", b"", "is empty"),
        ("iphone.heic", b"\0\0\0\x18ftypheic" + bytes(20), "Export it as JPEG"),
    ],
    ids=["text", "truncated", "empty", "heic"],
)
def test_a_file_that_is_no_photo_is_told_before_it_is_sent(
    visit: Callable[..., Visit], guest: Guest, name: str, data: bytes, told: str
) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    put_on_stage(tab.page, data, name)

    tab.page.get_by_role("alert").get_by_text(told).wait_for()
    assert not [url for url in tab.asked if "/v1/uploads" in url]
    assert tab.page.locator("#make").get_attribute("aria-disabled") == "true"


def test_a_scene_that_the_place_forbids_is_told_before_paying_and_has_two_ways_out(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, BOTTLE)
    choose_place(page, "Amazon main image")

    page.get_by_role("alert").get_by_text("nothing but pure white").wait_for()
    assert page.locator("#make").get_attribute("aria-disabled") == "true"
    assert_accessible(page)
    page.get_by_role("button", name="Use Amazon secondary image").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    choose_place(page, "Amazon main image")
    page.get_by_role("button", name="Use pure white").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    page.locator("#price").get_by_text("1 credit", exact=True).wait_for()


def test_too_few_credits_are_told_before_paying(visit: Callable[..., Visit], up: Up) -> None:
    poor = Guest(up, "poor", 1)
    tab = visit()
    tab.sign_in(poor.key)
    put_on_stage(tab.page, BOTTLE)

    tab.page.get_by_role("alert").get_by_text("This costs 2 credits, and you have 1 credit").wait_for()
    assert tab.page.locator("#make").get_attribute("aria-disabled") == "true"
    assert_accessible(tab.page)
    poor.api.close()


def test_a_job_that_fails_says_why_and_shows_the_refund(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, grey(), "wall.jpg")
    choose_place(page)
    make(page)

    page.get_by_role("alert").get_by_text("No product stands out").wait_for(timeout=60 * SECONDS)
    page.get_by_text("2 credits came back. You have 10 credits again.").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="Another photo, same settings").click()
    page.get_by_text("Drop a product photo").wait_for()
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    page.get_by_role("link", name="Credits", exact=True).click()
    page.locator(".ledger [data-kind=refund]").wait_for()


def test_words_of_ones_own_are_taken_and_what_they_lead_to_is_told(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, BOTTLE)
    page.locator("#scene_type-own").fill("a marble shelf in a quiet bath")

    page.locator("[data-code=scene_in_words]").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "“a marble shelf in a quiet bath”"
    unfold(page, "colours")
    page.get_by_label("Add a colour").fill("nearly blue")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("alert").get_by_text("is no colour we know").wait_for()


def test_a_brand_is_there_to_choose_and_brings_its_colours_and_place(visit: Callable[..., Visit], guest: Guest) -> None:
    brand = {"palette": ["#224466"], "style_words": [], "seed_policy": "pinned", "default_preset": PLACE}
    guest.api.put("/v1/brands/Dawn", json=brand).raise_for_status()
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, BOTTLE)
    page.get_by_label("Brand").select_option("Dawn")

    page.get_by_text("The background of seed").wait_for()
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    assert page.locator("[data-choice=colours] .choice-value").inner_text() == "The brand's"
    assert_accessible(page)


def test_by_keyboard_alone(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.open()
    page = tab.page
    page.get_by_label("Your key").wait_for()

    def reach(name: str, role: str) -> None:
        """Tab on until the focus is there, and is seen to be."""
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
    reach("Use our sample bottle", "button")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove").wait_for()
    reach("Podium", "radio")
    page.keyboard.press("ArrowRight")
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Plaster podium"
    reach("Place", "summary")
    page.keyboard.press("Enter")
    reach("Shopify product media", "radio")
    page.keyboard.press("ArrowLeft")
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == "Amazon secondary image"
    page.locator("#make[aria-disabled=false]").wait_for()
    reach("Make the picture", "button")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where the focus is can be seen"
    page.keyboard.press("Enter")
    page.locator("#progress").wait_for()
    reach("Stop it", "button")
    page.keyboard.press("Space")
    page.get_by_role("heading", name="You stopped").wait_for()
    assert page.evaluate("document.activeElement.tagName") == "H1", "the focus goes to the news"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_phone_width_light_and_dark(visit: Callable[..., Visit], guest: Guest, scheme: str) -> None:
    tab = visit(viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True, reduced_motion="reduce")
    tab.open()
    page = tab.page
    page.get_by_label("Your key").wait_for()
    assert_fits(page)
    tab.sign_in(guest.key)
    put_on_stage(page, BOTTLE)
    page.get_by_role("button", name="Remove").wait_for()
    for choice in ("mood", "colours", "output_preset"):
        unfold(page, choice)
        assert_fits(page)
    assert_accessible(page)
    for place in ("gallery", "credits"):
        page.goto(f"{tab.address}/#/{place}")
        page.get_by_role("heading", name=place.title()).wait_for()
        assert_fits(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"
    assert dark == (scheme == "dark")
    page.get_by_role("button", name="Show it").click()
    page.reload()
    page.get_by_role("heading", name="Credits").wait_for()
    assert dark != (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)")


def test_a_reload_keeps_the_draft_and_a_sent_request_is_sent_once(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, BOTTLE)
    page.get_by_role("button", name="Remove").wait_for()
    page.get_by_role("radio", name="Sand dunes").check(force=True)
    page.reload()
    page.get_by_text("bottle.jpg  ·  1400 \u00d7 1800").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Sand dunes"

    sent: list[str] = []

    def lose_the_first_answer(route: Any) -> None:
        asked_only = "dry_run" in route.request.url
        if not asked_only:
            sent.append(route.request.headers["idempotency-key"])
        if asked_only or len(sent) > 1:
            route.continue_()
        else:
            route.fetch()
            route.abort()

    page.route("**/v1/background-swap-with-spec*", lose_the_first_answer)
    make(page)
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    assert [one for one in tab.errors if "ERR_FAILED" not in one] == []
    tab.errors.clear()
    make(page)
    page.locator("#progress").wait_for()
    jobs = guest.api.get("/v1/jobs").json()["items"]
    for job in jobs:
        guest.api.delete(f"/v1/jobs/{job['job_id']}")
    assert len(set(sent)) == 1
    assert len(jobs) == 1, "paid once"
