"""A small network that learns a known curve within seconds, to try the engineering with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from eifer.models.cards import ModelCard
from eifer.models.training.config import Config, load_config
from eifer.models.training.export import export_onnx
from eifer.models.training.resume import SeededSampler, example_rng

DEFAULTS: dict[str, Any] = {
    "data": {"batch_size": 8, "n": 50},
    "model": {"name": "tiny", "width": 8, "dropout": 0.1},
    "loss": {"fit": 1.0, "size": 0.001},
    "trainer": {
        "max_steps": 30, "validate_every": 10, "checkpoint_every": 4, "log_every": 1,
        "accelerator": "cpu", "threads": 1,
    },
    # What is to go wrong, at which step; 0 never.
    "export": {"kill_at": 0, "nan_at": 0, "memory_at": 0, "device_at": 0, "term_at": 0},
    "optimiser": {"learning_rate": 0.01},
}  # fmt: skip


def a_config(*overrides: str, smoke: bool = False) -> Config:
    return load_config("emg2exp", overrides=overrides, smoke=smoke, defaults=DEFAULTS)


class Examples(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Two muscles and what they do, with noise that each example draws."""

    def __init__(self, config: Config) -> None:
        self._seed = config.seed
        self._x = np.random.default_rng(5).random((config.data["n"], 2)).astype(np.float32)

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, ticket: Any) -> tuple[torch.Tensor, torch.Tensor]:
        noise = example_rng(self._seed, *ticket).normal(0, 0.01, 2).astype(np.float32)
        x = self._x[ticket[0]]
        return torch.from_numpy(x + noise), torch.from_numpy(np.tanh(2 * x))


class TinyData(pl.LightningDataModule):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config, self._examples = config, Examples(config)

    def train_dataloader(self) -> Any:
        sampler = SeededSampler(len(self._examples), self._config.seed, tickets=True)
        size = self._config.data["batch_size"]
        return DataLoader(self._examples, size, sampler=sampler,
                          num_workers=self._config.data["workers"])  # fmt: skip

    def val_dataloader(self) -> Any:
        pairs = [self._examples[k, 0] for k in range(16)]
        return DataLoader(pairs, 8)  # type: ignore[arg-type]


class TinyModule(pl.LightningModule):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config, width = config, int(config.model["width"])
        self.network = torch.nn.Sequential(
            torch.nn.Linear(2, width), torch.nn.Tanh(), torch.nn.Dropout(config.model["dropout"]),
            torch.nn.Linear(width, 2),
        )  # fmt: skip
        self.seen: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        x, y = batch
        accumulate = self._config.trainer["accumulate"]
        self._go_wrong(batch_idx // accumulate + 1, len(x))
        fit = torch.nn.functional.mse_loss(self.network(x), y)
        if batch_idx // accumulate + 1 == self._config.export["nan_at"]:
            fit = fit * float("nan")
        size = sum(p.abs().mean() for p in self.network.parameters())
        self.log("loss/fit", fit, batch_size=len(x))
        return self._config.loss["fit"] * fit + self._config.loss["size"] * size

    def _go_wrong(self, step: int, batch_size: int) -> None:
        wanted = self._config.export
        if step == wanted["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == wanted["term_at"]:
            os.kill(os.getpid(), signal.SIGTERM)
        if step == wanted["memory_at"] and batch_size > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        if step == wanted["device_at"]:
            raise RuntimeError("CUDA error: unspecified launch failure")

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        x, y = batch
        self.log("val/loss", torch.nn.functional.mse_loss(self.network(x), y), batch_size=len(x))

    def configure_optimizers(self) -> Any:
        rate = self._config.optimiser["learning_rate"]
        optimiser = torch.optim.AdamW(self.parameters(), rate)
        steps = torch.optim.lr_scheduler.StepLR(optimiser, 7, 0.8)
        return [optimiser], [{"scheduler": steps, "interval": "step"}]


class TinyTask:
    monitor, mode = "val/loss", "min"

    def __init__(self, config: Config) -> None:
        self.module, self.data = TinyModule(config), TinyData(config)

    def data_facts(self) -> Mapping[str, Any]:
        return {"data": "50 points of a known curve", "sha256": "ab" * 32, "split": "none"}

    def samples(self, module: Any) -> Mapping[str, np.ndarray]:
        torch.rand(3)  # what is drawn for a picture must not change the training
        return {"curve": np.full((4, 6, 3), 128, np.uint8)}

    def export(self, module: Any, path: Path, metrics: Mapping[str, float]) -> ModelCard:
        sides = ("zygomaticus.left", "zygomaticus.right")
        card = ModelCard(
            "tiny", "emg2exp", sides, ("mouthSmileLeft", "mouthSmileRight"), "arkit52",
            metrics=dict(metrics), licence="CC0-1.0",
        )  # fmt: skip
        return export_onnx(
            module.network, (torch.rand(3, 2),), card, path, input_names=["activity"],
            output_names=["expression"],
            dynamic_axes={"activity": {0: "n"}, "expression": {0: "n"}},
        )  # fmt: skip


def for_a_job(config: Config) -> TinyTask:
    """The tiny task in place of the one that a configuration of EMG2Exp means."""
    values = {f"trainer.{key}": config.trainer[key] for key in ("max_steps", "max_minutes")}
    return TinyTask(a_config().with_values(values))


def main() -> None:
    """Train in a process of its own: OUT, then overrides."""
    from eifer.models.training.run import train

    out, *overrides = sys.argv[1:]
    train(a_config(*overrides), out, build=TinyTask, on_progress=lambda p: print(p.describe()))


if __name__ == "__main__":
    main()
