"""Choices and brands on the studio page, and what the page reports before the user pays."""

import io
import re
from typing import Any

import pytest
from PIL import Image

from testkit.browser import Visit
from testkit.specimens import saved
from testkit.up import BOTTLE, Up
from tests.system.studio.conftest import (
    PHONE,
    PLACE,
    PLACE_TITLE,
    Guest,
    Window,
    assert_accessible,
    assert_fits,
    choose_place,
    choose_scene,
    make,
    on_stage,
    planned,
    put_on_stage,
    small_bottle,
    unfold,
)


def test_scenes_moods_and_presets_are_chosen_from_pictures_of_the_pipeline(tab: Visit, guest: Guest) -> None:
    tab.sign_in(guest.key)
    thumbnails = guest.api.get("/studio/thumbnails").json()
    made = {address for name, address in thumbnails.items() if not name.endswith("-slots")}

    tab.page.locator(".card:visible img").first.wait_for()
    shown = tab.page.locator(".card :is(img, image)").evaluate_all(
        "all => all.map(one => one.getAttribute('src') ?? one.getAttribute('href'))"
    )

    assert len(shown) == tab.page.locator(".card").count()
    assert set(shown) == made


def test_the_sales_channel_comes_first_and_four_scenes_that_fit_are_shown(visit: Window, guest: Guest) -> None:
    page = on_stage(visit(**PHONE), guest, small_bottle(), cut=True)
    choices = page.locator(".choices > [data-choice]").evaluate_all("all => all.map(one => one.dataset.choice)")
    assert choices == ["output_preset", "scene_type", "colours", "mood"]
    facts = page.locator("[data-choice=output_preset] .choice-facts")
    assert facts.inner_text() == "2048 \u00d7 2048 · 2 credits"
    cards = page.locator("[data-choice=scene_type] .card:visible")
    (cut,) = guest.api.get("/v1/cutouts").json()["items"]
    shown = [one.get_attribute("value") for one in cards.locator("input").all()]
    assert shown == cut["suitable_scene_types"][:4]
    assert_accessible(page)
    assert_fits(page)

    choose_scene(page, "Neon")
    assert cards.count() == len(guest.api.get("/v1/scene-types").json()["items"])
    page.reload()
    page.locator("[data-choice=scene_type] .card:visible:has([value=neon])").wait_for()
    assert cards.count() == 4, "the chosen one is among them"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("notes.jpg", b"<html>not a photo</html>", "not a supported photo"),
        ("cut.jpg", BOTTLE[:400], "damaged or ends early"),
        ("nothing.png", b"", "is empty"),
    ],
    ids=["text", "truncated", "empty"],
)
def test_a_file_that_is_no_photo_is_refused_before_the_upload(
    tab: Visit, guest: Guest, name: str, data: bytes, message: str
) -> None:
    tab.sign_in(guest.key)
    put_on_stage(tab.page, data, name)

    tab.page.get_by_role("alert").get_by_text(message).wait_for()
    assert not [url for url in tab.asked if "/v1/uploads" in url]
    assert tab.page.locator("#make").get_attribute("aria-disabled") == "true"


def test_a_photo_of_few_pixels_is_taken_with_a_warning(visit: Window, guest: Guest) -> None:
    small = saved(Image.open(io.BytesIO(BOTTLE)).resize((90, 120)), "JPEG")
    page = on_stage(visit(**PHONE), guest, small)
    warned = page.get_by_text("This photo has only 90 \u00d7 120 pixels. The picture will look soft.")
    warned.last.wait_for()
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("button", name="Remove").click()
    put_on_stage(page, BOTTLE)
    page.get_by_text("bottle.jpg  ·").wait_for()
    assert warned.count() == 0


