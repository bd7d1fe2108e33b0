"""Whether a file keeps what it must keep of the canvas: looked at in the file itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.parallel import by_rows, together
from pipeline.core.types import Alpha, Judged, Rgb, Rgb8
from pipeline.delivery.fidelity import SEEN_AS_WHITE, Product, decoded, holds
from pipeline.kernels.colour.codes import lowest_of_white


class Judge:
    """Tells whether a file keeps the product's colours, and the canvas's pure white beside it."""

    def __init__(self, image: Rgb, codes: Rgb8, alpha: Alpha | None, beside: Callable[[Rgb8], Any] | None):
        self._image, self._codes, self._alpha, self._beside = image, codes, alpha, beside
        self._product: Product | None = None
        self._read: tuple[bytes, Rgb8] | None = None
        self._judged: tuple[bytes, Judged] | None = None

    def read(self, data: bytes) -> None:
        """Decode a file that is to be judged, where one is to be."""
        if self._alpha is not None:
            self._read = data, decoded(data)

    def prepare(self) -> None:
        """Sample the product's colours, which every file is compared with."""
        if self._alpha is not None:
            self._product = Product(self._image[..., :3], self._alpha)

    def keeps(self, data: bytes) -> bool:
        """Decode a file, unless it was read, and judge it; true where there is no product, or it was not prepared."""
        if self._product is None or self._alpha is None:
            return True
        if self._read is None or self._read[0] is not data:
            self._read = data, decoded(data)
        arrived = self._read[1]
        product, alpha = self._product, self._alpha
        fidelity, beside, lowest = together(
            lambda: product.fidelity(arrived),
            lambda: None if self._beside is None else self._beside(arrived),
            lambda: self._lowest_white(arrived, alpha),
        )
        self._judged = data, Judged(arrived, fidelity, beside)
        return holds(fidelity) and int(lowest) >= SEEN_AS_WHITE

    def judged(self, data: bytes) -> Judged | None:
        """Return what was found in a file, where it was the last that was judged."""
        return self._judged[1] if self._judged is not None and self._judged[0] is data else None

    def _lowest_white(self, arrived: Rgb8, alpha: Alpha) -> int:
        lowest: dict[int, int] = {}

        def work(top: int, bottom: int) -> None:
            codes = self._codes[top:bottom].reshape(-1, self._codes.shape[2])
            if not _any_white(codes):
                return
            seen, out = arrived[top:bottom].reshape(-1, 3), np.empty(len(codes), np.uint8)
            lowest_of_white(codes, alpha[top:bottom].reshape(-1), seen, out)
            lowest[top] = int(out.min())

        by_rows(len(arrived), work)
        return min(lowest.values(), default=255)


def _any_white(codes: NDArray[np.uint8]) -> bool:
    """Whether any of N×3 or N×4 codes may be pure white; a quick look at whole pixels, where they have four bytes."""
    if codes.shape[1] == 3:
        return True
    white = np.array([255, 255, 255, 0], np.uint8).view(np.uint32)
    return bool(((codes.view(np.uint32) & white) == white).any())
