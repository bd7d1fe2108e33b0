"""Looks of a segmenter, kept: what it says of the same picture is the same, and takes a second or two of a core."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Segmenter, looking_side


class KeptLooks:
    """A segmenter that looks at each picture once. Its masks lie in `folder` as PNG, by the SHA-256 of what it saw.

    For calibrating what comes after the networks; what takes time is measured without it.
    """

    def __init__(self, segmenter: Segmenter, folder: Path):
        self.side = looking_side(segmenter)
        self._segmenter, self._folder = segmenter, folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB picture, to the 255th that masks are given in."""
        seen = hashlib.sha256(np.ascontiguousarray(image).tobytes() + repr(image.shape).encode()).hexdigest()
        file = self._folder / f"{seen}.png"
        if not file.is_file():
            mask = np.rint(self._segmenter(image) * 255).astype(np.uint8)
            beside = file.with_suffix(".part")
            Image.fromarray(mask).save(beside, "PNG")
            beside.replace(file)
        with Image.open(file) as kept:
            return np.asarray(kept, np.float32) / np.float32(255)
