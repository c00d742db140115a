"""DECA's network out of ``deca_model.tar``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reconstructors.deca import BACKEND
from .building import Built, refuse_others
from .packages import need
from .reading import Checkpoint, account
from .resnet import fill, regressor, resnet50

if TYPE_CHECKING:
    import torch

#: What else the file holds.
NOT_NEEDED = {
    "E_detail.": "the encoder of wrinkles (E_detail)",
    "D_detail.": "the decoder of wrinkles (D_detail)",
    "opt.": "the optimiser's state",
    "global_step": "the number of training steps",
    "batch_size": "the batch size in training",
}


def build(checkpoint: Checkpoint) -> Built:
    """DECA's coarse encoder, E_flame.

    Raises
    ------
    EiferError
        When the checkpoint is another network's, or anything in it is missing or unknown.
    """
    refuse_others(checkpoint, BACKEND.name)
    left_out = account(checkpoint, ["E_flame."], NOT_NEEDED, BACKEND.title)
    return Built(encoder(checkpoint, "E_flame.", len(BACKEND.outputs)), left_out)


def encoder(checkpoint: Checkpoint, prefix: str, outputs: int) -> torch.nn.Module:
    """A ResNet50 with two linear layers, filled from the tensors under a prefix."""
    backbone, layers = resnet50(), regressor(outputs)
    fill({"encoder.": backbone, "layers.": layers}, checkpoint, prefix)
    return need("torch").nn.Sequential(backbone, layers).eval()
