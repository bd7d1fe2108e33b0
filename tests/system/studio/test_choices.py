"""Choices on the studio page, and what is told before anything is paid."""

from collections.abc import Callable

import pytest

from tests.support.browser import Visit
from tests.support.up import BOTTLE, Up
from tests.system.studio.conftest import (
    PLACE,
    PLACE_TITLE,
    Guest,
    assert_accessible,
    choose_place,
    put_on_stage,
    unfold,
)


def test_scenes_moods_and_places_are_chosen_from_pictures_that_the_pipeline_made(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    made = set(guest.api.get("/studio/thumbnails").json().values())

    tab.page.locator(".card :is(img, image)").first.wait_for()
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
    ],
    ids=["text", "truncated", "empty"],
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


def test_words_of_ones_own_are_taken_and_what_they_lead_to_is_told(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    tab.sign_in(guest.key)
    page = tab.page
    put_on_stage(page, BOTTLE)
    page.locator("#scene_type-own").fill("a marble shelf in a quiet bath")

    page.locator("[data-code=scene_in_words]").get_by_text("Backdrop built the nearest scene").wait_for()
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

    page.get_by_text("This brand has a background of its own").wait_for()
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    assert page.locator("[data-choice=colours] .choice-value").inner_text() == "The brand's"
    assert_accessible(page)
