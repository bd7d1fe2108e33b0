"""Signing in to the studio page, and out."""

from typing import Any

from service.accounts.clients import Accounts
from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.settings import Settings
from testkit.browser import Visit
from testkit.polling import until
from testkit.up import Up
from tests.system.studio.conftest import Guest, assert_accessible, choose_scene, on_stage, small_bottle


def test_an_unknown_key_is_reported_in_words(tab: Visit, guest: Guest) -> None:
    tab.mean("status of 401")  # the browser's own message about each error
    tab.open()
    page = tab.page
    page.get_by_label("Your key").fill("no-key")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("alert").get_by_text("This key is unknown").wait_for()
    assert_accessible(page)
    assert page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})") == "{}", "a wrong key is not stored"
    page.get_by_label("Your key").fill(guest.key)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your key").wait_for()
    assert guest.key not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")


def test_a_half_typed_key_stays_when_the_address_changes(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your key").fill(guest.key)
    tab.open("gallery")

    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("heading", name="Gallery").wait_for()


def test_a_key_can_be_typed_before_the_thumbnails_are_loaded(tab: Visit, guest: Guest) -> None:
    page = tab.sign_in(guest.key)
    held: list[Any] = []
    page.route("**/studio/thumbnails", lambda route: held.append(route))  # a bound builtin has no name for it
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your key").fill(guest.key)
    until(lambda: page.evaluate("true") and held)  # Playwright calls routes only during its own calls
    for route in held:
        route.continue_()
    page.unroute("**/studio/thumbnails")
    page.locator(".mosaic img").first.wait_for()

    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("button", name="Sign out").wait_for()


def test_a_revoked_key_is_replaced_in_a_dialog_and_the_draft_stays(tab: Visit, guest: Guest) -> None:
    tab.mean("status of 401")
    tab.open()
    page = tab.page
    page.get_by_label("Your key").wait_for()
    assert page.evaluate("document.activeElement.id") == "key"
    on_stage(tab, guest, small_bottle(), cut=True)
    other = tab.tab()
    tab.open("gallery")
    other.get_by_role("heading", name="Gallery").wait_for()
    guest.renew_key()
    choose_scene(page, "Sand dunes")

    dialog = page.get_by_role("dialog", name="Your key no longer works")
    dialog.wait_for()
    assert page.evaluate("document.activeElement.id") == "key"
    assert page.get_by_role("button", name="Mend the cut-out", include_hidden=True).is_visible()
    assert_accessible(page)
    dialog.get_by_label("Your key").fill("no-key")
    page.keyboard.press("Enter")
    dialog.get_by_text("This key is unknown").wait_for()
    page.keyboard.press("Escape")
    dialog.get_by_label("Your key").fill(guest.key)
    page.keyboard.press("Enter")

    dialog.wait_for(state="detached")
    page.locator("#price").get_by_text("10 credits left").wait_for()
    page.get_by_role("button", name="Mend the cut-out").wait_for()
    assert page.locator("[data-choice=scene_type] .choice-value").inner_text() == "Sand dunes"
    other.get_by_role("link", name="Credits", exact=True).click()
    other.get_by_role("heading", name="Credits").wait_for()  # with the new key, without asking
    page.get_by_role("button", name="Sign out").click()
    other.get_by_label("Your key").wait_for()


def test_a_page_that_failed_to_load_can_be_signed_out_of(tab: Visit, guest: Guest) -> None:
    page = tab.page
    tab.mean("ERR_FAILED")
    page.route("**/v1/moods", lambda route: route.abort())
    tab.sign_in(guest.key)
    page.get_by_role("heading", name="This did not work").wait_for()

    page.get_by_role("button", name="Sign out").click()

    page.get_by_label("Your key").wait_for()


def test_a_client_that_must_sign_gets_an_explanation_and_stays_signed_in(tab: Visit, up: Up) -> None:
    guest, settings = Guest(up, "signer", 10), Settings(home=up.home)
    engine = create_engine(settings.sqlalchemy_url)
    accounts = Accounts(engine, open_cipher(settings))
    accounts.set_shopify_secret("signer", "s")
    accounts.require_signature("signer", True)
    engine.dispose()
    tab.mean("status of 401")
    on_stage(tab, guest)

    tab.page.get_by_role("alert").get_by_text("The studio page can't sign").wait_for()
    tab.page.get_by_role("button", name="Sign out").wait_for()
    guest.api.close()
