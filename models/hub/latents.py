"""Images as latents: encoding, scaling and packing as a family's pipeline does it, and a product held in them.

The hold does the work of diffusers' inpainting classes for networks without a mask input. It runs in the callback of
any image-to-image class, so one code path serves every family. After each step, the held latents become the product's
at that step's noise: the network sees the product and paints its scene around it. Compositing still replaces the
product's pixels in the result.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: How a pipeline packs latents. "grid": B×C×h×w. "flux": 2×2 latents packed into one token, B×N×4C.
Packing = Literal["grid", "flux"]


def encoded(vae: Any, picture: NDArray[np.float32]) -> Any:
    """Return an autoencoder's latents, 1×C×h×w before any scaling, float32 on the CPU, of H×W×3 sRGB in [0, 1].

    It encodes in float32, since some autoencoders overflow in float16, and then restores the autoencoder's precision.
    """
    import torch

    batch = torch.from_numpy(picture * 2 - 1).permute(2, 0, 1)[None].to(executing_device(vae))
    dtype = vae.dtype
    # Layers that are offloaded one by one keep their own precision in the host's memory.
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
    """Return the torch.device on which an autoencoder computes; an offloaded autoencoder is elsewhere meanwhile."""
    import torch

    hooks = (getattr(module, "_hf_hook", None) for module in vae.modules())
    devices = (getattr(hook, "execution_device", None) for hook in hooks)
    return next((torch.device(device) for device in devices if device is not None), vae.device)


def normalised(latents: Any, vae: Any, packing: Packing) -> Any:
    """Return the autoencoder's own latents, 1×C×h×w, scaled and packed like a pipeline's.

    Raises ValueError for an autoencoder that scales each channel separately.
    """
    if vae.config.get("latents_mean") is not None:
        raise ValueError(
            "This autoencoder scales each channel separately (latents_mean), which Backdrop does not support."
            " Use another model."
        )
    return folded((latents - (vae.config.get("shift_factor") or 0.0)) * vae.config.scaling_factor, packing)


def folded(cells: Any, packing: Packing) -> Any:
    """Return 1×C×h×w in a pipeline's packing, unscaled."""
    import torch

    if packing == "grid":
        return cells
    return torch.nn.functional.pixel_unshuffle(cells, 2).flatten(2).permute(0, 2, 1)


class Hold:
    """The hold of one run: called after each step with that step's latents, it returns the latents for the next."""

    def __init__(self, vae: Any, packing: Packing, picture: NDArray[np.float32], keep: NDArray[np.float32], seed: int):
        """Take H×W×3 sRGB in [0, 1] at the painted size, and H×W `keep` in [0, 1], where 1 is held.

        `seed` sets the noise on the held part, drawn on the CPU so that it is the same on every device.
        """
        import torch

        own = encoded(vae, picture)
        noise = torch.randn(own.shape, generator=torch.Generator("cpu").manual_seed(seed))
        cells = torch.nn.functional.interpolate(torch.from_numpy(keep)[None, None], size=own.shape[-2:], mode="area")
        if packing != "grid":
            # Four cells form one token, and are held together.
            cells = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(cells, 2), scale_factor=2.0)
        #: The image, its noise and the held share, each packed like the pipeline's latents.
        self.clean = normalised(own, vae, packing)
        self.noise = folded(noise, packing)
        self.keep = folded(cells.expand(1, own.shape[1], -1, -1), packing)

    def __call__(self, pipe: Any, index: int, timestep: Any, latents: Any) -> Any:
        """Return the latents after step `index`, with the held part at the noise of the next step."""
        import torch

        scheduler = pipe.scheduler
        kept = self.clean.to(latents)
        if index < pipe.num_timesteps - 1:
            # An image-to-image pipeline skips the first of its scheduler's timesteps.
            following = scheduler.timesteps[len(scheduler.timesteps) - pipe.num_timesteps + index + 1]
            at = torch.as_tensor(following).reshape(1).to(latents.device)
            noise = self.noise.to(latents)
            noisy = scheduler.scale_noise(kept, at, noise) if hasattr(scheduler, "scale_noise") else None
            kept = scheduler.add_noise(kept, noise, at) if noisy is None else noisy
        keep = self.keep.to(latents)
        return (keep * kept + (1 - keep) * latents).to(latents.dtype)
