"""Orders on the studio page: with lost answers and reloads, a picture is ordered and charged once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import Visit
from tests.support.up import BOTTLE, Up, ended, job_id
from tests.system.studio.conftest import (
    SECONDS,
    Guest,
    choose_place,
    make,
    on_stage,
    put_on_stage,
    small_bottle,
    uploaded,
)


def test_a_double_click_and_a_retry_after_no_answer_order_one_picture(visit: Callable[..., Visit], up: Up) -> None:
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

    tab.mean("ERR_FAILED")
    page.route("**/v1/background-swap-with-spec**", lose_the_first)
    another = page.get_by_role("button", name="Another version")
    another.dblclick()
    page.get_by_role("alert").get_by_text("does not answer").wait_for()
    another.dblclick()
    page.wait_for_url(lambda url: not url.endswith(first["job_id"]))

    assert answers == [202, 202]
    assert guest.balance() == 10 - 2 * first["credits_cost"]
    guest.api.close()


def test_a_reload_keeps_the_draft_and_a_sent_request_is_sent_once(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit()
    page = on_stage(tab, guest)
    uploaded(page)
    page.get_by_role("radio", name="Sand dunes").check(force=True)
    page.reload()
    page.get_by_text("bottle.jpg  ·  1400 \u00d7 1800").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Sand dunes"

    page.locator("#price").get_by_text("left").wait_for()  # the reload's own plan is not among those below

    sent: list[str] = []
    plans: list[Any] = []

    def lose_the_first_answer(route: Any) -> None:
        if "dry_run" in route.request.url:
            plans.append(route)
            return
        sent.append(route.request.headers["idempotency-key"])
        if len(sent) > 1:
            route.continue_()
        else:
            route.fetch()
            route.abort()

    tab.mean("ERR_FAILED")
    page.route("**/v1/background-swap-with-spec*", lose_the_first_answer)
    with page.expect_request("**/v1/background-swap-with-spec?*dry_run*"):
        page.get_by_role("radio", name="Podium", exact=True).check(force=True)
    make(page)
    lost = page.get_by_role("alert").get_by_text("does not answer")
    lost.wait_for()
    with page.expect_response("**/v1/background-swap-with-spec?*dry_run*"):
        plans.pop().continue_()
    page.locator("#price").get_by_text("left").wait_for()
    assert lost.is_visible(), "a late plan hides nothing"
    make(page)
    page.wait_for_url("**/#/jobs/*")
    jobs = guest.api.get("/v1/jobs?operation=swap").json()["items"]
    for job in jobs:
        guest.api.delete(f"/v1/jobs/{job['job_id']}")
    assert len(set(sent)) == 1
    assert len(jobs) == 1, "paid once"


def test_a_plan_that_is_requested_after_a_refused_order_hides_nothing(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    page = on_stage(tab, guest)
    page.locator("#price").get_by_text("left").wait_for()
    tab.mean("ERR_FAILED")
    orders = "**/v1/background-swap-with-spec*"
    page.route(orders, lambda route: route.continue_() if "dry_run" in route.request.url else route.abort())
    with page.expect_response(lambda response: "dry_run" in response.url):
        # Both in one task of the page: the order fails before the new scene's plan is requested.
        page.get_by_role("radio", name="Sand dunes").evaluate(
            "radio => { radio.click(); document.querySelector('#make').click(); }"
        )
    lost = page.get_by_role("alert").get_by_text("does not answer")
    lost.wait_for()
    page.locator("#price").get_by_text("left").wait_for()
    assert lost.is_visible()


@pytest.mark.usefixtures("busy")
def test_a_white_picture_that_is_ordered_is_opened_and_one_that_was_cancelled_is_made_again(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    page = on_stage(visit(), guest)
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
    jobs = guest.api.get("/v1/jobs?operation=swap").json()["items"]
    assert [job["status"] for job in jobs] == ["NOT_STARTED", "FAILURE"]


def test_a_chosen_preview_is_made_once_and_its_background_holds_for_its_photo(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    page = on_stage(visit(), guest, small_bottle())
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
