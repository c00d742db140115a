"""Training from a configuration to an ONNX file, by Lightning, and on from wherever it was killed.

The folder of a training holds ``config.yaml`` (everything that was chosen), ``training.json``
(versions, data, command), ``last.ckpt`` and ``best.ckpt``, ``metrics.csv``, ``tensorboard/``,
``samples/`` and, at the end, ``NAME.onnx`` with its card. Each file is written whole or not at all.
"""

from __future__ import annotations

import gc
import json
import logging
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from ...eifer_addon.errors import Cancelled, EiferError
from ...eifer_addon.files import atomic_path, make_folder
from ..cards import ModelCard
from . import faults
from .callbacks import Counting, Finite, Keeping, Picturing, Stop, Telling
from .config import Config
from .export import complete_card
from .logs import TableLogger, tensorboard_logger
from .progress import OnTraining, Progress, preparing
from .resume import SeededSampler, is_first
from .run_folder import (
    BOARD,
    FACTS,
    TABLE,
    facts_of,
    load_weights,
    prepare,
    read_checkpoint,
    start_from,
    versions,
)
from .task import Judging, Noting, Task, build_task

_HOUR_S = 3600.0


@dataclass(frozen=True)
class TrainResult:
    """What came of a training.

    Attributes
    ----------
    out : Path
        Its folder.
    state : str
        ``"done"``, or ``"stopped"`` when it is to be resumed.
    model : Path or None
        The ONNX file; None when it was stopped to be resumed.
    card : ModelCard or None
    steps : int
    seconds : float
        Over all parts.
    metrics : mapping of str to float
        Of the best checkpoint.
    notes : tuple of str
        What happened on the way.
    """

    out: Path
    state: str
    model: Path | None
    card: ModelCard | None
    steps: int
    seconds: float
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()


def train(
    config: Config,
    out: str | Path,
    *,
    resume: bool = True,
    on_progress: OnTraining | None = None,
    stop: Stop | None = None,
    build: Callable[[Config], Task] = build_task,
    command: Sequence[str] | None = None,
) -> TrainResult:
    """Train a network and export the best state of it.

    Parameters
    ----------
    config : Config
    out : path-like
        The training's folder; made when it is not there.
    resume : bool
        Whether to go on with the training in `out`, if there is one; else it is begun anew.
    on_progress : callable, optional
        ``on_progress(progress)``; when it raises `Cancelled`, the best so far is exported.
    stop : Stop, optional
        Ends the training from outside.
    build : callable
        Makes the task; for networks that are not in the registry.
    command : sequence of str, optional
        The command line for the card.

    Returns
    -------
    TrainResult

    Raises
    ------
    EiferError
        For every fault of `faults`; the last checkpoint is kept.
    """
    folder = make_folder(Path(out))
    prepare(config, folder, resume)
    # Of several processes that train together, one speaks.
    listener = on_progress if on_progress is not None and is_first() else _silent
    run = _Run(config, folder, stop if stop is not None else Stop(), listener, build)
    with _quiet():
        run.until_done()
        return run.result(command)


