"""What the model is worth that a training begins from, so that its end can be compared."""

from __future__ import annotations

from collections.abc import Callable

import lightning.pytorch as pl

from .config import Config
from .task import Task, build_task


def validated_at_start(
    config: Config, build: Callable[[Config], Task] = build_task
) -> dict[str, float]:
    """Validate the model that a training begins from, on the clips that the training holds out.

    Parameters
    ----------
    config : Config
        The training's.
    build : callable
        Makes the task.

    Returns
    -------
    dict of str to float
        As the training's own metrics; empty where it begins anew.
    """
    task = build(config)
    if not getattr(task, "started_from", ""):
        return {}
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False,
    )  # fmt: skip
    found = trainer.validate(task.module, datamodule=task.data, verbose=False)
    return {name: float(value) for name, value in found[0].items()}
