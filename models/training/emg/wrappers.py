"""Trained networks as they are exported: asked about the mirror image too, bounded, stepped."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .networks import CausalNetwork


class Mirrored(nn.Module):
    """A network asked twice, about the face and its mirror image, for the mean of both answers.

    A symmetric input then has a symmetric answer, to the last bit.

    Parameters
    ----------
    network : Module
    inputs, outputs : sequence of int
        Which input (output) stands where in the mirror; the same order where there is no mirror.
    mirrored : bool
        False asks once: bases such as FLAME's cannot be mirrored by changing their order.
    spread_scale : Tensor, optional
        Factors (n_outputs,) on the spread, from subjects that were held out.
    lower, upper : sequence of float
        Bounds of the outputs.
    """

    in_order: Tensor
    out_order: Tensor
    spread_scale: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        network: nn.Module,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        mirrored: bool = True,
        spread_scale: Tensor | None = None,
        bounds: tuple[Sequence[float], Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.mirrored = network, mirrored
        n = len(outputs)
        lower, upper = bounds or ([float("-inf")] * n, [float("inf")] * n)
        self.register_buffer("in_order", torch.tensor(list(inputs)))
        self.register_buffer("out_order", torch.tensor(list(outputs)))
        factors = torch.ones(n) if spread_scale is None else spread_scale
        self.register_buffer("spread_scale", factors)
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float32))
        self.register_buffer("upper", torch.tensor(upper, dtype=torch.float32))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Bounded means and spreads of what the network takes."""
        mean, log_spread = self.network(values)
        if self.mirrored:
            other_mean, other_spread = self.network(values.index_select(-1, self.in_order))
            mean, log_spread = self._both(mean, log_spread, other_mean, other_spread)
        return self._bounded(mean), log_spread.exp() * self.spread_scale

    def _bounded(self, mean: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(mean, self.lower), self.upper)

    def _both(
        self, mean: Tensor, spread: Tensor, other_mean: Tensor, other_spread: Tensor
    ) -> tuple[Tensor, Tensor]:
        other_mean = other_mean.index_select(-1, self.out_order)
        other_spread = other_spread.index_select(-1, self.out_order)
        return 0.5 * (mean + other_mean), 0.5 * (spread + other_spread)


class Stepped(Mirrored):
    """A `CausalNetwork` frame by frame with its states in and out, for ONNX."""

    def forward(  # type: ignore[override]
        self, values: Tensor, past: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Means, spreads, and the states for the next frame; states are (1 or 2, …)."""
        network = self.network
        assert isinstance(network, CausalNetwork)
        if not self.mirrored:
            mean, log_spread, past, memory = network.step(values, past, memory)
            return self._bounded(mean), log_spread.exp() * self.spread_scale, past, memory
        pair = torch.cat([values, values.index_select(-1, self.in_order)], dim=0)
        mean, log_spread, past, memory = network.step(pair, past, memory)
        mean, log_spread = self._both(mean[:1], log_spread[:1], mean[1:], log_spread[1:])
        return self._bounded(mean), log_spread.exp() * self.spread_scale, past, memory

    def first_states(self) -> tuple[Tensor, Tensor]:
        """The states before the first frame."""
        network = self.network
        assert isinstance(network, CausalNetwork)
        faces = 2 if self.mirrored else 1
        return (
            torch.zeros(faces, network.context - 1, network.kept),
            torch.zeros(faces, network.memory),
        )
