import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.picture import quality
from benchmarks.picture.orders import TABLES, Config, Work
from benchmarks.picture.palette import orders
from benchmarks.picture.rivals import Rivals
from benchmarks.picture.rows import measure
from benchmarks.picture.sheet import status, write_sheet
from benchmarks.picture.tables import swap_tables, tables_of
from pipeline.compositing.composite import composite
from pipeline.core.spec import Spec
from pipeline.core.types import Placed, Rgb
from pipeline.geometry.ray import Field
from tests.support.still_life import Darkener, jpeg, networks, preset, spec, still_life


class Session:
    """A session of rembg for the stand-in network."""

    def predict(self, image: Image.Image) -> list[Image.Image]:
        mask = networks().segmenter(np.asarray(image.convert("RGB")))
        return [Image.fromarray(np.rint(mask * 255).astype(np.uint8))]


def both() -> Rivals:
    return Rivals(networks(Darkener(size=64)), Session())


def test_a_photo_without_a_product_is_a_row_that_says_why(tmp_path: Path) -> None:
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    config = Config(tmp_path / "out", None, None)
    for name, code in (("grey.png", "no_subject"), ("torn.jpg", "image_truncated")):
        row = measure(Work("looks", "1", tmp_path / name, spec()), config, both())
        assert row["refused"] == code
        assert len(row["why"]) > 20
        assert status(row) == "fail"


class Page(HTMLParser):
    """What a page shows and refers to; every element of it is closed in its turn."""

    def __init__(self, text: str):
        super().__init__()
        self.cards: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.pictures = 0
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs)
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)
        if tag == "article":
            self.cards.append(found)
        if tag == "img":
            self.pictures += 1
            assert found["loading"] == "lazy"
            assert found["alt"]
        self.links += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Work], Config]:
    """Two swaps, one on white with a marking; a refused photo; a row of fidelity and one of palette."""
    folder = tmp_path_factory.mktemp("quality")
    (folder / "jar of <b>.jpg").write_bytes(jpeg(still_life(240, 300)[0]))
    Image.fromarray(np.full((200, 200, 3), 128, np.uint8)).save(folder / "grey.png")
    jar, grey = folder / "jar of <b>.jpg", folder / "grey.png"
    marked = replace(preset((160, 160), "white", "jpeg"), digital_source_type="compositeCapture")
    asked: list[tuple[str, str, Path, Spec]] = [
        ("looks", "1", jar, spec("podium", palette=("#2f5d50",), place=preset((200, 160), form="jpeg"))),
        ("looks", "2", grey, spec("sweep")),
        ("presets", "1", jar, spec("white", place=marked)),
        ("fidelity", "1", jar, spec("sweep", place=preset((160, 160), form="jpeg"))),
    ]
    works = [*(Work(*one) for one in asked), Work("palette", "000", jar)]
    config = Config(folder / "out", None, 128)
    quality.run(works, config, TABLES, both=both())
    return config.out, works, config


@pytest.mark.gate  # a second of swaps
def test_the_page_has_one_card_a_swap_with_pictures_beside_it(finished: Any) -> None:
    out = finished[0]
    page = Page((out / "index.html").read_text())
    assert [card["data-status"] == "fail" for card in page.cards].count(True) >= 1
    assert len(page.cards) == 3
    assert page.pictures == 2 * 3
    assert len(page.links) == 4 * 3
    for link in page.links:
        assert (out / link.replace("%20", " ").replace("%3C", "<").replace("%3E", ">")).is_file(), link


def test_the_page_says_why_a_photo_was_refused_and_writes_names_safely(finished: Any) -> None:
    text = (finished[0] / "index.html").read_text()
    assert "<b>no_subject</b>" in text
    assert "jar of &lt;b&gt;" in text
    assert "jar of <b>" not in text
    assert "http" not in text


def swap_row(asked: list[dict[str, Any]], met: bool) -> dict[str, Any]:
    """A row of looks whose product has not one opaque pixel."""
    return {
        "table": "looks",
        "photo": "a",
        "rules": [],
        "warnings": [],
        "palette_report": {"asked": asked, "mean_delta_e00": None, "bar": {"met": met}},
        "fidelity": {"mean": None, "p99": None},
        "confidence": 0.9,
        "attempts": 3,
        "seed": 1,
        "seconds": 1.0,
        "bytes": 1000,
        "pictures": {"before": "a.jpg", "cutout": "a.jpg", "after": "a.jpg", "file": "a.jpg"},
    }


def test_a_card_says_that_the_palette_was_missed_and_leaves_out_what_was_not_measured(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    for met in (True, False):
        row = swap_row([], met)
        write_sheet(tmp_path / "index.html", [], [row], "about")
        text = (tmp_path / "index.html").read_text()
        assert Page(text).cards[0]["data-status"] == status(row) == ("pass" if met else "warn")
        assert ("palette over its bar" in text) is not met
        assert "None" not in text


def test_before_encoding_the_product_is_the_placed_one(finished: Any) -> None:
    rows = json.loads((finished[0] / "figures.json").read_text())["rows"]
    exact = rows["fidelity"]["1"]["exact"]
    assert exact["pixels"] > 500
    assert exact["largest"] == 0
    table = swap_tables(rows)[0]
    assert table.rows[0][-2:] == ("0", "pass")


def test_a_product_that_is_one_code_off_before_encoding_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(placed: Placed, background: Rgb | None, around: Field | None = None) -> Rgb:
        return np.asarray(np.clip(composite(placed, background, around) + np.float32(1 / 255), 0, 1), np.float32)

    monkeypatch.setattr("pipeline.swap.composite", off)
    (tmp_path / "jar.jpg").write_bytes(jpeg(still_life(240, 300)[0]))
    work = Work("fidelity", "1", tmp_path / "jar.jpg", spec("white", place=preset((160, 160), "white", "jpeg")))
    assert measure(work, Config(tmp_path, None, None), both())["exact"]["largest"] > 0.05


def test_the_palette_is_measured_on_the_palette_benchmarks_own_swaps(finished: Any) -> None:
    rows = json.loads((finished[0] / "figures.json").read_text())["rows"]
    ((_, asked),) = orders([0], 128)
    row = rows["palette"]["000"]
    assert (row["scene"], row["seed"], len(row["misses"])) == (asked.scene.name, asked.seed, len(asked.palette))
    titles = [table.title for table in tables_of(rows)]
    assert titles == [
        "4 Fidelity",
        "5 Palette, a plain product",
        "5 Palette, the composites below",
        "6 Presets",
        "7 Looks",
    ]


def test_the_marking_is_read_by_a_reader_that_is_not_ours(finished: Any) -> None:
    pytest.importorskip("pyexiv2")
    rows = json.loads((finished[0] / "figures.json").read_text())["rows"]
    assert rows["presets"]["1"]["marking"] == {
        "reader": "pyexiv2",
        "value": "compositeCapture",
        "expected": "compositeCapture",
    }


def test_a_resumed_run_measures_only_what_is_missing(finished: Any) -> None:
    out, works, config = finished
    before = json.loads((out / "figures.json").read_text())["rows"]
    kept = {path: path.stat().st_mtime_ns for path in (out / "swaps").iterdir()}
    further = Work("looks", "3", works[2].photo, works[2].spec)
    quality.run([*works, further], config, TABLES, resume=True, both=both())
    after = json.loads((out / "figures.json").read_text())["rows"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert after["looks"].pop("3")["photo"] == works[0].photo.stem
    assert after == before
