"""A small network that corrects a segmenter's mask: it sees the photo in the product's box, and the mask.

What it learned is not what a product is but where one ends: which of the photo's edges near the mask's is the true
one, and that a shadow is not the product. `models/cutout/README.md` says how, and what it did not learn.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, scaled_dot_product_attention

#: Side in pixels of the square that the product's box is scaled to.
SIDE = 384
#: Channels at a half, a quarter … of the side.
WIDTHS = (32, 48, 80, 128)
#: The mask's logit is kept within ± this, so that what the segmenter was sure of can still be corrected.
SURE = 4.0


def convolution(entering: int, leaving: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and SiLU."""
    return nn.Sequential(
        nn.Conv2d(entering, leaving, size, stride, size // 2, bias=False), nn.BatchNorm2d(leaving), nn.SiLU()
    )


class Residual(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """Two convolutions beside the identity (He et al., CVPR 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = convolution(width, width), convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×h×w to the same."""
        out: Tensor = x + self.two(self.one(x))
        return out


class Attention(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """Four-headed self-attention over all places: what a hole shows is looked up in what lies around the product."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.queries, self.out = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×h×w to the same."""
        n, c, h, w = x.shape
        q, k, v = self.queries(self.norm(x)).reshape(n, 3, 4, c // 4, h * w).transpose(-1, -2).unbind(1)
        seen = scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(n, c, h, w)
        out: Tensor = x + self.out(seen)
        return out


class RefinerNetwork(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """A U-net (Ronneberger et al., 2015) on photo and mask; answers what is to be added to the mask's logit."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(convolution(16, WIDTHS[0]), convolution(WIDTHS[0], WIDTHS[0]))
        steps = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(nn.Sequential(convolution(a, b, stride=2), Residual(b)) for a, b in steps)
        deep = WIDTHS[-1]
        self.deepest = nn.Sequential(convolution(deep, deep, stride=2), Residual(deep), Residual(deep))
        self.attention = Attention(deep)
        self.middle = nn.Sequential(convolution(2 * deep, deep, 1), Residual(deep))
        self.up = nn.ModuleList(nn.Sequential(convolution(a + b, a, 1), Residual(a)) for a, b in reversed(steps))
        self.leave = nn.Conv2d(WIDTHS[0], 4, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, photo: Tensor, mask: Tensor) -> Tensor:
        """N×3×S×S sRGB and N×1×S×S mask, both in [0, 1], to N×1×S×S alpha logits; S is a multiple of 32."""
        logit = torch.logit(mask.clamp(1e-3, 1 - 1e-3)).clamp(-SURE, SURE)
        x = self.enter(pixel_unshuffle(torch.cat([photo - 0.5, mask - 0.5], 1), 2))
        kept = [x]
        for step in self.down:
            x = step(x)
            kept.append(x)
        x = self.attention(kept.pop())
        low = interpolate(self.deepest(x), scale_factor=2.0)
        x = self.middle(torch.cat([x, low], 1))
        for step in self.up:
            x = step(torch.cat([interpolate(x, scale_factor=2.0), kept.pop()], 1))
        out: Tensor = logit + pixel_shuffle(self.leave(x), 2)
        return out


class TorchRefiner:
    """The network as a `pipeline.core.networks.Refiner`."""

    def __init__(self, network: RefinerNetwork, device: str):
        self._network, self._device = network, device
        self.library = f"torch {torch.__version__}"
        self.side = SIDE

    def __call__(self, photo: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return S×S alpha in [0, 1] for the S×S×3 sRGB bytes and the S×S mask of the product's box, S = `side`."""
        with torch.inference_mode():
            seen = torch.tensor(photo).to(self._device).permute(2, 0, 1)[None].float() / 255
            given = torch.tensor(mask).to(self._device)[None, None].float()
            answer: Any = torch.sigmoid(self._network(seen.contiguous(memory_format=torch.channels_last), given))
            return np.asarray(answer[0, 0].float().cpu().numpy(), np.float32)


def load_refiner(folder: Path, device: str = "cpu") -> TorchRefiner:
    """Read `refiner.safetensors` from a folder. Raises OSError where it isn't there."""
    return TorchRefiner(read_network(folder).to(device, memory_format=torch.channels_last), device)


def read_network(folder: Path) -> RefinerNetwork:
    """Return the network with the weights of a folder's `refiner.safetensors`, float32, ready to be asked."""
    network = RefinerNetwork()
    network.load_state_dict({name: value.float() for name, value in load_file(folder / "refiner.safetensors").items()})
    network.eval()
    return network
