"""The generator: a U-Net with residual blocks in its narrowest part, as SMIRK's, and its names.

Six channels go in (a rendering and a masked picture), or three where a plain CycleGAN translates
the picture itself; a picture in 0 to 1 comes out. The names of the parameters are those of SMIRK's
generator, so that its checkpoint fits when the widths are its own.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

#: SMIRK's: widths 32, 64, 128, 256, the bottleneck 512, five residual blocks.
WIDTH, BLOCKS = 32, 5
_LEVELS = 4
#: The picture is halved four times, and a reflected border needs two pixels.
GRAIN = 2**_LEVELS


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.BatchNorm2d(channels)


def _pair(inputs: int, outputs: int, name: str, norm: str) -> nn.Sequential:
    """Two 3×3 convolutions with normalisation, under the names of SMIRK's blocks."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, channels in ((1, inputs), (2, outputs)):
        parts[f"{name}conv{number}"] = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
        parts[f"{name}norm{number}"] = _norm(norm, outputs)
        parts[f"{name}relu{number}"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)


class _Residual(nn.Module):
    """Two reflected convolutions beside the identity."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False),
            _norm(norm, channels), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False),
            _norm(norm, channels),
        )  # fmt: skip

    def forward(self, values: Tensor) -> Tensor:
        """Values of the same shape."""
        return values + self.conv_block(values)


class Generator(nn.Module):
    """A picture out of a rendering and a masked picture.

    Parameters
    ----------
    inputs : int
        Channels that go in.
    width : int
        Channels of the first level; each further level has twice as many.
    blocks : int
        Residual blocks.
    norm : {"batch", "instance"}
        SMIRK normalises over the batch; with few pictures at a time, each by itself is steadier.
    """

    def __init__(
        self, inputs: int = 6, width: int = WIDTH, blocks: int = BLOCKS, norm: str = "batch"
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(_LEVELS)]
        channels = inputs
        for level, own in enumerate(widths, 1):
            self.add_module(f"encoder{level}", _pair(channels, own, f"enc{level}", norm))
            channels = own
        deepest = 2 * channels
        self.bottleneck = _pair(channels, deepest, "bottleneck", norm)
        self.resnet_blocks = nn.ModuleList(_Residual(deepest, norm) for _ in range(blocks))
        for level, own in reversed(list(enumerate(widths, 1))):
            self.add_module(f"upconv{level}", nn.ConvTranspose2d(2 * own, own, 2, stride=2))
            self.add_module(f"decoder{level}", _pair(2 * own, own, f"dec{level}", norm))
        self.conv = nn.Conv2d(width, 3, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, edge, edge) to (B, 3, edge, edge) in 0 to 1; the edge is a multiple of 16."""
        levels = range(1, _LEVELS + 1)
        kept = []
        for level in levels:
            values = self.get_submodule(f"encoder{level}")(values)
            kept.append(values)
            values = self.pool(values)
        values = self.bottleneck(values)
        for block in self.resnet_blocks:
            values = block(values)
        for level in reversed(levels):
            values = self.get_submodule(f"upconv{level}")(values)
            values = torch.cat([values, kept[level - 1]], dim=1)
            values = self.get_submodule(f"decoder{level}")(values)
        return torch.sigmoid(self.conv(values))
