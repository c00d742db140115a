"""The directly trained translator as a LightningModule: one step, one validation, its average."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor

from ..averaging import Averaged
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


class DirectTranslator(Averaged):
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

    betas: ClassVar[tuple[float, float]] = (0.9, 0.98)

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
