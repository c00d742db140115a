"""The files in a training's folder: what was chosen, what was trained on, and its checkpoints."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from ...eifer_addon.errors import EiferError
from ...eifer_addon.version import software_version
from . import faults
from .config import Config, differences, read_config, save_config
from .resume import is_first

CONFIG, FACTS, TABLE, BOARD = "config.yaml", "training.json", "metrics.csv", "tensorboard"
_PACKAGES = ("torch", "lightning", "timm", "numpy", "onnx", "onnxruntime")
#: What may be changed when a training is resumed; everything else would make it another one.
_MAY_CHANGE = (
    "trainer.",
    "export.",
    "loss.",
    "optimiser.learning_rate",
    "data.workers",
    "data.batch_size",
    "data.folders",
)


def versions() -> dict[str, str]:
    """What trains: EIFER, Python and the packages that matter."""
    from importlib import metadata

    found = {"eifer": software_version(), "python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def prepare(config: Config, out: Path, resume: bool) -> None:
    """Begin anew, or make sure that it is the same training that goes on."""
    if not is_first():
        return
    if not resume:
        for name in (faults.LAST, faults.BEST, CONFIG, FACTS, TABLE):
            (out / name).unlink(missing_ok=True)
        for name in (BOARD, "samples"):
            shutil.rmtree(out / name, ignore_errors=True)
    earlier = out / CONFIG
    if earlier.is_file() and (out / faults.LAST).is_file():
        try:
            changed = differences(read_config(earlier, config), config.values())
        except EiferError as error:
            raise faults.other_training(out, [error.cause]) from error
        changed = [key for key in changed if not key.startswith(_MAY_CHANGE)]
        if changed:
            raise faults.other_training(out, changed)
    elif earlier.is_file():
        (out / FACTS).unlink(missing_ok=True)  # it was killed before its first checkpoint
    save_config(config, earlier)


def is_unfinished(out: Path) -> bool:
    """Whether a training in a folder was begun and neither done nor given up."""
    return facts_of(out).get("state") in ("running", "stopped")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint that the trainer wrote; nothing in the file is run.

    Raises
    ------
    EiferError
        When it is damaged or of another program.
    """
    import pickle
    import zipfile

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, dict) or "Counting" not in found.get("callbacks", {}):
            raise faults.wrong_checkpoint(path, "it is not one of EIFER's trainings")
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError,
            zipfile.BadZipFile) as error:  # fmt: skip
        raise faults.wrong_checkpoint(path, "it is damaged or of another program") from error
    return found


def start_from(module: pl.LightningModule, path: str | None) -> None:
    """Take the weights of an earlier training's checkpoint, where one is named.

    A module that can start from other files as well has a method ``take_weights(source)``.
    """
    if path:
        source = Path(path).expanduser()
        own = getattr(module, "take_weights", None)
        if own is not None:
            own(source)
            return
        if not source.is_file():
            raise EiferError(f"model.start_from names {source}, which does not exist.",
                             "Check the path.")  # fmt: skip
        load_weights(module, read_checkpoint(source)["state_dict"], source)


def load_weights(module: pl.LightningModule, state: Mapping[str, Any], path: Path) -> None:
    """Give a network the weights of a checkpoint, or say that it is another network's."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = lines[1] if len(lines) > 1 else lines[0]
        raise faults.wrong_checkpoint(path, f"it is of another network ({reason[:120]})") from error


def facts_of(out: Path) -> dict[str, Any]:
    """What a training noted about itself; empty where there is none."""
    try:
        found = json.loads((out / FACTS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
