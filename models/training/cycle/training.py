"""What both cycles have in common: the step, the critics, the weights of losses, validation.

Generators and critics learn in one step of one optimiser: the generators' losses are computed with
the critics held still, the critics' with the translations cut off from their graph, and the sum is
differentiated once. So Lightning's own steps, accumulation, precision and DDP do the rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from ..config import Config
from . import losses
from .discriminator import PatchCritic, PicturePool
from .losses import Cycle

Batch = Mapping[str, Tensor]
#: CycleGAN's momentum.
_BETAS = (0.5, 0.999)
_FIRST_SPREAD = 0.02


class CycleTraining(lightning.LightningModule):
    """Two translations against two critics.

    Parameters
    ----------
    config : Config
        Of a ``translator.eifer`` or ``translator.mc_cyclegan``.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        model, loss = config.model, config.loss
        names = (*losses.GROUPS, losses.ANCHOR)
        self.weights = {name: float(loss.get(name, 0.0)) for name in names}
        self.critic_normal, self.critic_sensor = (
            PatchCritic(model["critic_width"], model["critic_layers"]) for _ in range(2)
        )
        if self.weights["adversarial"] == 0:  # then nothing would reach them, and DDP would wait
            self.critic_normal.requires_grad_(False)
            self.critic_sensor.requires_grad_(False)
        self.pools = {
            side: PicturePool(model["pool"], config.seed + k)
            for k, side in enumerate(("normal", "sensor"))
        }

    @abstractmethod
    def cycles(self, batch: Batch, *, second: bool) -> tuple[Cycle, Cycle]:
        """Both cycles of a batch, S→N→S and N→S→N; without their second passes unless asked."""

    def groups(self, off: Cycle, on: Cycle) -> dict[str, Callable[[], Tensor]]:
        """The losses that can be computed, by name, each as a function."""
        kind = str(self.config.loss["kind"])
        critics = (self.critic_normal, self.critic_sensor)
        return {
            "adversarial": lambda: losses.adversarial(off, on, *critics, kind),
            "reconstruction": lambda: losses.reconstruction(off, on),
            "minimal_change": lambda: losses.minimal_change(off, on),
        }

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """The sum of all losses of generators and critics."""
        with self._critics_still():
            off, on = self.cycles(batch, second=losses.needs_second(self.weights))
            parts = losses.counted(self.weights, self.groups(off, on))
            total = self.weighted(parts)
        if self.weights["adversarial"] > 0:
            critic = self.critics_loss(off, on)
            total = total + critic
            parts["critics"] = critic
        size = len(off.source)
        for name, value in parts.items():
            self.log(f"loss/{name}", value.detach(), batch_size=size)
        self.log("loss", total.detach(), prog_bar=True, batch_size=size)
        return total

    @contextmanager
    def _critics_still(self) -> Iterator[None]:
        """Let gradients flow through the critics, but not into them."""
        critics = nn.ModuleList([self.critic_normal, self.critic_sensor])
        critics.requires_grad_(False)
        try:
            yield
        finally:
            critics.requires_grad_(self.weights["adversarial"] > 0)

    def weighted(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The sum of losses, each times its weight."""
        total = torch.zeros((), device=self.device)
        for name, value in parts.items():
            total = total + self.weights[name] * value
        return total

    def critics_loss(self, off: Cycle, on: Cycle) -> Tensor:
        """How well the critics tell pictures from translations of now and of the past."""
        kind = str(self.config.loss["kind"])
        total = torch.zeros((), device=self.device)
        for critic, real, fake, side in (
            (self.critic_normal, on.source, off.first.image, "normal"),
            (self.critic_sensor, off.source, on.first.image, "sensor"),
        ):
            past = self.pools[side].swap(fake.detach())
            total = total + losses.judged(critic(real), real=True, kind=kind) / 2
            total = total + losses.judged(critic(past), real=False, kind=kind) / 2
        return total

    def validation_step(self, batch: Batch, index: int) -> None:
        """Log the losses, and against the truth where there is one.

        The points that are put back are the same each time, so that checkpoints can be compared.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self.config.seed + index)
            off, on = self.cycles(batch, second=losses.needs_second(self.weights))
        parts = losses.counted(self.weights, self.groups(off, on))
        size = len(off.source)
        for name, value in parts.items():
            self.log(f"validation/{name}", value, batch_size=size)
        self.log("validation/score", self.weighted(parts), batch_size=size)
        for name, value in against_truth(batch, off.first.image).items():
            self.log(f"validation/{name}", value, batch_size=size)

    def configure_optimizers(self) -> Any:
        """Adam; the second half of the training goes down to a rate of 0 in a straight line."""
        settings, steps = self.config.optimiser, int(self.config.trainer["max_steps"])
        rate = float(settings["learning_rate"])
        encoders = [p for name, p in self.named_parameters() if "_encoder." in name]
        known = {id(p) for p in encoders}
        others = [p for p in self.parameters() if id(p) not in known]
        slower = float(settings.get("encoder_rate", 1.0))
        groups: list[dict[str, Any]] = [
            {"params": others}, {"params": encoders, "lr": rate * slower},
        ]  # fmt: skip
        optimiser = torch.optim.Adam(
            [group for group in groups if group["params"]], lr=rate, betas=_BETAS,
            weight_decay=float(settings["weight_decay"]),
        )  # fmt: skip
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min(1.0, max(0.0, 2 * (1 - step / steps)))
        )
        return {
            "optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}
        }  # fmt: skip

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the pictures of the past beside the weights."""
        checkpoint["pools"] = {side: pool.state_dict() for side, pool in self.pools.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the pictures of the past."""
        for side, state in checkpoint.get("pools", {}).items():
            self.pools[side].load_state_dict(state)


def against_truth(batch: Batch, cleaned: Tensor) -> dict[str, Tensor]:
    """Mean absolute difference from the truth: covered by electrodes before and after, and beside.

    Empty for a batch without truth (real recordings).
    """
    if "truth" not in batch or not bool(batch["has_truth"].any()):
        return {}
    known = batch["has_truth"]
    cover, truth = batch["cover"][known], batch["truth"][known]
    before = (batch["sensor"][known] - truth).abs().mean(dim=1, keepdim=True)
    after = (cleaned[known] - truth).abs().mean(dim=1, keepdim=True)
    beside = 1 - cover
    return {
        "covered": (before * cover).sum() / cover.sum().clamp(min=1),
        "restored": (after * cover).sum() / cover.sum().clamp(min=1),
        "beside": (after * beside).sum() / beside.sum().clamp(min=1),
    }


def fresh(module: nn.Module) -> nn.Module:
    """The module with CycleGAN's first weights: convolutions drawn with a spread of 0.02."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, _FIRST_SPREAD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return module
