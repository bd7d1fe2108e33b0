"""A cache of a segmenter's masks, since a look takes a second or two of a core."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Segmenter


class KeptLooks:
    """A segmenter that looks at each picture once and keeps masks in `folder` as PNG.

    A file is named by the SHA-256 of the picture and of `version`, which names the network. Use it to calibrate stages
    after the networks, not to measure time.
    """

    def __init__(self, segmenter: Segmenter, folder: Path, version: str):
        self.side = segmenter.side
        self._segmenter, self._folder, self._version = segmenter, folder, version
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1], in steps of 1/255, for an H×W×3 sRGB picture."""
        about = f"{image.shape} {self._version}".encode()
        seen = hashlib.sha256(np.ascontiguousarray(image).tobytes() + about).hexdigest()
        file = self._folder / f"{seen}.png"
        if not file.is_file():
            mask = np.rint(self._segmenter(image) * 255).astype(np.uint8)
            unfinished = file.with_suffix(".part")
            Image.fromarray(mask).save(unfinished, "PNG")
            unfinished.replace(file)
        with Image.open(file) as kept:
            return np.asarray(kept, np.float32) / np.float32(255)


class KeptSession:
    """Kept looks as a session of rembg, for `rembg.remove`."""

    def __init__(self, looks: KeptLooks):
        self._looks = looks

    def predict(self, image: Image.Image) -> list[Image.Image]:
        """Return the 8-bit mask of a picture, at its size."""
        mask = self._looks(np.asarray(image.convert("RGB")))
        return [Image.fromarray(np.rint(mask * 255).astype(np.uint8))]
