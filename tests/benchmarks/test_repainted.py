"""What the benchmark of simulated paintings says of its rows, and that its limits never see the product they judge."""

from typing import Any

import numpy as np

from benchmarks.picture.repainted import limit, repainted, share, told


def row(product: str, unchanged: list[float], changed: list[float]) -> dict[str, Any]:
    shadow = [["kept", "kept", 1.0, 0.0], ["missing", "missing", 0.0, 0.0], ["elsewhere", "missing", 0.1, 0.3]]
    return {"product": product, "shadow": shadow, "not": unchanged, "3%": changed, "6%": changed, "12%": changed}


def test_a_limit_lies_in_the_middle_of_what_is_free() -> None:
    assert limit([row("jar", [0.0, 0.02], [0.06, 0.4])]) == 0.04
    overlapping = limit([row("jar", [0.0, 0.01, 0.2], [0.1, 0.3, 0.5])])
    assert 0.01 <= overlapping < 0.1  # one false of three, none missed


def test_each_verdict_is_counted_and_a_products_own_rows_choose_nothing_for_it() -> None:
    usual = [row(f"product {number}", [0.0, 0.01], [0.2, 0.5]) for number in range(12)]
    said = list(told([*usual, row("odd", [0.3, 0.3], [0.9, 0.9])]))
    assert said[0] == "13 stands of 13 products"
    assert any(line.startswith("shadow elsewhere: told so 0 of 13") for line in said)
    assert any(line.startswith("grown, 3%: told as grown 26 of 26") for line in said)
    # its own pictures, had they a say, would move the limit above them
    assert any(line.startswith("grown, not, by limits of the other folds' products: 2 of 26") for line in said)
    assert share([True, False]).startswith("1 of 2 (0.09")


def test_a_repainted_picture_keeps_its_layout_and_is_another_picture() -> None:
    drawing = np.full((64, 64, 3), 0.3, np.float32)
    drawing[:32] = 0.7
    picture = repainted(drawing, np.random.default_rng(1))
    assert 0.01 < np.abs(picture - drawing).mean() < 0.12
    assert picture[:28].mean() - picture[36:].mean() > 0.25
