"""No free previews: switched off, too many, or expired. The page reports it with the remedy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Visit
from tests.support.up import Up
from tests.system.studio.conftest import SECONDS, Guest, assert_accessible, make
from tests.system.studio.test_looks import look, on_stage, previews, step


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


@pytest.mark.nightly  # an installation of its own; the API's tests check the refusal
def test_with_previews_off_the_page_reports_it_once_and_the_picture_can_be_ordered(
    tmp_path: Path, browser: Any
) -> None:
    with installed(tmp_path, browser, BACKDROP_PREVIEWS="false") as (tab, guest):
        page = on_stage(tab, guest)
        look(page)
        page.get_by_role("alert").get_by_text("Free previews are switched off here").wait_for()
        assert_accessible(page)
        page.locator("#look").wait_for(state="hidden")
        assert page.get_by_role("button", name="Try again").count() == 0
        make(page)
        page.locator("#download").wait_for(timeout=90 * SECONDS)
        assert previews(guest) == []
        assert [error for error in tab.errors if "403" not in error] == []


@pytest.mark.nightly  # an installation of its own; the API's tests check the limit
def test_after_too_many_previews_the_page_counts_down_and_shows_the_finished_ones(tmp_path: Path, browser: Any) -> None:
    with installed(tmp_path, browser, BACKDROP_PREVIEW_RATE="1", BACKDROP_SUBMIT_WINDOW="20") as (tab, guest):
        page = on_stage(tab, guest)
        look(page)
        alert_box = page.get_by_role("alert").get_by_text(
            "You made many previews in a short time. You can make more in "
        )
        alert_box.wait_for()
        seconds = int(alert_box.inner_text().split(" more in ")[1].split(" s")[0])
        assert 0 < seconds <= 20, "at most Retry-After"
        assert page.locator("#look").get_attribute("aria-disabled") == "true"
        assert_accessible(page)
        page.locator(".look-tile[data-state=done]").wait_for(timeout=90 * SECONDS)
        assert page.locator(".look-tile").count() == len(previews(guest)) == 1
        page.get_by_text("You can make previews again.").wait_for()
        page.get_by_role("alert").get_by_role("button", name="Try again").wait_for()
        page.locator("#look[aria-disabled=false]").wait_for()
        assert [error for error in tab.errors if "429" not in error] == []


@pytest.mark.nightly  # previews that are made twice
def test_an_expired_preview_is_reported_and_made_again_with_the_same_background(
    visit: Callable[..., Visit], guest: Guest
) -> None:
    tab = visit()
    page = on_stage(tab, guest)
    look(page)
    page.locator(".look-tile[data-state=done]").nth(3).wait_for(timeout=180 * SECONDS)
    gone = previews(guest)[0]
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
    newest = previews(guest)[0]
    assert (newest["job_id"] != gone["job_id"], newest["seed"]) == (True, gone["seed"])
    assert [error for error in tab.errors if "404" not in error] == []
    tab.errors.clear()
