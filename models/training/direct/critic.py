"""A critic of small patches: whether skin, hair and what stands behind look photographed.

A network that is judged by differences alone draws the mean of what may be there, which is smooth.
The critic sees the true picture and the composed one, and says of every patch in which something
was replaced which it takes for true (hinge loss: Lim and Ye, "Geometric GAN", 2017; patches: Isola
and others, CVPR 2017; its layers keep lengths: Miyato and others, ICLR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

#: Channels at strides 2, 4 and 8.
WIDTHS = (24, 48, 96)
_LEAK = 0.2


class Critic(nn.Module):
    """How true patches look.

    Parameters
    ----------
    widths : sequence of int
        Channels at strides 2, 4, …
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        pairs = zip((4, *widths[:-1]), widths, strict=True)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairs
        )
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))
        self.stride = 2 ** len(widths)

    def forward(self, picture: Tensor, alpha: Tensor) -> Tensor:
        """(n, 1, h / 8, w / 8), the larger the truer.

        Parameters
        ----------
        picture : torch.Tensor
            (n, 3, h, w) in [0, 1].
        alpha : torch.Tensor
            (n, 1, h, w), where it was replaced.
        """
        values = torch.cat([4 * picture - 2, alpha], dim=1)
        for layer in self.layers:
            values = functional.leaky_relu(layer(values), _LEAK)
        return torch.as_tensor(self.head(values))


def judged(critic: Critic, true: Tensor, made: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """The losses of what made a picture and of its critic, where something was replaced.

    Parameters
    ----------
    critic : Critic
    true, made : torch.Tensor
        (n, 3, h, w), the same but for what was replaced.
    alpha : torch.Tensor
        (n, 1, h, w), where that was.

    Returns
    -------
    tuple of torch.Tensor
        For the one the critic holds still, for the other the picture.
    """
    weight = functional.avg_pool2d(alpha, critic.stride)
    still = {name: value.detach() for name, value in critic.named_parameters()}
    pleased = functional_call(critic, still, (made, alpha))
    seen, known = critic(made.detach(), alpha), critic(true, alpha)
    own = functional.relu(1 + seen) + functional.relu(1 - known)
    total = weight.sum() + 1
    return -(pleased * weight).sum() / total, (own * weight).sum() / total
