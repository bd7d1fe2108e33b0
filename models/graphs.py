"""Backdrop's own networks as ONNX graphs, for a CPU: importing torch and diffusers takes seconds and 400 MB.

`scripts.export_graphs` exports `models.light` and the viewpoint classifier's backbone, with the arithmetic around the
networks. A graph contains no weights: it refers to the file from which the torch form loads them.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.device import DtypeName, meant
from models.sessions import PLAIN, Runtime, library_of, open_session
from models.weights import CARDS, verify, weights_digest
from models.weights import VIEWPOINT as WEIGHTS_OF_VIEWPOINT
from pipeline.core.errors import ModelFailed, OutOfMemory
from pipeline.core.networks import Capabilities, Conditions, Painted, PaintRequest, Viewpoint

#: Prefixes of the graphs' file names.
LIGHT, VIEWPOINT = "light", "viewpoint"
#: The light network folds squares with sides of this many pixels into channels before it computes.
FOLD = 2
#: Columns of the viewpoint classifier's head, next to its graph: the logits "above", "hand" and "garment", and the
#: elevations "standing" and "lying", as shares of a right angle.
HEAD = "head.safetensors"
#: Power of the probability of "above" that mixes the elevation of a lying thing into that of a standing one. Chosen on
#: 102 photos of things that stand, whose mean error is 6.9 degrees with it, 8.3 with 1 and 6.7 without the mixing.
SURE_TO_LIE = 3


def graph_file(folder: Path, name: str) -> Path:
    """Return the path of the graph for the weights in a folder, which may not exist; its name contains their digest."""
    return folder / f"{name}-{weights_digest(folder)[:12]}.onnx"


def multiple_of(channels: Sequence[int]) -> int:
    """Return of how many pixels the light network's sides are multiples; it has `channels` at each resolution."""
    return int(FOLD * 2 ** (len(channels) - 1))


class GraphGenerator:
    """The light network as a `Generator`: equal to `DiffusersGenerator` with `LightPipeline` except for rounding.

    Thread-safe. It uses neither prompt nor seed, and runs one step.
    """

    dtype: DtypeName = "float32"

    def __init__(self, graph: Path, *, version: str, size: int | None = None, runtime: Runtime = PLAIN):
        """Open a graph in its checkpoint's folder.

        `size` is the longer side of its images in pixels, by default that of its training. `version` names model, class
        and weights. The library that runs the graph, and the graph's hash, are added.
        """
        digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        self._session = open_session(graph, runtime, digest=digest)
        network = json.loads((graph.parent / "unet" / "config.json").read_bytes())
        self._multiple = multiple_of(network["block_out_channels"])
        #: Its abilities; its size is the longer side of its images in pixels.
        self.capabilities = Capabilities(paints="light", size=size or int(network["sample_size"]), batches=True)
        #: Package, class and model, for the report's provenance.
        self.version = f"{library_of(self._session)} {version} graph sha256:{digest[:12]}"

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted | BaseException]:
        """Paint requests that are `alike` in one call; each answer is the same as it would be alone.

        An answer is linear light, h×w×3, at least 0. Each channel stays within three stops of the request's light, and
        equals that light where nothing is lit. Instead, an answer may be the error of its `on_step`, or ModelFailed for
        an invalid result. Raises OutOfMemory and ModelFailed if the call itself fails.
        """
        failure: OutOfMemory | ModelFailed | None = None
        try:
            lights, corrections = self._session.run(None, self._given([one.conditions for one in requests]))
        except Exception as error:  # noqa: BLE001  # the libraries raise their own unrelated classes
            failure = meant(error)
        # Raised here, where nothing refers to the call's arrays any more.
        if failure is not None:
            raise failure
        answers = list[Painted | BaseException]()
        for request, light, correction in zip(requests, lights, corrections, strict=True):
            height, width = request.conditions.sketch.shape[:2]
            # The correction is checked too: a minimum or maximum of NaN may be a number.
            sound = bool(np.isfinite(correction).all() and np.isfinite(light).all())
            answer: Painted | BaseException = np.ascontiguousarray(light[:height, :width])
            if not sound:
                answer = ModelFailed("The background network returned non-finite light. Retry the job.")
            try:
                request.on_step(1.0)
            except BaseException as error:  # noqa: BLE001  # it is the answer to this request
                answer = error
            answers.append(answer)
        return answers

    def _given(self, scenes: Sequence[Conditions]) -> dict[str, NDArray[np.float32]]:
        """Return the graph's inputs, B×H×W(×3), padded at the right and bottom edges. Raises ValueError."""
        height, width = scenes[0].sketch.shape[:2]
        padding = ((0, 0), (0, -height % self._multiple), (0, -width % self._multiple))
        given = {}
        for field in fields(Conditions):
            values = np.stack([getattr(scene, field.name) for scene in scenes]).astype(np.float32, copy=False)
            if values.shape[1:3] != (height, width):
                raise ValueError(f"{field.name} is {values.shape[1:]}, but the sketch is {height} by {width}.")
            if not np.isfinite(values).all():  # OpenVINO's minima and maxima turn NaN into numbers
                raise ValueError(f"{field.name} has non-finite values.")
            given[field.name] = np.pad(values, (*padding, (0, 0))[: values.ndim], mode="edge")
        return given


