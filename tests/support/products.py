"""Photos of products of many sizes, cut out already, and the palette of their brand."""

from io import BytesIO

import numpy as np
from PIL import Image

PALETTE = ("#e8d5c4", "#c96f4a", "#2f5d50")


def product(wide: int, tall: int, *, cut: bool = False) -> bytes:
    """A PNG with a cut-out of its own: an ellipse of that size in a photo's middle, or cut by its left side."""
    y, x = np.mgrid[:240, :240]
    middle = 0 if cut else 120
    alpha = np.clip((1 - ((x - middle) / wide) ** 2 - ((y - 120) / tall) ** 2) * 20, 0, 1)
    colour = np.array([40 + wide, 30 + tall, 120])
    file = BytesIO()
    Image.fromarray(np.dstack([np.broadcast_to(colour, (240, 240, 3)), alpha * 255]).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


#: From a pencil to a plate.
PRODUCTS = [product(wide, tall) for wide, tall in [(12, 110), (30, 110), (45, 90), (60, 100), (80, 80)]]
PRODUCTS += [product(wide, tall) for wide, tall in [(50, 40), (90, 60), (110, 50), (110, 25), (110, 12)]]
