"""The directly trained translator as a LightningModule: one step, one validation, its average."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...checkpoints.packages import declare_operators
from ..landmark_network import LandmarkNetwork
from .data import INPUT, Batch
from .losses import (
    Weights,
    coverage_loss,
    face_crops,
    face_places,
    landmark_weights,
    opacity,
    picture_loss,
    reading_loss,
)
from .network import Translator

declare_operators()  # without it, Lightning cannot be imported beside torch's CPU wheel
import lightning  # noqa: E402


class DirectTranslator(lightning.LightningModule):
    """Trains `network`; `average`, its running mean, is what is validated and exported.

    Parameters
    ----------
    network : Translator
    weights : Weights
        Of the losses.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises for `warmup` steps and falls as a cosine until `steps`.
    warmup, steps : int
    readers : int
        On so many pictures of a batch the landmark network looks.
    readers_from : int
        From this step on.
    average : float
        Share of the running mean that is kept at each step.
    """

    def __init__(
        self,
        network: Translator,
        weights: Weights,
        *,
        learning_rate: float = 5e-4,
        weight_decay: float = 1e-4,
        warmup: int = 200,
        steps: int = 10000,
        readers: int = 2,
        readers_from: int = 0,
        average: float = 0.998,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.weights, self.keep = weights, average
        self.readers, self.readers_from = readers, readers_from
        self.rate, self.decay, self.warmup, self.steps = learning_rate, weight_decay, warmup, steps
        self.reader = LandmarkNetwork()
        self.register_buffer("importance", landmark_weights(), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The averaged network's clean crop and logit of coverage."""
        result: tuple[Tensor, Tensor] = self.average(image)
        return result

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """The loss of a batch."""
        worn = batch.occluded.contiguous(memory_format=torch.channels_last)
        made, logit = (one.float() for one in self.network(worn))
        # Landmarks in bfloat16 would be off by a pixel.
        with torch.autocast(batch.clean.device.type, enabled=False):
            parts = self.losses(batch, made, logit)
        total = torch.stack(list(parts.values())).sum()
        for name, value in parts.items():
            self.log(f"loss/{name}", value.detach())
        self.log("loss", total.detach(), prog_bar=True)
        return total

    def losses(self, batch: Batch, made: Tensor, logit: Tensor) -> dict[str, Tensor]:
        """The parts of the loss, each with its weight."""
        parts = {
            "coverage": coverage_loss(logit, batch.coverage, self.weights),
            "picture": picture_loss(made, batch.clean, batch.coverage, self.weights),
        }
        looks = self.weights.points + self.weights.scores + self.weights.features > 0
        if self.readers and looks and self.global_step >= self.readers_from:
            parts["reading"] = self._reading(batch, made, logit)
        return parts

    def _reading(self, batch: Batch, made: Tensor, logit: Tensor) -> Tensor:
        """What the landmark network sees in the composed picture against the clean one."""
        alpha = opacity(torch.sigmoid(logit))
        composed = batch.occluded + alpha * (made - batch.occluded)
        covered = batch.coverage.amax(dim=(1, 2, 3)) > 0
        known = torch.isfinite(batch.landmarks).all(dim=2).all(dim=1)
        chosen = torch.nonzero(covered & known).flatten()[: self.readers]
        if not len(chosen):
            return made.sum() * 0
        places = face_places(batch.landmarks[chosen], INPUT)
        with torch.no_grad():
            true = self.reader(face_crops(batch.clean[chosen], places))
        seen = self.reader(face_crops(composed[chosen].clamp(0, 1), places))
        return reading_loss(seen, true, self.importance, self.weights)

    def on_before_zero_grad(self, _optimiser: torch.optim.Optimizer) -> None:
        """Follow the network with its average, faster in the beginning."""
        keep = min(self.keep, (1 + self.global_step) / (10 + self.global_step))
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        with torch.no_grad():
            for mean, now in pairs:
                mean.lerp_(now, 1 - keep)

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Colour where something lay, overlap of coverage, and landmarks off, in pixels of 256."""
        made, logit = (one.float() for one in self.average(batch.occluded))
        apart = ((made - batch.clean).abs().mean(dim=1, keepdim=True) * batch.coverage).sum()
        covered = apart / batch.coverage.sum().clamp_min(1)
        found, true = torch.sigmoid(logit) > 0.5, batch.coverage > 0.5
        overlap = (found & true).sum() / (found | true).sum().clamp_min(1)
        self.log("valid/covered", covered)
        self.log("valid/overlap", overlap)
        alpha = opacity(torch.sigmoid(logit))
        composed = batch.occluded + alpha * (made - batch.occluded)
        places = face_places(batch.landmarks, INPUT)
        seen = self.reader(face_crops(composed.clamp(0, 1), places))
        clean = self.reader(face_crops(batch.clean, places))
        gap = (seen.points - clean.points)[..., :2].norm(dim=-1).mean()
        scores = (seen.scores - clean.scores).abs().mean()
        self.log("valid/points", gap)
        self.log("valid/scores", scores)
        self.log("valid", covered + scores, prog_bar=True)

    def configure_optimizers(self) -> Mapping[str, Any]:
        """AdamW with a warm-up and a cosine."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=self.rate, weight_decay=self.decay, betas=(0.9, 0.98)
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
