"""The contact sheet in a real browser: a review by keyboard, and its execution."""

import json
from pathlib import Path
from typing import Any

import pytest

from testkit.browser import Visit, browser_or_skip, open_browser
from tests.support.served import Served
from tests.support.shoot import Shoot, photo
from tests.system.studio.conftest import assert_accessible, assert_fits

PRESET = "transparent_cutout"


def reviewed(sheet: Path, browser: Any, to: Path) -> list[str]:
    """Approve the first, reject the second and send the third back, by keyboard, and save that."""
    seen: list[str] = []
    dark = Visit(browser, "", color_scheme="dark")
    dark.page.goto(sheet.as_uri())
    dark.page.get_by_role("region", name="Review").wait_for()
    assert_accessible(dark.page)
    dark.close()
    visit = Visit(browser, "", viewport={"width": 390, "height": 844})
    page = visit.page
    page.goto(sheet.as_uri())
    page.get_by_role("region", name="Review").wait_for()
    assert_accessible(page)
    assert_fits(page)
    for key in ("ArrowRight", "a", "s", "u", "ArrowLeft", "r", "s"):
        page.keyboard.press(key)
    seen.append(page.locator("[role=status]").inner_text())
    page.reload()
    seen.append(page.locator("[role=status]").inner_text())
    page.get_by_label("Show").select_option("reject")
    seen += page.locator("figure[data-sha256]:visible").evaluate_all("all => all.map(one => one.dataset.photo)")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the review (3)").click()
    download.value.save_as(to)
    assert visit.errors == []
    visit.close()
    return seen


@pytest.mark.nightly  # in the gate service/batch/test_review.py carries out a review
def test_a_review_by_keyboard_is_saved_and_carried_out_and_charges_only_new_pictures(
    served: Served, tmp_path: Path
) -> None:
    shoot = Shoot(tmp_path, served)
    for number in range(3):
        shoot.add(f"{number}.png", photo(200 + number))
    assert shoot.run(presets=PRESET).exit_code == 0
    seeds = {row["photo"]: row["seed"] for row in shoot.rows()}

    review = tmp_path / "review.json"
    words = "1 approved, 1 rejected, 1 to be made again, 0 open."
    with open_browser(browser_or_skip()) as browser:  # no longer: its event loop would block the command's own
        assert reviewed(shoot.out / "index.html", browser, review) == [words, words, "1.png"]
    assert [one["choice"] for one in json.loads(review.read_text())["choices"]] == ["approve", "reject", "again"]
    for _ in range(2):  # the second time nothing is left to do
        result = shoot.run("--redo", str(review), presets=PRESET)
        assert result.exit_code == 0, result.output

    assert shoot.entries() == {"grant": 1, "debit": 4}
    assert shoot.pictures() == [f"{PRESET}/0.png", f"{PRESET}/2.png"]
    rows = {row["photo"]: row for row in shoot.rows()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "0.png": "SUCCESS",
        "1.png": "REJECTED",
        "2.png": "SUCCESS",
    }
    assert rows["0.png"]["seed"] == seeds["0.png"]
    assert rows["2.png"]["seed"] != seeds["2.png"]
