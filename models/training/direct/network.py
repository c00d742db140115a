"""The translator's network: a residual U-Net from a crop to the clean crop and what is covered.

Most of its work is done at a quarter to a sixteenth of the resolution, where an electrode is a few
pixels wide and a neighbourhood of skin is in reach; it has no normalisation, so that what it does
to one picture does not depend on others, and starts as the identity in its residual branches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import blocks, plain, start
from .second import SecondLook

#: Channels at strides 2, 4, 8, 16 and 32, and residual blocks on the way down and up.
WIDTHS = (24, 48, 96, 128, 192)
DOWN, UP = (0, 1, 2, 2, 2), (1, 2, 2, 2)
#: The colour and how sure the network is that the pixel is covered.
_OUTPUTS = 4


class Translator(nn.Module):
    """Electrodes off a crop.

    Parameters
    ----------
    widths : sequence of int
        Channels at strides 2, 4, 8, …
    down, up : sequence of int
        Residual blocks per stride on the way down (the last is the deepest) and up.
    second, second_blocks : sequence of int
        Channels at strides 4, 8, … of a second look, and its blocks; none for no second look.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        down: Sequence[int] = DOWN,
        up: Sequence[int] = UP,
        second: Sequence[int] = (),
        second_blocks: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(12, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(blocks(w, n) for w, n in zip(widths, down, strict=True))
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.fuse = nn.ModuleList(nn.Conv2d(2 * a, a, 1) for a, _ in pairs)
        self.decoder = nn.ModuleList(blocks(w, n) for w, n in zip(widths[:-1], up, strict=True))
        self.head = nn.Conv2d(widths[0], _OUTPUTS * 4, 3, padding=1)
        for layer in (self.stem, *self.shrink, *self.grow, *self.fuse):
            start(layer)
        plain(self.head, 1e-2)
        self.second = SecondLook(second, second_blocks, widths[1]) if second else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The clean crop and the logit of coverage.

        Parameters
        ----------
        image : torch.Tensor
            (n, 3, h, w) RGB in [0, 1]; sides are multiples of 2 to the number of widths.

        Returns
        -------
        clean : torch.Tensor
            (n, 3, h, w), about [0, 1] but not held there.
        coverage : torch.Tensor
            (n, 1, h, w) logits.
        """
        values = self.stem(functional.pixel_unshuffle(image - 0.5, 2))
        skips: list[Tensor] = []
        known = values
        for k, layer in enumerate(self.encoder):
            values = layer(values)
            if k < len(self.shrink):
                skips.append(values)
                values = self.shrink[k](values)
        for k in reversed(range(len(self.decoder))):
            # Nearest neighbours: the blocks behind make it smooth, and every runtime is exact.
            above = functional.interpolate(self.grow[k](values), scale_factor=2.0, mode="nearest")
            values = self.decoder[k](self.fuse[k](torch.cat([skips[k], above], dim=1)))
            known = values if k == 1 else known
        drawn = functional.pixel_shuffle(self.head(functional.relu(values)), 2)
        made, logit = drawn[:, :3] + 0.5, drawn[:, 3:]
        if self.second is not None:
            made = self.second(image, made, logit, known)
        return made, logit


class Exported(nn.Module):
    """What goes into the file: colours held to [0, 1], coverage as a probability."""

    def __init__(self, network: Translator) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The clean crop and its coverage, both in [0, 1]."""
        clean, coverage = self.network(image)
        return clean.clamp(0, 1), torch.sigmoid(coverage)
