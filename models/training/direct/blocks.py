"""The residual block of the translator's networks, and how layers start."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions beside the identity; the second starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        for layer in (self.first, self.second):
            nn.init.zeros_(layer.bias)

    def forward(self, values: Tensor) -> Tensor:
        """Of the same shape."""
        return values + self.second(functional.relu(self.first(functional.relu(values))))


def blocks(width: int, count: int) -> nn.Sequential:
    """So many blocks behind each other."""
    return nn.Sequential(*(Block(width) for _ in range(count)))


def start(layer: nn.Module) -> None:
    """Weights of a layer between linear ones."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)


def plain(layer: nn.Conv2d, spread: float) -> None:
    """Weights of a last layer, which hardly says anything in the beginning."""
    nn.init.normal_(layer.weight, std=spread)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
