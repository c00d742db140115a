"""torch and timm, or a sentence about what is missing; only the import needs them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from ...eifer_addon.errors import EiferError

_WHY = "only importing a checkpoint needs it"
_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def need(name: str) -> ModuleType:
    """Import torch, timm or another package that only the import needs.

    Raises
    ------
    EiferError
        When it is not installed, or fails while it is imported.
    """
    try:
        if name != "torch":
            declare_operators()
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise EiferError(
            f"The Python package {missing} is not installed ({_WHY}).",
            "Install it with 'pip install torch timm onnxruntime' into any Python from 3.11 on, "
            "and import the checkpoint with that Python.",
        ) from error
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EiferError(
            f"The Python package {name} cannot be loaded: {first[:160].rstrip('.')} ({_WHY}).",
            "Install torch, torchvision and timm again, all from the same source.",
        ) from error


@functools.cache
def declare_operators() -> Any:
    """Let torchvision be imported beside a torch of another build.

    timm imports torchvision, and torchvision registers shapes for operators of its own library.
    Where that library was built for another torch (a wheel for CUDA beside torch for the CPU), the
    operators do not exist and the import fails, although no network here uses them. Then they are
    declared, without any code behind them.
    """
    torch, found = importlib.import_module("torch"), importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    try:
        for library in Path(found.origin).parent.glob("_C.*"):
            torch.ops.load_library(str(library))
    except OSError:
        declared = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            declared.define(operator + _BOXES)
        return declared  # the declarations live as long as this object
    return None
