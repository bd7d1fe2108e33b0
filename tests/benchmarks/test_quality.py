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
from benchmarks.picture.tables import cutout_tables, halo_tables, palette_tables, swap_tables, tables_of
from benchmarks.picture.verdicts import warning_tables, wilson
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


def cutout_row(ours: float, plain: float, **more: Any) -> dict[str, Any]:
    figures = ("madb", "sad", "mse", "mae")
    return {
        "ours": dict.fromkeys(figures, ours) | {"iou": 0.9},
        "plain": dict.fromkeys(figures, plain) | {"iou": 0.9},
        "warnings": [],
    } | more


def cells(rows: dict[str, Any], title: str) -> dict[str, tuple[str, ...]]:
    table = next(table for table in cutout_tables(rows) if table.title.startswith(title))
    return {row[0]: row[1:] for row in table.rows}


def test_a_cut_out_passes_where_it_is_better_by_as_much_as_is_asked() -> None:
    good = cells({"a": cutout_row(60, 100), "b": cutout_row(60, 100)}, "1 Cut-out against")
    assert good["madb"] == ("60.000", "60.000", "100.000", "100.000", "-40.0 %", "0", "≤ -30 %", "pass")
    short = cells({"a": cutout_row(80, 100), "b": cutout_row(70, 100)}, "1 Cut-out against")
    assert short["madb"][-1] == "fail"
    assert short["sad"][-1] == "pass"
    worse = cells({"a": cutout_row(106, 100), "b": cutout_row(1, 100)}, "1 Cut-out against")
    assert worse["worse pictures"][-4:] == ("50.0 %", "1", "≤ 10 %", "fail")


def test_two_sets_stand_side_by_side_and_each_has_tables_of_its_own() -> None:
    rows = {"a": cutout_row(60, 100, set="shop"), "b": cutout_row(90, 100, set="street")}
    beside = cells(rows, "1 Cut-out, set beside set")
    assert beside["madb"] == ("60.000", "100.000", "-40.0 %", "90.000", "100.000", "-10.0 %")
    assert beside["iou < 0.8"] == ("0.0 %", "0.0 %", "", "0.0 %", "0.0 %", "")
    assert cells(rows, "1 Cut-out against plain rembg (street)")["madb"][-1] == "fail"
    assert cells(rows, "1 Cut-out against plain rembg (shop)")["madb"][-1] == "pass"


def warned_row(iou: float, warnings: list[str], wrong: list[str], name: str = "") -> dict[str, Any]:
    codes = ("low_confidence", "several_subjects")
    return {"set": name, "ours": {"iou": iou}, "warnings": warnings, "faults": {code: code in wrong for code in codes}}


def test_a_warning_is_judged_by_how_often_it_is_right_and_by_how_much_it_says() -> None:
    low = ["low_confidence"]
    rows = [warned_row(0.7, low, low)] * 8 + [warned_row(0.7, [], low)] * 2 + [warned_row(0.9, low, [])] * 3
    (table,) = warning_tables({str(i): row for i, row in enumerate(rows)})
    assert table.rows[0][2:5] == ("10 of 13", "11", "8")
    assert table.rows[0][5].startswith("0.73 (")
    assert table.rows[0][6].startswith("0.80 (")
    assert table.rows[0][-1] == "pass"
    (worse,) = warning_tables({str(i): row for i, row in enumerate([*rows, warned_row(0.9, low, [])])})
    assert worse.rows[0][-1] == "fail"


def test_a_right_cut_out_that_is_warned_of_is_a_false_alarm_but_not_where_the_photo_shows_two_things() -> None:
    rows = [warned_row(0.95, [], [])] * 5 + [warned_row(0.95, ["low_confidence"], [])]
    rows += [warned_row(0.95, ["several_subjects"], ["several_subjects"])] * 2
    (table,) = warning_tables({str(i): row for i, row in enumerate(rows)})
    alarms, everything = table.rows[-2:]
    assert (alarms[2], alarms[3], alarms[-1]) == ("8", "1", "pass")
    assert everything[3] == "3"


