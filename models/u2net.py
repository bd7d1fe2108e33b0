"""U²-Net (Qin et al., 2020) on onnxruntime: what rembg's session does, without what rembg imports.

That is two more packages' kernels, compiled anew at each start where nothing can be written beside them, and 70 MB.
An operator's own network runs here, too, if it takes and gives what U²-Net does.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Mean and spread of ImageNet's channels, sRGB in 0–1, and the side in pixels of a network that takes any.
_MEAN, _SPREAD, _SIDE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 320


class GraphUnfit(ValueError):
    """Raised when an operator's file is no network that cuts out as U²-Net does."""


class U2netSession:
    """One network of that family, with the interface of a session of rembg, and its answers."""

    def __init__(self, path: Path, options: Any, providers: list[str]):
        import onnxruntime

        self.inner_session = onnxruntime.InferenceSession(path, options, providers=providers)
        given = self.inner_session.get_inputs()[0]
        self._input = given.name
        height, width = (side if isinstance(side, int) else _SIDE for side in given.shape[-2:])
        self._size = (width, height)

    def predict(self, photo: Image.Image) -> list[Image.Image]:
        """Return one mask of the photo's size, mode L, stretched to the full range."""
        small = np.asarray(photo.convert("RGB").resize(self._size, Image.Resampling.LANCZOS))
        # what each code becomes in each channel: the arithmetic of 256 values, not of all pixels
        scaled = np.arange(256) / max(small.max(), 1e-6)
        shown = [((scaled - mean) / spread).astype(np.float32) for mean, spread in zip(_MEAN, _SPREAD, strict=True)]
        seen = np.stack([codes[small[..., channel]] for channel, codes in enumerate(shown)])
        given = {self._input: seen[None]}
        answer = self._answer(given)[0, 0]
        lowest, highest = answer.min(), answer.max()
        stretched = ((answer - lowest) / max(highest - lowest, 1e-6)).clip(0, 1) * 255
        mask = Image.fromarray(stretched.astype(np.uint8))
        return [mask.resize(photo.size, Image.Resampling.LANCZOS)]

    def _answer(self, given: dict[str, Any]) -> NDArray[np.float32]:
        """Return the graph's first output."""
        answer: NDArray[np.float32] = self.inner_session.run(None, given)[0]
        return answer


class OwnSession(U2netSession):
    """An operator's own file: one float32 picture in, 1×3×H×W, normalised as ImageNet's, and one mask out."""

    def __init__(self, path: Path, options: Any, providers: list[str]):
        try:
            super().__init__(path, options, providers)
            self.predict(Image.new("RGB", (64, 64), "grey"))
        except Exception as error:  # onnxruntime raises its own unrelated classes
            reason = str(error).strip().splitlines()[0]
            raise GraphUnfit(
                f"BACKDROP_SEGMENTER: {path} does not work as a segmenter: {reason} A graph takes one float32 picture, "
                "1 by 3 by height by width, and gives one mask, 1 by 1 by height by width."
            ) from error
        with path.open("rb") as file:
            self.version = f"{path.name} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    def _answer(self, given: dict[str, Any]) -> NDArray[np.float32]:
        answer = super()._answer(given)
        if answer.ndim != 4 or answer.shape[:2] != (1, 1):
            raise ValueError(f"its first output is {' by '.join(map(str, answer.shape))}.")
        if answer.min() < 0 or answer.max() > 1:  # logits, as BiRefNet gives them
            answer = 0.5 + 0.5 * np.tanh(0.5 * answer)
        return answer
