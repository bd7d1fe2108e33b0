"""Depth for hub models: a ControlNet that the operator names, and what it is shown of a scene's exact depth.

Depth ControlNets learned from MiDaS's answers: inverse depth up to scale and shift, brought to 0–1 picture by picture,
so that what is near is white (https://github.com/lllyasviel/ControlNet, annotator/midas/__init__.py; Ranftl et al.,
arXiv:1907.01341). Ours is not estimated: the scene's own depth is shown in the same way. None of it was tried here with
real weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.hub.found import located
from models.weights import weights_digest
from pipeline.core.networks import PaintRequest
from pipeline.geometry.ray import Field
from pipeline.scene.layout import FOCAL

#: What an operator names it by.
SETTING = "BACKDROP_CONTROLNET"
#: By the class that paints: that which paints under a ControlNet, and the ControlNet's own. Stable Diffusion 3 and
#: Z-Image have none that starts from a picture: theirs are given the start's latents (`models.hub.start`).
CONTROLLED = {
    "StableDiffusionImg2ImgPipeline": ("StableDiffusionControlNetImg2ImgPipeline", "ControlNetModel"),
    "StableDiffusionXLImg2ImgPipeline": ("StableDiffusionXLControlNetImg2ImgPipeline", "ControlNetModel"),
    "StableDiffusion3Img2ImgPipeline": ("StableDiffusion3ControlNetPipeline", "SD3ControlNetModel"),
    "FluxImg2ImgPipeline": ("FluxControlNetImg2ImgPipeline", "FluxControlNetModel"),
    "ZImageImg2ImgPipeline": ("ZImageControlNetPipeline", "ZImageControlNetModel"),
}
#: Classes that draw their control picture's latents from torch's own generator: it is seeded for each call, and several
#: pictures at once would not come out as they do one by one.
UNSEEDED = frozenset({"StableDiffusion3ControlNetPipeline"})
#: Figures of the networks' configurations that must be the same for one to steer the other.
_SHARED = ("cross_attention_dim", "joint_attention_dim", "in_channels", "dim")


@dataclass(frozen=True)
class DepthChoice:
    """A ControlNet that learned depth."""

    #: Folder, hub id or `hub id@revision`.
    model: str
    #: How strongly it steers, 1 as it was trained; None: its pipeline's own default.
    scale: float | None = None

    def version(self, digests: Sequence[Path] = ()) -> str:
        """Return what backgrounds are told apart by: the ControlNet, its weights if they are a folder's, its scale.

        `digests` is as in `weights_digest`.
        """
        folder = Path(self.model)
        named = f"{folder.name} sha256:{weights_digest(folder, digests)[:12]}" if folder.is_dir() else self.model
        return f"depth={named}" + ("" if self.scale is None else f" scale={self.scale}")


def open_controlnet(pipe: Any, choice: DepthChoice, options: dict[str, Any]) -> tuple[str, Any]:
    """Return the class that paints as the pipeline does under a ControlNet, by name, and the ControlNet that is named.

    `options` are those of `from_pretrained`. Raises ValueError, naming the setting, where there is no such class,
    nothing is found, or what is found steers another kind of model.
    """
    import diffusers

    painting = type(pipe).__name__
    if painting not in CONTROLLED:
        raise ValueError(
            f"{SETTING} is set, but diffusers {diffusers.__version__} has no class that paints as {painting} does under"
            f" a ControlNet. Leave it empty, or take a model that one of these paints: {', '.join(CONTROLLED)}."
        )
    kind, wanted = CONTROLLED[painting]
    net = _opened(choice.model, wanted, painting, options)
    _check_fits(net, pipe, choice.model)
    return kind, net


def depth_picture(request: PaintRequest) -> Field:
    """Return what a depth ControlNet is shown, h×w in [0, 1]: inverse depth, 1 the nearest and 0 the farthest.

    A product that is laid stands where the layout has it, as a flat card. Where all is equally far it is nearest.
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
    """Seed torch's own generators for one call of a pipeline that draws from them; leave them as they were."""
    if type(pipe).__name__ not in UNSEEDED:
        yield
        return
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def depth_told(painting: str, choice: DepthChoice | None) -> str:
    """Return whether a class that paints is given the scene's depth, and why or why not, as a sentence's end."""
    if choice is not None:
        return f"yes, {painting} is shown it by {choice.model}"
    if painting in CONTROLLED:
        return f"no, {SETTING} names no ControlNet ({CONTROLLED[painting][1]})"
    return f"no, diffusers has no class that paints as {painting} does under a ControlNet"


def _opened(model: str, wanted: str, painting: str, options: dict[str, Any]) -> Any:
    import diffusers

    try:
        name, source = located(model, "config.json")
        found = getattr(diffusers, wanted).load_config(name, **source).get("_class_name")
    except OSError as error:
        raise ValueError(f"{SETTING} names {model!r}, where no ControlNet is found: {error}") from error
    if found != wanted:
        raise ValueError(f"{SETTING} names {model!r}, a {found}; {painting} is steered by a {wanted}.")
    loading = {name: value for name, value in options.items() if name in ("dtype", "use_safetensors")}
    try:
        net = getattr(diffusers, wanted).from_pretrained(name, **loading, **source)
    except OSError as error:
        raise ValueError(f"{SETTING} names {model!r}, whose weights can't be read: {error}") from error
    if getattr(net.config, "num_mode", None):
        raise ValueError(
            f"{SETTING} names {model!r}, a ControlNet of several modes; name one that learned depth alone."
        )
    return net


def _check_fits(net: Any, pipe: Any, model: str) -> None:
    """Raise ValueError where a ControlNet of the right class is made for another size of network."""
    network = getattr(pipe, "unet", None) or pipe.transformer
    for name in _SHARED:
        own, other = net.config.get(name), network.config.get(name)
        if own is not None and other is not None and own != other:
            raise ValueError(
                f"{SETTING} names {model!r}, which was made for another model: its {name} is {own}, that of this"
                f" {type(network).__name__} {other}."
            )
