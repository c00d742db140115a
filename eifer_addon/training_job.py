"""A training in a Python of the user's, which has torch; Blender's has not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import models_folder
from .torch_child import TorchWork

_INSTALL = (
    "Run 'PYTHON -m pip install torch torchvision lightning timm tensorboard pyyaml onnx "
    "onnxruntime scipy h5py' with it, or choose another Python."
)
#: Below the folder of the user's models, where it is not taken for models.
_WORKSHOP = "training"


@dataclass(frozen=True)
class TrainingRequest:
    """What is to be trained.

    Attributes
    ----------
    name : str
        By which the model is called afterwards.
    data : str
        A folder with sessions.
    task : str
        One of ``models.training.config.TASKS``.
    settings : tuple of str
        ``section.key=value``, as for ``--set``.
    python : str
        A Python 3.11 or newer with torch and Lightning; empty for the one that runs now.
    build : str
        ``module:function`` that makes the task, for a network of one's own.
    """

    name: str
    data: str
    task: str = "emg2exp"
    settings: tuple[str, ...] = field(default=())
    python: str = ""
    build: str = ""


def checked_name(name: str) -> str:
    """A name that a file can have, and that is not one of our own models.

    Raises
    ------
    EiferError
        When it is empty, has other characters than a file name, or is taken.
    """
    word = name.strip()
    if not word or not re.fullmatch(r"[\w][\w \-.]*", word):
        raise EiferError(
            f"A model cannot be called '{name}'." if word else "The model has no name.",
            "Use letters, digits, spaces, '-' and '_', for example the subject's code.",
        )
    if (Path(__file__).parents[1] / "models" / "weights" / f"{word}.onnx").is_file():
        raise EiferError(f"A model of EIFER is called '{word}'.", "Choose another name.")
    return word


def workshop(name: str) -> Path:
    """The folder of a training: ``session`` holds its data, ``out`` its checkpoints and curves."""
    return models_folder() / _WORKSHOP / name


def explains(quality: float) -> str:
    """What a validated share of explained movement means, in words."""
    return f"explains {max(0.0, quality):.0%} of held-out clips"


class TrainingJob(TorchWork):
    """A training in a child process; nothing here blocks.

    Parameters
    ----------
    request : TrainingRequest

    Attributes
    ----------
    state : str
        "running", "done" or "failed".
    progress : dict
        What `models.training.progress.Progress.as_document` gave last; empty before.
    note : str
        What happened last: resumed, memory ran out, stopping.
    made : dict
        ``name``, ``path``, ``metrics``, ``steps`` and ``seconds``, once it is done; in ``before``
        the metrics of the model that it began from.

    Raises
    ------
    EiferError
        When the Python cannot be started.
    """

    crashed = ("could not train", _INSTALL)

    def __init__(self, request: TrainingRequest) -> None:
        self.note = ""
        self.progress: dict[str, Any] = {}
        asked = asdict(request) | {"out": str(workshop(request.name) / "out")}
        super().__init__("training_job_child", asked, request.python)

    def _hear(self, message: Mapping[str, Any]) -> None:
        super()._hear(message)
        if "progress" in message:
            self.progress = dict(message["progress"])
            self.note = self.progress.get("note") or self.note

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1, of the steps or of the time, whatever ends first."""
        if not self.progress:
            return 0.0
        step, total = self.progress["step"], max(1, self.progress["total"])
        eta, spent = self.progress["eta_s"], self.progress["seconds"]
        by_time = spent / (spent + eta) if eta is not None and spent + eta > 0 else 0.0
        return float(min(1.0, max(step / total, by_time)))

    def describe(self) -> str:
        """One line about how far it is."""
        from ..models.training.progress import spell

        if not self.progress:
            return "Starting"
        best, eta = self.progress["best"], self.progress["eta_s"]
        parts = [f"Step {self.progress['step']} of {self.progress['total']}"]
        parts += [explains(best)] if best is not None else []
        parts += [f"{spell(eta)} left"] if eta is not None and self.share < 1 else []
        return ", ".join(parts)

    def finish(self) -> None:
        """End the training after its present step and keep the best so far; does not wait."""
        self.note = "stopping; the best so far is kept"
        self._child.send({"stop": "finish"})

    def close(self) -> None:
        """End the child; its last checkpoint is kept, and the next training goes on from it."""
        if self.state == "running":
            self.state = "failed"
            self._child.close()
