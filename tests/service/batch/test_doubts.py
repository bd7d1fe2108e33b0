"""Questions about the doubtful pieces of a batch's cut-outs, and their answers."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.networks import FunctionSegmenter
from pipeline.core.types import Alpha, Rgb8
from service.batch.batch import Batch
from service.batch.doubts import read_answers, write_doubts
from service.batch.here import LocalMaker
from service.batch.pairs import find_photos, pair_up
from service.batch.spec_file import Answer, OrderInvalid, read_spec
from service.batch.state import State
from service.settings import Settings
from testkit.browser import Visit, browser_or_skip, open_browser
from testkit.photos import bad
from testkit.specimens import saved
from testkit.worker import lean_networks
from tests.support.shoot import Page, Shoot, photo

PRESET = "transparent_cutout"


@FunctionSegmenter
def whole(image: Rgb8) -> Alpha:
    """Return everything that is not grey."""
    return np.asarray(np.ptp(image.astype(int), axis=2) > 40, np.float32)


@FunctionSegmenter
def only_red(image: Rgb8) -> Alpha:
    """Lose the blue lid."""
    return np.asarray(image[..., 0] > image[..., 2].astype(int) + 40, np.float32)


def jar(*, lid: bool) -> bytes:
    """Return a photo of a red jar. Only one network takes its blue lid for a part of the product."""
    picture = np.full((480, 400, 3), (150, 155, 150), np.uint8)
    picture[160:420, 120:280] = (200, 40, 40)
    if lid:
        picture[90:160, 140:260] = (40, 40, 200)
    return saved(Image.fromarray(picture), "PNG")


class Desk:
    """A batch on this machine whose two networks differ about one photo's lid."""

    def __init__(self, shoot: Shoot, state: State, maker: LocalMaker) -> None:
        self.shoot, self.state, self.maker = shoot, state, maker
        self.photos = find_photos(shoot.photos, but=shoot.out)[0]

    def ask(self) -> None:
        found = list(self.maker.doubts(self.photos))
        for one in found:
            self.state.doubted(one.photo.sha256, [piece.box for piece in one.pieces])
        write_doubts(self.shoot.out, found, batch=self.state.run_id)

    def answers(self, text: str) -> dict[str, Answer]:
        path = self.shoot.out / "answers.json"
        path.write_text(text)
        return read_answers(path, self.photos, self.state)

    def make(self, answers: dict[str, Answer]) -> tuple[Batch, int]:
        """Return the finished batch and the number of pictures that it had to make."""
        ((pair,), *others) = pair_up(self.photos, [PRESET], read_spec(self.shoot.spec))
        batch = Batch([[replace(pair, answer=answers.get(pair.photo.name))], *others], self.state, self.shoot.out)
        left = len(batch.left)
        asyncio.run(batch.run(self.maker.make, lambda *_: None, concurrency=1))
        return batch, left

    def lid(self) -> float:
        """Return the share of the picture's opaque pixels that are blue."""
        picture = np.asarray(Image.open(self.shoot.out / PRESET / "a_jar.png")).astype(int)
        opaque = picture[..., 3] > 200
        return float((opaque & (picture[..., 2] > picture[..., 0] + 60)).sum() / opaque.sum())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    shoot, settings = Shoot(tmp_path), Settings(home=tmp_path)
    for name, data in (("a_jar.png", jar(lid=True)), ("box.png", jar(lid=False)), ("nothing.png", bad()["no_subject"])):
        shoot.add(name, data)
    networks = replace(lean_networks(settings), segmenter=whole, second_segmenter=only_red)
    with State(shoot.out) as state, LocalMaker(settings, networks, state, shoot.out, concurrency=1) as maker:
        desk = Desk(shoot, state, maker)
        desk.ask()
        yield desk


def test_answers_change_the_cut_out_where_they_differ_from_it_and_only_then(desk: Desk) -> None:
    desk.make({})
    before = desk.lid()
    assert before > 0.1
    _, made = desk.make(desk.answers('{"a_jar.png": {"keep": [1]}}'))
    assert desk.lid() == before
    assert made >= 1
    answers = desk.answers('{"a_jar.png": {"keep": [], "drop": [1]}}')
    batch, _ = desk.make(answers)
    assert desk.lid() < 0.02
    report = json.loads((desk.shoot.out / ".backdrop-batch" / "reports" / PRESET / "a_jar.png.json").read_text())
    assert report["provenance"]["cut_by"] == "mended"
    assert "a_jar.png" not in [pair.photo.name for pair in Batch([batch.pairs], desk.state, desk.shoot.out).left]


def test_an_answer_to_pieces_that_the_cut_out_no_longer_has_fails_alone(desk: Desk) -> None:
    answers = desk.answers('{"a_jar.png": {"drop": [1]}}')
    sha256 = desk.photos[0].sha256
    desk.state.doubted(sha256, [[0, 0, 9, 9]])
    batch, _ = desk.make(answers)
    assert "answers_outdated" in [one.code for one in batch.failed]
    assert len(batch.made) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "answers.json: the file: "),
        ('{"a_jar.png": {"burn": [1]}}', "answers.json: a_jar.png: burn"),
        ('{"a_jra.png": {"keep": [1]}}', "a_jra.png: no photo has this name. Write a_jar.png."),
        ('{"a_jar.png": {"keep": [1, 7]}}', "a_jar.png: piece 7: the photo has the pieces 1 to 1. Run"),
        ('{"box.png": {"keep": [1]}}', "box.png: piece 1: this photo has no known piece, or has changed. Run"),
        ('{"a_jar.png": {"keep": [1], "drop": [1]}}', "piece 1: it has two answers"),
    ],
)
def test_wrong_answers_name_the_file_the_photo_the_piece_and_the_remedy(desk: Desk, text: str, words: str) -> None:
    with pytest.raises(OrderInvalid) as refused:
        desk.answers(text)
    assert words in str(refused.value)


def test_the_page_saves_answers_that_a_batch_reads(desk: Desk) -> None:
    page = desk.shoot.out / "doubts.html"
    assert Page(page).missing == []
    assert "nothing.png" in Page(page).words, "a photo without a product is named"
    with open_browser(browser_or_skip()) as browser:
        visit = Visit(browser, "", viewport={"width": 390, "height": 844})
        visit.page.goto(page.as_uri())
        visit.page.get_by_text("1 pieces of 1 photos need your answer. 1 photos have none.").wait_for()
        visit.page.keyboard.press("k")
        visit.page.get_by_role("button", name="Drop").click()
        assert visit.page.locator("figure[data-piece] img").evaluate("one => one.clientWidth") >= 320
        with visit.page.expect_download() as download:
            visit.page.get_by_role("button", name="Save the answers (1)").click()
        download.value.save_as(desk.shoot.out / "saved.json")
        assert visit.errors == []
    saved_text = (desk.shoot.out / "saved.json").read_text()
    assert desk.answers(saved_text) == {"a_jar.png": {"keep": [], "drop": [1]}}


def test_the_command_refuses_doubts_at_a_server(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("jar.png", photo())
    result = shoot.run("--doubts", "--url", "http://127.0.0.1:9", "--key", "k")
    assert result.exit_code == 2
    assert "--doubts and --answers work on this machine only. Leave out --url." in result.output
