"""One photo for several sales channels on the studio page: one order, one total price, separate results."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import Visit
from tests.system.studio.conftest import (
    SECONDS,
    Guest,
    assert_accessible,
    assert_fits,
    choose_place,
    lose_the_order,
    make,
    on_stage,
    small_bottle,
)

OTHERS = ("Link preview (Open Graph)", "Amazon main image")


def choose_channels(page: Any) -> None:
    """Choose a channel and two more, one of which requires white; the first choice was another."""
    choose_place(page)
    page.get_by_role("radio", name="Instagram square post").check(force=True)
    page.locator(".also > summary").click()
    for title in OTHERS:
        page.locator(".also-list").get_by_label(title).check()
    page.get_by_role("radio", name="Instagram landscape post").check(force=True)


def test_one_click_orders_a_picture_for_each_channel_and_a_lost_order_is_sent_again(
    visit: Callable[..., Visit], guest: Guest, pause: Callable[[], None]
) -> None:
    tab = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    page = on_stage(tab, guest, small_bottle(), cut=True)
    pause()
    choose_channels(page)
    costs = {one["title"]: one["credits"] for one in guest.api.get("/v1/output-presets").json()["items"]}
    price = costs["Instagram landscape post"] + sum(costs[title] for title in OTHERS)
    page.locator("#price").get_by_text(f"{price} credits", exact=True).wait_for()
    page.locator("#price").get_by_text("10 credits left").wait_for()
    page.locator(".also-list").get_by_text("on white").first.wait_for()
    assert_accessible(page)
    assert_fits(page)
    page.reload()
    page.locator("#price").get_by_text(f"{price} credits", exact=True).wait_for()
    keys = lose_the_order(tab, arrives=False)
    make(page)
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    page.locator("li[data-state=ready]").nth(2).wait_for()
    page.reload()
    page.get_by_role("button", name="Make 3 pictures").click()
    page.locator("li[data-state=waiting]").nth(2).wait_for()
    assert_accessible(page)
    assert_fits(page)

    jobs = guest.api.get("/v1/jobs?operation=swap").json()["items"]
    asked = [guest.api.get(f"/v1/jobs/{job['job_id']}/request").json()["request"] for job in jobs]
    scenes = {one["output_preset"]: one["scene_type"] for one in asked}
    assert scenes == {"instagram_landscape": "podium", "open_graph": "podium", "amazon_main": "white"}
    assert len({one["source_image_s3_key"] for one in asked}) == 1, "the photo was sent once"
    assert (len(keys), len(set(keys))) == (2, 1), "one order, and none twice"
    (order,) = guest.api.get("/v1/orders").json()["items"]
    assert (order["pictures"], order["credits_cost"]) == (3, price)
    assert guest.balance() == 10 - price
    page.get_by_role("button", name="New photos").click()
    page.get_by_role("button", name="Remove").wait_for()  # the photo is still there
    for job in jobs:
        guest.api.delete(f"/v1/jobs/{job['job_id']}")


@pytest.mark.nightly  # two pictures of a moved product; the test above checks the order of each
def test_the_pictures_of_all_channels_are_made_with_the_placement_and_saved_together(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    page = on_stage(visit(), guest, small_bottle(), cut=True)
    choose_place(page)
    page.locator(".also > summary").click()
    page.locator(".also-list").get_by_label(OTHERS[0]).check()
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.locator(".place-box").wait_for()
    page.get_by_label("Turn", exact=True).fill("20")
    make(page)
    page.locator("li[data-state=done]").nth(1).wait_for(timeout=120 * SECONDS)
    page.locator("#several-head").get_by_text("2 of 2 pictures done").wait_for()
    assert_accessible(page)
    for job in guest.api.get("/v1/jobs?operation=swap").json()["items"]:
        assert job["render"]["report"]["placement"]["turn"] == 20
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    assert re.fullmatch(r"order-\w+\.zip", download.value.suggested_filename)
