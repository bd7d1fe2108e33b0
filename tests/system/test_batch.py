"""A folder of photos and several presets at a server: a batch can be stopped anywhere and resumed."""

import signal
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from PIL import Image

from service.accounts.clients import Accounts
from service.batch.state import Made, State
from service.database.tables import orders, renders
from testkit.heic import heic
from testkit.photos import bad
from tests.support.served import Served
from tests.support.shoot import PRESETS, Page, Shoot, photo


@pytest.fixture
def shoot(served: Served, tmp_path: Path) -> Shoot:
    return Shoot(tmp_path, served)


def outcomes(out: Path) -> list[Made]:
    """Return the pictures in a folder's state file."""
    with State(out) as state:
        return [entry.made for entry in state._entries.values() if entry.made is not None]


# The acceptance test: forty photos, two presets, killed half-way; in the gate twelve photos


@pytest.mark.parametrize("photos", [12, pytest.param(40, marks=pytest.mark.nightly)])
def test_a_batch_that_was_killed_half_way_resumes_and_pays_nothing_twice(
    served: Served, shoot: Shoot, photos: int
) -> None:
    served.installation.fleet.worker()
    for number in range(photos):
        shoot.add(f"{'ab'[number % 2]}/{number}.png", photo(number))

    process = shoot.start("--jobs", "6")
    shoot.has(photos // 2)
    process.kill()
    process.communicate()
    assert sum(row.count('"made"') for row in shoot.memory()) < 2 * photos
    result = shoot.run("--jobs", "6")

    assert result.exit_code == 0, result.output
    assert len(shoot.pictures()) == 2 * photos
    assert f"{2 * photos} of {2 * photos} pictures" in result.output
    assert shoot.entries() == {"grant": 1, "debit": 2 * photos}
    made = outcomes(shoot.out)
    assert len(made) == len({one.job_id for one in made}) == len({one.file for one in made}) == 2 * photos
    assert Counter(one.cutout for one in made) == {"computed": photos, "cached": photos}
    assert served.installation.wrong() == []


@pytest.mark.nightly  # in the gate a batch is killed
def test_ctrl_c_and_sigterm_keep_finished_pictures_and_name_the_next_command(shoot: Shoot) -> None:
    for number in range(12):
        shoot.add(f"{number}.png", photo(100 + number))

    for number, enough in ((signal.SIGINT, 3), (signal.SIGTERM, 6)):
        process = shoot.start("--jobs", "2")
        shoot.has(enough)
        process.send_signal(number)
        said, _ = process.communicate(timeout=300)

        assert process.returncode == 130, said
        assert "Run the same command to resume." in said
        assert "Traceback" not in said
        done = [row for row in shoot.rows() if row["status"] == "SUCCESS"]
        assert enough - 2 <= len(done) < 24, "two may be there without a record yet"
        assert not [name for name in shoot.pictures() if name.endswith(".part")]
        assert "To be made" in (shoot.out / "index.html").read_text()
    assert shoot.run().exit_code == 0
    assert len(shoot.pictures()) == 24
    assert shoot.entries() == {"grant": 1, "debit": 24}


@pytest.mark.nightly  # in the gate service/batch/test_here.py makes a local batch
def test_ctrl_c_of_a_local_batch_mentions_no_server(tmp_path: Path) -> None:
    here = Shoot(tmp_path)
    for number in range(30):
        here.add(f"{number}.png", photo(number))
    process = here.start("--jobs", "1")
    here.has(1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=300)

    assert process.returncode == 130, said
    assert "Stopped. Unfinished pictures start again. Run the same command to resume." in said
    assert "server" not in said


# At a server


def test_a_failed_photo_stops_no_other_and_is_reported_in_table_and_sheet(shoot: Shoot) -> None:
    shoot.add("shoes/red.png", photo(1))
    shoot.add("hats/red.png", photo(2))
    shoot.add("nothing.png", bad()["no_subject"])
    shoot.add("broken.jpg", b"<html>")
    shoot.add("notes.txt", b"the red ones first")
    shoot.add(".DS_Store", b"")

    result = shoot.run()

    assert result.exit_code == 1
    assert "skipped  notes.txt: not a picture" in result.output
    assert "4 of 8 pictures" in result.output
    assert "4 failed and cost nothing" in result.output
    assert shoot.pictures() == [
        f"{preset}/{folder}/red.{'jpg' if preset == 'instagram_landscape' else 'png'}"
        for preset in sorted(PRESETS)
        for folder in ("hats", "shoes")
    ]
    rows = shoot.rows()
    codes = Counter((row["photo"], row["status"], row["error_code"]) for row in rows)
    assert codes == {
        ("broken.jpg", "FAILURE", "photo_unreadable"): 2,
        ("hats/red.png", "SUCCESS", ""): 2,
        ("nothing.png", "FAILURE", "no_subject"): 2,
        ("shoes/red.png", "SUCCESS", ""): 2,
    }
    assert {row["credits"] for row in rows if row["status"] == "SUCCESS"} == {"1", "2"}
    assert all(row["job_id"] and row["seed"] and row["fidelity"] for row in rows if row["status"] == "SUCCESS")
    page = Page(shoot.out / "index.html")
    assert {"broken.jpg", "no_subject", "photo_unreadable", "red.png"} <= page.words
    assert page.missing == []
    assert not {"link", "iframe"} & page.tags
    assert not [link for link in page.links if "://" in link or link.startswith("/")]


def test_a_second_run_makes_only_failed_changed_and_missing_pictures(shoot: Shoot) -> None:
    first = shoot.add("first.png", photo(3))
    shoot.add("second.png", photo(4))
    shoot.add("nothing.png", bad()["no_subject"])
    assert shoot.run().exit_code == 1
    assert shoot.entries() == {"grant": 1, "debit": 6, "refund": 2}

    again = shoot.run()
    assert again.exit_code == 1
    assert "2 would fail again because of the photo. --retry-failed" in again.output
    assert "no credits charged in this run, 6 credits for all pictures." in again.output
    assert shoot.entries() == {"grant": 1, "debit": 6, "refund": 2}, "a hopeless photo is not sent again"
    assert shoot.run("--retry-failed").exit_code == 1
    assert shoot.entries() == {"grant": 1, "debit": 8, "refund": 4}, "unless asked: then it is another job"
    (shoot.photos / "nothing.png").unlink()
    first.write_bytes(photo(5))
    (shoot.out / "transparent_cutout" / "second.png").write_bytes(b"scratched")
    again = shoot.run()

    assert again.exit_code == 0, again.output
    assert "1 of them from earlier runs, 3 credits charged in this run, 6 credits for all pictures." in again.output
    assert shoot.entries() == {"grant": 1, "debit": 10, "refund": 4}, "a lost file is fetched again, not paid again"
    shoot.spec.write_text('scene = "white"\nmood = "calm"\n[[photo]]\nname = "second.png"\nseed = 7\n')
    assert shoot.run().exit_code == 0
    assert shoot.entries()["debit"] == 12
    assert {row["seed"] for row in shoot.rows() if row["photo"] == "second.png"} == {"7"}


def test_too_few_credits_are_reported_at_the_start_and_the_rest_waits_for_a_grant(
    served: Served, tmp_path: Path
) -> None:
    shoot = Shoot(tmp_path, served, credits=2)
    for number in range(4):
        shoot.add(f"{number}.png", photo(10 + number))

    result = shoot.run(presets="transparent_cutout")

    assert result.exit_code == 1
    assert "The rest costs 4 credits, but the balance is 2" in result.output
    assert Counter(row["error_code"] for row in shoot.rows()) == {"": 2, "insufficient_credits": 2}
    Accounts(served.installation.engine).grant(shoot.name, 2)
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    assert shoot.entries() == {"grant": 2, "debit": 4}


def test_a_submit_whose_answer_was_never_recorded_is_not_charged_again(shoot: Shoot) -> None:
    shoot.add("jar.png", photo(30))
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    (first,) = outcomes(shoot.out)
    kept = [line for line in shoot.memory() if '"run"' in line or '"uploaded"' in line]
    (shoot.out / ".backdrop-batch" / "state.jsonl").write_text("".join(kept))
    (shoot.out / first.file).unlink()

    assert shoot.run(presets="transparent_cutout").exit_code == 0

    (second,) = outcomes(shoot.out)
    assert (len(kept), second.job_id) == (2, first.job_id)
    assert shoot.entries() == {"grant": 1, "debit": 1}


def test_an_order_whose_answer_was_never_recorded_is_not_charged_again(served: Served, shoot: Shoot) -> None:
    for number in range(2):
        shoot.add(f"{number}.png", photo(40 + number))
    assert shoot.run().exit_code == 0
    kept = [line for line in shoot.memory() if any(word in line for word in ('"run"', '"uploaded"', '"ordering"'))]
    for one in outcomes(shoot.out):
        (shoot.out / one.file).unlink()
    (shoot.out / ".backdrop-batch" / "state.jsonl").write_text("".join(kept))
    shoot.add("late.png", photo(49))

    assert shoot.run().exit_code == 0

    assert len(shoot.pictures()) == 6
    assert shoot.entries() == {"grant": 1, "debit": 6}
    with served.installation.engine.connect() as connection:
        assert connection.execute(sa.select(orders.c.pictures).order_by(orders.c.id)).scalars().all()[-2:] == [4, 2]


def test_a_picture_that_the_server_has_deleted_is_made_again(served: Served, shoot: Shoot) -> None:
    shoot.add("jar.png", photo(31))
    assert shoot.run(presets="transparent_cutout").exit_code == 0
    (first,) = outcomes(shoot.out)
    with served.installation.engine.begin() as connection:
        connection.execute(renders.delete().where(renders.c.job_id == first.job_id))
    (shoot.out / first.file).unlink()

    assert shoot.run(presets="transparent_cutout").exit_code == 0

    (second,) = outcomes(shoot.out)
    assert second.job_id != first.job_id
    assert (shoot.out / second.file).is_file()


def test_looks_of_a_photo_that_give_the_same_picture_are_made_and_paid_once(shoot: Shoot) -> None:
    shoot.spec.write_text(shoot.spec.read_text() + '[[photo]]\nname = "*-warm.png"\nmood = "warm"\nseed = 7\n')
    for number in range(2):
        for name in (f"{number}.png", f"{number}-warm.png"):
            shoot.add(name, photo(300 + number))

    result = shoot.run()

    assert result.exit_code == 0, result.output
    assert "8 of 8 pictures" in result.output
    assert "4 the same as others, which were made and charged once" in result.output
    assert (len(shoot.pictures()), shoot.entries()) == (8, {"grant": 1, "debit": 4})
    assert len({made.sha256 for made in outcomes(shoot.out)}) == 4


def test_photos_of_the_same_bytes_are_paid_once_and_saved_in_both_places(shoot: Shoot) -> None:
    for name in ("one.png", "copy/one.png"):
        shoot.add(name, photo(20))

    assert (
        f"2 of 2 pictures are in {shoot.out}, 1 credits charged in this run.\n"
        in shoot.run(presets="transparent_cutout").output
    )

    assert shoot.pictures() == ["transparent_cutout/copy/one.png", "transparent_cutout/one.png"]
    assert shoot.entries() == {"grant": 1, "debit": 1}


def test_every_error_is_reported_before_anything_is_sent(shoot: Shoot) -> None:
    shoot.add("jar.png", photo())
    shoot.add("lamp.png", photo(1))
    more = '[[photo]]\nname = "jra.png"\nseed = 1\n[[photo]]\nname = "lamp.png"\nscene = "neon\\n"\n'
    shoot.spec.write_text('scene = "podium"\nmood = "calm"\n' + more)

    result = shoot.run(presets="shopify,amazon_main")

    assert result.exit_code == 2
    assert "--presets: There is no such output preset. The nearest are: shopify_product" in result.output
    assert "lamp.png: scene: String should have no control characters (received" in result.output
    assert "photo[0].name: no photo has the name 'jra.png'. The nearest are: jar.png" in result.output
    assert shoot.entries() == {"grant": 1}


def test_a_phones_heic_photo_is_made_by_the_worker_and_shown_before_and_after(shoot: Shoot) -> None:
    shoot.add("phone.heic", heic(Image.open(BytesIO(photo())), tile=64))

    result = shoot.run(presets="transparent_cutout")

    assert result.exit_code == 0, result.output
    assert [row["status"] for row in shoot.rows()] == ["SUCCESS"]
    page = Page(shoot.out / "index.html")
    assert "preview." not in page.words, "the photo is shown"
    shown = [shoot.out / link for link in page.links if link.endswith(".webp")]
    assert len(shown) == 2
    for path in shown:
        with Image.open(path) as picture:
            assert picture.size == (100, 120)
