"""The tiny inpainter's making: an autoencoder in closed form, and a training that leaves a pipeline behind it.

torch and what needs it are imported by each test: they take seconds, and every process collects this file.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.loading import load_generator
from scripts.inpainter.pictures import held_words


def pictures(side: int, count: int) -> Any:
    """Squares of random colours on others, a tensor of N×3×S×S in [-1, 1]."""
    import torch
    from torch.nn.functional import interpolate

    drawn = torch.Generator().manual_seed(3)
    shown = interpolate(torch.rand(count, 3, 5, 5, generator=drawn), size=(side, side), mode="bicubic")
    for number, (top, left) in enumerate(torch.randint(0, side // 2, (count, 2), generator=drawn).tolist()):
        shown[number, :, top : top + side // 3, left : left + side // 3] = torch.rand(3, 1, 1, generator=drawn)
    return shown.clamp(0, 1) * 2 - 1


def test_the_autoencoder_in_closed_form_encodes_half_the_picture_and_doubles_it_better_than_interpolation() -> None:
    import torch
    from torch.nn.functional import avg_pool2d, interpolate

    from scripts.inpainter.halving import autoencoder

    shown = pictures(32, 12)
    vae, fresh = autoencoder(shown[:8]), shown[8:]
    with torch.no_grad():
        latents = vae.encode(fresh).latent_dist.sample()
        again = vae.decode(latents).sample
    half = avg_pool2d(fresh, 2)
    assert (latents - half).abs().max() < 0.02
    assert (again - fresh).square().mean() < (
        interpolate(half, scale_factor=2, mode="bilinear") - fresh
    ).square().mean()


def test_words_of_an_empty_scene_become_those_of_one_with_its_product() -> None:
    told = "empty background of a shelf, nothing standing on the surface, product photography backdrop, calm mood"
    assert held_words(told) == "product photograph of one product in a shelf, nothing else is added, calm mood"
    assert held_words("") == ""


def test_a_training_that_goes_on_has_the_numbers_of_words_that_it_began_with(tmp_path: Path) -> None:
    from scripts.inpainter.networks import tokenizer

    begun = tokenizer(["a blue shelf, calm mood", "a red shelf"], tmp_path)
    again = tokenizer(["other words altogether"], tmp_path)
    assert again("a blue shelf")["input_ids"] == begun("a blue shelf")["input_ids"]


@pytest.mark.nightly  # makes and reads a network of its real size
def test_a_training_of_a_moment_leaves_a_pipeline_that_loads_and_a_state_that_it_goes_on_from(tmp_path: Path) -> None:
    import torch

    from scripts.inpainter.train import Pictures, train

    codes = ((pictures(128, 6) + 1) * 127.5).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    for number, rgb in enumerate(codes):
        np.savez(tmp_path / f"{number:06}.npz", rgb=rgb, alpha=rgb[..., 0], words="one product, light from the left")
    train(Pictures(tmp_path), tmp_path, 0.001)
    first = torch.load(tmp_path / "denoiser.state", weights_only=True)
    train(Pictures(tmp_path), tmp_path, first["seconds"] / 60 + 0.001)
    assert load_generator(tmp_path / "inpainter", size=128, steps=2).version.startswith("diffusers ")
    assert torch.load(tmp_path / "denoiser.state", weights_only=True)["step"] > first["step"] > 0