class _Run:
    """One call of `train`: attempts with smaller and smaller batches, then the export."""

    def __init__(
        self, config: Config, out: Path, stop: Stop, on_progress: OnTraining,
        build: Callable[[Config], Task],
    ) -> None:  # fmt: skip
        self._config, self._out, self._stop = config, out, stop
        self._on_progress, self._build = on_progress, build
        self._notes: list[str] = []
        self._told = 0
        remembered = facts_of(out)
        self._batch_size = int(remembered.get("batch_size", config.data["batch_size"]))
        self._batch_size = min(self._batch_size, int(config.data["batch_size"]))
        self._factor = max(1, int(config.data["batch_size"]) // self._batch_size)

    def until_done(self) -> None:
        """Train; when memory runs out, go on with half the batch."""
        while True:
            try:
                return self._attempt()
            except (RuntimeError, MemoryError) as error:
                # Without the error, whose frames hold on to the network, memory can be given back.
                fault = self._fault(error)
            if fault is not None:
                raise fault
            self._halve()

    def _attempt(self) -> None:
        accumulate = int(self._config.trainer["accumulate"]) * self._factor
        values = {"data.batch_size": self._batch_size, "trainer.accumulate": accumulate}
        config = self._config.with_values(values)
        pl.seed_everything(config.seed, workers=True, verbose=False)
        threads = int(config.trainer["threads"])
        if threads:
            torch.set_num_threads(threads)
        self._counting = Counting(config, self._stop, self._batch_size, accumulate)
        with preparing(self._prepares):
            self._task = self._build(config)
        if isinstance(self._task, Noting):
            self._notes += [note for note in self._task.notes() if note not in self._notes]
        start_from(self._task.module, config.model.get("start_from"))
        self._remember(config)
        checkpoint = self._out / faults.LAST
        known = read_checkpoint(checkpoint) if checkpoint.is_file() else None
        self._keeping = Keeping(self._task, config, self._out, self._counting)
        telling = Telling(config, self._counting, self._keeping, self._stop, self._on_progress)
        if known is not None:
            _continue_data(self._task.data, known["callbacks"]["Counting"]["examples"])
            self._keeping.kept_step = step = int(known["callbacks"]["Counting"]["step"])
            self._counting.step = step
            self._notes.append(f"resumed at step {step}")
        for note in self._notes[self._told :]:
            telling.tell({}, note)
        self._told = len(self._notes)
        try:
            trainer = self._trainer(config, telling, known)
        except (MisconfigurationException, ValueError) as error:
            raise faults.no_such_device(error, str(config.trainer["accelerator"])) from error
        try:
            _fit(trainer, self._task, checkpoint if known is not None else None)
        except SIGTERMException:  # Lightning leaves so; the state of this step is kept by now
            self._stop.interrupt()

    def _prepares(self, note: str) -> None:
        """Pass on how far the data are; who wants to stop need not wait for the first step."""
        if self._stop:
            raise Cancelled("The training")
        if note:
            total, seconds = int(self._config.trainer["max_steps"]), self._counting.spent_s()
            self._on_progress(Progress(0, total, seconds, note=note))

    def _trainer(
        self, config: Config, telling: Telling, known: Mapping[str, Any] | None
    ) -> pl.Trainer:
        settings, counting, keeping = config.trainer, self._counting, self._keeping
        step = int(known["callbacks"]["Counting"]["step"]) if known is not None else None
        board = tensorboard_logger(self._out / BOARD, step) if settings["tensorboard"] else None
        automatic = self._task.module.automatic_optimization
        accumulate = int(settings["accumulate"])
        callbacks = [counting, Finite(counting, keeping), keeping, telling]
        return pl.Trainer(
            accelerator=settings["accelerator"], devices=settings["devices"],
            num_nodes=settings["nodes"], strategy=settings["strategy"],
            precision=settings["precision"], max_steps=-1, max_epochs=-1,
            val_check_interval=int(settings["validate_every"]) * accumulate,
            check_val_every_n_epoch=None, log_every_n_steps=int(settings["log_every"]),
            gradient_clip_val=(settings["clip_gradient"] or None) if automatic else None,
            accumulate_grad_batches=accumulate if automatic else 1,
            logger=[TableLogger(self._out / TABLE, step), *([board] if board else [])],
            callbacks=[*callbacks, Picturing(self._task, self._out, counting)],
            deterministic="warn" if settings["deterministic"] else None,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            num_sanity_val_steps=0, use_distributed_sampler=False, default_root_dir=self._out,
        )  # fmt: skip

    def _fault(self, error: BaseException) -> EiferError | None:
        """What is said of an error; None when half the batch may do; others go on as they are."""
        kept = self._keeping.kept_step if hasattr(self, "_keeping") else None
        if faults.is_out_of_memory(error):
            if self._batch_size == 1:
                return faults.no_memory(self._batch_size, kept)
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                accumulate = int(self._config.trainer["accumulate"]) * self._factor
                return faults.no_memory_in_one_of_many(self._batch_size, accumulate, kept)
            return None
        if faults.is_lost_device(error):
            return faults.lost_device(error, self._counting.step, kept)
        raise error

    def _halve(self) -> None:
        self._batch_size = max(1, self._batch_size // 2)
        self._factor *= 2
        step = self._keeping.kept_step or 0 if hasattr(self, "_keeping") else 0
        accumulate = int(self._config.trainer["accumulate"]) * self._factor
        self._notes.append(faults.halved(self._batch_size, accumulate, step))
        for name in ("_task", "_keeping", "_counting"):
            if hasattr(self, name):
                delattr(self, name)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _remember(self, config: Config) -> None:
        """Note what is trained on what with what, before the first step."""
        facts = dict(self._task.data_facts())
        earlier = facts_of(self._out)
        if earlier.get("sha256") not in (None, facts.get("sha256")):
            raise faults.other_training(self._out, ["the data themselves"])
        note = {
            **facts, "state": "running", "task": config.task, "seed": config.seed,
            "versions": versions(), "batch_size": self._batch_size,
        }  # fmt: skip
        if is_first():
            _note(self._out, note)

    def result(self, command: Sequence[str] | None) -> TrainResult:
        """Export the best state, unless the training is to be resumed."""
        counting, keeping = self._counting, self._keeping
        seconds = counting.spent_s()
        stopped = self._stop.how == "interrupt"
        model = card = None
        if not stopped and is_first():
            name = str(self._config.export["name"] or self._config.task)
            model = self._out / f"{name}.onnx"
            card = self._export(model, seconds, command)
            if isinstance(self._task, Judging):
                self._notes += self._task.judge(keeping.metrics)
        state = "stopped" if stopped else "done"
        if is_first():
            _note(self._out, {"state": state, "steps": counting.step})
        return TrainResult(
            self._out, state, model, card, counting.step, seconds,
            dict(keeping.metrics), tuple(self._notes),
        )  # fmt: skip

    def _export(self, path: Path, seconds: float, command: Sequence[str] | None) -> ModelCard:
        best = self._out / faults.BEST
        source = best if best.is_file() else self._out / faults.LAST
        module = self._task.module.cpu().float()
        kept = read_checkpoint(source)
        load_weights(module, kept["state_dict"], source)
        metrics = dict(self._keeping.metrics)
        self._task.export(module.eval(), path, metrics)
        facts = facts_of(self._out)
        made = {
            "seed": self._config.seed, "hours": round(seconds / _HOUR_S, 4),
            "steps": self._counting.step, "best_step": kept["callbacks"]["Counting"]["step"],
            "command": shlex.join(command if command is not None else _own_command()),
            "versions": facts.get("versions", {}), "data_sha256": facts.get("sha256", ""),
            "split": facts.get("split", ""),
        }  # fmt: skip
        return complete_card(path, made, str(facts.get("data", "")))


def _note(out: Path, facts: Mapping[str, Any]) -> None:
    with atomic_path(out / FACTS) as temporary:
        text = json.dumps({**facts_of(out), **facts}, indent=2)
        temporary.write_text(text + "\n", "utf-8")


def _fit(trainer: pl.Trainer, task: Task, checkpoint: Path | None) -> None:
    try:
        trainer.fit(task.module, datamodule=task.data, ckpt_path=checkpoint, weights_only=True)
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        words = str(error)
        foreign = "state_dict" in words or "parameter group" in words or "optimizer" in words
        if checkpoint is not None and foreign:
            reason = words.strip().splitlines()[0][:160]
            raise faults.wrong_checkpoint(checkpoint, reason) from error
        raise


def _continue_data(data: pl.LightningDataModule, examples: int) -> None:
    """Let the loader of the training begin with the example that comes next."""
    make = data.train_dataloader

    def from_there() -> Any:
        loader = make()
        if isinstance(getattr(loader, "sampler", None), SeededSampler):
            loader.sampler.start = examples
        return loader

    data.train_dataloader = from_there


def _silent(_progress: Progress) -> None:
    """Nobody listens."""


def _own_command() -> list[str]:
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from greeting and from advising those who cannot follow the advice."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
