"""A picture as latents: encoded, scaled and packed as a family's pipeline does it, and held while it is painted round.

The hold does what diffusers' inpainting classes do with a network that takes no mask, in the callback of any
image-to-image class, so that one path serves every family. After each step, what is kept becomes the product's at that
step's noise: the network sees the product and paints its scene round it. The product's own pixels are put over the
result all the same.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: How a pipeline packs latents. "grid": B×C×h×w. "flux": two by two of them packed to one token, B×N×4C.
Packing = Literal["grid", "flux"]


def encoded(vae: Any, picture: NDArray[np.float32]) -> Any:
    """Return an autoencoder's latents, 1×C×h×w before any scaling, float32 on the CPU, of H×W×3 sRGB in [0, 1].

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
            latents = vae.encode(batch.to(vae.dtype)).latent_dist.mode()
    finally:
        if casts:
            vae.to(dtype)
    return latents.float().cpu()


def executing_device(vae: Any) -> Any:
    """Return the torch.device that an autoencoder computes on; an offloaded one lies elsewhere meanwhile."""
    import torch

    hooks = (getattr(module, "_hf_hook", None) for module in vae.modules())
    devices = (getattr(hook, "execution_device", None) for hook in hooks)
    return next((torch.device(device) for device in devices if device is not None), vae.device)


def normalised(latents: Any, vae: Any, packing: Packing) -> Any:
    """Return the autoencoder's own latents, 1×C×h×w, as a pipeline scales and packs them.

    Raises ValueError for an autoencoder that scales each channel in a way that is not known here.
    """
    if vae.config.get("latents_mean") is not None:
        raise ValueError("This autoencoder scales each channel in a way of its own, which is not known here.")
    return folded((latents - (vae.config.get("shift_factor") or 0.0)) * vae.config.scaling_factor, packing)


def folded(cells: Any, packing: Packing) -> Any:
    """Return 1×C×h×w in a pipeline's packing, unscaled."""
    import torch

    if packing == "grid":
        return cells
    return torch.nn.functional.pixel_unshuffle(cells, 2).flatten(2).permute(0, 2, 1)


class Hold:
    """The hold of one run: called after each step with that step's latents, it returns those to go on with."""

    def __init__(self, vae: Any, packing: Packing, picture: NDArray[np.float32], keep: NDArray[np.float32], seed: int):
        """Take the picture, H×W×3 sRGB in [0, 1] of the size that is painted, and H×W in [0, 1]: 1 is kept.

        `seed` is of the noise on what is kept, on the CPU, so that it is the same on every device.
        """
        import torch

        own = encoded(vae, picture)
        noise = torch.randn(own.shape, generator=torch.Generator("cpu").manual_seed(seed))
        cells = torch.nn.functional.interpolate(torch.from_numpy(keep)[None, None], size=own.shape[-2:], mode="area")
        if packing != "grid":
            # four cells are one token, and are kept together
            cells = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(cells, 2), scale_factor=2.0)
        #: The picture, its noise and what is kept of it, each as the pipeline packs its latents.
        self.clean = normalised(own, vae, packing)
        self.noise = folded(noise, packing)
        self.keep = folded(cells.expand(1, own.shape[1], -1, -1), packing)

    def __call__(self, pipe: Any, index: int, timestep: Any, latents: Any) -> Any:
        """Return the latents after step `index`, with what is kept at the noise that the next step starts from."""
        import torch

        scheduler = pipe.scheduler
        kept = self.clean.to(latents)
        if index < pipe.num_timesteps - 1:
            # an image-to-image pipeline leaves out the first of its scheduler's timesteps
            following = scheduler.timesteps[len(scheduler.timesteps) - pipe.num_timesteps + index + 1]
            at = torch.as_tensor(following).reshape(1).to(latents.device)
            noise = self.noise.to(latents)
            noisy = scheduler.scale_noise(kept, at, noise) if hasattr(scheduler, "scale_noise") else None
            kept = scheduler.add_noise(kept, noise, at) if noisy is None else noisy
        keep = self.keep.to(latents)
        return (keep * kept + (1 - keep) * latents).to(latents.dtype)
