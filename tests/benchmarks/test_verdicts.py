"""What warnings are worth: precision, recall and false alarms, with their intervals."""

from typing import Any

import pytest

from benchmarks.picture.verdicts import warning_tables, wilson


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
