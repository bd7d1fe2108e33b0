"""The head for flowers: which stamps are looked at, their copies, and the regression that is fitted."""

from pathlib import Path

import numpy as np
from PIL import Image

from scripts.viewpoint.flowers import COPIES, SIDE, copies, fitted, opened, stamps


def test_flowers_are_those_that_are_listed_and_cartoons_and_mirrored_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("plants/flowers/rose.png", "food/pear.png", "food/cartoon/pear.png", "food/pear_mirror.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "seasonal/easter").mkdir(parents=True)
    (tmp_path / "seasonal/easter/daffodil.png").touch()
    assert {(path.stem, flower) for path, flower in stamps(tmp_path)} == {("rose", True), ("pear", False)}


def test_copies_are_turned_cut_off_below_and_the_last_one_is_pale(tmp_path: Path) -> None:
    Image.new("RGBA", (90, 60), (230, 20, 60, 255)).save(tmp_path / "stamp.png")
    picture = opened(tmp_path / "stamp.png")
    assert picture.size == (SIDE, 280)
    made = list(copies(picture, np.random.default_rng(1)))
    assert len(made) == COPIES
    whole = picture.rotate(float(np.random.default_rng(1).uniform(0, 360)), expand=True)
    assert (made[0].width, made[0].height) == whole.size
    assert made[1].height < 0.76 * np.hypot(*picture.size)
    spread = [np.ptp(np.asarray(copy.convert("RGB"))[copy.height // 3, copy.width // 2]) for copy in made]
    assert spread[-1] < 0.3 * min(spread[:-1])


def test_the_regression_parts_two_clouds_however_few_one_has() -> None:
    rng = np.random.default_rng(2)
    x, flower = rng.normal(size=(60, 8)), np.arange(60) < 6
    x[flower, 0] += 6
    weight, bias = fitted(x, flower)
    assert ((x @ weight + bias > 0) == flower).all()
    assert np.argmax(np.abs(weight)) == 0
