"""Where an autoencoder's latents keep colour: three directions, and the way between them and CIE Lab.

After Pach et al., "The Latent Color Subspace", arXiv:2603.12261, who found the three in FLUX.1's autoencoder. Here they
are found in any autoencoder, from patches of known colour, by least squares; the same patches give the same map.
"""

import hashlib
import json
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.colour.spaces import delta_e00, lab_to_srgb, srgb_to_lab, srgb_to_linear

Array = NDArray[np.float64]

#: Steps of the sRGB cube along each side.
STEPS = 6
#: Side of a patch in cells of the latents; the inner half of it counts, away from what its neighbours do to it.
PATCH = 8
#: Patches along each side of a picture. Autoencoders normalise over a whole picture, so that a colour among others does
#: not look to them as it does alone.
MOSAIC = 3
#: Strongest texture of a patch, as a standard deviation of sRGB; its grain in pixels. Directions fitted to flat patches
#: alone take texture for colour: on the latents of FLUX.2's tiny twin taef2, single colours were read back with a mean
#: ΔE00 of 8.2 on patches with a texture of 0.02, and of 2.8 with directions fitted to such patches.
TEXTURE, GRAIN = 0.03, 4
#: Least share of the colours' variance that must be read back. Below it there is nothing to steer by.
MIN_R2 = 0.5


@dataclass(frozen=True)
class ColourMap:
    """Latents of C channels to colour and back. Latents are those of the autoencoder itself, before any scaling."""

    #: (C,) mean latent of the patches.
    mean: Array
    #: 3×C, orthonormal: where colour lies, strongest first.
    directions: Array
    #: Coordinates are counted in this many units of the latents.
    unit: float
    #: 2×3: the coordinates' least and greatest on the patches; nothing is known outside.
    bounds: Array
    #: 20×3: cubic from Lab / 100 to coordinates.
    into: Array
    #: 20×3: cubic from coordinates to Lab / 100.
    back: Array
    #: `digest` of the autoencoder.
    autoencoder: str
    #: How well it fits, see `fit`.
    figures: dict[str, float]

    def lab(self, latents: Array) -> Array:
        """Return …×3 Lab, inside the sRGB gamut, of …×C latents."""
        coordinates = (latents - self.mean) @ self.directions.T / self.unit
        read = _cubic(np.clip(coordinates, *self.bounds)) @ self.back * 100
        return srgb_to_lab(lab_to_srgb(read)).astype(np.float64)

    def shift(self, latents: Array, target: Array, limit: float) -> Array:
        """Return what to add to …×C latents, low frequencies, to reach others, changing colour by about `limit` ΔE*ab.

        Latents are compared with latents, not with colours: an autoencoder that normalises over the whole picture gives
        one colour other latents in another picture, but much the same in two pictures of one scene. The way is that of
        all channels. Along the three directions alone it made colours worse on the latents of FLUX.2's tiny twin taef2
        (two scenes of three regions, mean ΔE00: 7.5 before, 14.2 along the directions, 3.8 in all channels): they hold
        0.9 of what colour does to these, texture lies along them too, and the other channels then no longer go with
        them. So the directions serve to read colours, and with them to bound the way.
        """
        way = target - latents
        change = np.linalg.norm(self.lab(latents + way) - self.lab(latents), axis=-1, keepdims=True)
        bounded: Array = way * np.minimum(1, limit / np.maximum(change, 1e-9))
        return bounded

    def save(self, path: Path) -> None:
        """Write a safetensors file; its metadata hold the digest and the figures."""
        from safetensors.numpy import save_file

        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: getattr(self, name) for name in ("mean", "directions", "bounds", "into", "back")}
        tensors["unit"] = np.array([self.unit])
        metadata = {"autoencoder": self.autoencoder, "figures": json.dumps(self.figures)}
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path, metadata=metadata)


