"""Signing in to the studio page, and out."""

from collections.abc import Callable

from tests.support.browser import Visit
from tests.system.studio.conftest import Guest, assert_accessible

#: What a browser itself writes to the console for each answer that is an error.
REFUSED = "Failed to load resource"


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
