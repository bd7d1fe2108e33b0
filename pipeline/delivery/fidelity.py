"""Check that a file keeps the product's colours and the pure white that touches the product."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.codes import codes_of
from pipeline.core.parallel import by_rows, together
from pipeline.core.resample import tight_box
from pipeline.core.types import Alpha, Judged, Rgb, Rgb8
from pipeline.kernels.colour import lab
from pipeline.report import FidelityReport

#: Limits on the product's colour difference in a delivered file, CIEDE2000: on average, and in 99 % of its pixels.
MEAN, P99 = 1.0, 3.0
#: Lowest code that passes as white in a block that also contains product. CIEDE2000 of grey 250 to white is 1.0, the
#: least difference that eyes see.
SEEN_AS_WHITE = 250
#: Maximum number of pixels to compare; of a larger mask, an even sample is compared.
LIMIT = 400_000
#: Pixels by which the mask is eroded: nearer to the edge the colour is blended with the background by design.
_EDGE = 2


class Product:
    """The product's pixels on the canvas, away from its edge.

    `rgb` is H×W×3 sRGB in [0, 1], `alpha` H×W coverage. Of more than `limit` pixels, an even sample is kept.
    """

    def __init__(self, rgb: Rgb, alpha: Alpha, limit: int = LIMIT):
        box = tight_box(alpha > 0.5) or (0, 0, 0, 0)
        left, top, right, bottom = box
        inside = np.flatnonzero(_eroded(alpha[top:bottom, left:right] >= 0.999, _EDGE))
        #: Number of pixels inside, and number of kept pixels.
        self.of_pixels = len(inside)
        chosen = inside[:: max(1, -(-len(inside) // limit))]
        self.pixels = len(chosen)
        rows, columns = np.divmod(chosen, max(1, right - left))
        #: Indices of the kept pixels in the flattened canvas.
        self.where = (rows + top) * alpha.shape[1] + columns + left
        self._colours = rgb.reshape(-1, 3)[self.where]

    def errors(self, arrived: Rgb8) -> NDArray[np.float32]:
        """Return the CIEDE2000 of each kept pixel of a delivered H×W×3 picture."""
        out = np.empty(self.pixels, np.float32)
        lab.errors(self._colours, arrived.reshape(-1, 3)[self.where], out)
        return out

    def fidelity(self, arrived: Rgb8) -> FidelityReport:
        """Return the report on a delivered H×W×3 picture: mean, 99th percentile and maximum of the errors."""
        mean = p99 = largest = None
        if self.pixels:
            error = self.errors(arrived)
            mean, p99, largest = (round(float(one), 3) for one in (error.mean(), np.quantile(error, 0.99), error.max()))
        return FidelityReport(mean, p99, largest, "CIEDE2000", self.pixels, self.of_pixels)


def _eroded(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Erode an h×w mask by a square: keep pixels that are True up to `reach` pixels away; beyond the edge is False."""
    wide = np.pad(mask, reach)
    height, width = mask.shape
    # rows, then columns, by logical and: a quarter of the time of a minimum filter
    rows = wide[:height].copy()
    for step in range(1, 2 * reach + 1):
        rows &= wide[step : step + height]
    out = rows[:, :width].copy()
    for step in range(1, 2 * reach + 1):
        out &= rows[:, step : step + width]
    return out


def decoded(data: bytes) -> Rgb8:
    """Decode a file that `pipeline.delivery.encode` made to H×W×3 sRGB codes. Raises Pillow's errors."""
    with Image.open(BytesIO(data), formats=("JPEG", "PNG", "WEBP", "AVIF")) as picture:
        return codes_of(picture if picture.mode == "RGB" else picture.convert("RGB"))


class Judge:
    """Checks whether a file keeps the product's colours, and the canvas's pure white near it."""

    def __init__(self, image: Rgb, codes: Rgb8, alpha: Alpha | None, beside: Callable[[Rgb8], Any] | None):
        self._image, self._codes, self._alpha, self._beside = image, codes, alpha, beside
        self._product: Product | None = None
        self._read: tuple[bytes, Rgb8] | None = None
        self._judged: tuple[bytes, Judged] | None = None

    def read(self, data: bytes) -> None:
        """Decode a file for `keeps`; nothing without a product."""
        if self._alpha is not None:
            self._read = data, decoded(data)

    def prepare(self) -> None:
        """Sample the product's colours, the reference for every file."""
        if self._alpha is not None:
            self._product = Product(self._image[..., :3], self._alpha)

    def keeps(self, data: bytes) -> bool:
        """Decode a file, unless it was read, and judge it; True where there is no product, or it was not prepared."""
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
        kept = (fidelity.mean or 0) <= MEAN and (fidelity.p99 or 0) <= P99
        return kept and int(lowest) >= SEEN_AS_WHITE

    def judged(self, data: bytes) -> Judged | None:
        """Return the result for a file, if it was judged last."""
        return self._judged[1] if self._judged is not None and self._judged[0] is data else None

    def _lowest_white(self, arrived: Rgb8, alpha: Alpha) -> int:
        lowest: dict[int, int] = {}

        def work(top: int, bottom: int) -> None:
            lowest[top] = lowest_of_white(self._codes[top:bottom], alpha[top:bottom], arrived[top:bottom])

        by_rows(len(arrived), work)
        return min(lowest.values(), default=255)


def lowest_of_white(codes: NDArray[np.uint8], alpha: Alpha, arrived: Rgb8) -> int:
    """Return the lowest of the H×W×3 codes that arrived where pure white without product was delivered; else 255.

    `codes` are H×W×3, or H×W×4 of which the fourth is ignored. `alpha` is the product's H×W coverage.
    """
    if codes.shape[2] == 3:
        white = (codes == 255).all(-1)
    else:
        # All bytes of a pixel at once.
        pure = np.array([255, 255, 255, 0], np.uint8).view(np.uint32)
        white = (codes.view(np.uint32)[..., 0] & pure) == pure
    return int(arrived[white & (alpha <= 0)].min(initial=255))
