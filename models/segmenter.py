"""The network that finds the product: U²-Net, or any other model of rembg. The only file that imports rembg."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import Device, use_weights_directory
from models.sessions import execution_providers, session_device, session_options
from models.u2net import U2netSession
from models.weights import CARDS, verify
from pipeline.core.errors import ModelFailed, OutOfMemory

#: Longer side in pixels below which no network is shown a photo; rembg scales it down to 320 for u2net and u2netp.
MIN_SIDE = 640


class RembgSegmenter:
    """A session of rembg, or of its interface, as a `Segmenter`."""

    def __init__(self, session: Any, version: str):
        #: What rembg itself takes as `session`.
        self.session = session
        #: Longer side in pixels that photos are to be shown at: what the network takes, or twice the smallest one's.
        self.side = max([MIN_SIDE, *_input_sides(session.inner_session)])
        #: Model and package, for the report's provenance.
        self.version = version

    @property
    def device(self) -> Device:
        """Where it runs, which may be the CPU although CUDA was asked for."""
        return session_device(self.session.inner_session)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB photo.

        rembg stretches each mask to the full range, so a 1.0 says nothing about how sure the network is.
        Raises OutOfMemory and ModelFailed.
        """
        try:
            masks = self.session.predict(Image.fromarray(image))
        except MemoryError:
            raise OutOfMemory("Too little memory to cut the product out of this photo.") from None
        except Exception as error:  # onnxruntime raises its own unrelated classes
            if "allocate" in str(error) or "out of memory" in str(error).lower():
                raise OutOfMemory("Too little memory to cut the product out of this photo.") from error
            raise ModelFailed(f"The network that cuts the product out failed: {error}") from error
        if not masks:
            raise ModelFailed("The network that cuts the product out gave no mask.")
        alpha: NDArray[np.float32] = np.asarray(masks[0].convert("L"), np.float32) / np.float32(255)
        if alpha.shape != image.shape[:2] or not np.isfinite(alpha).all():
            raise ModelFailed("The network that cuts the product out gave a mask that doesn't fit the photo.")
        return alpha


def _input_sides(session: Any) -> list[int]:
    """Return the sides in pixels that an onnxruntime session takes; names stand for sides that are free."""
    return [side for side in session.get_inputs()[0].shape[2:] if isinstance(side, int)]


def load_segmenter(name: str = "u2net", *, weights: Path, device: Device = "cpu") -> tuple[RembgSegmenter, str]:
    """Load a rembg model and return it with its version string.

    `weights` is the folder of the weights. Those with a card are verified, never downloaded here, and run without
    rembg; any other model of rembg is fetched into that folder by rembg. Where onnxruntime can't use CUDA it runs on
    the CPU, and its `device` says so. Raises WeightsMissing, WeightsAltered, and ValueError for a model that rembg
    doesn't know.
    """
    card = CARDS.get(name)
    if card is not None:
        verify(card, weights)
    weights.mkdir(parents=True, exist_ok=True)
    use_weights_directory(weights)
    # rembg leaves the interpreter from inside its import when onnxruntime is absent.
    import onnxruntime  # must fail here, with an ImportError, before rembg is touched

    providers = execution_providers(device)
    session: Any
    if card is not None:
        session = U2netSession(weights / card.file, session_options(), providers)
        package = f"onnxruntime {onnxruntime.__version__}"
    else:
        import rembg

        package = f"rembg {rembg.__version__}"
        with warnings.catch_warnings():
            # `models.loading` warns of a fall-back to the CPU, or refuses it.
            warnings.simplefilter("ignore", RuntimeWarning)
            session = rembg.new_session(name, sess_opts=session_options(), providers=providers)
    version = f"{package} {name}"
    if card is not None:
        version += f" sha256:{card.sha256[:12]}"
    return RembgSegmenter(session, version), version
