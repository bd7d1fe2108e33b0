"""The tables of the picture's benchmark: what their rows make, the bars, and the sets side by side."""

from typing import Any

import pytest

from benchmarks.picture.tables import cutout_tables, halo_tables, palette_tables, swap_tables


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


def test_cpu_time_is_judged_by_the_median_of_the_differences() -> None:
    rows = {
        name: cutout_row(1, 2, cpu={"ours": ours, "plain": 0.5}) for name, ours in zip("abc", (1, 1.2, 9), strict=True)
    }
    assert cells(rows, "1 Cut-out against")["CPU s at 2000²"][4:] == ("+0.70 s", "", "≤ +1.0 s", "pass")


@pytest.mark.parametrize(
    ("share", "warnings", "verdict"),
    [
        (0.95, [], "pass"),
        (0.2, ["low_confidence"], "warn"),
        (0.2, [], "fail"),
    ],
)
def test_a_hole_is_open_or_the_cut_out_is_said_to_be_unsure(share: float, warnings: list[str], verdict: str) -> None:
    holes = {"ours": share, "plain": 0.0, "area": 0.1}
    assert cells({"a": cutout_row(1, 2, holes=holes) | {"warnings": warnings}}, "2 Holes")["a"][-1] == verdict


def test_a_halo_passes_where_it_is_halved() -> None:
    row = {"ours_soft": 2.0, "plain_soft": 4.0, "ours_band": 2.1, "plain_band": 4.0}
    soft, band = halo_tables({"a": row})[0].rows
    assert soft[-1] == "pass"
    assert band[-1] == "fail"


def test_a_changed_product_fails_the_table_of_fidelity() -> None:
    row = {"exact": {"largest": 0.3, "pixels": 900}, "fidelity": {"mean": 0.4, "p99": 3.2}}
    changed, mean, p99 = swap_tables({"fidelity": {"1": row}})[0].rows
    assert (changed[-1], mean[-1], p99[-1]) == ("fail", "pass", "fail")


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
