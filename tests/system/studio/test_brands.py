"""Brands on the studio page: created, changed, chosen and deleted there."""

from collections.abc import Callable

from tests.support.browser import Visit
from tests.system.studio.conftest import PLACE, PLACE_TITLE, Guest, assert_accessible, assert_fits


def test_a_brand_is_created_changed_and_deleted_on_the_page(visit: Callable[..., Visit], guest: Guest) -> None:
    tab = visit(viewport={"width": 390, "height": 844})
    tab.sign_in(guest.key, "brands")
    page = tab.page
    page.get_by_role("button", name="New brand").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").get_by_text("A brand needs a name").wait_for()
    page.get_by_label("Name").fill("Dawn & Söhne")
    colour = page.get_by_label("Colours, largest area first")
    for text in ("#224466", "ivory", "nearly blue"):
        colour.fill(text)
        colour.press("Enter")
    page.get_by_role("alert").get_by_text("Unknown colour").wait_for()
    page.get_by_label("Sales channel").select_option(PLACE_TITLE)
    page.get_by_label("Same background").check()
    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Change Dawn & Söhne").wait_for()
    assert_accessible(page)
    (brand,) = guest.api.get("/v1/brands").json()["items"]
    assert (brand["palette"], brand["default_preset"]) == (["#224466", "#fffff0"], PLACE)
    guest.api.put("/v1/brands/Dawn%20&%20S%C3%B6hne", json={**body(brand), "style_words": ["linen"]}).raise_for_status()

    page.reload()
    page.get_by_role("button", name="Change Dawn & Söhne").click()
    page.get_by_role("button", name="Remove #224466").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("form").wait_for(state="hidden")
    (changed,) = guest.api.get("/v1/brands").json()["items"]
    assert (changed["palette"], changed["style_words"]) == (["#fffff0"], ["linen"]), "what is not shown stays"
    assert changed["seed"] == brand["seed"]
    tab.open()
    page.get_by_label("Brand").select_option("Dawn & Söhne")
    assert page.locator("[data-choice=output_preset] .choice-value").inner_text() == PLACE_TITLE
    tab.open("brands")
    page.get_by_role("button", name="Change Dawn & Söhne").click()
    page.get_by_role("button", name="Delete this brand").click()
    page.get_by_role("form").wait_for(state="hidden")
    assert guest.api.get("/v1/brands").json()["items"] == []


def body(brand: dict[str, object]) -> dict[str, object]:
    return {name: brand[name] for name in ("palette", "style_words", "seed_policy", "default_preset")}
