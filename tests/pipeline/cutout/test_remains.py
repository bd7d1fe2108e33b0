"""Remains of the old ground leave the cut-out; the product and its edges stay."""

import numpy as np

from pipeline.core.types import Alpha, Rgb8
from pipeline.cutout.remains import clear_remains

SIDE = 400
Y, X = np.mgrid[0:SIDE, 0:SIDE]
PRODUCT = (Y > 60) & (Y < 280) & (X > 100) & (X < 300)
#: A soft patch under the product, such as a network leaves at a contact shadow.
SMEAR = (Y >= 280) & (Y < 300) & (X > 120) & (X < 280)


def photo(patch: float, grain: float = 0.004) -> Rgb8:
    """A dark blue box on a light grey ground (SIDE×SIDE×3 sRGB); the patch has the ground's colour times `patch`."""
    grey = np.where(SMEAR, 0.85 * patch, 0.85)[..., None] + np.random.default_rng(3).normal(0, grain, (SIDE, SIDE, 3))
    return (np.clip(np.where(PRODUCT[..., None], [0.1, 0.15, 0.4], grey), 0, 1) * 255 + 0.5).astype(np.uint8)


def mask(patch: float) -> Alpha:
    return np.where(SMEAR, patch, PRODUCT).astype(np.float32)


def test_a_half_covered_shadow_on_a_plain_ground_goes() -> None:
    alpha = mask(0.2)
    clear_remains(photo(0.97), alpha)
    assert alpha[SMEAR].mean() < 0.05
    assert (alpha[PRODUCT] == 1).all()


def test_soft_parts_in_colours_of_their_own_stay() -> None:
    alpha = mask(0.8)
    clear_remains(photo(0.5), alpha)
    assert alpha[SMEAR].mean() > 0.7


def test_a_clean_cut_stays_as_it_is() -> None:
    alpha = mask(0)
    clear_remains(photo(0.9), alpha)
    assert np.array_equal(alpha, mask(0))
