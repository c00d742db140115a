"""The import of a checkpoint in a Python of the user's, which has torch; Blender's has not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import cache_folder, models_folder
from .processes import Child

_INSTALL = "Run 'PYTHON -m pip install torch timm onnxruntime' with it, or choose another Python."


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported.

    Attributes
    ----------
    backend : str
        Name of the reconstructor, or ``"bfm"`` for a Basel Face Model.
    checkpoint : str
        The official file.
    name : str
        By which the model is called; empty for the back end's name.
    module : str
        Which encoder of EIFER's checkpoint; empty for the usual one.
    overwrite : bool
        Whether a model of that name may be replaced.
    python : str
        A Python 3.11 or newer with torch, timm and onnxruntime; empty for the one that runs now.
    """

    backend: str
    checkpoint: str
    name: str = ""
    module: str = ""
    overwrite: bool = False
    python: str = ""


def child_with_torch(module: str, asked: Mapping[str, Any], python: str) -> Child:
    """A child process in a Python that has torch.

    Parameters
    ----------
    module : str
        What runs there.
    asked : mapping
        Handed to it as JSON.
    python : str
        The Python's file; empty for the one that runs now.

    Raises
    ------
    EiferError
        When that Python cannot be started.
    """
    folders = {"EIFER_MODELS": str(models_folder()), "EIFER_CACHE": str(cache_folder())}
    try:
        return Child(module, json.dumps(asked), interpreter=python or None, environment=folders)
    except OSError as error:
        raise EiferError(
            f"The Python {python} cannot be started: {error.strerror or error}.",
            "Choose the 'python' file of an installation that has torch.",
        ) from error


class ModelImport:
    """An import in a child process; nothing here blocks.

    Parameters
    ----------
    request : ImportRequest

    Attributes
    ----------
    state : str
        "running", "done" or "failed".
    part : float
        How much is done, from 0 to 1.
    made : dict
        Name, path and sha256 of the model, once it is done.

    Raises
    ------
    EiferError
        When the Python cannot be started.
    """

    def __init__(self, request: ImportRequest) -> None:
        self.state, self.part = "running", 0.0
        self.made: dict[str, Any] = {}
        self._failure: EiferError | None = None
        self._python = request.python
        asked = {
            "backend": request.backend, "checkpoint": request.checkpoint, "name": request.name,
            "module": request.module, "overwrite": request.overwrite,
        }  # fmt: skip
        self._child = child_with_torch("model_import_child", asked, request.python)

    def poll(self) -> str:
        """Look at the child; gives the state."""
        if self.state != "running":
            return self.state
        is_alive = self._child.is_alive  # before the messages, so that the last ones are read
        for message in self._child.messages():
            if "part" in message:
                self.part = float(message["part"])
            if "made" in message:
                self.made = dict(message["made"])
            if "cause" in message:
                self._failure = EiferError(message["cause"], message.get("remedy", ""))
        if not is_alive:
            if not self.made and self._failure is None:
                self._failure = self._crash()
            self.state = "done" if self.made else "failed"
            self._child.close(patience_s=0.0)
        return self.state

    def check(self) -> None:
        """Raise what the import failed with.

        Raises
        ------
        EiferError
            When it failed.
        """
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End the child; a model is whole or absent."""
        if self.state == "running":
            self.state = "failed"
            self._child.close(patience_s=0.0)

    def _crash(self) -> EiferError:
        reason = self._child.last_words() or f"exit code {self._child.exit_code}"
        name = Path(self._python).name or "Blender's Python"
        return EiferError(f"{name} could not run the import: {reason[:200].rstrip('.')}.", _INSTALL)
