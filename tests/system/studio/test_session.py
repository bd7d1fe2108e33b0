"""Signing in to the studio page, and out."""

import re
from typing import Any

from service.accounts.clients import Accounts
from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.settings import Settings
from testkit.browser import Visit
from testkit.polling import until
from testkit.up import Up, ended, grey, job_id
from tests.system.studio.conftest import Guest, assert_accessible, choose_scene, on_stage, put_on_stage, small_bottle


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
    assert page.get_by_role("button", name="Fix", exact=True, include_hidden=True).is_visible()
    assert_accessible(page)
    dialog.get_by_label("Your key").fill("no-key")
    page.keyboard.press("Enter")
    dialog.get_by_text("This key is unknown").wait_for()
    page.keyboard.press("Escape")
    dialog.get_by_label("Your key").fill(guest.key)
    page.keyboard.press("Enter")

    dialog.wait_for(state="detached")
    page.locator("#price").get_by_text("10 credits left").wait_for()
    page.get_by_role("button", name="Fix", exact=True).wait_for()
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


def test_a_part_of_the_page_that_a_bad_line_lost_comes_by_itself_and_the_photo_stays(tab: Visit, guest: Guest) -> None:
    tab.mean("ERR_FAILED")
    tab.context.route("**/studio/more/text.js", lambda route: route.abort())  # a module that another one imports
    page = tab.sign_in(guest.key)
    page.get_by_text("No connection. Trying again").wait_for()
    put_on_stage(page, small_bottle())
    page.get_by_alt_text("Your photo, bottle.jpg").wait_for()
    tab.context.unroute_all()
    page.locator("details.more").wait_for()
    assert page.get_by_alt_text("Your photo, bottle.jpg").is_visible()


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


def test_a_key_is_created_shown_once_and_deleted(tab: Visit, guest: Guest) -> None:
    tab.mean("status of 404")  # there is no webhook
    tab.mean("status of 409")
    page = tab.sign_in(guest.key, "account")
    page.get_by_label("Name of a new key").fill("warehouse")
    page.keyboard.press("Enter")
    key = page.get_by_label("Your new key.")
    text = key.input_value()
    assert page.evaluate("document.activeElement.textContent") == "Copy"
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Copied.").wait_for()
    assert_accessible(page)
    answer = guest.api.get("/v1/credits", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200
    page.reload()
    row = page.locator(".rows > li", has_text="warehouse")
    row.wait_for()
    assert text not in page.content()

    row.get_by_role("button", name="Delete warehouse").click()
    page.get_by_role("button", name="Keep").click()
    row.get_by_role("button", name="Delete warehouse").click()
    page.get_by_role("button", name="Delete the key").click()

    row.wait_for(state="detached")
    page.get_by_role("button", name="Delete Key without a name").click()
    page.get_by_text("You are signed in with it, so").wait_for()
    page.get_by_role("button", name="Delete the key").click()
    page.get_by_role("alert").get_by_text("last").wait_for()


def test_a_webhook_is_set_tested_and_removed(tab: Visit, guest: Guest) -> None:
    for status in ("404", "422"):
        tab.mean(f"status of {status}")
    page = tab.sign_in(guest.key, "account")
    url = page.get_by_label("URL")
    url.fill("ftp://hooks.invalid")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("must start with https").wait_for()
    url.fill("https://hooks.invalid/backdrop")
    page.keyboard.press("Enter")
    secret = page.get_by_label("The secret that signs the messages.")
    assert secret.input_value().startswith("whsec_")
    page.get_by_role("button", name="Send a test").click()
    failed = page.locator(".rows > li[data-state=failed]", has_text="webhook.test")
    failed.get_by_text("hooks.invalid").wait_for()  # by itself
    assert_accessible(page)

    failed.get_by_role("button", name="Send again").click()
    page.get_by_role("status").get_by_text("on its way again").wait_for()
    page.get_by_role("button", name="New secret").click()
    page.get_by_label("The new secret.").wait_for()
    page.get_by_role("button", name="Remove …").click()
    page.get_by_role("button", name="Remove it").click()

    page.get_by_role("button", name="Send a test").wait_for(state="hidden")
    assert url.input_value() == ""
    assert guest.api.get("/v1/webhook").status_code == 404


def test_the_months_usage_is_shown_by_day_and_by_sales_channel(
    tab: Visit, finished: tuple[Guest, dict[str, Any]]
) -> None:
    tab.mean("status of 404")  # there is no webhook
    page = tab.sign_in(finished[0].key, "account")
    page.get_by_text(re.compile(r"\d+ pictures? for \d+ credits")).wait_for()  # other tests share the client
    page.get_by_label("Usage", exact=True).select_option("preset")
    page.get_by_role("row", name="Link preview").wait_for()
    page.get_by_role("link", name="Check a picture's origin").click()
    page.get_by_role("heading", name="Check a picture's origin").wait_for()
    page.get_by_role("link", name="Backdrop, to the studio").click()
    page.get_by_text("Drop product photos").wait_for()


def test_the_credit_history_shows_each_picture_and_what_a_refund_is_for(tab: Visit, guest: Guest) -> None:
    paid, refunded = (job_id(guest.api, photo) for photo in (small_bottle(), grey()))
    made, failed = (ended(guest.api, job) for job in (paid, refunded))
    page = tab.sign_in(guest.key, "credits")

    page.locator(f"tr:has([href='#/jobs/{made['job_id']}']) img[src]").wait_for()
    refund = page.locator("[data-kind=refund]")
    refund.get_by_text("Refund for Podium, calm").wait_for()
    refund.get_by_text("No product stands out").wait_for()
    assert refund.get_by_role("link").get_attribute("href") == f"#/jobs/{failed['job_id']}"
    assert len([url for url in tab.asked if "/v1/jobs?operation=swap&limit=100" in url]) == 1
    assert_accessible(page)
    refund.get_by_role("link").click()
    until(lambda: page.title() == "Podium, calm – Backdrop")  # noqa: RUF001  # the page's dash
