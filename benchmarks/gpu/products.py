"""Products for `backdrop bench gpu`: from a folder, or from the shipped sample and drawn shapes."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.colour.notation import hex_to_rgb

SAMPLE = Path(__file__).resolve().parents[2] / "service" / "sample"
#: The standing products of `service/sample`. The first is a photo, which is cut out like a customer's photo.
SHIPPED = ("bottle.jpg", "mug.webp", "jar.webp", "lamp.webp", "vase.webp", "gift.webp")
PHOTOS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".heic"})
#: Height of a drawn product in pixels.
_HEIGHT = 640
_COLOURS = ("#b5483a", "#2f5d8a", "#e9e2d0", "#35383b", "#5d8a4c", "#d9a441")
#: Half the width of a turned body as a share of its height, from its top, 0, to its foot, 1.
_OUTLINES: tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], ...] = (
    lambda y: np.full_like(y, 0.25),
    lambda y: np.where(y < 0.3, 0.09, np.minimum(0.24, 0.09 + 0.8 * (y - 0.3))),
    lambda y: np.sqrt(np.clip(0.25 - (y - 0.5) ** 2, 0, None)),
    lambda y: 0.1 + 0.2 * y,
    lambda y: 0.16 + 0.1 * np.cos(2 * np.pi * y),
)


@dataclass(frozen=True)
class Product:
    """A photo, or a cut-out with its own alpha."""

    name: str
    #: The file's bytes.
    data: bytes
    kind: Literal["shipped", "drawn", "yours"]


def products(folder: Path | None, count: int) -> list[Product]:
    """Return `count` products: from a folder (repeated if it has fewer), or shipped products and then drawn ones.

    Raises ValueError if the folder has no photo.
    """
    if folder is None:
        shipped = [Product(name, (SAMPLE / name).read_bytes(), "shipped") for name in SHIPPED[:count]]
        return shipped + [_drawn(number) for number in range(count - len(shipped))]
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTOS)[:count]
    if not found:
        raise ValueError(f"{folder} has no photo. Name a folder of photos or cut-outs: {', '.join(sorted(PHOTOS))}.")
    return [Product(path.name, path.read_bytes(), "yours") for path in (found * count)[:count]]


def _drawn(number: int) -> Product:
    """Return a turned body with its exact coverage as alpha, lit from the left."""
    outline, colour = _OUTLINES[number % len(_OUTLINES)], _COLOURS[number % len(_COLOURS)]
    y, x = np.mgrid[0:1:640j, -0.5:0.5:640j]
    half = np.maximum(outline(y), 1e-6)
    inside = np.clip((half - np.abs(x)) * _HEIGHT + 0.5, 0, 1)
    across = np.clip(x / half, -1, 1)
    shade = 0.35 + 0.65 * np.clip(np.cos(np.arcsin(across) + 0.5), 0, 1)
    rgb = np.clip(hex_to_rgb(colour) * shade[..., None], 0, 1)
    file = io.BytesIO()
    Image.fromarray((np.dstack([rgb, inside]) * 255 + 0.5).astype(np.uint8)).save(file, "PNG")
    return Product(f"drawn-{number + 1:02d}", file.getvalue(), "drawn")
