"""A real browser at a real `backdrop up`, clients of it, and a user's actions on the page."""

import base64
import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
import pytest
from PIL import Image

from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.settings import Settings
from testkit.browser import Visit, browser_or_skip, open_browser
from testkit.polling import until
from testkit.specimens import saved
from testkit.up import BOTTLE, Up, ended, job_id

#: The gate's whole journeys at the page. Other tests of the folder are nightly, except those of single modules.
JOURNEYS = {
    "test_from_drop_to_download",
    "test_several_photos_are_priced_made_and_saved_together_and_each_shows_its_result",
    "test_a_click_or_a_box_chooses_the_product_and_each_choice_can_be_undone",
    "test_a_reload_keeps_the_draft_and_a_sent_request_is_sent_once",
    "test_a_chosen_preview_is_made_once_and_its_background_holds_for_its_photo",
    "test_by_keyboard_alone",
    "test_a_revoked_key_is_replaced_in_a_dialog_and_the_draft_stays",
    "test_a_colour_and_a_shadow_outlive_a_reload_are_undone_ordered_and_ordered_again",
}
#: Small enough for a swap within seconds.
PLACE, PLACE_TITLE = "instagram_landscape", "Instagram landscape post"
SECONDS = 1000
#: The settings of a phone's window.
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
#: Opens a window with these settings.
Window = Callable[..., Visit]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark everything but the gate's tests as nightly."""
    if item.name not in JOURNEYS and item.path.name != "test_modules.py":
        item.add_marker("nightly")


