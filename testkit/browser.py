"""A user at the studio page: a real Chromium, and what happened in it.

`python -m testkit.browser` prints which browser the tests use, and exits 1 where there is none.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: Names of a Chromium on a PATH.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = "No Chromium was found. Run scripts/browser, which installs one."
FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def find_browser() -> str | None:
    """Return the browser's program: one on the PATH, else Playwright's own. None where there is neither."""
    on_path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if on_path:
        return on_path
    own = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")  # noqa: TID251  # Playwright itself looks there
    caches = [own] if own else ["~/.cache/ms-playwright", "~/Library/Caches/ms-playwright"]
    programs = ("chrome", "headless_shell", "chrome-headless-shell", "Chromium")
    for cache in caches:
        for path in sorted(Path(cache).expanduser().glob("chromium*/**/*"), reverse=True):
            if path.name in programs and path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


def browser_or_skip() -> str:
    """Return the browser's program. Without one the test is skipped; in CI, where that would go unnoticed, it fails."""
    import pytest

    program = find_browser()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(REMEDY)  # noqa: TID251  # CI is no setting
    return program


@contextmanager
def open_browser(program: str) -> Iterator[Any]:
    """Run a Chromium without a window."""
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS  # Chromium has no sandbox for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=flags)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A tab in a browser context of its own: its own storage and settings. It collects every error."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.address = address
        usual = {"viewport": {"width": 1360, "height": 900}, "reduced_motion": "reduce"}  # animations take a core
        self.context = browser.new_context(**usual | settings)
        self.context.set_default_timeout(90_000)
        #: Errors on the console, and exceptions that no script caught.
        self.errors: list[str] = []
        self._meant: list[str] = []
        #: Every requested address.
        self.asked: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.tab()

    def tab(self) -> Any:
        """Open another tab of the same window."""
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page = page
        return page

    def mean(self, words: str) -> None:
        """From now on ignore console errors with these words: the test causes them.

        The browser may report an error after the page has shown its effect, so clearing `errors` then is not enough.
        """
        self._meant.append(words)

    def _heard(self, message: Any) -> None:
        # With the address: the browser's message about a refused request does not name it.
        words = f"{message.text} {message.location['url']}"
        if message.type == "error" and not any(meant in words for meant in self._meant):
            self.errors.append(words)

    def open(self, place: str = "") -> None:
        """Open a path of the page."""
        self.page.goto(f"{self.address}/#/{place}")

    def sign_in(self, key: str, place: str = "") -> Any:
        """Open the page, sign in, and return the page."""
        self.open(place)
        self.page.get_by_label("Your key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()
        self.page.locator("#main:not([inert])").wait_for()  # the header comes before the view
        return self.page

    def elsewhere(self) -> list[str]:
        """Return the requested hosts other than the service's."""
        own = urlsplit(self.address).netloc
        return [url for url in self.asked if not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != own]

    def close(self) -> None:
        self.context.close()


if __name__ == "__main__":
    found = find_browser()
    print(found or REMEDY)
    sys.exit(found is None)