def load(path: Path) -> ColourMap:
    """Read what `ColourMap.save` wrote. Raises OSError, KeyError or safetensors' error for another file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        kept, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return ColourMap(
        unit=float(tensors.pop("unit")[0]),
        autoencoder=kept["autoencoder"],
        figures=json.loads(kept["figures"]),
        **tensors,
    )


def colour_map(vae: Any, folder: Path | None) -> ColourMap:
    """Return the map of an autoencoder from its file in `folder`, or calibrate where there is none.

    Raises ValueError for a file of another autoencoder, and as `fit` does.
    """
    if folder is not None:
        name = digest(vae)
        path = folder / file_name(name)
        if path.is_file():
            kept = load(path)
            if kept.autoencoder != name:
                raise ValueError(f"{path.name} holds the colours of another autoencoder. Calibrate it again.")
            return kept
    return calibrate(vae)


def file_name(autoencoder: str) -> str:
    """Return the name that the map of an autoencoder is kept under, of its digest."""
    return f"{autoencoder[:16]}.safetensors"


def fit(srgb: Array, latents: Array, autoencoder: str = "") -> ColourMap:
    """Fit n×3 mean colours, sRGB in [0, 1], and their n×C mean latents.

    The directions are the principal ones of what a cubic in Lab explains of the latents, so that texture has no say.
    Figures, each a share of variance but the last: `variance` of what colour explains, kept by the three directions;
    `srgb`, `linear` and `lab` of the coordinates, explained by a straight line from that space; `into` and `back` by
    the cubics that are used; `delta_e00`, the mean ΔE00 of the colours read back. Lab is used whichever space is the
    straightest: with the cubic there is nothing between them (FLUX.1: 0.982 from sRGB, 0.991 from Lab), and its steps
    are seen. Raises ValueError where colour can't be read back.
    """
    lab = srgb_to_lab(srgb).astype(np.float64)
    terms = _cubic(lab / 100)
    explained = terms @ _solved(terms, latents)
    mean = explained.mean(0)
    _, strengths, axes = np.linalg.svd(explained - mean, full_matrices=False)
    directions = axes[:3]
    coordinates = (latents - mean) @ directions.T
    unit = float(coordinates.std(0).max()) or 1.0
    coordinates /= unit
    into, back = _solved(terms, coordinates), _solved(_cubic(coordinates), lab / 100)
    read = _cubic(coordinates) @ back * 100
    spaces = {"srgb": srgb, "linear": srgb_to_linear(srgb).astype(np.float64), "lab": lab / 100}
    figures = {"variance": float((strengths[:3] ** 2).sum() / max((strengths**2).sum(), 1e-30))}
    for name, space in spaces.items():
        straight = np.c_[np.ones(len(space)), space]
        figures[name] = _r2(coordinates, straight @ _solved(straight, coordinates))
    figures |= {"into": _r2(coordinates, terms @ into), "back": _r2(lab, read)}
    figures["delta_e00"] = float(delta_e00(srgb_to_lab(lab_to_srgb(read)).astype(np.float64), lab).mean())
    if figures["back"] < MIN_R2:
        raise ValueError(f"Colour can't be read from this autoencoder's latents (R² {figures['back']:.2f}).")
    bounds = np.stack([coordinates.min(0), coordinates.max(0)])
    return ColourMap(mean, directions, unit, bounds, into, back, autoencoder, figures)


def calibrate(vae: Any) -> ColourMap:
    """Encode patches with an autoencoder of diffusers, which is left as it was, and fit them.

    Seconds on a GPU, minutes on a CPU. Raises ValueError as `fit` does.
    """
    pictures = mosaics(PATCH * 2 ** (len(vae.config.block_out_channels) - 1))
    latents = np.stack([encoded(vae, picture) for picture in pictures])
    return fit(_middles(pictures), _middles(latents), digest(vae))


def encoded(vae: Any, picture: NDArray[np.float32]) -> Array:
    """Return an autoencoder's latents, h×w×C before any scaling, of H×W×3 sRGB in [0, 1].

    In float32 whatever its precision, as some overflow in float16; the autoencoder is left as it was.
    """
    import torch

    batch = torch.from_numpy(picture * 2 - 1).permute(2, 0, 1)[None].to(executing_device(vae))
    dtype = vae.dtype
    # Layers that come and go one by one keep their own precision in the host's memory.
    casts = dtype != torch.float32 and vae.device.type != "meta"
    try:
        if casts:
            vae.to(torch.float32)
        with torch.no_grad():
            latents = vae.encode(batch.to(vae.dtype)).latent_dist.mode()[0]
    finally:
        if casts:
            vae.to(dtype)
    answer: Array = latents.permute(1, 2, 0).float().cpu().numpy().astype(np.float64)
    return answer


def executing_device(vae: Any) -> Any:
    """Return the torch.device that an autoencoder computes on; an offloaded one lies elsewhere meanwhile."""
    import torch

    hooks = (getattr(module, "_hf_hook", None) for module in vae.modules())
    told = (getattr(hook, "execution_device", None) for hook in hooks)
    return next((torch.device(device) for device in told if device is not None), vae.device)


def mosaics(patch: int) -> NDArray[np.float32]:
    """Return pictures of MOSAIC × MOSAIC patches of `patch` pixels, n×H×W×3 sRGB in [0, 1].

    Colours over the whole cube in an order of chance, from flat to gently textured in grey.
    """
    rng = np.random.default_rng(0)
    side = np.linspace(0, 1, STEPS)
    colours = np.stack(np.meshgrid(side, side, side), -1).reshape(-1, 3)
    order = rng.permutation(len(colours))
    order = np.concatenate([order, order[: -len(order) % MOSAIC**2]])
    grain = gaussian_filter(rng.standard_normal((len(order), patch, patch, 1)), (0, GRAIN / 2, GRAIN / 2, 0))
    grain *= TEXTURE / grain.std() * rng.uniform(0, 1, (len(order), 1, 1, 1))
    blocks = np.clip((colours[order][:, None, None] + grain).astype(np.float32), 0, 1)
    rows = blocks.reshape(-1, MOSAIC, MOSAIC, patch, patch, 3).swapaxes(2, 3)
    return np.ascontiguousarray(rows.reshape(-1, MOSAIC * patch, MOSAIC * patch, 3))


def _middles(pictures: NDArray[np.floating[Any]]) -> Array:
    """Return the means of the patches' inner halves, patches×C, of n×H×W×C pictures or latents."""
    count, height, _, channels = pictures.shape
    side = height // MOSAIC
    blocks = pictures.reshape(count, MOSAIC, side, MOSAIC, side, channels).swapaxes(2, 3)
    inner = blocks[:, :, :, side // 4 : side - side // 4, side // 4 : side - side // 4]
    middles: Array = inner.mean((3, 4), dtype=np.float64).reshape(-1, channels)
    return middles


def digest(vae: Any) -> str:
    """Return the SHA-256 of an autoencoder's weights, names and bytes, in the precision that they are held in."""
    import torch

    summed = hashlib.sha256()
    for name, tensor in sorted(vae.state_dict().items()):
        summed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        summed.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return summed.hexdigest()


def _cubic(values: Array) -> Array:
    """Return …×20: all products of up to three of …×3 values."""
    chosen = [list(c) for degree in range(4) for c in combinations_with_replacement(range(3), degree)]
    return np.stack([np.prod(values[..., c], axis=-1) for c in chosen], -1)


def _solved(terms: Array, values: Array) -> Array:
    answer: Array = np.asarray(np.linalg.lstsq(terms, values, rcond=None)[0], np.float64)
    return answer


def _r2(true: Array, read: Array) -> float:
    return float(1 - ((true - read) ** 2).sum() / max(((true - true.mean(0)) ** 2).sum(), 1e-30))
