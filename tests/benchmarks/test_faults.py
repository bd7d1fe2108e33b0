import numpy as np

from benchmarks.picture.faults import faults
from pipeline.core.types import Alpha


def disc(x: float, radius: float, side: int = 320) -> Alpha:
    v, u = np.mgrid[:side, :side] + 0.5
    return np.asarray(np.clip(radius - np.hypot(u - x, v - side / 2) + 0.5, 0, 1), np.float32)


def told(alpha: Alpha, truth: Alpha) -> set[str]:
    return {code for code, holds in faults(alpha, truth).items() if holds}


def test_a_cut_out_that_is_the_truth_has_no_fault() -> None:
    assert told(disc(160, 80), disc(160, 80)) == set()


def test_a_cut_out_that_misses_much_of_the_product_is_wrong() -> None:
    assert told(disc(160, 60), disc(160, 80)) == {"low_confidence"}


def test_what_is_neither_right_nor_wrong_is_not_judged() -> None:
    truth = disc(160, 80)
    assert "low_confidence" in faults(disc(160, 79), truth)
    assert "low_confidence" not in faults(disc(160, 74), truth)


def test_a_mask_that_names_a_part_of_the_thing_does_not_say_what_is_wrong() -> None:
    found = faults(disc(160, 80), disc(160, 50), part_mask=True)
    assert "low_confidence" not in found


def test_a_mask_made_by_hand_does_not_say_what_is_half_transparent() -> None:
    truth = np.asarray(disc(160, 80) > 0.5, np.float32)
    assert "transparent_material_suspected" not in faults(truth, truth)
    glass = disc(160, 80) * np.float32(0.5)
    assert faults(disc(160, 80), glass)["transparent_material_suspected"]


def test_what_the_photo_cuts_and_what_it_shows_twice_is_told_by_the_truth_alone() -> None:
    both = np.maximum(disc(60, 50), disc(260, 40))
    assert faults(disc(60, 50), both)["several_subjects"]
    assert faults(disc(160, 80), disc(20, 80))["subject_touches_edge"]


def test_a_mask_that_names_a_part_or_is_wrong_at_the_border_does_not_say_that_the_photo_cuts_nothing() -> None:
    whole, cut = disc(160, 50), disc(20, 80)
    assert "subject_touches_edge" not in faults(whole, whole, part_mask=True)
    assert faults(cut, cut, part_mask=True)["subject_touches_edge"]
    assert "subject_touches_edge" not in faults(cut, cut, border_known=False)
