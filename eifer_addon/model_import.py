"""The import of a checkpoint in a Python of the user's, which has torch; Blender's has not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .torch_child import TorchWork

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


class ModelImport(TorchWork):
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

    crashed = ("could not run the import", _INSTALL)

    def __init__(self, request: ImportRequest) -> None:
        self.part = 0.0
        asked = asdict(request)
        super().__init__("model_import_child", asked, asked.pop("python"))

    def _hear(self, message: Mapping[str, Any]) -> None:
        super()._hear(message)
        self.part = float(message.get("part", self.part))

    def close(self) -> None:
        """End the child; a model is whole or absent."""
        if self.state == "running":
            self.state = "failed"
            self._child.close(patience_s=0.0)
