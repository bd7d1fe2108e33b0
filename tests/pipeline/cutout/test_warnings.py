import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.cutout.warnings import Evidence, assessed
from testkit.still_life import still_life

Array = NDArray[np.float32]


def disc(size: int, x: float, y: float, radius: float) -> Array:
    v, u = np.mgrid[:size, :size]
    return np.asarray(np.clip(radius - np.hypot(u - x, v - y) + 0.5, 0, 1), np.float32)


def test_two_separate_things_are_several_subjects_and_a_crumb_is_not() -> None:
    large, other, crumb = disc(400, 120, 200, 80), disc(400, 310, 200, 60), disc(400, 310, 200, 15)
    found = assessed(Evidence.of(large + other))
    assert found.warnings == ("several_subjects",)
    left, right = found.where["several_subjects"]
    assert left == pytest.approx((40, 120, 200, 280), abs=3)
    assert right == pytest.approx((250, 140, 370, 260), abs=3)
    assert assessed(Evidence.of(large + crumb)).warnings == ()


def test_glass_is_suspected_by_its_translucent_inside_and_not_by_a_soft_edge() -> None:
    solid = disc(400, 200, 200, 120)
    glass = solid * np.float32(0.5) + disc(400, 200, 200, 60) * np.float32(0.5)
    assert "transparent_material_suspected" in assessed(Evidence.of(glass)).warnings
    v, u = np.mgrid[:400, :400]
    soft = np.clip((120 - np.hypot(u - 200, v - 200)) / 8 + 0.5, 0, 1).astype(np.float32)
    assert "transparent_material_suspected" not in assessed(Evidence.of(soft)).warnings


@pytest.mark.parametrize(("turns", "side"), [(0, "bottom"), (1, "right"), (2, "top"), (3, "left")])
def test_a_product_that_the_photo_crops_is_reported_with_its_side(turns: int, side: str) -> None:
    _, alpha = still_life(cut=True)
    found = assessed(Evidence.of(np.rot90(alpha, turns).copy()))
    assert found.cut_sides == (side,)
    assert "subject_touches_edge" in found.warnings


@pytest.mark.parametrize(("gap", "sides"), [(1, ("bottom",)), (4, ())])
def test_a_mask_that_fades_at_the_border_ends_there_and_one_that_ends_before_it_does_not(
    gap: int, sides: tuple[str, ...]
) -> None:
    _, alpha = still_life(cut=True)
    alpha = alpha.copy()
    alpha[-gap:] = 0.2
    assert assessed(Evidence.of(alpha)).cut_sides == sides
    assert assessed(Evidence.of(alpha, from_file_alpha=True)).cut_sides == (), "a file's own alpha is exact"
    thin = alpha.copy()
    thin[-20:, :118] = thin[-20:, 122:] = 0
    assert assessed(Evidence.of(thin)).cut_sides == (), "a hook that ends before the border is not cropped either"


def test_a_file_with_alpha_that_was_trimmed_to_its_product_is_not_cropped_by_its_sides() -> None:
    _, alpha = still_life()
    rows, columns = np.nonzero(alpha > 0)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    found = assessed(Evidence.of(alpha[box].copy(), from_file_alpha=True))
    assert found.cut_sides == ()
    assert "subject_touches_edge" not in found.warnings
    assert len(assessed(Evidence.of(alpha[box].copy())).cut_sides) > 2, "a photo that it fills crops it"
    _, alpha = still_life(cut=True)
    assert assessed(Evidence.of(alpha, from_file_alpha=True)).cut_sides == ("bottom",)


def test_a_doubtful_cutout_is_a_warning_where_the_looks_disagree() -> None:
    _, alpha = still_life()
    box = (10, 20, 30, 40)
    found = assessed(Evidence.of(alpha, confidence=0.5, disputed=(box,)))
    assert found.confidence == 0.5
    assert found.warnings == ("low_confidence",)
    assert found.where == {"low_confidence": (box,)}
    sure = assessed(Evidence.of(alpha, confidence=0.95, disputed=(box,)))
    assert (sure.confidence, sure.warnings, sure.where) == (0.95, (), {})