def test_the_interval_of_a_share_is_wide_where_little_was_counted() -> None:
    assert wilson(0, 0) == (0, 1)
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert wilson(80, 100) == pytest.approx((0.711, 0.867), abs=0.001)


def test_cpu_time_is_judged_by_the_median_of_the_differences() -> None:
    rows = {
        name: cutout_row(1, 2, cpu={"ours": ours, "plain": 0.5}) for name, ours in zip("abc", (1, 1.2, 9), strict=True)
    }
    assert cells(rows, "1 Cut-out against")["CPU s at 2000²"][4:] == ("+0.70 s", "", "≤ +1.0 s", "pass")


@pytest.mark.parametrize(
    ("share", "warnings", "verdict"),
    [
        (0.95, [], "pass"),
        (0.2, ["enclosed_background_suspected"], "pass"),
        (0.2, ["low_confidence"], "warn"),
        (0.2, [], "fail"),
    ],
)
def test_a_hole_is_open_or_said_to_be_suspected(share: float, warnings: list[str], verdict: str) -> None:
    holes = {"ours": share, "plain": 0.0, "area": 0.1}
    assert cells({"a": cutout_row(1, 2, holes=holes) | {"warnings": warnings}}, "2 Holes")["a"][-1] == verdict


def test_a_halo_passes_where_it_is_halved() -> None:
    row = {"ours_soft": 2.0, "plain_soft": 4.0, "ours_band": 2.1, "plain_band": 4.0}
    soft, band = halo_tables({"a": row})[0].rows
    assert soft[-1] == "pass"
    assert band[-1] == "fail"


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


def test_a_changed_product_fails_the_table_of_fidelity() -> None:
    row = {"exact": {"largest": 0.3, "pixels": 900}, "fidelity": {"mean": 0.4, "p99": 3.2}}
    changed, mean, p99 = swap_tables({"fidelity": {"1": row}})[0].rows
    assert (changed[-1], mean[-1], p99[-1]) == ("fail", "pass", "fail")


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


def test_the_palettes_bars_hold_for_colours_swaps_and_worst_colours_each() -> None:
    colour, swap, worst = palette_tables([{"misses": [1.0, 7.0]}, {"misses": [3.0]}, {"misses": []}], "t")[0].rows
    assert colour == ("colour", "3.67", "6.60", "7.00", "67%", "100%", "mean ≤ 5, p95 ≤ 10", "pass")
    assert swap[1] == "3.50"
    assert worst[1:4] == ("5.00", "6.80", "7.00")
    failed = palette_tables([{"misses": [1.0, 19.0]}], "t")[0].rows
    assert {row[-1] for row in failed} == {"fail"}


def test_presets_are_counted_by_rule_and_by_the_independent_reading_of_the_mark() -> None:
    def row(size: str, mark: str | None) -> dict[str, Any]:
        rules = [{"rule": "size", "status": size}, {"rule": "content", "status": "unchecked"}]
        fidelity = {"mean": 0.5, "p99": 1.0}
        marking = {"reader": "pyexiv2", "value": mark, "expected": "compositeCapture"}
        return {"preset": "p", "rules": rules, "marking": marking, "fidelity": fidelity}

    rows = {"1": row("pass", "compositeCapture"), "2": row("warn", None), "3": {"preset": "p", "refused": "no_subject"}}
    table = swap_tables({"presets": rows})[-1]
    assert table.rows == (
        ("p", "size", "1", "1", "0", "0", "warn"),
        ("p", "content", "0", "0", "0", "2", "unchecked"),
        ("p", "marking by pyexiv2", "1", "0", "1", "0", "fail"),
        ("p", "photo refused", "0", "1", "0", "0", "warn"),
    )


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