def test_a_scene_that_the_preset_forbids_is_reported_before_paying_with_two_ways_out(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    choose_place(page, "Amazon main image")

    page.get_by_role("alert").get_by_text("takes pure white backgrounds only").wait_for()
    assert page.locator("#make").get_attribute("aria-disabled") == "true"
    assert_accessible(page)
    page.get_by_role("button", name="Use Amazon secondary image").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    choose_place(page, "Amazon main image")
    page.get_by_role("button", name="Use pure white").click()
    page.locator("#make[aria-disabled=false]").wait_for()
    page.locator("#price").get_by_text("1 credit", exact=True).wait_for()


def test_too_few_credits_are_reported_before_paying(tab: Visit, up: Up) -> None:
    poor = Guest(up, "poor", 1)
    on_stage(tab, poor)

    tab.page.get_by_role("alert").get_by_text("This costs 2 credits, and you have 1 credit").wait_for()
    assert tab.page.locator("#make").get_attribute("aria-disabled") == "true"
    assert_accessible(tab.page)
    poor.api.close()


def test_free_text_is_accepted_and_the_page_shows_its_scene(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    page.locator("#scene_type-own").fill("a marble shelf in a quiet bath")

    page.locator("[data-code=scene_in_words]").get_by_text("Backdrop built the nearest scene").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "“a marble shelf in a quiet bath”"
    unfold(page, "colours")
    page.get_by_label("Add a colour").fill("nearly blue")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("alert").get_by_text("Unknown colour").wait_for()


def test_the_channel_shows_its_rules_and_their_sources_behind_why(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    unfold(page, "output_preset")
    page.get_by_text("2048 \u00d7 2048 recommended").wait_for()
    sources = page.get_by_role("link", name="Source of the rule on Size")
    assert not sources.is_visible()
    page.get_by_text("Why", exact=True).click()
    sources.wait_for()
    assert_accessible(page)


WALL, FLOOR, LEAF = "#f4ead9", "#5b3a26", "#8aa399"


def test_a_colour_shows_its_surface_and_is_locked_to_another_by_keyboard(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    unfold(page, "colours")
    add_colours(page, WALL, FLOOR, LEAF)

    assert goes_on(page, WALL) == "Wall (Backdrop chooses)"
    assert goes_on(page, LEAF) == "Accent (Backdrop chooses)"
    page.get_by_label(f"Where {LEAF} goes").select_option("Wall")
    planned(tab, colors_on=f"wall:{LEAF}")
    assert goes_on(page, LEAF) == "Wall"
    where = page.get_by_label(f"Where {FLOOR} goes")
    where.focus()
    page.keyboard.press("F")
    planned(tab, colors_on=f"wall:{LEAF},floor:{FLOOR}")
    assert where.evaluate("select => select === document.activeElement"), "the answer to it takes the focus away"
    assert_accessible(page)

    page.reload()
    unfold(page, "colours")
    leaf = page.get_by_label(f"Where {LEAF} goes")
    leaf.wait_for()  # it is hidden until there is a plan, and takes no focus
    leaf.focus()
    page.keyboard.press("Home")
    planned(tab, colors_on=f"floor:{FLOOR}")
    page.get_by_label("Colour 2 as text").fill("#6b4a36")
    page.get_by_label("Colour 2 as text").press("Enter")
    planned(tab, colors_on="floor:#6b4a36")
    page.get_by_role("button", name="Remove #6b4a36").click()
    page.locator("#lock-word").get_by_text("#6b4a36 was removed, so Backdrop chooses a colour for Floor").wait_for()
    planned(tab, colors_on=None)


def test_a_lock_that_the_next_scene_lacks_is_dropped_with_a_notice(visit: Window, guest: Guest) -> None:
    tab = visit(**PHONE, color_scheme="dark")
    page = on_stage(tab, guest)
    choose_scene(page, "Wooden table")
    unfold(page, "colours")
    add_colours(page, WALL, FLOOR, LEAF)
    assert goes_on(page, FLOOR) == "Table (Backdrop chooses)"
    page.get_by_label(f"Where {FLOOR} goes").select_option("Table")
    page.get_by_label(f"Where {LEAF} goes").select_option("Wall")
    planned(tab, colors_on=f"table:{FLOOR},wall:{LEAF}")
    assert_accessible(page)
    assert_fits(page)

    tab.mean("422")  # the service reports the lock that the scene lacks
    choose_scene(page, "Podium")
    word = page.locator("#lock-word").get_by_text(f"Podium has no table, so {FLOOR} goes where Backdrop puts it.")
    word.wait_for()
    planned(tab, colors_on=f"wall:{LEAF}")
    page.locator("#make[aria-disabled=false]").wait_for()
    page.locator("#undo").click()
    planned(tab, colors_on=f"table:{FLOOR},wall:{LEAF}")
    word.wait_for(state="hidden")


def test_props_and_locks_apply_to_a_preview_and_to_each_picture_made_from_it(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle())
    choose_place(page)
    unfold(page, "colours")
    add_colours(page, WALL, FLOOR)
    page.get_by_label(f"Where {FLOOR} goes").select_option("Wall")
    page.locator("#look[aria-disabled=false]").click()
    page.locator(".look-tile[data-state=done]").nth(3).wait_for()
    page.get_by_role("radio", name="Preview 1").check(force=True)
    page.get_by_text("You get the preview that you chose").wait_for()

    choose_scene(page, "Podium")
    page.get_by_role("radio", name="As in the scene").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="None").is_checked()
    page.get_by_text("These are from before your change").wait_for()
    planned(tab, colors_on=f"wall:{FLOOR}", props="none")
    make(page)
    page.locator("#another").wait_for()
    dressed = {"props": "none", "colors_on": f"wall:{FLOOR}"}
    assert dressing(guest, page.url) == dressed
    page.get_by_text("Podium, natural, no props").wait_for()
    first = page.url
    page.locator("#another").click()
    page.wait_for_url(lambda url: url != first)
    assert dressing(guest, page.url) == dressed
    page.locator("#another").wait_for()
    page.get_by_role("button", name="Change something").click()
    assert page.get_by_role("radio", name="None").is_checked()
    unfold(page, "colours")
    page.locator(".locked").get_by_label(f"Where {FLOOR} goes").wait_for()


def test_the_scenes_thumbnails_follow_the_chosen_colours_and_revert_without_them(tab: Visit, guest: Guest) -> None:
    painted = [name for name in guest.api.get("/studio/thumbnails").json() if name.endswith("-slots")]
    assert painted
    page = tab.sign_in(guest.key)
    canvases = page.locator("[data-choice=scene_type] .card canvas")
    unfold(page, "colours")
    page.get_by_label("Add a colour").fill("#1e5a3c")
    page.get_by_label("Add a colour").press("Enter")

    page.locator("[data-choice=scene_type] .peek canvas").wait_for()
    assert canvases.count() <= 1, "invisible thumbnails are not painted"
    unfold(page, "scene_type")
    page.get_by_role("button", name="All scenes").click()
    page.wait_for_function("count => document.querySelectorAll('.card canvas').length === count", arg=len(painted))
    wall = page.locator(".card:has([value=studio_sweep]) canvas").evaluate(
        "one => [...one.getContext('2d').getImageData(8, 8, 1, 1).data]"
    )
    assert 1.2 * max(wall[0], wall[2]) < wall[1], f"{wall} is no green"
    assert_accessible(page)
    unfold(page, "colours")
    page.get_by_role("button", name="Remove #1e5a3c").click()
    page.locator("[data-choice=scene_type] .peek img").wait_for()
    assert canvases.count() == 0


def add_colours(page: Any, *colours: str) -> None:
    for colour in colours:
        page.get_by_label("Add a colour").fill(colour)
        page.get_by_label("Add a colour").press("Enter")
    page.get_by_label(f"Where {colours[-1]} goes").get_by_role("option", name="Accent", exact=True).wait_for(
        state="attached"
    )
    for colour in colours:
        page.get_by_label(f"Where {colour} goes").locator(
            "option", has_text=re.compile(r"^(?!Nowhere).*chooses")
        ).wait_for(state="attached")


def goes_on(page: Any, colour: str) -> str:
    """Return a colour's text about its surface."""
    return str(page.get_by_label(f"Where {colour} goes").evaluate("select => select.selectedOptions[0].text"))


def dressing(guest: Guest, address: str) -> dict[str, str]:
    """Return the dressing of a picture's scene, by the address of its page."""
    (job,) = re.findall(r"jobs/(\w+)", address)
    found: dict[str, str] = guest.asked(job)["dressing"]
    return found


def test_a_brand_is_created_changed_and_deleted_on_the_page(visit: Window, guest: Guest) -> None:
    tab = visit(viewport={"width": 390, "height": 844})
    page = tab.sign_in(guest.key, "brands")
    page.get_by_role("button", name="New brand").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("A brand needs a name").wait_for()
    page.get_by_label("Name").fill("Dawn & Söhne")
    colour = page.get_by_label("Colours, largest area first")
    for text in ("#224466", "ivory", "nearly blue"):
        colour.fill(text)
        colour.press("Enter")
    page.get_by_role("alert").get_by_text("Unknown colour").wait_for()
    page.get_by_label("Sales channel").select_option(PLACE_TITLE)
    page.get_by_label("Same background").check()
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Change Dawn & Söhne").wait_for()
    assert_accessible(page)
    (brand,) = guest.api.get("/v1/brands").json()["items"]
    assert (brand["palette"], brand["default_preset"]) == (["#224466", "#fffff0"], PLACE)
    guest.api.put("/v1/brands/Dawn%20&%20S%C3%B6hne", json={**body(brand), "style_words": ["linen"]}).raise_for_status()

    page.reload()
    page.get_by_role("button", name="Change Dawn & Söhne").click()
    page.get_by_role("button", name="Remove #224466").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("form").wait_for(state="hidden")
    (changed,) = guest.api.get("/v1/brands").json()["items"]
    assert (changed["palette"], changed["style_words"]) == (["#fffff0"], ["linen"]), "hidden fields stay"
    assert changed["seed"] == brand["seed"]
    tab.open()
    page.get_by_label("Brand").select_option("Dawn & Söhne")
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    tab.open("brands")
    page.get_by_role("button", name="Change Dawn & Söhne").click()
    page.get_by_role("button", name="Delete this brand").click()
    page.get_by_role("form").wait_for(state="hidden")
    assert guest.api.get("/v1/brands").json()["items"] == []


def body(brand: dict[str, object]) -> dict[str, object]:
    return {name: brand[name] for name in ("palette", "style_words", "seed_policy", "default_preset")}


def test_a_brand_can_be_chosen_and_sets_its_colours_and_preset(tab: Visit, guest: Guest) -> None:
    brand = {"palette": ["#224466"], "style_words": [], "seed_policy": "pinned", "default_preset": PLACE}
    guest.api.put("/v1/brands/Dawn", json=brand).raise_for_status()
    page = on_stage(tab, guest)
    page.get_by_label("Brand").select_option("Dawn")

    page.get_by_text("This brand has its own background").wait_for()
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    assert page.locator("[data-choice=colours] .choice-value").inner_text() == "The brand's"
    unfold(page, "colours")
    page.get_by_label("Where #224466 goes").select_option("Floor")
    planned(tab, colors_on="floor:#224466")
    page.locator("#make[aria-disabled=false]").wait_for()
    assert_accessible(page)
