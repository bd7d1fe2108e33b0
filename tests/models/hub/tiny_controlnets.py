"""Tiny random ControlNets of the real classes for the tiny pipelines."""

from pathlib import Path
from typing import Any


def save_controlnet(folder: Path, name: str, pipe: Any) -> Path:
    """Save a ControlNet for a tiny pipeline, of a name in `TINY_FAMILIES`; return its folder."""
    import diffusers
    import torch

    torch.manual_seed(5)
    if hasattr(pipe, "unet"):
        # one halving, as in the tiny autoencoders
        net = diffusers.ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(16, 32))
    elif name.startswith("FLUX.1"):
        net = diffusers.FluxControlNetModel.from_transformer(
            pipe.transformer, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2
        )
    elif name.startswith("Z-Image"):
        net = diffusers.ZImageControlNetModel(
            control_layers_places=[0], control_in_dim=4, dim=32, n_heads=2, n_kv_heads=2, n_refiner_layers=1
        )
    else:
        net = diffusers.SD3ControlNetModel(
            sample_size=32, patch_size=2, in_channels=16, out_channels=16, num_layers=1, attention_head_dim=8,
            num_attention_heads=4, joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64,
        )  # fmt: skip
    with torch.no_grad():
        for weights in net.parameters():
            if not weights.any():  # those of a new ControlNet, which have no effect yet
                weights.normal_(std=0.2)
    net.save_pretrained(folder / "controlnet")
    return folder / "controlnet"
