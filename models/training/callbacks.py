"""What happens around the steps: counting, checkpoints, faults, progress and sample pictures.

Lightning trains; these five callbacks are all that is our own. Steps are those of the optimiser,
``trainer.accumulate`` batches each, also for modules that optimise by hand and have several
optimisers.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from ...eifer_addon.errors import Cancelled
from ...eifer_addon.files import atomic_path, make_folder
from . import faults
from .config import Config
from .logs import TableLogger, save_picture
from .progress import OnTraining, Progress
from .task import Sampling, Task

_MINUTE_S = 60.0


class Stop:
    """How somebody outside ends a training; may be called from a signal handler or a thread.

    Attributes
    ----------
    how : str
        ``""``, ``"interrupt"`` (keep a checkpoint and leave) or ``"finish"`` (export the best).
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.how = ""

    def interrupt(self) -> None:
        """Keep a checkpoint after this step and leave; the same command goes on from there."""
        self.how = self.how or "interrupt"
        self._event.set()

    def finish(self) -> None:
        """End after this step and export the best network so far."""
        self.how = "finish"
        self._event.set()

    def __bool__(self) -> bool:
        """Whether it is to end."""
        return self._event.is_set()


class Counting(pl.Callback):
    """Counts steps, examples and seconds over all parts, and knows when it is enough."""

    def __init__(self, config: Config, stop: Stop, batch_size: int, accumulate: int) -> None:
        self._config, self._stop = config, stop
        self._batch_size, self._accumulate = batch_size, accumulate
        self.step = self.examples = self.batches = 0
        self.first_step = 0
        self.seconds = 0.0
        self._since = time.monotonic()
        self._random: Mapping[str, Any] = {}
        self._earlier_rate = float(config.optimiser["learning_rate"])

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "step": self.step, "examples": self.examples, "seconds": self.spent_s(),
            "random": random_state(),
            "learning_rate": float(self._config.optimiser["learning_rate"]),
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.step = self.first_step = int(state_dict["step"])
        self.examples = int(state_dict["examples"])
        self.seconds = float(state_dict["seconds"])
        self.batches = self.step * self._accumulate
        self._random = state_dict["random"]
        self._earlier_rate = float(state_dict["learning_rate"])

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let Lightning's counters say what ours say.

        A checkpoint is made after everything that belongs to its step, validation included, and
        its batches may have had another size.
        """
        n = int(checkpoint["callbacks"][self.state_key]["step"]) * self._accumulate
        loops = checkpoint["loops"]["fit_loop"]
        for span in ("total", "current"):
            counted = loops["epoch_loop.batch_progress"][span]
            counted.update(dict.fromkeys(counted, n))
        loops["epoch_loop.batch_progress"]["is_last_batch"] = False

    def spent_s(self) -> float:
        """Seconds over all parts."""
        return self.seconds + time.monotonic() - self._since

    def eta_s(self) -> float | None:
        """Seconds that are left, by steps and by the limit of time."""
        done = self.step - self.first_step
        if done < 1:
            return None
        speed = (time.monotonic() - self._since) / done
        left = (int(self._config.trainer["max_steps"]) - self.step) * speed
        limit = self._config.trainer["max_minutes"]
        return max(0.0, min(left, limit * _MINUTE_S - self.spent_s()) if limit else left)

    def at_step(self) -> bool:
        """Whether the last batch completed a step of the optimiser."""
        return self.batches % self._accumulate == 0

    def validates(self, trainer: pl.Trainer) -> bool:
        """Whether validation follows the step that was completed last."""
        due = self.is_due("validate_every") or trainer.should_stop
        return bool(trainer.enable_validation and due)

    def is_due(self, every: str) -> bool:
        """Whether what is done every so many steps is done after this one."""
        steps = int(self._config.trainer[every])
        return bool(steps) and self.at_step() and self.step % steps == 0

    def is_leaving(self) -> bool:
        """Whether the training is left now, to be resumed later."""
        return self._stop.how == "interrupt" and self.step < int(self._config.trainer["max_steps"])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation, wherever it happens, changes nothing of what the training draws."""
        if self._random:
            set_random_state(self._random)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw on as if nothing had happened."""
        self._since = time.monotonic()
        if self._random:
            set_random_state(self._random)
        scale_rates(trainer, float(self._config.optimiser["learning_rate"]), self._earlier_rate)
        self._end_when_enough(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Let curves go on at the right step: Lightning counts a validation that it repeats too."""
        trainer.fit_loop.epoch_loop._batches_that_stepped = self.step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Count."""
        self.batches += 1
        self.examples += self._batch_size * trainer.world_size
        self.step = self.batches // self._accumulate
        if self.at_step():
            self._end_when_enough(trainer)
            if self.validates(trainer):
                self._random = random_state()

    def _end_when_enough(self, trainer: pl.Trainer) -> None:
        if trainer.received_sigterm:
            self._stop.interrupt()
        limit = self._config.trainer["max_minutes"]
        enough = self.step >= int(self._config.trainer["max_steps"])
        enough = enough or (limit and self.spent_s() >= limit * _MINUTE_S) or bool(self._stop)
        if trainer.world_size > 1:  # a signal reaches one of the processes
            enough = trainer.strategy.reduce_boolean_decision(bool(enough), all=False)
        if enough:
            trainer.should_stop = True


class Finite(pl.Callback):
    """Ends the training when a loss is not a number, before anything of it is kept."""

    def __init__(self, counting: Counting, keeping: Keeping) -> None:
        self._counting, self._keeping = counting, keeping

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Look at every loss that was logged or returned in this batch."""
        losses = logged_losses(trainer, outputs)
        name = faults.first_not_finite(losses)
        if name is not None:
            raise faults.not_finite(
                name, losses[name], self._counting.step, self._keeping.kept_step
            )


