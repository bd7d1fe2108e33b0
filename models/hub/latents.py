"""A picture as an autoencoder's latents, and as a family's pipeline scales and packs these."""

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
