"""Depth for hub models: a ControlNet that the operator names, with the scene's exact depth as its image.

Depth ControlNets learned from MiDaS's results (Ranftl et al., arXiv:1907.01341). These are inverse depth up to scale
and shift, normalised to 0–1 per image, so that near is white. The source is annotator/midas/__init__.py of
https://github.com/lllyasviel/ControlNet. Backdrop does not estimate depth: it encodes the scene's own depth in the same
way. None of this was tried with real weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.hub.found import commit_of, located
from models.weights import weights_digest
from pipeline.core.networks import PaintRequest
from pipeline.geometry.ray import Field
from pipeline.scene.layout import FOCAL

#: The setting with which an operator names it.
SETTING = "BACKDROP_CONTROLNET"
#: By painting class: the class that paints with a ControlNet, and the ControlNet's own class. Those of Stable Diffusion
#: 3 and Z-Image take no start image: they get the start as latents (`models.hub.start`).
CONTROLLED = {
    "StableDiffusionImg2ImgPipeline": ("StableDiffusionControlNetImg2ImgPipeline", "ControlNetModel"),
    "StableDiffusionXLImg2ImgPipeline": ("StableDiffusionXLControlNetImg2ImgPipeline", "ControlNetModel"),
    "StableDiffusion3Img2ImgPipeline": ("StableDiffusion3ControlNetPipeline", "SD3ControlNetModel"),
    "FluxImg2ImgPipeline": ("FluxControlNetImg2ImgPipeline", "FluxControlNetModel"),
    "ZImageImg2ImgPipeline": ("ZImageControlNetPipeline", "ZImageControlNetModel"),
}
#: Classes that draw the latents of their control image from torch's global generator. It is seeded for each call, and
#: several images in one call would differ from single ones.
UNSEEDED = frozenset({"StableDiffusion3ControlNetPipeline"})
#: Configuration fields that must be equal for one network to steer the other.
_SHARED = ("cross_attention_dim", "joint_attention_dim", "in_channels", "dim")


@dataclass(frozen=True)
class DepthChoice:
    """A ControlNet for depth."""

    #: Folder, hub id or `hub id@revision`.
    model: str
    #: How strongly it steers, 1 as in its training. None keeps its pipeline's default.
    scale: float | None = None

    def version(self, digests: Sequence[Path] = ()) -> str:
        """Return what identifies its backgrounds: the ControlNet, the digest of a folder or the commit, its scale.

        `digests` is as in `weights_digest`.
        """
        folder = Path(self.model)
        if folder.is_dir():
            named = f"{folder.name} sha256:{weights_digest(folder, digests)[:12]}"
        else:
            name, _, revision = self.model.partition("@")
            commit = commit_of(name, "config.json", revision or None)
            named = name if commit is None else f"{name}@{commit[:12]}"
        return f"depth={named}" + ("" if self.scale is None else f" scale={self.scale}")


def open_controlnet(pipe: Any, choice: DepthChoice, options: dict[str, Any]) -> tuple[str, Any]:
    """Return the name of the class that paints like the pipeline with a ControlNet, and the chosen ControlNet.

    `options` are those of `from_pretrained`. Raises ValueError, naming the setting, if there is no such class, nothing
    is found, or the ControlNet fits another kind of model.
    """
    import diffusers

    painting = type(pipe).__name__
    if painting not in CONTROLLED:
        raise ValueError(
            f"{SETTING} is set, but diffusers {diffusers.__version__} has no ControlNet class for {painting}."
            f" Leave it empty, or use a model of one of these classes: {', '.join(CONTROLLED)}."
        )
    kind, wanted = CONTROLLED[painting]
    net = _opened(choice.model, wanted, painting, options)
    _check_fits(net, pipe, choice.model)
    return kind, net


def depth_picture(request: PaintRequest) -> Field:
    """Return the image for a depth ControlNet, h×w in [0, 1]: inverse depth, 1 the nearest and 0 the farthest.

    A product in the request is a flat card at the layout's place. If everything is equally far, all of it is 1.
    """
    depth = request.conditions.depth
    if request.laid is not None:
        depth = np.where(request.laid.keep > 0.5, np.minimum(depth, np.float32(FOCAL)), depth)
    near = 1 / np.maximum(depth, np.float32(1e-3))
    least, most = float(near.min()), float(near.max())
    if most - least < 1e-6:
        return np.ones_like(depth)
    return np.asarray((near - least) / (most - least), np.float32)


@contextmanager
def seeded(pipe: Any, seed: int) -> Iterator[None]:
    """Seed torch's global generators for one call of a pipeline that draws from them; restore them afterwards."""
    if type(pipe).__name__ not in UNSEEDED:
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def depth_words(painting: str, choice: DepthChoice | None) -> str:
    """Return whether a painting class gets the scene's depth, and why, as the end of a sentence."""
    if choice is not None:
        return f"yes, {choice.model} passes it to {painting}"
    if painting in CONTROLLED:
        return f"no, {SETTING} names no ControlNet ({CONTROLLED[painting][1]})"
    return f"no, diffusers has no ControlNet class for {painting}"


def _opened(model: str, wanted: str, painting: str, options: dict[str, Any]) -> Any:
    import diffusers

    try:
        name, source = located(model, "config.json")
        found = getattr(diffusers, wanted).load_config(name, **source).get("_class_name")
    except OSError as error:
        raise ValueError(
            f"{SETTING} is {model!r}, but no ControlNet is found there. Correct the name. Cause: {error}"
        ) from error
    if found != wanted:
        raise ValueError(
            f"{SETTING} is {model!r}, a {found}, but {painting} is steered by a {wanted}. Name a {wanted}."
        )
    loading = {name: value for name, value in options.items() if name in ("dtype", "use_safetensors")}
    try:
        net = getattr(diffusers, wanted).from_pretrained(name, **loading, **source)
    except OSError as error:
        raise ValueError(
            f"{SETTING} is {model!r}, but its weights can't be read. Download it again. Cause: {error}"
        ) from error
    if getattr(net.config, "num_mode", None):
        raise ValueError(f"{SETTING} is {model!r}, a ControlNet of several modes. Name a ControlNet for depth only.")
    return net


def _check_fits(net: Any, pipe: Any, model: str) -> None:
    """Raise ValueError if a ControlNet of the right class was made for another size of network."""
    network = getattr(pipe, "unet", None) or pipe.transformer
    for name in _SHARED:
        own, other = net.config.get(name), network.config.get(name)
        if own is not None and other is not None and own != other:
            raise ValueError(
                f"{SETTING} is {model!r}, which was made for another model: its {name} is {own}, but this"
                f" {type(network).__name__} has {other}. Name a ControlNet for this model."
            )
