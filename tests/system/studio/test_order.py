"""Orders on the studio page: with lost answers, outages and reloads, each picture is ordered and charged once.

One photo for several sales channels is one order with one total price and separate results.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from testkit.browser import Visit
from testkit.up import BOTTLE, Up, ended, job_id
from tests.system.studio.conftest import (
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
    put,
    put_on_stage,
    small_bottle,
    uploaded,
)

SWAPS = "**/v1/background-swap-with-spec*"


def test_a_double_click_and_a_retry_after_no_answer_order_one_picture(tab: Visit, up: Up) -> None:
    guest = Guest(up, "twice", 10)
    first = ended(guest.api, job_id(guest.api, BOTTLE))
    page = tab.sign_in(guest.key, f"jobs/{first['job_id']}")
    sent = lose_the_order(tab, arrives=True, where=SWAPS)
    another = page.get_by_role("button", name="Another version")
    another.dblclick()
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    another.dblclick()
    page.wait_for_url(lambda url: not url.endswith(first["job_id"]))

    assert (len(sent), len(set(sent))) == (2, 1)
    assert guest.balance() == 10 - 2 * first["credits_cost"]
    guest.api.close()


def test_a_reload_keeps_the_draft_and_a_sent_request_is_sent_once(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    uploaded(page)
    choose_scene(page, "Sand dunes")
    page.reload()
    page.get_by_text("bottle.jpg  ·  1400 \u00d7 1800").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Sand dunes"

    page.locator("#price").get_by_text("left").wait_for()  # the reload's own plan is not among those below

    sent = lose_the_order(tab, arrives=True, where=SWAPS)
    plans: list[Any] = []
    page.route(SWAPS, lambda route: plans.append(route) if "dry_run" in route.request.url else route.fallback())
    with page.expect_request("**/v1/background-swap-with-spec?*dry_run*"):
        choose_scene(page, "Podium")
    make(page)
    lost = page.get_by_role("alert").get_by_text("does not answer")
    lost.wait_for()
    with page.expect_response("**/v1/background-swap-with-spec?*dry_run*"):
        plans.pop().continue_()
    page.locator("#price").get_by_text("left").wait_for()
    assert lost.is_visible(), "a late plan hides nothing"
    make(page)
    page.wait_for_url("**/#/jobs/*")
    jobs = guest.jobs()
    guest.cancel()
    assert len(set(sent)) == 1
    assert len(jobs) == 1, "paid once"


@pytest.mark.usefixtures("busy")
def test_a_white_picture_that_is_ordered_is_opened_and_one_that_was_cancelled_is_made_again(
    tab: Visit, guest: Guest
) -> None:
    page = on_stage(tab, guest)
    page.get_by_role("radio", name="Pure white").check(force=True)
    make(page)
    page.wait_for_url("**/#/jobs/*")
    first = page.url
    page.go_back()
    make(page)  # perhaps before the page has looked for the order
    page.wait_for_url(first)
    page.get_by_role("link", name="Studio", exact=True).click()
    page.get_by_text("You have ordered this picture. Opening it costs nothing.").wait_for()
    page.get_by_role("button", name="Open the picture").click()
    page.get_by_role("button", name="Cancel and refund").click()
    page.get_by_role("heading", name="You cancelled").wait_for()
    page.get_by_role("link", name="Studio", exact=True).click()
    page.locator("#price").get_by_text("left").wait_for()
    page.get_by_role("button", name="Make the picture").click()
    page.wait_for_url(lambda url: "/jobs/" in url and url != first)
    jobs = guest.jobs()
    assert [job["status"] for job in jobs] == ["NOT_STARTED", "FAILURE"]


def test_a_chosen_preview_is_made_once_and_its_background_holds_for_its_photo(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle())
    choose_place(page)
    uploaded(page)
    page.locator("#look[aria-disabled=false]").click()
    page.locator(".look-tile[data-state=done]").nth(3).wait_for(timeout=90 * SECONDS)
    page.get_by_role("radio", name="Preview 1").check(force=True)
    page.get_by_role("button", name="Make this picture").click()
    page.locator("#download").wait_for(timeout=90 * SECONDS)
    made = page.url
    page.get_by_role("link", name="Studio", exact=True).click()
    page.get_by_text("Ordered already").wait_for()
    page.get_by_role("button", name="Open the picture").click()
    page.wait_for_url(made)
    assert guest.balance() == 8

    page.get_by_role("link", name="Studio", exact=True).click()
    put_on_stage(page, BOTTLE, "next.jpg")
    page.get_by_text("next.jpg  ·").wait_for()
    page.get_by_role("button", name="Four free previews").wait_for()
    page.get_by_role("button", name="Make the picture").wait_for()


def test_a_plain_background_has_one_free_preview_as_another_would_be_the_same(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle(), cut=True)
    choose_place(page)
    choose_scene(page, "Pure white")
    page.get_by_role("button", name="Free preview", exact=True).click()
    page.locator(".look-tile[data-state=done]").wait_for(timeout=90 * SECONDS)
    assert len(guest.jobs("preview=true")) == 1
    page.locator("#look").wait_for(state="hidden")
    choose_scene(page, "Podium")
    page.get_by_role("button", name="Four free previews").wait_for()


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
    visit: Window, guest: Guest, pause: Callable[[], None]
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

    jobs = guest.jobs()
    asked = [guest.asked(job["job_id"])["request"] for job in jobs]
    scenes = {one["output_preset"]: one["scene_type"] for one in asked}
    assert scenes == {"instagram_landscape": "podium", "open_graph": "podium", "amazon_main": "white"}
    assert len({one["source_image_s3_key"] for one in asked}) == 1, "the photo was sent once"
    assert (len(keys), len(set(keys))) == (2, 1), "one order, and none twice"
    (order,) = guest.api.get("/v1/orders").json()["items"]
    assert (order["pictures"], order["credits_cost"]) == (3, price)
    assert guest.balance() == 10 - price
    page.get_by_role("button", name="New photos").click()
    page.get_by_role("button", name="Remove").wait_for()  # the photo is still there
    guest.cancel()


#: Milliseconds that each answer takes longer, and the duration of an outage.
SLOW, AWAY = 2500, 20_000


class Line:
    """The connection of one tab. It can be slow, and off for a while."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._set(offline=False)

    def _set(self, *, offline: bool) -> None:
        whole = {"downloadThroughput": -1, "uploadThroughput": -1}
        self._session.send("Network.enable")
        self._session.send("Network.emulateNetworkConditions", {"offline": offline, "latency": SLOW, **whole})

    @contextmanager
    def away(self) -> Iterator[None]:
        self._set(offline=True)
        yield
        self._page.wait_for_timeout(AWAY)
        self._set(offline=False)


