"""Looks of a segmenter, kept: what it says of the same picture is the same, and takes a second or two of a core."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Segmenter


class KeptLooks:
    """A segmenter that looks at each picture once. Its masks lie in `folder` as PNG, by the SHA-256 of what it saw.

    The hash takes in `version`, which names the network. For calibrating what comes after the networks; what takes time
    is measured without it.
    """

    def __init__(self, segmenter: Segmenter, folder: Path, version: str):
        self.side = segmenter.side
        self._segmenter, self._folder, self._version = segmenter, folder, version
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB picture, to the 255th that masks are given in."""
        about = f"{image.shape} {self._version}".encode()
        seen = hashlib.sha256(np.ascontiguousarray(image).tobytes() + about).hexdigest()
        file = self._folder / f"{seen}.png"
        if not file.is_file():
            mask = np.rint(self._segmenter(image) * 255).astype(np.uint8)
            beside = file.with_suffix(".part")
            Image.fromarray(mask).save(beside, "PNG")
            beside.replace(file)
        with Image.open(file) as kept:
            return np.asarray(kept, np.float32) / np.float32(255)


class KeptSession:
    """The same as a session of rembg, for `rembg.remove`."""

    def __init__(self, looks: KeptLooks):
        self._looks = looks

    def predict(self, image: Image.Image) -> list[Image.Image]:
        """Return the mask of a picture, 8 bits, of its size."""
        mask = self._looks(np.asarray(image.convert("RGB")))
        return [Image.fromarray(np.rint(mask * 255).astype(np.uint8))]
