"""The studio page on a slow connection that breaks: nothing is lost, charged twice or out of date."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.browser import Visit
from tests.system.studio.conftest import SECONDS, Guest, choose_place, make, put, small_bottle

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


@pytest.mark.nightly  # four outages and as many reloads of each
@pytest.mark.parametrize("count", [1, 3])
def test_outages_and_reloads_on_a_slow_connection_lose_nothing_and_charge_nothing_twice(
    visit: Callable[..., Visit], guest: Guest, count: int
) -> None:
    tab = visit()
    tab.mean("ERR_INTERNET_DISCONNECTED")
    tab.mean("ERR_NETWORK_CHANGED")
    tab.sign_in(guest.key)
    page = tab.page
    choose_place(page)
    other = tab.tab()
    tab.open("credits")
    other.locator("#balance").get_by_text("10 credits").wait_for()
    page.bring_to_front()
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

    jobs = guest.api.get("/v1/jobs?operation=swap").json()["items"]
    assert sorted(job["reference"] for job in jobs) == names, "each is ordered once"
    assert guest.balance() == 10 - 2 * count
    for one in (page, other):
        one.locator("#balance").get_by_text(f"{10 - 2 * count} credits", exact=True).wait_for()
