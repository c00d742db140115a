"""Deep3DFaceRecon's network out of ``epoch_20.pth``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..reconstructors.deep3dface import BACKEND
from .building import Built, refuse_others
from .packages import need
from .reading import Checkpoint, account
from .resnet import FEATURES, fill, resnet50

if TYPE_CHECKING:
    import torch

#: Outputs of the heads in the file's order: identity, expression, texture, angles, light, the
#: translation's x and y, and its z.
_HEADS = (80, 64, 80, 3, 27, 2, 1)
_NOT_NEEDED = {
    "opt_00.": "the optimiser's state",
    "sched_00.": "the schedule of training",
}


def build(checkpoint: Checkpoint) -> Built:
    """The backbone and its seven heads, which are convolutions of one pixel.

    Raises
    ------
    EiferError
        When the checkpoint is another network's, or anything in it is missing or unknown.
    """
    refuse_others(checkpoint, BACKEND.name)
    left_out = account(checkpoint, ["net_recon."], _NOT_NEEDED, BACKEND.title)
    nn = need("torch").nn
    backbone = resnet50()
    heads = nn.ModuleList([nn.Conv2d(FEATURES, outputs, 1) for outputs in _HEADS])
    fill({"backbone.": backbone, "final_layers.": heads}, checkpoint, "net_recon.")
    return Built(_joined(backbone, heads), left_out)


def _joined(backbone: torch.nn.Module, heads: torch.nn.Module) -> torch.nn.Module:
    torch = need("torch")

    class Joined(torch.nn.Module):  # type: ignore[misc, name-defined]
        """(n, 3, 224, 224) to (n, 257)."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.heads = backbone, heads

        def forward(self, image: Any) -> Any:
            """The heads' outputs side by side."""
            features = self.backbone(image)[:, :, None, None]
            return torch.cat([head(features) for head in self.heads], dim=1).flatten(1)

    return Joined().eval()
