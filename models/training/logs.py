"""The curves of a training as one table, which goes on where a killed training is resumed."""

from __future__ import annotations

import csv
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from ...eifer_addon.files import atomic_path, write_error

_STEP = "step"
#: A table of days is megabytes, and is written anew each time.
_WRITTEN_EVERY_S = 10.0


class TableLogger(Logger):
    """``metrics.csv``: a row per step that was logged, a column per value.

    Lightning's own logger deletes what an earlier part of the training wrote. Rows after the step
    from which a training is resumed are dropped, because they are written again.

    Parameters
    ----------
    path : Path
    resumed_at : int or None
        The step from which it goes on; None begins anew.
    """

    def __init__(self, path: Path, resumed_at: int | None = None) -> None:
        super().__init__()
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._written_at = float("-inf")
        self._due = False
        if resumed_at is not None and path.is_file():
            with path.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            self._rows = [row for row in rows if int(row[_STEP]) <= resumed_at]

    @property
    def name(self) -> str:
        """Of the table."""
        return self._path.stem

    @property
    def version(self) -> str:
        """There is one."""
        return ""

    @property
    def save_dir(self) -> str:
        """Where the table lies."""
        return str(self._path.parent)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Everything chosen is in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values of a step to its row."""
        values = {k: v for k, v in metrics.items() if k != "epoch"}
        if not values:
            return
        done = (step or 0) + 1  # Lightning counts those before
        if not self._rows or int(self._rows[-1][_STEP]) != done:
            self._rows.append({_STEP: done})
        self._rows[-1].update(values)
        if self._due:
            self.finalize("running")

    @rank_zero_only
    def keep(self) -> None:
        """Write now and with the next row, because a checkpoint of this step is kept."""
        self.finalize("running")
        self._due = True

    @rank_zero_only
    def save(self) -> None:
        """Write now and then."""
        if time.monotonic() - self._written_at > _WRITTEN_EVERY_S:
            self.finalize("running")

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the table, whole or not at all."""
        if not self._rows:
            return
        columns = list(dict.fromkeys(key for row in self._rows for key in row))
        with (
            atomic_path(self._path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(self._rows)
        self._written_at, self._due = time.monotonic(), False


def tensorboard_logger(folder: Path, resumed_at: int | None) -> Logger | None:
    """TensorBoard's logger, where it is installed."""
    import importlib.util

    if importlib.util.find_spec("tensorboard") is None:
        return None
    from lightning.pytorch.loggers import TensorBoardLogger

    logger: Logger = TensorBoardLogger(
        folder.parent, name=folder.name, version="", purge_step=resumed_at
    )
    return logger


def save_picture(path: Path, picture: Any) -> None:
    """Write an array (rows, columns, 3) uint8 as PNG."""
    try:
        from PIL import Image

        with atomic_path(path) as temporary:
            Image.fromarray(picture).save(temporary)
    except OSError as error:
        raise write_error(path, error) from error
