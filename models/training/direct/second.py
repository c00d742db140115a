"""A second look: what the first one left, and the colours of what is free, carried over the rest.

A network that draws what is behind a bundle of cables out of nothing tints it with the cables'
colours, because these are what it sees there. So once it is known what is covered, the free
pixels are spread over the covered ones, coarser the farther away they are ("pull-push": Gortler and
others, "The lumigraph", SIGGRAPH 1996), and a smaller network decides how much of that is taken,
and what is added.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import blocks, plain, start
from .composing import opacity, spread

#: Coverage from which on a pixel's colour is not spread, and the window in which it keeps its
#: neighbours from being: compression and blur colour them.
_SURE, _SHY = 0.3, 3
#: What the second look sees of a pixel: composed, spread, opacity.
_SEEN, _STRIDE = 7, 4
#: Logit of how much of the spread colours is taken in the beginning.
_WARY = -3.0


class SecondLook(nn.Module):
    """Betters the colours that a first look made.

    Parameters
    ----------
    widths : sequence of int
        Channels at strides 4, 8, …
    counts : sequence of int
        Residual blocks there; on the way up one each.
    known : int
        Channels of the first look's features at stride 4.
    """

    def __init__(self, widths: Sequence[int], counts: Sequence[int], known: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(_SEEN * _STRIDE**2, widths[0], 3, padding=1)
        self.join = nn.Conv2d(known, widths[0], 1)
        self.encoder = nn.ModuleList(blocks(w, n) for w, n in zip(widths, counts, strict=True))
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.decoder = nn.ModuleList(blocks(w, 1) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], 4 * _STRIDE**2, 3, padding=1)
        for layer in (self.stem, self.join, *self.shrink, *self.grow):
            start(layer)
        plain(self.head, 1e-4)
        with torch.no_grad():
            self.head.bias[3 * _STRIDE**2 :] = _WARY

    def forward(self, image: Tensor, made: Tensor, logit: Tensor, known: Tensor) -> Tensor:
        """Better colours (n, 3, h, w), about [0, 1].

        Parameters
        ----------
        image, made : torch.Tensor
            (n, 3, h, w) RGB in [0, 1]: the crop, and what the first look made of it.
        logit : torch.Tensor
            (n, 1, h, w) of coverage.
        known : torch.Tensor
            (n, c, h / 4, w / 4), features of the first look.
        """
        with torch.autocast(image.device.type, enabled=False):
            first, coverage = made.float(), torch.sigmoid(logit.float())
            # Where something lies is learnt from the coverage's own loss.
            alpha = opacity(coverage).detach()
            near = functional.max_pool2d(coverage.detach(), _SHY, 1, _SHY // 2)
            around = spread(image.float(), 1 - (near / _SURE).clamp(max=1))
            seen = torch.cat([image + alpha * (first - image) - 0.5, around - 0.5, alpha], dim=1)
        values = self.stem(functional.pixel_unshuffle(seen, _STRIDE)) + self.join(known)
        skips: list[Tensor] = []
        for k, layer in enumerate(self.encoder):
            values = layer(values)
            if k < len(self.shrink):
                skips.append(values)
                values = self.shrink[k](values)
        for k in reversed(range(len(self.decoder))):
            above = functional.interpolate(self.grow[k](values), scale_factor=2.0, mode="nearest")
            values = self.decoder[k](skips[k] + above)
        change = functional.pixel_shuffle(self.head(functional.relu(values)), _STRIDE).float()
        taken = torch.sigmoid(change[:, 3:])
        return first + taken * (around - first) + change[:, :3]
