"""The child process of a `training_job.TrainingJob`, started through ``entry.py``."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EiferError
from .files import atomic_path, models_folder
from .processes import Parent

if TYPE_CHECKING:
    from ..models.training.callbacks import Stop

_LOOK_S = 0.2


def main(arguments: list[str]) -> int:
    """Train what the request names, and say how far it is."""
    parent = Parent()
    asked = json.loads(arguments[0])
    try:
        made = _train(asked, parent)
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    parent.send({"made": made})
    return 0


def _train(asked: Mapping[str, Any], parent: Parent) -> dict[str, Any]:
    from ..models.training.config import load_config
    from ..models.training.data_folders import find_sessions
    from ..models.training.faults import OtherTraining, need_torch

    if not asked["build"]:  # said at once, not after torch was loaded
        find_sessions(asked["data"])
    need_torch()
    from ..models.training.callbacks import Stop
    from ..models.training.run import train
    from ..models.training.run_folder import is_unfinished
    from ..models.training.starting import validated_at_start
    from ..models.training.task import found_by_name

    config = load_config(asked["task"], None, asked["settings"]).with_values(
        {"data.folders": [asked["data"]], "export.name": asked["name"]}
    )
    stop, out, build = Stop(), Path(asked["out"]), found_by_name(asked["build"])
    threading.Thread(target=_listen, args=(parent, stop), daemon=True).start()

    def told(progress: Any) -> None:
        parent.send({"progress": progress.as_document()}, droppable=not progress.note)

    choices: dict[str, Any] = {
        "on_progress": told, "stop": stop, "build": build,
        "command": ["eifer", "train", asked["task"], "--data", asked["data"], "--out", str(out)],
    }  # fmt: skip
    try:
        result = train(config, out, resume=is_unfinished(out), **choices)
    except OtherTraining:  # what is there began with other data or settings
        result = train(config, out, resume=False, **choices)
    if result.model is None:
        raise EiferError("The training was ended from outside.", "Start it again to go on.")
    final = _kept(result.model, asked["name"])
    return {
        "name": asked["name"], "path": str(final), "metrics": dict(result.metrics),
        "steps": result.steps, "seconds": result.seconds, "notes": list(result.notes),
        "before": validated_at_start(config, build),
    }  # fmt: skip


def _kept(model: Path, name: str) -> Path:
    """A model in the folder of the user's models."""
    final = models_folder() / f"{name}.onnx"
    with atomic_path(final) as temporary:
        temporary.write_bytes(model.read_bytes())
    return final


def _listen(parent: Parent, stop: Stop) -> None:
    """End the training when the parent says so, or is gone."""
    while not parent.ended.wait(_LOOK_S):
        if any("stop" in message for message in parent.messages()):
            stop.finish()
    stop.interrupt()
