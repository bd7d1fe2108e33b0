"""The network that finds the product: U²-Net, another rembg model, or an operator's own file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import Device, use_weights_directory
from models.own_network import OwnSession
from models.rembg_sessions import OnRuntime, with_our_sessions
from models.sessions import PLAIN, Runtime, library_of, session_device
from models.weights import CARDS, WeightsUnreachable, verify
from pipeline.core.errors import ModelFailed, OutOfMemory

#: Least longer side, in pixels, of a network's photo; rembg scales it down to 320 for u2net and u2netp.
MIN_SIDE = 640
#: The model that runs in bfloat16 if the operator chooses that: u2netp's masks lose six times as much by it.
HALVED = "u2net"
#: Prefix of a name that is the path of an operator's own file.
OWN = "onnx:"


class SegmenterUnknown(ValueError):
    """Raised for a name that is not a rembg model."""


class RembgSegmenter:
    """A session of rembg, or with its interface, as a `Segmenter`."""

    def __init__(self, session: Any, version: str, sides: Sequence[int] = ()):
        """`sides` is the network's input width and height in pixels, if its graph may lack them."""
        #: The value for rembg's own `session` argument.
        self.session = session
        #: Longer side in pixels for photos: the network's input size, or twice the smallest network's.
        self.side = max([MIN_SIDE, *(sides or _input_sides(session.inner_session))])
        #: Model and package, for the report's provenance.
        self.version = version

    @property
    def device(self) -> Device:
        """The device where it runs, which may be the CPU although CUDA was requested."""
        return session_device(self.session.inner_session)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB photo.

        rembg stretches each mask to the full range, so a value of 1.0 does not show the network's confidence.
        Raises OutOfMemory and ModelFailed.
        """
        try:
            with np.errstate(invalid="ignore"):  # rembg divides 0 by 0 if a mask is constant
                masks = self.session.predict(Image.fromarray(image))
        except MemoryError:
            raise OutOfMemory("Too little memory to cut out this photo. Use a smaller photo.") from None
        except Exception as error:  # the libraries raise their own unrelated classes
            if "allocate" in str(error) or "out of memory" in str(error).lower():
                raise OutOfMemory("Too little memory to cut out this photo. Use a smaller photo.") from error
            raise ModelFailed(f"The cut-out network failed. Retry the job. Cause: {error}") from error
        if not masks:
            raise ModelFailed("The cut-out network returned no mask. Retry the job.")
        alpha = np.asarray(masks[0].convert("L")).astype(np.float32)
        alpha /= 255
        if alpha.shape != image.shape[:2] or not np.isfinite(alpha).all():
            raise ModelFailed("The cut-out network returned a mask that doesn't fit the photo. Retry the job.")
        return alpha


def _input_sides(session: Any) -> list[int]:
    """Return a session's input sides in pixels, without sides of variable length, which are not ints."""
    return [side for side in session.get_inputs()[0].shape[2:] if isinstance(side, int)]


def load_segmenter(
    name: str = "u2net", *, weights: Path, device: Device = "cpu", runtime: Runtime = PLAIN
) -> tuple[RembgSegmenter, str]:
    """Load a rembg model, or an operator's own ONNX file, and return it with its version string.

    `weights` is the folder of the weights. Weights with a card are verified, never downloaded here; rembg downloads any
    other model into that folder. "onnx:PATH" is an operator's own file (`models.own_network`). If onnxruntime can't use
    CUDA, the model runs on the CPU, and its `device` is "cpu". Raises WeightsMissing, WeightsAltered,
    WeightsUnreachable, SegmenterUnknown, GraphUnfit and DeviceUnavailable.
    """
    if name.startswith(OWN):
        own = OwnSession(Path(name.removeprefix(OWN)), runtime, device)
        version = f"{own.version} in {library_of(own.inner_session)}"
        return RembgSegmenter(own, version, own.description.size), version
    card = CARDS.get(name)
    if card is not None:
        verify(card, weights)
    rembg = with_our_sessions()
    weights.mkdir(parents=True, exist_ok=True)
    use_weights_directory(weights)
    if card is not None:
        half = name == HALVED
        session = rembg.sessions.sessions[name](name, runtime=runtime, device=device, digest=card.sha256, bfloat16=half)
        about = f"{name} sha256:{card.sha256[:12]}"
    else:
        session, about = _fetched(rembg, name, weights, runtime, device), name
    version = f"rembg {rembg.__version__} {about} in {library_of(session.inner_session)}"
    return RembgSegmenter(session, version), version


def _fetched(rembg: Any, name: str, weights: Path, runtime: Runtime, device: Device) -> Any:
    """Return a session of another rembg model. Raises SegmenterUnknown and WeightsUnreachable."""
    # Of rembg's other sessions, some need a path instead of a name, one a prompt, and two a paid service.
    known = sorted(one for one, kind in rembg.sessions.sessions.items() if issubclass(kind, OnRuntime))
    if name not in known:
        raise SegmenterUnknown(
            f"BACKDROP_SEGMENTER: {name!r} is not a rembg model. Name a rembg model ({', '.join(known)}), or give a "
            f"network of your own as {OWN}PATH, the path of an ONNX file."
        )
    try:
        return rembg.sessions.sessions[name](name, runtime=runtime, device=device)
    except (OSError, ValueError) as error:  # of requests and pooch: unreachable, or an unexpected file
        raise WeightsUnreachable(
            f"BACKDROP_SEGMENTER: rembg could not bring the weights of {name} into {weights}. "
            f"Load the model once while the network is reachable, or set u2net or u2netp. Cause: {error}"
        ) from error
