"""ResNet50 out of timm, whose parameters have torchvision's names, and a way to fill it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .packages import need
from .reading import Checkpoint, load_strictly

if TYPE_CHECKING:
    import torch

#: Width of what ResNet50 gives before its last layer.
FEATURES = 2048


def resnet50(outputs: int = 0) -> torch.nn.Module:
    """ResNet50 (He et al., 2015, with torchvision's strides), its weights yet to be filled.

    Parameters
    ----------
    outputs : int
        Of the last linear layer, ``fc``; 0 leaves it away, and the mean features (n, 2048) come
        out.
    """
    # Without memory at first: random weights that are filled anyway would take longer than reading.
    with need("torch").device("meta"):
        network = need("timm").create_model("resnet50", pretrained=False, num_classes=outputs)
    filled: torch.nn.Module = network.to_empty(device="cpu")
    return filled


def regressor(outputs: int) -> torch.nn.Module:
    """The two linear layers that DECA and EMOCA put on ResNet50's features."""
    nn = need("torch").nn
    layers: torch.nn.Module = nn.Sequential(
        nn.Linear(FEATURES, 1024), nn.ReLU(), nn.Linear(1024, outputs)
    )
    return layers


def fill(modules: Mapping[str, torch.nn.Module], checkpoint: Checkpoint, prefix: str) -> None:
    """Fill modules from the tensors under a prefix, each from those under its own name.

    Parameters
    ----------
    modules : mapping of str to torch.nn.Module
        By the name that stands between prefix and parameter, such as ``"encoder."``.
    checkpoint : Checkpoint
    prefix : str
        For example ``"E_flame."``; everything under it has to be one of the modules'.

    Raises
    ------
    EiferError
        Naming what is missing, unexpected or of another shape.
    """
    nn = need("torch").nn
    whole = nn.ModuleDict({name.rstrip("."): module for name, module in modules.items()})
    load_strictly(whole, checkpoint.part(prefix), f"{checkpoint.path.name} ({prefix.rstrip('.')})")
