"""EMG2Exp and Exp2EMG as tasks of `eifer train`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ....eifer_addon.spaces import get_space
from ...cards import ModelCard
from ...checkpoints.packages import declare_operators
from ..config import Config
from ..resume import SeededSampler
from .anatomy import agonists_of
from .examples import Examples, Stretches
from .export import export_link
from .loading import LoadedPairs, load_pairs
from .networks import CausalNetwork, FrameNetwork, WindowNetwork
from .pairs import STRONGEST, common_lag, fingerprint
from .weights import start_network

declare_operators()

import lightning  # noqa: E402  (torchvision is found by Lightning and needs its operators declared)

EMG2EXP, EXP2EMG = "emg2exp", "exp2emg"
#: Frames at the start of an example that a network with a memory may use to find out where it is.
_WARM_UP = 30
#: Standard deviation below which a coefficient does not move in the data.
STILL = 0.004


@dataclass(frozen=True)
class Names:
    """What goes in and out.

    Attributes
    ----------
    muscles, coefficients : tuple of str
    space : str
    to_expression : bool
        The direction.
    """

    muscles: tuple[str, ...]
    coefficients: tuple[str, ...]
    space: str
    to_expression: bool

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network's inputs."""
        return self.muscles if self.to_expression else self.coefficients

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs."""
        return self.coefficients if self.to_expression else self.muscles

    def bounds(self) -> tuple[list[float], list[float]]:
        """Of the outputs."""
        if not self.to_expression:
            return [0.0] * len(self.muscles), [float("inf")] * len(self.muscles)
        space = get_space(self.space)
        return list(space.lower), list(space.upper)

    @property
    def positive(self) -> bool:
        """Whether no input can be below 0."""
        return self.to_expression or min(get_space(self.space).lower) >= 0.0


def build_network(config: Config, names: Names) -> torch.nn.Module:
    """The network that ``model.name`` names: ``frame``, ``causal`` or ``window``."""
    model = config.model
    sizes: dict[str, Any] = {"hidden": int(model["hidden"]), "positive": names.positive}
    n_inputs, n_outputs = len(names.inputs), len(names.outputs)
    if model["name"] != "window" and names.to_expression:
        sizes["agonists"] = agonists_of(names.inputs, names.outputs)
    if model["name"] == "frame":
        return FrameNetwork(n_inputs, n_outputs, **sizes)
    if model["name"] == "window":
        before, after = int(model["before"]), int(model["after"])
        return WindowNetwork(n_inputs, n_outputs, before=before, after=after, **sizes)
    return CausalNetwork(
        n_inputs, n_outputs, memory=int(model["memory"]), context=int(model["context"]), **sizes
    )


class LinkModule(lightning.LightningModule):
    """A network between muscles and expression with its losses.

    Parameters
    ----------
    config : Config
    names : Names
    spread : numpy.ndarray
        Standard deviation (n_outputs,) of the outputs in the training data.
    input_scale : numpy.ndarray
        Size (n_inputs,) of the inputs.
    """

    importance: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self, config: Config, names: Names, spread: np.ndarray, input_scale: np.ndarray
    ) -> None:
        super().__init__()
        self.config, self.names = config, names
        self.network = build_network(config, names)
        self.network.encoding.scale.copy_(torch.from_numpy(input_scale.astype(np.float32)))
        floor = max(0.02 if names.positive else 0.05 * float(spread.max(initial=0.0)), 1e-6)
        weight = np.where(spread > STILL, 1.0 / (spread**2 + floor**2), 1.0 / (10 * floor) ** 2)
        self.register_buffer(
            "importance", torch.tensor(weight / weight.mean(), dtype=torch.float32)
        )
        lower, upper = names.bounds()
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float32))
        self.register_buffer("upper", torch.tensor(upper, dtype=torch.float32))
        self.moving = torch.from_numpy(spread > STILL)
        self._sums: list[Tensor] = []

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log spreads."""
        mean, log_spread = self.network(inputs)
        return mean, log_spread

    def pick(self, batch: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, targets and known frames of a batch of (activity, coefficients, known).

        A muscle that was not recorded cannot be learned: its target is NaN.
        """
        activity, coefficients, known = batch
        if self.names.to_expression:
            return activity, coefficients, known
        targets = torch.where(activity < -0.5, torch.nan, activity.clamp(max=STRONGEST))
        return coefficients, targets, known

    def error(self, mean: Tensor, targets: Tensor) -> Tensor:
        """What is wrong; beyond a bound, at which the target is, nothing is."""
        beyond = ((targets <= self.lower) & (mean < self.lower)) | (
            (targets >= self.upper) & (mean > self.upper)
        )
        wrong = torch.where(beyond, 0.0, mean - torch.nan_to_num(targets))
        return torch.where(torch.isnan(targets), 0.0, wrong)

    def training_step(self, batch: Sequence[Tensor], _index: int) -> Tensor:
        """The sum of the losses."""
        inputs, targets, known = self.pick(batch)
        mean, log_spread = self(inputs)
        if not isinstance(self.network, FrameNetwork) and known.shape[1] > 2 * _WARM_UP:
            known = known.clone()
            known[:, :_WARM_UP] = 0.0
        weight = known[..., None] / known.sum().clamp(min=1.0) / mean.shape[-1]
        wrong = self.error(mean, targets)
        size = (self.importance * wrong**2 * weight).sum()
        steady = self.error(mean.diff(dim=1) + targets[:, :-1], targets[:, 1:])
        motion = (self.importance * steady**2 * weight[:, 1:]).sum()
        scaled = (wrong.detach() * torch.exp(-log_spread)) ** 2
        likelihood = ((0.5 * scaled + log_spread) * weight).sum()
        parts = {"mean": size, "motion": motion, "spread": likelihood}
        total = sum(float(self.config.loss[name]) * part for name, part in parts.items())
        for name, part in parts.items():
            self.log(f"loss/{name}", part)
        assert isinstance(total, Tensor)
        self.log("loss", total)
        return total

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self._sums = []

    def validation_step(self, batch: Sequence[Tensor], _index: int) -> None:
        """Sums from which the share that is explained follows."""
        inputs, targets, known = self.pick(batch)
        mean, _ = self(inputs)
        mean = torch.minimum(torch.maximum(mean, self.lower), self.upper)
        there = known[..., None] * (~torch.isnan(targets))
        wanted = torch.nan_to_num(targets)
        columns = (0, 1)
        self._sums.append(
            torch.stack([
                there.sum(columns), (wanted * there).sum(columns), (wanted**2 * there).sum(columns),
                ((mean - wanted) ** 2 * there).sum(columns),
            ]).double()
        )  # fmt: skip

    def on_validation_epoch_end(self) -> None:
        """Log the mean share of the variance that is explained, of what moves."""
        count, total, squares, wrong = torch.stack(self._sums).sum(dim=0)
        count = count.clamp(min=1.0)
        variance = squares / count - (total / count) ** 2
        moving = variance > STILL**2
        explained = 1.0 - (wrong / count)[moving] / variance[moving]
        self.log("validation/r2", explained.clamp(min=-1.0).mean() if len(explained) else 0.0)
        self.log("validation/rmse", (wrong / count).mean().sqrt())

    def configure_optimizers(self) -> Any:
        """AdamW with a warm start and a cosine's way down."""
        settings, steps = self.config.optimiser, int(self.config.trainer["max_steps"])
        optimiser = torch.optim.AdamW(
            self.parameters(), lr=float(settings["learning_rate"]),
            weight_decay=float(settings["weight_decay"]),
        )  # fmt: skip
        warm = max(1, min(100, steps // 10))

        def factor(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            done = min(1.0, (step - warm) / max(1, steps - warm))
            return 0.02 + 0.98 * 0.5 * (1.0 + float(np.cos(np.pi * done)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {
            "optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}
        }  # fmt: skip


class LinkData(lightning.LightningDataModule):
    """Loaders of examples and of the sessions that are held out."""

    def __init__(self, config: Config, loaded: LoadedPairs, *, to_expression: bool) -> None:
        super().__init__()
        self.config, self.loaded = config, loaded
        self.batch_size = int(config.data["batch_size"])
        settings = dict(config.data)
        if to_expression:
            settings["coefficient_noise"] = 0.0
        else:  # what is to be learned must be as it was measured
            settings |= {"keep_all": 1.0, "own_scale": 0.0, "gain": 0.0}
        self.settings = settings

    def train_dataloader(self) -> DataLoader[Any]:
        """Examples in an order that follows from the seed."""
        examples = Examples(
            self.loaded.train, self.loaded.muscles, self.loaded.space.coefficients,
            length=int(self.config.data["frames"]), seed=self.config.seed, settings=self.settings,
        )  # fmt: skip
        sampler = SeededSampler(len(examples), self.config.seed, tickets=True)
        return DataLoader(
            examples, self.batch_size, sampler=sampler,
            num_workers=int(self.config.data["workers"]),
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader[Any]:
        """Every frame of the validation sessions."""
        return DataLoader(Stretches(self.loaded.validation, 1000), 16)


class LinkTask:
    """The task; see `training.task.Task`."""

    monitor, mode = "validation/r2", "max"

    def __init__(self, config: Config) -> None:
        self.config = config
        loaded = load_pairs(config)
        to_expression = config.task == EMG2EXP
        self.names = Names(
            loaded.muscles, loaded.space.coefficients, loaded.space.name, to_expression
        )
        self.lag = self._lag(loaded)
        loaded = loaded.late(self.lag)
        self.loaded = loaded
        self.data = LinkData(config, loaded, to_expression=to_expression)
        spread, scale = self._sizes(loaded)
        self.module = LinkModule(config, self.names, spread, scale)
        self.started_from = start_network(self.module.network, config, self.names)

    def _lag(self, loaded: LoadedPairs) -> int:
        """Frames by which the face is late, taken out for a network that sees one frame."""
        if self.config.model["name"] != "frame":
            return 0
        given = self.config.data["delay_ms"]
        if given is not None:
            return round(float(given) / 1000.0 * loaded.rate_hz)
        return common_lag(loaded.train, loaded.rate_hz)

    def _sizes(self, loaded: LoadedPairs) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation of the outputs and size of the inputs."""
        coefficients = np.concatenate([p.coefficients[p.known] for p in loaded.train])
        activity = np.concatenate([p.activity[p.known] for p in loaded.train])
        activity = np.where(activity < -0.5, np.nan, np.minimum(activity, STRONGEST))
        with np.errstate(invalid="ignore"):
            spread = np.nan_to_num(np.nanstd(activity, axis=0))
        if self.names.to_expression:
            return coefficients.std(axis=0), np.ones(len(loaded.muscles))
        scale = np.ones(coefficients.shape[1])
        if not self.names.positive:
            scale = np.maximum(coefficients.std(axis=0), 1e-3 * coefficients.std() + 1e-9)
        return spread, scale

    @property
    def sentence(self) -> str:
        """What is learned from, for the card."""
        begun = f"; begun from {self.started_from}" if self.started_from else ""
        return self.loaded.sentence + begun

    def data_facts(self) -> Mapping[str, Any]:
        """Sentence, hash and split of the data."""
        parts = {"train": self.loaded.train, "validation": self.loaded.validation}
        split = {name: sorted({p.subject for p in pairs}) for name, pairs in parts.items()}
        return {"data": self.sentence, "sha256": fingerprint(self.loaded.train), "split": split}

    def export(
        self, module: lightning.LightningModule, path: Path, metrics: Mapping[str, float]
    ) -> ModelCard:
        """Write the network, with its spread calibrated on the validation sessions."""
        assert isinstance(module, LinkModule)
        return export_link(self, module, path, metrics)


def build(config: Config) -> LinkTask:
    """The task of a configuration; `training.task` calls this."""
    return LinkTask(config)
