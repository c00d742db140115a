"""The directly trained translator as a LightningModule: one step, one validation, its average."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..averaging import Averaged
from ..landmark_network import LandmarkNetwork
from .composing import composed, opacity
from .critic import Critic, judged
from .data import INPUT, Batch
from .losses import (
    Weights,
    composed_loss,
    coverage_loss,
    face_crops,
    face_places,
    landmark_weights,
    picture_loss,
    reading_loss,
)
from .network import Translator
from .start import take_weights

#: The critic must not keep its way for long.
_CRITIC_BETAS = (0.5, 0.98)


@dataclass(frozen=True)
class Onlookers:
    """Networks that look at what was made.

    Attributes
    ----------
    readers, readers_from : int
        At so many pictures of a batch the landmark network looks, and from which step on.
    critics, critic_from : int
        The same of the critic of patches; where ``weights.critic`` is 0 there is none.
    """

    readers: int = 2
    readers_from: int = 0
    critics: int = 4
    critic_from: int = 0


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
    onlookers : Onlookers, optional
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
        onlookers: Onlookers | None = None,
        average: float = 0.998,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.weights, self.keep = weights, average
        self.onlookers = onlookers or Onlookers()
        self.critic = Critic() if weights.critic > 0 else None
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
        mixed = composed(batch.occluded, made, torch.sigmoid(logit))
        parts = {
            "coverage": coverage_loss(logit, batch.coverage, self.weights),
            "picture": picture_loss(made, batch.clean, batch.coverage, self.weights),
            "composed": composed_loss(mixed, batch.clean, batch.coverage, self.weights),
        }
        looks = self.weights.points + self.weights.scores + self.weights.features > 0
        if self.onlookers.readers and looks and self.global_step >= self.onlookers.readers_from:
            parts["reading"] = self._reading(batch, mixed)
        if self.critic is not None:
            if self.global_step >= self.onlookers.critic_from:
                parts["looks"], parts["critic"] = self._judged(self.critic, batch, made, logit)
            else:
                # Devices that train together wait for the gradients of all that learns.
                parts["critic"] = sum(p.sum() * 0 for p in self.critic.parameters())
        return parts

    def _judged(
        self, critic: Critic, batch: Batch, made: Tensor, logit: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The critic's words on some pictures, weighted, and its own loss."""
        few = slice(0, self.onlookers.critics)
        alpha = opacity(torch.sigmoid(logit[few].detach()))
        worn, clean = batch.occluded[few], batch.clean[few]
        # Both are the same beside the patches, the camera's noise too.
        true, drawn = (worn + alpha * (one - worn) for one in (clean, made[few]))
        pleased, own = judged(critic, true, drawn, alpha)
        return self.weights.critic * pleased, own

    def _reading(self, batch: Batch, mixed: Tensor) -> Tensor:
        """What the landmark network sees in the composed picture against the clean one."""
        covered = batch.coverage.amax(dim=(1, 2, 3)) > 0
        known = torch.isfinite(batch.landmarks).all(dim=2).all(dim=1)
        chosen = torch.nonzero(covered & known).flatten()[: self.onlookers.readers]
        if not len(chosen):
            return mixed.sum() * 0
        places = face_places(batch.landmarks[chosen], INPUT)
        with torch.no_grad():
            true = self.reader(face_crops(batch.clean[chosen], places))
        seen = self.reader(face_crops(mixed[chosen].clamp(0, 1), places))
        return reading_loss(seen, true, self.importance, self.weights)

    def learners(self) -> list[dict[str, Any]]:
        """The network and its critic."""
        groups = super().learners()
        if self.critic is not None:
            own = list(self.critic.parameters())
            groups.append({"params": own, "betas": _CRITIC_BETAS, "weight_decay": 0.0})
        return groups

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Colour where something lay, overlap of coverage, and landmarks off, in pixels of 256."""
        made, logit = (one.float() for one in self.average(batch.occluded))
        mixed = composed(batch.occluded, made, torch.sigmoid(logit))
        covered = ((mixed - batch.clean).abs().mean(dim=1, keepdim=True) * batch.coverage).sum()
        covered = covered / batch.coverage.sum().clamp_min(1)
        found, true = torch.sigmoid(logit) > 0.5, batch.coverage > 0.5
        overlap = (found & true).sum() / (found | true).sum().clamp_min(1)
        self.log("valid/covered", covered)
        self.log("valid/overlap", overlap)
        places = face_places(batch.landmarks, INPUT)
        seen = self.reader(face_crops(mixed.clamp(0, 1), places))
        clean = self.reader(face_crops(batch.clean, places))
        gap = (seen.points - clean.points)[..., :2].norm(dim=-1).mean()
        scores = (seen.scores - clean.scores).abs().mean()
        self.log("valid/points", gap)
        self.log("valid/scores", scores)
        self.log("valid", covered + scores, prog_bar=True)

    def take_weights(self, source: Path) -> None:
        """Start from a translator's ONNX file or from the checkpoint of an earlier training."""
        take_weights(self.network, source)
        self.average.load_state_dict(self.network.state_dict())
