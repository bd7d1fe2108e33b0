"""The network that finds the product: U²-Net, or any other model of rembg. The only file that imports rembg."""

import importlib.util
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import Device, use_weights_directory
from models.sessions import execution_providers, session_device, session_options
from models.u2net import OwnSession, U2netSession
from models.weights import CARDS, WeightsMissing, WeightsUnreachable, verify
from pipeline.core.errors import ModelFailed, OutOfMemory

#: Longer side in pixels below which no network is shown a photo; rembg scales it down to 320 for u2net and u2netp.
MIN_SIDE = 640


class SegmenterUnknown(ValueError):
    """Raised for a name that is no model of rembg's."""


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
    """Load a rembg model, or an ONNX file of the operator's own, and return it with its version string.

    `weights` is the folder of the weights. Those with a card are verified, never downloaded here, and run without
    rembg; any other model of rembg is fetched into that folder by rembg. A name that ends in .onnx is a file's
    (`models.u2net.OwnSession`). Where onnxruntime can't use CUDA it runs on the CPU, and its `device` says so.
    Raises WeightsMissing, WeightsAltered, WeightsUnreachable, SegmenterUnknown and GraphUnfit.
    """
    card = CARDS.get(name)
    own = Path(name) if name.endswith(".onnx") else None
    if card is not None:
        verify(card, weights)
    elif own is None and (known := _models_of_rembg()) and name not in known:
        raise SegmenterUnknown(
            f"BACKDROP_SEGMENTER: {name!r} is no model of rembg. Name one ({', '.join(sorted(known))}), or give the "
            "path of an ONNX file, which ends in .onnx."
        )
    elif own is not None and not own.is_file():
        raise WeightsMissing(f"BACKDROP_SEGMENTER: there is no file {own}. Give the path of an ONNX file.")
    weights.mkdir(parents=True, exist_ok=True)
    use_weights_directory(weights)
    # rembg leaves the interpreter from inside its import when onnxruntime is absent.
    import onnxruntime  # must fail here, with an ImportError, before rembg is touched

    providers = execution_providers(device)
    session: Any
    version = f"onnxruntime {onnxruntime.__version__} {name}"
    if card is not None:
        session = U2netSession(weights / card.file, session_options(), providers)
        version += f" sha256:{card.sha256[:12]}"
    elif own is not None:
        session = OwnSession(own, session_options(), providers)
        version = f"onnxruntime {onnxruntime.__version__} {session.version}"
    else:
        session, version = _opened_by_rembg(name, weights, providers)
    return RembgSegmenter(session, version), version


def _models_of_rembg() -> set[str]:
    """Return the names of rembg's models, read in its files: to import it takes a minute where nothing was compiled."""
    found = importlib.util.find_spec("rembg")
    if found is None:
        return set()
    folders = [Path(folder, "sessions") for folder in found.submodule_search_locations or ()]
    texts = [path.read_text() for folder in folders for path in folder.glob("*.py")]
    names = {name for text in texts for name in re.findall(r'def name\(.*?return "([\w.-]+)"', text, re.DOTALL)}
    return {name for name in names if not name.endswith("_custom")}  # these want a path, which is given in place of one


def _opened_by_rembg(name: str, weights: Path, providers: list[str]) -> tuple[Any, str]:
    """Return a session of rembg and its version. Raises WeightsUnreachable."""
    import rembg

    with warnings.catch_warnings():
        # `models.loading` warns of a fall-back to the CPU, or refuses it.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            session = rembg.new_session(name, sess_opts=session_options(), providers=providers)
        except (OSError, ValueError) as error:  # requests' and pooch's: away, or another file than expected
            raise WeightsUnreachable(
                f"BACKDROP_SEGMENTER: rembg could not bring the weights of {name} into {weights}: {error}. "
                "Load it once where the network is reachable, or set u2net or u2netp."
            ) from error
    return session, f"rembg {rembg.__version__} {name}"
