"""What a network brings to be trained: the interface of tasks, and who has which.

How to plug a network in:

1.  Write the defaults of its settings as ``configs/TASK.MODEL.yaml`` (sections ``model``, ``data``,
    ``loss``, ``optimiser``, ``export``; only what ``configs/base.yaml`` lacks or has otherwise;
    ``rules`` and ``smoke`` as :mod:`.config` says). Every loss has a weight under ``loss``, so that
    ``--set loss.adversarial=0`` switches it off.
2.  Write a module with ``build(config: Config) -> Task`` and name it in `MODULES` below. It reads
    its sessions with ``data_folders.find_sessions(config.data["folders"])`` and
    ``data_folders.split(...)``.
3.  The task holds

    ``module``
        A ``lightning.LightningModule``. It reads ``config.optimiser`` in
        ``configure_optimizers``; gradient clipping, accumulation and precision are the trainer's
        (a module with manual optimisation, as a GAN has, clips itself with
        ``config.trainer["clip_gradient"]`` and accumulates with ``config.trainer["accumulate"]``).
        It logs every loss as ``self.log("loss/NAME", value)`` and the sum as ``"loss"``; a value
        that is not finite stops the training, which then names the loss and the step. In
        ``validation_step`` it logs `monitor`.
    ``data``
        A ``lightning.LightningDataModule``. Batches are ``config.data["batch_size"]`` large, which
        is halved when memory runs out (the gradient is then accumulated over more batches).
        For a training that goes on with the same data after a kill, take
        ``resume.SeededSampler(n, config.seed)`` as the sampler of the training loader and draw
        what is random in an example from ``resume.example_rng(config.seed, index, epoch)``.
    ``monitor``, ``mode``
        The validated value that names the best checkpoint, ``"min"`` or ``"max"``.
    ``data_facts()``
        What goes into the card: sentence ``"data"``, ``"sha256"`` of the data, ``"split"``.
    ``export(module, path, metrics)``
        Writes the ONNX file with `export.export_onnx` and returns its card. The trainer adds seed,
        hours, steps, command, versions and the facts of the data to the card afterwards.
    ``samples(module)`` (optional)
        Pictures (rows, columns, 3) uint8 by name, every ``trainer.sample_every`` steps.
    ``judge(metrics)`` (optional)
        Sentences for whoever trained a network that is not fit for use yet.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ...eifer_addon.errors import EiferError
from .config import TASKS, Config

if TYPE_CHECKING:
    import lightning
    import numpy as np

    from ..cards import ModelCard

#: (task, network) or (task, "") for every network of the task: the module with `build`.
MODULES = {
    ("translator", "direct"): ".direct.task",
    ("translator", "eifer"): ".cycle.task",
    ("translator", "mc_cyclegan"): ".cycle.task",
    ("emg2exp", ""): ".emg.task",
    ("exp2emg", ""): ".emg.task",
    ("encoder", ""): ".encoder.task",
}


class Task(Protocol):
    """A network with its data, ready to be trained."""

    module: lightning.LightningModule
    data: lightning.LightningDataModule
    monitor: str
    mode: str

    def data_facts(self) -> Mapping[str, Any]:
        """What the data are: ``"data"`` (a sentence), ``"sha256"``, ``"split"``."""
        ...

    def export(
        self, module: lightning.LightningModule, path: Path, metrics: Mapping[str, float]
    ) -> ModelCard:
        """Write the best network as ONNX to `path` and give its card.

        Parameters
        ----------
        module : lightning.LightningModule
            `module` with the best weights, in evaluation mode, on the CPU, float32.
        path : pathlib.Path
            The file, written atomically by `export.export_onnx`.
        metrics : mapping
            What was validated last with these weights; goes into the card.
        """
        ...


@runtime_checkable
class Sampling(Protocol):
    """A task that can show what its network does by now."""

    def samples(self, module: lightning.LightningModule) -> Mapping[str, np.ndarray]:
        """Pictures (rows, columns, 3) uint8 by name."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A task that has something to say about its data before it is trained."""

    def notes(self) -> Sequence[str]:
        """What was left out and why, a sentence each."""
        ...


@runtime_checkable
class Judging(Protocol):
    """A task that can tell from its validation that the result is not fit for use yet."""

    def judge(self, metrics: Mapping[str, float]) -> Sequence[str]:
        """What speaks against using it, a sentence each."""
        ...


def build_task(config: Config) -> Task:
    """The network that a configuration names.

    Raises
    ------
    EiferError
        When there is none of this name, or its data cannot be used.
    """
    name = str(config.model.get("name") or TASKS[config.task])
    module = MODULES.get((config.task, name)) or MODULES.get((config.task, ""))
    if module is None:
        known = ", ".join(sorted(model for task, model in MODULES if task == config.task))
        raise EiferError(
            f"There is no {config.task} network named '{name}'.", f"There are {known}."
        )
    task: Task = importlib.import_module(module, __package__).build(config)
    return task


def found_by_name(name: str) -> Callable[[Config], Task]:
    """`build_task`, or a function of one's own that is named ``module:function``."""
    if not name:
        return build_task
    module, _, function = name.partition(":")
    build: Callable[[Config], Task] = getattr(importlib.import_module(module), function)
    return build
