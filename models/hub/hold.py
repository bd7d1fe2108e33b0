"""Holds a product in a painting's latents: after each step, what is kept becomes the product's at that step's noise.

It is what diffusers' inpainting classes do with a network that takes no mask, here in the callback of any
image-to-image class, so that one path serves every family, also where there is no such class. The network sees the
product at every step and paints its scene round it; the product's own pixels are put over the result all the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hub.latents import Packing, encoded, folded, normalised


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
