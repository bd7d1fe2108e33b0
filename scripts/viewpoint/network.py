"""EfficientNet-lite0 (Google, 2020; after Tan and Le, "EfficientNet", ICML 2019), up to its last used features.

Only the export needs it, since the shipped network is a graph. Attributes have the names of the weights' file.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu6

#: Side in pixels of its training pictures.
SIDE = 224
#: The blocks whose maps are pooled: the last of the stages with 80, 112 and 192 channels.
POOLED = (7, 10, 14)
#: For each stage: blocks, kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConvolution(nn.Conv2d):  # type: ignore[misc]  # torch's types are not read
    """A convolution padded as in TensorFlow: with an odd padding, the extra pixel is at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """Return N×C×(h / stride)×(w / stride), rounded up, from N×C×h×w."""
        size, stride = self.kernel_size[0], self.stride[0]
        down, across = (max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[-2:])
        x = pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return nn.functional.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """An inverted residual block (Sandler et al., CVPR 2018)."""

    def __init__(self, entering: int, leaving: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = entering * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and entering == leaving
        if self.expands:
            self._expand_conv, self._bn0 = nn.Conv2d(entering, wide, 1, bias=False), _norm(wide)
        self._depthwise_conv = SameConvolution(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv, self._bn2 = nn.Conv2d(wide, leaving, 1, bias=False), _norm(leaving)

    def forward(self, x: Tensor) -> Tensor:
        """Return N×C'×h'×w' from N×C×h×w."""
        wide = relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        out: Tensor = self._bn2(self._project_conv(relu6(self._bn1(self._depthwise_conv(wide)))))
        return x + out if self.adds else out


class EfficientNetLite0(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """The network up to its last pooled block. It returns the means of three maps."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConvolution(3, 32, 3, 2, bias=False), _norm(32)
        blocks, entering = list[Block](), 32
        for count, kernel, stride, expansion, leaving in STAGES:
            for index in range(count):
                blocks.append(Block(entering, leaving, kernel, 1 if index else stride, expansion))
                entering = leaving
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Return N×384 pooled features of N×3×S×S, which are (sRGB bytes − 127) / 128."""
        x = relu6(self._bn0(self._conv_stem(x)))
        means = []
        for index, block in enumerate(self._blocks[: POOLED[-1] + 1]):
            x = block(x)
            if index in POOLED:
                means.append(x.mean((2, 3)))
        return torch.cat(means, 1)


def read_weights(path: Path) -> EfficientNetLite0:
    """Return the network with a file's weights, in evaluation mode. Raises KeyError for another network's weights."""
    weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    network.eval()
    return network