class Keeping(pl.Callback):
    """Checkpoints: the last one every so many steps and at the end, and the best one."""

    def __init__(self, task: Task, config: Config, out: Path, counting: Counting) -> None:
        self._monitor, self._sign = task.monitor, -1.0 if task.mode == "max" else 1.0
        self._config, self._out, self._counting = config, out, counting
        self.best: float | None = None
        self.metrics: dict[str, float] = {}
        self.kept_step: int | None = None
        self._waited = 0

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"best": self.best, "metrics": self.metrics, "waited": self._waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.best, self.metrics = state_dict["best"], dict(state_dict["metrics"])
        self._waited = int(state_dict["waited"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Keep the last state, unless validation follows, which belongs to this step."""
        counting = self._counting
        due = counting.is_due("checkpoint_every") or (counting.at_step() and trainer.should_stop)
        # Whoever ends a process may not wait for a validation.
        if due and (counting.is_leaving() or not counting.validates(trainer)):
            self.save(trainer, faults.LAST)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the best state and the last one."""
        found = numbers(trainer.callback_metrics)
        value = found.get(self._monitor)
        # Where it is left between two validations, the one of the end is not the training's own.
        counts = self._counting.is_due("validate_every") or not self._counting.is_leaving()
        if counts and value is not None and math.isfinite(value):
            self._waited += 1
            if self.best is None or self._sign * value < self._sign * self.best:
                self.best, self._waited = value, 0
                self.metrics = {k: v for k, v in found.items() if k.split("/")[0] != "loss"}
                self.save(trainer, faults.BEST)
        patience = int(self._config.trainer["patience"])
        if patience and self._waited >= patience:
            trainer.should_stop = True
        self.save(trainer, faults.LAST)

    def save(self, trainer: pl.Trainer, name: str) -> None:
        """Write a checkpoint, whole or not at all; of all processes, the first one writes."""
        if not all_finite(trainer.lightning_module):
            raise faults.weights_not_finite(self._counting.step, self.kept_step)
        path = self._out / name
        if trainer.is_global_zero:
            with atomic_path(path) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(path)
        self.kept_step = self._counting.step
        for logger in trainer.loggers:
            if isinstance(logger, TableLogger):
                logger.keep()


class Telling(pl.Callback):
    """Reports progress; a listener that raises `Cancelled` ends the training."""

    def __init__(
        self, config: Config, counting: Counting, keeping: Keeping, stop: Stop,
        on_progress: OnTraining,
    ) -> None:  # fmt: skip
        self._config, self._counting, self._keeping = config, counting, keeping
        self._stop, self._on_progress = stop, on_progress

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        """Report every step that is logged."""
        counting = self._counting
        every = int(self._config.trainer["log_every"])
        if counting.at_step() and (counting.step % every == 0 or trainer.should_stop):
            self.tell(logged_losses(trainer, outputs))

    def tell(self, losses: Mapping[str, float], note: str = "") -> None:
        """Report."""
        counting = self._counting
        progress = Progress(
            counting.step, int(self._config.trainer["max_steps"]), counting.spent_s(),
            counting.eta_s(), losses, self._keeping.best, note,
        )  # fmt: skip
        try:
            self._on_progress(progress)
        except Cancelled:
            self._stop.finish()


class Picturing(pl.Callback):
    """Sample pictures of a task that has some."""

    def __init__(self, task: Task, out: Path, counting: Counting) -> None:
        self._task = task
        self._folder, self._counting = out / "samples", counting

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Write pictures where they are due; drawing them changes nothing of the training."""
        counting = self._counting
        if (
            not counting.is_due("sample_every")
            or not trainer.is_global_zero
            or not isinstance(self._task, Sampling)
        ):
            return
        kept = random_state()
        pl_module.eval()
        with torch.no_grad():
            pictures = self._task.samples(pl_module)
        pl_module.train()
        set_random_state(kept)
        make_folder(self._folder)
        for name, picture in pictures.items():
            save_picture(self._folder / f"step_{counting.step:07d}_{name}.png", picture)
            for logger in trainer.loggers:
                add_image: Callable[..., None] | None = getattr(
                    logger.experiment, "add_image", None
                ) if hasattr(logger, "experiment") else None  # fmt: skip
                if add_image is not None:
                    add_image(name, picture, counting.step, dataformats="HWC")


def scale_rates(trainer: pl.Trainer, rate: float, earlier: float) -> None:
    """Let a learning rate that was changed for the resumed part hold; schedules keep their shape.

    Optimisers and schedules bring the rate of the checkpoint with them.
    """
    if rate == earlier or not earlier:
        return
    for optimiser in trainer.optimizers:
        for group in optimiser.param_groups:
            for key in {"lr", "initial_lr"} & set(group):
                group[key] = group[key] * rate / earlier
    for config in trainer.lr_scheduler_configs:
        bases = getattr(config.scheduler, "base_lrs", None)
        if bases is not None:
            config.scheduler.base_lrs = [base * rate / earlier for base in bases]


def logged_losses(trainer: pl.Trainer, outputs: Any) -> dict[str, float]:
    """The losses of this batch by name; ``"loss"`` is what the training step returned."""
    found = {k: v for k, v in trainer.callback_metrics.items() if k.split("/")[0] == "loss"}
    returned = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if isinstance(returned, torch.Tensor) and "loss" not in found:
        found["loss"] = returned
    return numbers(found)


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Tensors of one number as floats, brought from the device in one go."""
    if not values:
        return {}
    stacked = torch.stack(
        [torch.as_tensor(v).detach().float().reshape(()) for v in values.values()]
    )
    return dict(zip(values, stacked.cpu().tolist(), strict=True))


def all_finite(module: torch.nn.Module) -> bool:
    """Whether every weight is a number."""
    sums = [p.detach().sum() for p in module.parameters() if p.is_floating_point()]
    return not sums or bool(torch.isfinite(torch.stack([s.float() for s in sums])).all())


def random_state() -> dict[str, Any]:
    """Where all generators of random numbers stand, in types that a checkpoint may hold."""
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  # others draw from it
    version, state, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "numpy": [kind, torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        "python": [version, list(state), gauss],
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Let all generators go on from there."""
    torch.set_rng_state(state["torch"].cpu())
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    if len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
