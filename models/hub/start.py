"""The start of an image-to-image pipeline: how many of its steps run, and from how much noise."""

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hub.latents import Packing, encoded, folded, normalised


def schedule(steps: int, strength: float) -> tuple[int, float]:
    """Return the number of steps to request and the strength, closest to `strength`, so that exactly `steps` run.

    Image-to-image pipelines skip the first (1 - strength) of the requested steps. Some round up and some down, so the
    product of both numbers must be whole.
    """
    asked = max(steps, round(steps / strength))
    # Whole to the last bit, or a pipeline rounds to another step; a few quotients are not.
    while asked * (steps / asked) != steps:
        asked += 1
    return asked, steps / asked


def noise_schedule(pipe: Any, noise: float, steps: int, width: int, height: int) -> list[float]:
    """Return `sigmas` for a flow pipeline with strength 1, so that it starts at exactly that noise.

    `noise` is σ of x = (1 - σ) · clean + σ · noise. A flow pipeline's scheduler shifts its own, evenly spaced grid
    towards noise, by an amount that may depend on the size. Its strength is a share of that grid, not of noise. This
    grid is also evenly spaced, and after the scheduler's shift it starts at the requested noise.
    """
    start = _unshifted(pipe.scheduler, noise, _mu(pipe, steps, width, height))
    return [start * (steps - step) / steps for step in range(steps)]


def start_latents(vae: Any, packing: Packing, picture: NDArray[np.float32], noise: float, seed: int) -> Any:
    """Return the latents that a flow model starts from, packed like its pipeline's, float32 on the CPU.

    For a class without a start image; an image-to-image class computes the same itself. `picture` is H×W×3 sRGB in
    [0, 1] at the painted size. `noise` is σ of x = (1 - σ) · clean + σ · noise, drawn from `seed`.
    """
    import torch

    own = encoded(vae, picture)
    drawn = torch.randn(own.shape, generator=torch.Generator("cpu").manual_seed(seed))
    clean = normalised(own, vae, packing)
    return (1 - noise) * clean + noise * folded(drawn, packing)


def _unshifted(scheduler: Any, sigma: float, mu: float) -> float:
    """Return the value that the scheduler's shift maps to `sigma`: FlowMatchEulerDiscreteScheduler's inverse."""
    config = scheduler.config
    if not config.use_dynamic_shifting:
        shift = float(scheduler.shift)
    else:
        shift = math.exp(mu) if config.time_shift_type == "exponential" else mu
    return sigma / (shift - (shift - 1) * sigma)


def _mu(pipe: Any, steps: int, width: int, height: int) -> float:
    """Return the amount of a dynamic shift at that size, computed by the pipeline's own module."""
    config = pipe.scheduler.config
    if not config.use_dynamic_shifting:
        return 0.0
    tokens = (height // pipe.vae_scale_factor // 2) * (width // pipe.vae_scale_factor // 2)
    module = sys.modules[type(pipe).__module__]
    if hasattr(module, "compute_empirical_mu"):
        return float(module.compute_empirical_mu(tokens, steps))
    get = config.get
    return float(
        module.calculate_shift(
            tokens, get("base_image_seq_len", 256), get("max_image_seq_len", 4096), get("base_shift", 0.5),
            get("max_shift", 1.15),
        )
    )  # fmt: skip
