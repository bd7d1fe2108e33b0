"""A review of a batch: the choices of the contact sheet are carried out once, on the pictures that were seen."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.batch.batch import Batch
from service.batch.here import LocalMaker
from service.batch.pairs import pair_up
from service.batch.photos import find_photos
from service.batch.spec_file import OrderInvalid, Review, read_review, read_spec
from service.batch.state import Made, Rejected, State
from service.settings import Settings
from tests.service.batch.test_here import unseen
from tests.support.shoot import Shoot, photo
from tests.support.storm.worker import lean_networks

PRESET = "transparent_cutout"


class Desk:
    """A finished batch of three photos on this machine, and its state."""

    def __init__(self, shoot: Shoot, state: State) -> None:
        self.shoot, self.state = shoot, state
        self.groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], [PRESET], read_spec(shoot.spec))

    def batch(self) -> Batch:
        return Batch(self.groups, self.state, self.shoot.out)

    def make(self, batch: Batch) -> None:
        settings = Settings(home=self.shoot.out)
        with LocalMaker(settings, self.state, self.shoot.out, concurrency=1, load=lean_networks) as maker:
            asyncio.run(batch.run(maker.make, unseen(), concurrency=1))
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
    assert desk.batch().left == [], "what was rejected stays so"
    assert desk.batch().redo(review) == {"passed": 1, "approve": 1, "reject": 1}, "no picture is made twice of a review"
    desk.state.close()
    desk.state = State(desk.shoot.out)  # read from the file
    batch = desk.batch()
    assert [type(one) for one in batch.outcomes.values()] == [Made, Rejected, Made]
    assert batch.redo(desk.review(b="approve")) == {"approve": 1}
    assert desk.shoot.pictures() == [f"{PRESET}/{name}.png" for name in "abc"], "nothing that was paid for is lost"


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
