"""What is common to networks that are trained with a running mean of their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from ..checkpoints.packages import declare_operators

declare_operators()  # without it, Lightning cannot be imported beside torch's CPU wheel
import lightning  # noqa: E402


class Averaged(lightning.LightningModule):
    """Trains `network` with AdamW; `average`, its running mean, is validated and exported.

    Attributes
    ----------
    network, average : torch.nn.Module
        Of the same layout.
    keep : float
        Share of the running mean that is kept at each step.
    rate, decay : float
        Of AdamW; the rate rises for `warmup` steps and falls as a cosine until `steps`.
    warmup, steps : int
    """

    betas: ClassVar[tuple[float, float]] = (0.9, 0.999)
    network: nn.Module
    average: nn.Module
    keep: float
    rate: float
    decay: float
    warmup: int
    steps: int

    def on_before_zero_grad(self, _optimiser: torch.optim.Optimizer) -> None:
        """Follow the network with its average, faster in the beginning."""
        keep = min(self.keep, (1 + self.global_step) / (10 + self.global_step))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        with torch.no_grad():
            for mean, now in pairs:
                mean.lerp_(now, 1 - keep)
            for mean, now in zip(self.average.buffers(), self.network.buffers(), strict=True):
                mean.copy_(now)

    def learners(self) -> list[dict[str, Any]]:
        """What the optimiser moves, in groups."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def configure_optimizers(self) -> Mapping[str, Any]:
        """AdamW with a warm-up and a cosine."""
        optimiser = torch.optim.AdamW(
            self.learners(), lr=self.rate, weight_decay=self.decay, betas=self.betas
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._share)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _share(self, step: int) -> float:
        """Of the learning rate, at a step."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = min((step - self.warmup) / max(self.steps - self.warmup, 1), 1.0)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
