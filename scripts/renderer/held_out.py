"""Evaluate the light network on held-out scenes."""

import numpy as np
import torch

from models.light import log_light, planes, relit, velocity
from scripts.renderer.dataset import Batch, Scenes

VALIDATION_SCENES = 32


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not read here
def corrected(unet: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return linear light after one step of the network, B×3×h×w."""
    correction = -velocity(unet, log_light(batch["light"]), planes(batch), torch.tensor(1000.0))
    return relit(batch["light"], correction * batch["lit"])


def validate(unet: torch.nn.Module, scenes: Scenes) -> tuple[float, float]:
    """Return the mean absolute errors in sRGB, 0–1, of held-out pictures under first light and under the network's.

    Both are against the path-traced pictures, weighted, and use only the first VALIDATION_SCENES scenes.
    """
    errors, total = np.zeros(2), 0.0
    for number in scenes.held_out[:VALIDATION_SCENES]:
        batch = scenes.of([number])
        truth = srgb(batch["truth"])
        for column, light in enumerate((batch["light"], corrected(unet, batch))):
            errors[column] += float(((srgb(batch["albedo"] * light) - truth).abs() * batch["weight"]).sum())
        total += 3 * float(batch["weight"].sum())
    return float(errors[0] / max(1.0, total)), float(errors[1] / max(1.0, total))


def srgb(linear: torch.Tensor) -> torch.Tensor:
    """Return linear light as sRGB in [0, 1] (IEC 61966-2-1)."""
    linear = linear.clamp(0, 1)
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055)
