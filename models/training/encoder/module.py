"""The encoder as a LightningModule: it learns to say under electrodes what is said without."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ..averaging import Averaged
from ..direct.data import Batch
from ..direct.losses import landmark_weights
from ..landmark_network import LandmarkNetwork
from .network import Encoder

#: What the teacher does not believe to be a face teaches nothing (logit), and a landmark that is
#: off by more pixels does not pull harder.
_BELIEVED, _FAR = 0.0, 24.0
#: How much depth counts beside the place in the picture.
_DEPTH = 0.3


_Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Weights:
    """How much each part of the loss counts: landmarks (per pixel) and scores."""

    points: float = 1.0
    scores: float = 20.0


class EncoderTraining(Averaged):
    """Trains `network`; `average`, its running mean, is what is validated and exported.

    Parameters
    ----------
    network : Encoder
    weights : Weights
    learning_rate, weight_decay : float
        Of AdamW; the rate rises for `warmup` steps and falls as a cosine until `steps`.
    warmup, steps : int
    average : float
        Share of the running mean that is kept at each step.
    """

    def __init__(
        self,
        network: Encoder,
        weights: Weights,
        *,
        learning_rate: float = 2e-4,
        weight_decay: float = 1e-4,
        warmup: int = 100,
        steps: int = 4000,
        average: float = 0.998,
    ) -> None:
        super().__init__()
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.weights, self.keep = weights, average
        self.rate, self.decay, self.warmup, self.steps = learning_rate, weight_decay, warmup, steps
        self.teacher = LandmarkNetwork()
        self.register_buffer("importance", landmark_weights(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """The averaged network's rows."""
        rows: Tensor = self.average(image)
        return rows

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """The loss of a batch."""
        parts, _ = self._judged(self.network, batch)
        total = torch.stack(list(parts.values())).sum()
        for name, value in parts.items():
            self.log(f"loss/{name}", value.detach())
        self.log("loss", total.detach(), prog_bar=True)
        return total

    def _judged(
        self, network: Encoder, batch: Batch
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The parts of the loss with their weights, and the plain differences."""
        with torch.no_grad():
            true = self.teacher(batch.clean)
        scores, points = network.read(batch.occluded)
        believed = (true.presence > _BELIEVED).float()
        count = believed.sum().clamp_min(1)
        apart = (points - true.points).abs().clamp(max=_FAR)
        flat = ((apart[..., :2].sum(-1) + _DEPTH * apart[..., 2]) * self.importance).mean(1)
        scored = (scores - true.scores).abs().mean(1)
        plain = {
            "points": (flat * believed).sum() / count,
            "scores": (scored * believed).sum() / count,
        }
        weights = {"points": self.weights.points, "scores": self.weights.scores}
        return {name: weights[name] * plain[name] for name in plain if weights[name]}, plain

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Scores off, and landmarks off in pixels of the crop, against the clean face."""
        _, plain = self._judged(self.average, batch)
        for name, value in plain.items():
            self.log(f"valid/{name}", value)
        self.log("valid", plain["scores"], prog_bar=True)
