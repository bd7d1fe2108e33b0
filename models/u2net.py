"""U²-Net (Qin et al., 2020) on onnxruntime: what rembg's session does, without what rembg imports.

That is two more packages' kernels, compiled anew at each start where nothing can be written beside them, and 70 MB.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

#: Mean and spread of ImageNet's channels, sRGB in 0–1, and the side in pixels that the network takes.
_MEAN, _SPREAD, _SIDE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 320


class U2netSession:
    """One network of that family, with the interface of a session of rembg, and its answers."""

    def __init__(self, path: Path, options: Any, providers: list[str]):
        import onnxruntime

        self.inner_session = onnxruntime.InferenceSession(path, options, providers=providers)
        self._input = self.inner_session.get_inputs()[0].name

    def predict(self, photo: Image.Image) -> list[Image.Image]:
        """Return one mask of the photo's size, mode L, stretched to the full range."""
        small = np.asarray(photo.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS))
        # what each code becomes in each channel: the arithmetic of 256 values, not of all pixels
        scaled = np.arange(256) / max(small.max(), 1e-6)
        shown = [((scaled - mean) / spread).astype(np.float32) for mean, spread in zip(_MEAN, _SPREAD, strict=True)]
        seen = np.stack([codes[small[..., channel]] for channel, codes in enumerate(shown)])
        given = {self._input: seen[None]}
        answer = self.inner_session.run(None, given)[0][0, 0]
        lowest, highest = answer.min(), answer.max()
        stretched = ((answer - lowest) / (highest - lowest)).clip(0, 1) * 255
        mask = Image.fromarray(stretched.astype(np.uint8))
        return [mask.resize(photo.size, Image.Resampling.LANCZOS)]