class GraphViewpoint:
    """A `pipeline.core.networks.ViewpointClassifier`: a linear head on features of EfficientNet-lite0.

    It always runs on the CPU, in some hundredths of a second.
    """

    def __init__(self, folder: Path, weights: Path, runtime: Runtime = PLAIN):
        """Open the graph and the head in `folder` with the network's weights in the folder `weights`.

        Raises WeightsMissing, WeightsAltered and OSError.
        """
        from safetensors.numpy import load_file

        card = CARDS[WEIGHTS_OF_VIEWPOINT]
        network, sha256 = verify(card, weights)
        graph = folder / f"{VIEWPOINT}-{sha256[:12]}.onnx"
        digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        self._session = open_session(graph, runtime, weights=network, digest=digest)
        #: Side in pixels of its square inputs.
        self.side = int(self._session.get_inputs()[0].shape[1])
        #: By answer, 768 weights and an offset.
        self._head = load_file(folder / HEAD)
        #: Networks and package, for the report's provenance.
        self.version = (
            f"{library_of(self._session)} {card.name} sha256:{sha256[:12]}"
            f" graph sha256:{digest[:12]} head sha256:{weights_digest(folder)[:12]}"
        )

    def __call__(self, views: NDArray[np.uint8]) -> dict[Viewpoint, float]:
        """Return each viewpoint's share, 0–1, for 2×S×S×3 sRGB bytes, S = `side`. Raises ModelFailed."""
        try:
            features = self.features(views)
        except Exception as error:  # the libraries raise their own unrelated classes
            raise ModelFailed(f"The viewpoint network failed. Retry the job. Cause: {error}") from error
        if not np.isfinite(features).all():
            raise ModelFailed("The viewpoint network returned non-finite values. Retry the job.")
        scores = {name: float(features @ column[:-1] + column[-1]) for name, column in self._head.items()}
        above, hand, garment = (1 / (1 + math.exp(-scores[name])) for name in ("above", "hand", "garment"))
        lies = above**SURE_TO_LIE
        elevation = min(1.0, max(0.0, (1 - lies) * scores["standing"] + lies * scores["lying"]))
        return {"above": above, "side": 1 - above, "hand": hand, "garment": garment, "elevation": elevation}

    def features(self, views: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the 2 × 384 pooled features of 2×S×S×3 sRGB bytes as one flat array."""
        answer: NDArray[np.float32] = self._session.run(None, {"views": views})[0]
        return answer.ravel()
