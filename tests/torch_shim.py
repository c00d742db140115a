"""torch, timm and torchvision for tests, or a skip with the reason.

The torchvision wheel of PyPI is made for torch with CUDA. Beside torch's CPU wheel its C++
operators are missing, and then even importing it fails, because it registers shapes for operators
that do not exist. The networks need none of them, so their schemas are declared here.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def torch_or_skip(name: str = "torch") -> ModuleType:
    """Import torch, timm or torchvision, or skip the test where one is not installed."""
    torch = pytest.importorskip("torch", reason="torch, which imports checkpoints, is not here")
    torch.set_num_threads(1)
    _declare_operators()
    return torch if name == "torch" else pytest.importorskip(name, reason=f"{name} is not here")


@functools.cache
def _declare_operators() -> Any:
    """Declare torchvision's operators where its own library cannot be loaded."""
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    try:
        for library in Path(found.origin).parent.glob("_C.*"):
            torch.ops.load_library(str(library))
    except OSError:
        declared = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(name + _BOXES)
        return declared
    return None
