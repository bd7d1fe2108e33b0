"""An operator's own network for finding the product: an ONNX file with a TOML file next to it (cutout/README.md)."""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from models.device import Device, DeviceUnavailable
from models.sessions import Runtime, open_session
from models.weights import WeightsMissing

SETTING = "BACKDROP_SEGMENTER"
#: An output may leave 0–1 by this much, since a network's last interpolation can overshoot.
SLACK = 0.01
#: Allowed sides in pixels of a network's input.
SIDES = (32, 4096)
#: The largest mean or deviation of pixels in 0–1 that is plausible; statistics of 0 to 255 are far above it.
_MOST = 5.0
_REMEDIES = {
    "size": f"Give the image's side in pixels, or [width, height], {SIDES[0]} to {SIDES[1]}.",
    "mean": "Give three numbers, for red, green and blue, e.g. [0.485, 0.456, 0.406]. Pixels run from 0 to 1 here:"
    " divide statistics of 0 to 255 by 255.",
    "deviation": "Give three numbers above 0, for red, green and blue, e.g. [0.229, 0.224, 0.225]. Pixels run from 0"
    " to 1 here: divide statistics of 0 to 255 by 255.",
    "output": "Give the number of the output that is the mask, from 0 on.",
    "sigmoid": "Give true if the output is logits, else false.",
}
_NO_FIELD = "There is no such field. The fields are size, mean and deviation, and optionally output and sigmoid."

_Side = Annotated[int, Field(strict=True, ge=SIDES[0], le=SIDES[1])]
_Mean = Annotated[float, Field(strict=True, ge=-_MOST, le=_MOST)]
_Deviation = Annotated[float, Field(strict=True, gt=0, le=_MOST)]


class GraphUnfit(ValueError):
    """Raised when an operator's network, or the file that describes it, can't be used; the message has the remedy."""


class Description(BaseModel):
    """The TOML file's description of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Width and height in pixels of the network's input; one number is both.
    size: Annotated[
        tuple[_Side, _Side], BeforeValidator(lambda given: given if isinstance(given, list) else [given] * 2)
    ]
    #: For red, green and blue, sRGB in 0–1: the network's input is (value - mean) / deviation.
    mean: tuple[_Mean, _Mean, _Mean]
    deviation: tuple[_Deviation, _Deviation, _Deviation]
    #: The index of the output that is the mask, from 0 on.
    output: int = Field(0, strict=True, ge=0)
    #: Whether that output is logits, not values in 0–1.
    sigmoid: bool = Field(False, strict=True)


class OwnSession:
    """An operator's network, with the interface of rembg's sessions."""

    def __init__(self, path: Path, runtime: Runtime, device: Device):
        """Open the graph and try it on a grey image. Raises WeightsMissing and GraphUnfit."""
        card = path.with_suffix(".toml")
        for file, role in ((path, "the ONNX file"), (card, "the TOML file that describes the network")):
            if not file.is_file():
                raise WeightsMissing(f"{SETTING}: there is no file {file}. Put {role} there, or correct the path.")
        #: The contents of the TOML file.
        self.description = _described(card)
        graph = _digest(path)
        #: Files and their SHA-256, for the report and the caches' keys: the graph with its weights, and the TOML file.
        self.version = f"onnx:{path.name} sha256:{graph[:12]} {card.name} sha256:{_digest(card)[:12]}"
        try:
            # Not cached: weights may be in a folder that the digest does not cover.
            self.inner_session = open_session(path, replace(runtime, kept=()), device=device, digest=graph)
            self._check_input(card)
            self.predict(Image.new("RGB", (64, 64), "grey"))
        except (DeviceUnavailable, GraphUnfit):
            raise
        except Exception as error:  # the libraries raise their own unrelated classes
            raise GraphUnfit(
                f"{SETTING}: {path} does not work as a segmenter: {_last_line(error)} It must take one float32 image,"
                f" 1 by 3 by height by width, and return one mask, 1 by 1 by height by width. {card.name} names that"
                " output, and whether it needs a sigmoid."
            ) from error

    def predict(self, image: Image.Image) -> list[Image.Image]:
        """Return one mask, mode L, of the image's size. Raises ValueError for an invalid mask."""
        about = self.description
        small = np.asarray(image.resize(about.size, Image.Resampling.BILINEAR), np.float32) / np.float32(255)
        given = (small - np.asarray(about.mean, np.float32)) / np.asarray(about.deviation, np.float32)
        batch = np.ascontiguousarray(given.transpose(2, 0, 1)[None], np.float32)
        answers = self.inner_session.run(None, {self.inner_session.get_inputs()[0].name: batch})
        if about.output >= len(answers):
            raise ValueError(f"output is {about.output}, but its outputs are 0 to {len(answers) - 1}.")
        mask = _mask(np.asarray(answers[about.output], np.float32), about)
        grey = Image.fromarray(np.rint(mask * 255).astype(np.uint8), mode="L")
        return [grey.resize(image.size, Image.Resampling.BILINEAR)]

    def _check_input(self, card: Path) -> None:
        """Raise GraphUnfit if the graph has a size other than the TOML file's, and ValueError for other inputs."""
        inputs = self.inner_session.get_inputs()
        shape = list(inputs[0].shape) if inputs else []
        if len(inputs) != 1 or len(shape) != 4:
            raise ValueError("its input is not exactly one image.")
        width, height = self.description.size
        for name, side, own in (("height", height, shape[2]), ("width", width, shape[3])):
            if isinstance(own, int) and own != side:  # a side of variable length is not an int
                raise GraphUnfit(
                    f"{SETTING}: {card}: size gives a {name} of {side}, but the graph takes {own}. Correct size."
                )


def _mask(answer: NDArray[np.float32], about: Description) -> NDArray[np.float32]:
    """Return h×w in 0–1 from an output, 1×1×h×w. Raises ValueError."""
    if answer.ndim != 4 or answer.shape[:2] != (1, 1):
        raise ValueError(f"output {about.output} is {' by '.join(map(str, answer.shape))}.")
    if about.sigmoid:
        answer = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * answer)
    low, high = float(answer.min()), float(answer.max())
    if not -SLACK <= low <= high <= 1 + SLACK:  # also rejects NaN
        wrong = "has NaN values" if np.isnan(low) else f"runs from {low:.3g} to {high:.3g}, not from 0 to 1"
        raise ValueError(f"output {about.output} {wrong}.{'' if about.sigmoid else ' Logits need sigmoid = true.'}")
    return np.asarray(np.clip(answer[0, 0], 0, 1), np.float32)


def _described(card: Path) -> Description:
    """Return the description in a TOML file. Raises GraphUnfit with the field and its value."""
    try:
        given = tomllib.loads(card.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GraphUnfit(f"{SETTING}: {card} is not TOML: {error}. Correct that line.") from error
    try:
        return Description.model_validate(given)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        said = f"is {given[field]!r}" if field in given else "is missing"
        raise GraphUnfit(f"{SETTING}: {card}: {field} {said}. {_REMEDIES.get(field, _NO_FIELD)}") from error


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file and of the files next to it that it names, such as an ONNX file's weights."""
    data = path.read_bytes()
    digest = hashlib.sha256(data)
    if b"location" in data:  # the key of an external file in ONNX's TensorProto
        for other in sorted(path.parent.iterdir()):
            if other != path and other.is_file() and other.name.encode() in data:
                with other.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _last_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[-1].rstrip('.')}."
