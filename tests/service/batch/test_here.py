"""A batch on this machine, and the review of a batch."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.batch.batch import Batch
from service.batch.here import LocalMaker
from service.batch.pairs import find_photos, pair_up
from service.batch.spec_file import OrderInvalid, Review, read_review, read_spec
from service.batch.state import Made, State
from service.settings import Settings
from testkit.photos import bad
from testkit.worker import lean_networks
from tests.support.shoot import PRESETS, Page, Shoot, photo


def local_maker(home: Path, state: State, out: Path, *, concurrency: int = 1) -> LocalMaker:
    settings = Settings(home=home)
    return LocalMaker(settings, lean_networks(settings), state, out, concurrency=concurrency)


def unseen(*_: object) -> None:
    """Show nothing of a pair's outcome."""


def test_a_local_batch_cuts_each_photo_out_once(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for number in range(2):
        shoot.add(f"{number}.png", photo(number))
    shoot.add("nothing.png", bad()["no_subject"])
    groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], PRESETS, read_spec(shoot.spec))
    with State(shoot.out) as state, local_maker(tmp_path, state, shoot.out, concurrency=2) as maker:
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker.make, unseen, concurrency=2))
        batch.write()

        assert batch.charged == (0, 0)
        assert Counter(one.cutout for one in batch.made) == {"computed": 2, "cached": 2}
        assert [one.code for one in batch.failed] == ["no_subject"] * 2
        assert len(shoot.pictures()) == 4
        assert Page(shoot.out / "index.html").missing == []
        assert Batch(groups, state, shoot.out).left == [], "a photo without a product gives no picture"
        assert Batch(groups, state, shoot.out, retry_failed=True).left == [
            pair for pair in batch.pairs if pair.photo.name == "nothing.png"
        ]


def test_a_picture_that_misses_its_limits_fails_alone_and_leaves_no_file(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for name in ("good.png", "small.png"):
        shoot.add(name, photo())
    special = '[[photo]]\nname = "small*"\naccept = { set = "standard", enlargement = 0.01 }\n'
    shoot.spec.write_text(shoot.spec.read_text() + special)
    groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], PRESETS[:1], read_spec(shoot.spec))
    with State(shoot.out) as state, local_maker(tmp_path, state, shoot.out) as maker:
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker.make, unseen, concurrency=1))

    (failed,) = batch.failed
    assert failed.code == "not_accepted"
    assert "enlargement is " in failed.message
    assert "the limit is 0.01." in failed.message
    assert len(shoot.pictures()) == 1


def test_a_local_batch_refuses_brands_and_checks_specs_before_the_networks_load(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("jar.png", photo())

    result = shoot.run("--brand", "acme", presets="shopify")

    assert result.exit_code == 2
    assert "brand: Only a server has brands. Add --url." in result.output
    assert "--presets: There is no such output preset. The nearest are: shopify_product" in result.output
    shoot.add("jar.png", b"").unlink()
    assert "There is no photo in" in shoot.run().output


# A review of a batch


PRESET = "transparent_cutout"


class Desk:
    """A finished batch of three photos on this machine, and its state."""

    def __init__(self, shoot: Shoot, state: State) -> None:
        self.shoot, self.state = shoot, state
        self.groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], [PRESET], read_spec(shoot.spec))

    def batch(self) -> Batch:
        return Batch(self.groups, self.state, self.shoot.out)

    def make(self, batch: Batch) -> None:
        with local_maker(self.shoot.out, self.state, self.shoot.out) as maker:
            asyncio.run(batch.run(maker.make, unseen, concurrency=1))
        batch.write()

    def made(self, name: str) -> Made:
        found = next(self.state.entry(pair.key).made for (pair,) in self.groups if pair.photo.name == name)
        assert found is not None
        return found

    def review(self, **choices: str) -> Review:
        def chosen(name: str, choice: str) -> dict[str, object]:
            made = self.made(name)
            of = {"sha256": made.sha256, "seed": made.seed}
            return {"photo": name, "preset": PRESET, "choice": choice, **of}

        listed = [chosen(f"{name}.png", choice) for name, choice in choices.items()]
        return Review.model_validate({"batch": self.state.run_id, "choices": listed})

    def statuses(self) -> dict[str, tuple[str, str]]:
        return {row["photo"].removesuffix(".png"): (row["status"], row["review"]) for row in self.shoot.rows()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    shoot = Shoot(tmp_path)
    for number, name in enumerate(("a", "b", "c")):
        shoot.add(f"{name}.png", photo(number))
    desk = Desk(shoot, State(shoot.out))
    desk.make(desk.batch())
    yield desk
    desk.state.close()


def test_rejected_pictures_leave_the_outcome_and_another_seed_replaces_one(desk: Desk) -> None:
    review, before = desk.review(a="approve", b="reject", c="again"), desk.made("c.png")
    batch = desk.batch()

    assert batch.redo(review) == {"approve": 1, "reject": 1, "again": 1}
    assert [pair.photo.name for pair in batch.left] == ["c.png"]
    desk.make(batch)

    assert desk.shoot.pictures() == [f"{PRESET}/a.png", f"{PRESET}/c.png"]
    assert desk.made("c.png").seed != before.seed
    assert desk.statuses() == {"a": ("SUCCESS", "approve"), "b": ("REJECTED", "reject"), "c": ("SUCCESS", "")}
    assert desk.batch().left == [], "a rejected picture stays rejected"
    assert desk.batch().redo(review) == {"passed": 1, "approve": 1, "reject": 1}, "a review makes no picture twice"
    desk.state.close()
    desk.state = State(desk.shoot.out)  # read from the file
    batch = desk.batch()
    assert (len(batch.outcomes), len(batch.made)) == (3, 2)
    assert batch.redo(desk.review(b="approve")) == {"approve": 1}
    assert desk.shoot.pictures() == [f"{PRESET}/{name}.png" for name in "abc"], "no paid picture is lost"


def test_a_choice_applies_only_to_the_picture_that_was_seen(desk: Desk) -> None:
    review = desk.review(c="reject")
    batch = desk.batch()
    batch.redo(desk.review(c="again"))
    desk.make(batch)
    assert desk.made("c.png").sha256 == review.choices[0].sha256, "without a background all seeds look the same"

    assert desk.batch().redo(review) == {"passed": 1}
    assert len(desk.shoot.pictures()) == 3


def test_an_invalid_or_foreign_review_is_refused(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "review.json"
    for text, words in (
        ("[]", "not a review"),
        ('{"batch": "x", "choices": [{"photo": "a.png", "choice": "burn"}]}', "not a review"),
        (json.dumps({"batch": "another", "choices": []}), "another batch"),
    ):
        path.write_text(text)
        with pytest.raises(OrderInvalid, match=words):
            read_review(path, desk.state.run_id)
    with pytest.raises(OrderInvalid, match="No such file"):
        read_review(tmp_path / "none.json", desk.state.run_id)