def reload(page: Any) -> None:
    page.reload()
    page.locator("#main:not([inert])").wait_for()


@pytest.mark.parametrize("count", [1, 3])
def test_outages_and_reloads_on_a_slow_connection_lose_nothing_and_charge_nothing_twice(
    tab: Visit, guest: Guest, count: int
) -> None:
    tab.mean("ERR_INTERNET_DISCONNECTED")
    tab.mean("ERR_NETWORK_CHANGED")
    page = tab.sign_in(guest.key)
    choose_place(page)
    other = tab.tab()
    tab.open("credits")
    other.locator("#balance").get_by_text("10 credits").wait_for()
    page.bring_to_front()
    page.wait_for_load_state("networkidle")  # the parts that load after the view
    line = Line(page)
    several = count > 1
    lost = page.get_by_text("No connection. Trying again")
    names = [f"{number}.jpg" for number in range(count)]

    with line.away():  # during the upload
        put(page, dict.fromkeys(names, small_bottle()))
        lost.first.wait_for()
    page.locator(".several [data-state=cutting]" if several else ".steps").first.wait_for()
    if several:
        page.locator("[data-state=uploading]").first.wait_for(state="detached")
    reload(page)
    with line.away():  # during the cut-out
        lost.first.wait_for()
    page.locator("#make[aria-disabled=false]").wait_for()
    reload(page)

    page.locator("#make[aria-disabled=false]").wait_for()
    make(page)
    page.wait_for_timeout(200)
    with line.away():  # at the order, whose answer may have arrived or not
        page.get_by_text("does not answer").or_(lost).first.wait_for()
    reload(page)
    placed = page.locator("li:is([data-state=waiting], [data-state=running], [data-state=done])")
    placed = placed if several else page.locator("#progress, #download")
    page.locator("#make[aria-disabled=false]").or_(placed).first.wait_for()
    if not placed.count():
        make(page)  # a user presses it again
    placed.first.wait_for()  # an outage before that would keep the order from the service once more
    done = page.locator("li[data-state=done]").nth(count - 1) if several else page.locator("#download")
    with line.away():  # during the swap
        lost.or_(done).first.wait_for()
    done.wait_for(timeout=240 * SECONDS)
    reload(page)
    done.wait_for()

    jobs = guest.jobs()
    assert sorted(job["reference"] for job in jobs) == names, "each is ordered once"
    assert guest.balance() == 10 - 2 * count
    for one in (page, other):
        one.locator("#balance").get_by_text(f"{10 - 2 * count} credits", exact=True).wait_for()


def test_a_plan_that_is_requested_after_a_refused_order_hides_nothing(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest)
    page.locator("#price").get_by_text("left").wait_for()
    tab.mean("ERR_FAILED")
    page.route(SWAPS, lambda route: route.continue_() if "dry_run" in route.request.url else route.abort())
    with page.expect_response(lambda response: "dry_run" in response.url):
        # Both in one task of the page: the order fails before the new scene's plan is requested.
        page.get_by_role("radio", name="Colour blocks").evaluate(
            "radio => { radio.click(); document.querySelector('#make').click(); }"
        )
    lost = page.get_by_role("alert").get_by_text("does not answer")
    lost.wait_for()
    page.locator("#price").get_by_text("left").wait_for()
    assert lost.is_visible()


def test_the_pictures_of_all_channels_are_made_with_the_placement_and_saved_together(tab: Visit, guest: Guest) -> None:
    page = on_stage(tab, guest, small_bottle(), cut=True)
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
    for job in guest.jobs():
        assert job["render"]["report"]["placement"]["turn"] == 20
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    assert re.fullmatch(r"order-\w+\.zip", download.value.suggested_filename)
