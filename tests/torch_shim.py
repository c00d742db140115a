"""torch, timm and torchvision for tests, or a skip with the reason."""

from __future__ import annotations

from types import ModuleType

import pytest


def torch_or_skip(name: str = "torch") -> ModuleType:
    """Import torch, timm or torchvision, or skip the test where one is not installed.

    The torchvision wheel of PyPI is made for torch with CUDA; beside torch's CPU wheel even
    importing it fails unless its operators are declared, which the import of checkpoints does.
    """
    torch = pytest.importorskip("torch", reason="torch, which imports checkpoints, is not here")
    torch.set_num_threads(1)
    from eifer.models.checkpoints.packages import declare_operators

    declare_operators()
    return torch if name == "torch" else pytest.importorskip(name, reason=f"{name} is not here")
