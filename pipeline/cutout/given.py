"""A given mask: the caller's, used instead of the networks' mask."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: The mask's origin: mended by the caller, or the networks' mask with some subjects left out.
CutBy = Literal["mended", "subjects"]


@dataclass(frozen=True)
class GivenMask:
    """A mask of a whole photo, from a caller."""

    #: H×W coverage, 0–255, of the upright photo.
    codes: NDArray[np.uint8]
    cut_by: CutBy


def coverage(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return codes 0–255 as alpha in [0, 1], of the same shape; 255 is 1 exactly."""
    return np.multiply(codes, np.float32(1 / 255), dtype=np.float32).clip(0, 1)


def codes_of(alpha: NDArray[np.float32], origin: tuple[int, int], width: int, height: int) -> NDArray[np.uint8]:
    """Return the H×W codes, 0–255, of an h×w alpha in [0, 1] whose corner (x, y) is at `origin` of a photo.

    Outside the alpha they are 0.
    """
    (left, top), (rows, columns) = origin, alpha.shape
    codes = np.zeros((height, width), np.uint8)
    np.rint(alpha * np.float32(255), out=codes[top : top + rows, left : left + columns], casting="unsafe")
    return codes
