"""An AutoencoderKL in closed form: its latents are the picture at half its size, and it doubles it by least squares.

Nothing is trained: minutes of one core are better spent on the denoiser. Residual branches are switched off, so that
what is left is linear but for the last norm and activation of each half. There a picture goes through beside its
negative, so that the mean is 0, and beside large constants, so that the spread is known; the activation is driven to
where it is linear.
"""

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import unfold

#: Channels of the latents: a picture's, and pixels along the side of one of their cells.
LATENT_CHANNELS, CELL = 3, 2
#: The constants, and where the activation is linear: SiLU(8) is 7.997. Powers of two are exact in half precision.
LARGE, LINEAR = 32.0, 8.0
#: Pictures that the doubling is fitted to.
FITTED = 48


@torch.no_grad()  # type: ignore[untyped-decorator]  # torch's types are not read here
def autoencoder(pictures: Tensor) -> Any:
    """Return the AutoencoderKL, fitted to the first of N×3×H×W pictures in [-1, 1]."""
    vae = AutoencoderKL(
        block_out_channels=(16, 16), layers_per_block=1, latent_channels=LATENT_CHANNELS, norm_num_groups=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        mid_block_add_attention=False, sample_size=pictures.shape[-1], scaling_factor=1.0,
    ).eval()  # fmt: skip
    for name, weights in vae.named_parameters():
        if not name.endswith("norm1.weight"):
            weights.zero_()
    own = torch.eye(16)
    blur = torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    # Encoder: the picture and its negative, each cell's mean of them.
    encoder, decoder = vae.encoder, vae.decoder
    _enter(encoder.conv_in)
    halved = encoder.down_blocks[0].downsamplers[0].conv
    halved.weight[:6, :6, :2, :2] = own[:6, :6, None, None] / 4
    halved.weight[6:, 6:, 0, 0] = own[6:, 6:]
    _leave(encoder, 6)
    encoder.conv_out.weight[:3, :3, 1, 1] = own[:3, :3]
    encoder.conv_out.bias[:3] = -LINEAR
    # What is encoded is a distribution: one of no width about the picture.
    vae.quant_conv.weight[:3, :3, 0, 0] = own[:3, :3]
    vae.quant_conv.bias[3:] = -20
    # Decoder: each cell, and cells interpolated, with their negatives; then the best 3×3 of them.
    vae.post_quant_conv.weight[:, :, 0, 0] = own[:3, :3]
    _enter(decoder.conv_in)
    doubled = decoder.up_blocks[0].upsamplers[0].conv
    doubled.weight[:6, :6, 1, 1] = own[:6, :6]
    doubled.weight[6:9, :3], doubled.weight[9:12, :3] = (sign * own[:3, :3, None, None] * blur for sign in (1, -1))
    doubled.bias[12:] = LARGE * torch.tensor([1.0, -1.0, 1.0, -1.0])
    _leave(decoder, 12)
    _fit(vae, pictures[:FITTED])
    return vae


def _enter(first: Any) -> None:
    """Let the first layer give three channels, their negatives, and ten constants whose mean is 0."""
    for sign, start in ((1, 0), (-1, 3)):
        first.weight[start : start + 3, :, 1, 1] = sign * torch.eye(3)
    first.bias[6:] = LARGE * torch.tensor([1.0, -1.0] * 5)


def _leave(half: Any, signal: int) -> None:
    """Let the last norm and activation of a half give the first `signal` of 16 channels back, LINEAR added to them."""
    spread = LARGE * ((16 - signal) / 16) ** 0.5
    half.conv_norm_out.weight[:signal] = spread
    half.conv_norm_out.bias[:signal] = LINEAR


def _fit(vae: Any, pictures: Tensor) -> None:
    """Solve the decoder's last layer for the pictures by least squares, a few at a time."""
    last, seen = vae.decoder.conv_out, list[Any]()
    hook = last.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    squares, products = np.zeros((145, 145)), np.zeros((145, 3))
    for picture in pictures.split(4):
        seen.clear()
        vae.decode(vae.encode(picture).latent_dist.mode())
        patches = unfold(seen[0], 3, padding=1).permute(0, 2, 1).flatten(0, 1).double().numpy()
        columns: NDArray[np.float64] = np.column_stack([patches - LINEAR, np.ones(len(patches))])
        squares += columns.T @ columns
        products += columns.T @ picture.permute(0, 2, 3, 1).reshape(-1, 3).double().numpy()
    hook.remove()
    solved = np.linalg.solve(squares + 1e-6 * np.trace(squares) * np.eye(145) / 145, products)
    weights = torch.from_numpy(solved[:-1].T.reshape(last.weight.shape)).float()
    last.weight.copy_(weights)
    last.bias.copy_(torch.from_numpy(solved[-1]).float() - LINEAR * weights.sum((1, 2, 3)))
