"""FOCUS's network out of ``enc_net_….model``.

The authors save the whole module as Python objects; `reading` takes its tensors out under the
names they have in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..reconstructors.focus import BACKEND
from .building import Built, refuse_others
from .packages import need
from .reading import Checkpoint, account
from .resnet import fill, resnet50

if TYPE_CHECKING:
    import torch

#: The last layer is ImageNet's, with its 1000 outputs.
_OUTPUTS = 1000


def build(checkpoint: Checkpoint) -> Built:
    """The encoder, a plain ResNet50, of whose outputs the first 531 are used.

    Raises
    ------
    EiferError
        When the checkpoint is another network's, or anything in it is missing or unknown.
    """
    refuse_others(checkpoint, BACKEND.name)
    left_out = account(checkpoint, ["vgg."], {}, BACKEND.title)
    network = resnet50(_OUTPUTS)
    fill({"vgg.": network}, checkpoint, "")
    return Built(_first(network, len(BACKEND.outputs)), left_out)


def _first(network: torch.nn.Module, outputs: int) -> torch.nn.Module:
    torch = need("torch")

    class First(torch.nn.Module):  # type: ignore[misc, name-defined]
        """(n, 3, 224, 224) to (n, outputs)."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: Any) -> Any:
            """The first outputs."""
            return self.network(image)[:, :outputs]

    return First().eval()
