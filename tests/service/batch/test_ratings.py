"""Ratings of pictures: the page, its file, and the limits that ratings prove."""

import json
from pathlib import Path

import pytest
from PIL import Image

from pipeline.delivery.acceptance import most_bad
from testkit.browser import Visit, browser_or_skip, open_browser
from tests.support.command_line import run

HEAD = "picture,reader,verdict,fault\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A batch of 40 pictures, of which the first 20 are the more probable, and a folder of photos."""
    for number in range(40):
        name = f"{number:02}.png"
        for place in ("photos", "out/square"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (800, 700), (number, 90, 90)).save(tmp_path / place / name)
        report = tmp_path / "out" / ".backdrop-batch" / "reports" / "square" / f"{name}.json"
        report.parent.mkdir(parents=True, exist_ok=True)
        cutout = {
            "placed_box": [0.1, 0.1, 0.9, 0.9],
            "source_box": [0, 0, 1, 1],
            "where": {"low_confidence": [[0, 0, 9, 9]]},
        }
        report.write_text(json.dumps({"publishable": 0.9 if number < 20 else 0.5, "cutout": cutout}))
    return tmp_path


def test_the_page_saves_ratings_by_keyboard_that_the_command_sums_up(folder: Path) -> None:
    (folder / "photos" / "39.png").unlink()
    result = run("rate", str(folder / "out"), "--photos", str(folder / "photos"))
    assert result.exit_code == 0, result.output
    assert "skipped  square/39.png: no photo" in result.output
    with open_browser(browser_or_skip()) as browser:
        visit = Visit(browser, "")
        visit.page.goto((folder / "out" / "rate.html").as_uri())
        visit.page.get_by_placeholder("Your name").fill("Ann, B.")
        visit.page.get_by_placeholder("Your name").press("Tab")
        visit.page.locator("figure[data-sha256]").first.focus()
        for key in ("p", "m", "a", "n", "k"):
            visit.page.keyboard.press(key)
        with visit.page.expect_download() as download:
            visit.page.get_by_role("button", name="Save the ratings (3)").click()
        download.value.save_as(folder / "ratings.csv")
        assert visit.errors == []

    assert (folder / "ratings.csv").read_text().splitlines()[1:] == [
        '"square/00.png","Ann, B.","publishable",""',
        '"square/01.png","Ann, B.","mend","cutout-missing"',
        '"square/02.png","Ann, B.","no","photo"',
    ]
    result = run("rate", str(folder / "out"), "--ratings", str(folder / "ratings.csv"), "--reader", "Ann, B.")
    assert result.output.startswith("3 ratings of 3 pictures\npublishable 1 (33%)\n")
    assert "Fewer than 30 rated pictures prove little." in result.output


def test_limits_are_compared_by_the_bad_pictures_that_they_accept(folder: Path) -> None:
    lines = [
        f"square/{number:02}.png,{who},{'publishable' if number < 19 else 'no'},\n"
        for number in range(40)
        for who in "ab"
    ]
    lines[0] = "square/00.png,a,mend,edge\n"
    (folder / "ratings.csv").write_text(HEAD + "".join(lines))

    result = run("rate", str(folder / "out"), "--ratings", str(folder / "ratings.csv"), "--limit", "0.7")

    rows = {cells[0]: cells[1:] for line in result.output.splitlines() if len(cells := line.split()) == 4}
    assert rows["0.50"][:2] == ["40", "22"]
    assert rows["0.70"] == ["20", "2", f"{most_bad(2, 20):.0%}"]
    assert "Fewer than" not in result.output
    assert json.loads(result.output.splitlines()[-1]) == {"publishable": 0.7}


def test_the_upper_limit_is_that_of_clopper_and_pearson() -> None:
    assert most_bad(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))  # none among 59: below 5 %
    assert most_bad(3, 3) == most_bad(0, 0) == 1


def test_errors_name_the_line_the_column_and_the_remedy(folder: Path, tmp_path: Path) -> None:
    ratings = folder / "ratings.csv"
    ratings.write_text(HEAD + "square/99.png,a,good,\n")
    result = run("rate", str(folder / "out"), "--ratings", str(ratings))
    assert result.exit_code == 2
    assert "line 2: picture: 'square/99.png' is unknown. Save the file from rate.html." in result.output
    assert "line 2: verdict: 'good' is unknown." in result.output
    ratings.write_text(HEAD)
    assert (
        "has no rating by ann" in run("rate", str(folder / "out"), "--ratings", str(ratings), "--reader", "ann").output
    )
    assert "has no picture with a report" in run("rate", str(folder / "photos"), "--ratings", str(ratings)).output
    assert "Give either --photos" in run("rate", str(folder / "out")).output