class Guest:
    """A client of the service: its key for the page, and the API for the test."""

    def __init__(self, up: Up, name: str, credits: int) -> None:
        self._home, self._name = up.home, name
        engine = create_engine(Settings(home=up.home).sqlalchemy_url)
        self.key = Accounts(engine).add(name, credits=credits)[1]
        engine.dispose()
        self.api = httpx.Client(base_url=up.address, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def renew_key(self) -> str:
        """Rotate the key, and return the new one."""
        engine = create_engine(Settings(home=self._home).sqlalchemy_url)
        self.key = Accounts(engine).rotate_key(self._name)[1]
        engine.dispose()
        self.api.headers["Authorization"] = f"Bearer {self.key}"
        return self.key

    def balance(self) -> int:
        return int(self.api.get("/v1/credits").json()["balance"])

    def jobs(self, query: str = "operation=swap") -> list[dict[str, Any]]:
        """Return the newest jobs, by default those of paid pictures."""
        found: list[dict[str, Any]] = self.api.get(f"/v1/jobs?{query}").json()["items"]
        return found

    def asked(self, job_id: str) -> dict[str, Any]:
        """Return what a job was asked to make."""
        found: dict[str, Any] = self.api.get(f"/v1/jobs/{job_id}/request").json()
        return found

    def cancel(self) -> None:
        """Cancel the paid pictures."""
        for job in self.jobs():
            self.api.delete(f"/v1/jobs/{job['job_id']}")


@pytest.fixture(scope="package")
def up(request: pytest.FixtureRequest) -> Up:
    browser_or_skip()
    up: Up = request.getfixturevalue("running_up")
    return up


# Not for the whole run: Playwright's event loop would block tests that run a loop of their own.
@pytest.fixture(scope="package")
def browser(up: Up) -> Iterator[Any]:
    with open_browser(browser_or_skip()) as browser:
        yield browser


@pytest.fixture
def guest(up: Up, request: pytest.FixtureRequest) -> Iterator[Guest]:
    guest = Guest(up, request.node.name[:100], 10)
    yield guest
    guest.api.close()


@pytest.fixture(scope="package")
def finished(up: Up) -> Iterator[tuple[Guest, dict[str, Any]]]:
    """A client with a finished picture, and its job."""
    guest = Guest(up, "finished", 10)
    yield guest, ended(guest.api, job_id(guest.api, BOTTLE))
    guest.api.close()


@pytest.fixture(scope="module")
def keeper(up: Up, request: pytest.FixtureRequest) -> Iterator[Guest]:
    """A client whose photo is cut out once for all tests of a file."""
    guest = Guest(up, request.module.__name__, 10)
    yield guest
    guest.api.close()


@pytest.fixture
def visit(up: Up, browser: Any) -> Iterator[Window]:
    """Open a window. At the end it may have no errors and no requests to other hosts."""
    visits: list[Visit] = []

    def open_window(**settings: Any) -> Visit:
        visits.append(Visit(browser, up.address, **settings))
        return visits[-1]

    yield open_window
    for one in visits:
        one.close()
        assert one.errors == []
        assert one.elsewhere() == []


@pytest.fixture
def tab(visit: Window) -> Visit:
    return visit()


@pytest.fixture(scope="module")
def modules(up: Up, browser: Any) -> Iterator[Any]:
    """The page as a host of its modules: a file's tests call them there."""
    tab = Visit(browser, up.address)
    tab.open()
    yield tab.page
    tab.close()
    assert tab.errors == []


@pytest.fixture
def pause(up: Up) -> Iterator[Callable[[], None]]:
    """A function that stops the worker, so that no job begins or ends afterwards."""
    worker = up.child("service.worker.main")
    database = Settings(home=up.home).home / "backdrop.db"

    def suspended() -> bool:
        """Stop it outside a transaction, which would lock everybody else out of the database."""
        worker.suspend()
        until(lambda: worker.status() == psutil.STATUS_STOPPED)  # on a loaded machine not at once
        with closing(sqlite3.connect(database, timeout=0.1, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError:
                worker.resume()
                return False
        return True

    yield lambda: until(suspended)
    worker.resume()


@pytest.fixture
def busy(pause: Callable[[], None]) -> None:
    """No job ends during the test."""
    pause()


def small_bottle() -> bytes:
    """Return the sample as a photo that is fast to process, with room around it."""
    return saved(Image.open(io.BytesIO(BOTTLE)).resize((420, 540)), "JPEG", quality=92)


def put(page: Any, photos: dict[str, bytes]) -> None:
    """Choose several files at once."""
    page.locator("#photo").set_input_files(
        [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in photos.items()]
    )


def put_on_stage(page: Any, data: bytes, name: str = "bottle.jpg", kind: str = "image/jpeg") -> None:
    page.locator("#photo").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def on_stage(tab: Visit, guest: Guest, data: bytes = BOTTLE, *, cut: bool = False) -> Any:
    """Sign in, put a photo on the stage, wait for its cut-out if `cut`, and return the page."""
    page = tab.sign_in(guest.key)
    put_on_stage(page, data)
    if cut:
        page.get_by_role("button", name="Fix", exact=True).wait_for()
    return page


def drop(page: Any, data: bytes, name: str) -> None:
    """Drop a file on the page, as from a file manager."""
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


class Fingers:
    """Fingers on a page's touch screen. A point is in pixels of the window."""

    def __init__(self, page: Any) -> None:
        self._screen = page.context.new_cdp_session(page)

    def __call__(self, kind: str, *points: tuple[float, float]) -> None:
        """Send a touch: "Start", "Move" or "End"."""
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._screen.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag by mouse."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def middle(element: Any) -> tuple[float, float]:
    """Return the middle of an element in the window."""
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def planned(tab: Visit, **query: str | None) -> dict[str, list[str]]:
    """Wait for a plan of a swap with these parameters, None: without, and return all of its query."""

    def last() -> dict[str, list[str]]:
        plans = [url for url in tab.asked if "swap-with-spec" in url and "dry_run" in url]
        return parse_qs(urlsplit(plans[-1]).query) if plans else {}

    for _ in range(200):
        if "dry_run" in last() and all(last().get(name, [None]) == [value] for name, value in query.items()):
            return last()
        tab.page.wait_for_timeout(100)
    raise AssertionError(last())


def unfold(page: Any, choice: str) -> None:
    page.locator(f"[data-choice={choice}]").wait_for(state="attached")  # "More" loads after the view
    more = page.locator("details.more", has=page.locator(f"[data-choice={choice}]"))
    if more.count() and more.get_attribute("open") is None:
        more.locator("> summary").click()
    if page.locator(f"[data-choice={choice}]").get_attribute("open") is None:
        page.locator(f"[data-choice={choice}] > summary").click()


def choose_scene(page: Any, title: str) -> None:
    """Choose a scene by its whole title, among all scenes."""
    unfold(page, "scene_type")
    scenes = page.locator("[data-choice=scene_type]")
    if scenes.get_by_role("button", name="All scenes").is_visible():
        scenes.get_by_role("button", name="All scenes").click()
    scenes.get_by_role("radio", name=title, exact=True).press("Space")


def choose_place(page: Any, title: str = PLACE_TITLE) -> None:
    unfold(page, "output_preset")
    page.locator("[data-choice=output_preset]").get_by_role("radio", name=title).check(force=True)


def make(page: Any) -> None:
    page.locator("#make[aria-disabled=false]").click()


def lose_the_order(tab: Visit, *, arrives: bool, where: str = "**/v1/orders*") -> list[str]:
    """Lose the answer to the first order, after or before the API gets the request; return the sent keys.

    Plans are no orders.
    """
    keys: list[str] = []

    def lose(route: Any) -> None:
        if "dry_run" in route.request.url or route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) != 1:
            route.continue_()
            return
        if arrives:
            route.fetch()
        route.abort()

    tab.mean("ERR_FAILED")
    tab.page.route(where, lose)
    return keys


def assert_accessible(page: Any) -> None:
    """Assert that the page breaks no serious or critical rule of axe."""
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(reduced_motion="reduce")  # halfway through a fade, colours are of neither state
    # Passed rules would take half of the time, and no test reads them.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0].get("failureSummary")) for one in grave] == []


def assert_fits(page: Any) -> None:
    """Assert that the page does not scroll sideways."""
    # Not innerWidth: on a phone it grows with overflowing content.
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def uploaded(page: Any) -> None:
    """Wait until the service has the photo on the stage: before that a reload loses it."""
    page.locator(".steps").wait_for()
