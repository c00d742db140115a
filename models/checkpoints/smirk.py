"""SMIRK's three encoders: timm's MobileNetV3 bodies with one linear layer each."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..reconstructors.smirk import BACKEND, GROUPS
from .building import Built, refuse_others
from .export import side_by_side
from .packages import need
from .reading import Checkpoint, account, load_strictly

if TYPE_CHECKING:
    import torch

_SMALL, _LARGE = "tf_mobilenetv3_small_minimal_100", "tf_mobilenetv3_large_minimal_100"
#: Encoder: timm's body, the name of its linear layer, and what that gives, as the authors named it.
_ENCODERS = {
    "pose_encoder": (_SMALL, "pose_cam_layers", ("pose", "cam")),
    "shape_encoder": (_LARGE, "shape_layers", ("shape",)),
    "expression_encoder": (_LARGE, "expression_layers", ("exp", "eyelid", "jaw")),
}
_PREFIX = "smirk_encoder."
_BODY = "encoder."
_GENERATOR = "the generator of pictures"
_GENERATOR_PARTS = (
    *(f"{part}{k}" for part in ("encoder", "decoder", "upconv") for k in range(1, 5)),
    "bottleneck", "resnet_blocks", "conv",
)  # fmt: skip


def build(checkpoint: Checkpoint) -> Built:
    """The encoders of a checkpoint of SMIRK; the generator beside them is not needed.

    Raises
    ------
    EiferError
        When it is another network's, or a weight is missing, unexpected or of another shape.
    """
    refuse_others(checkpoint, BACKEND.name)
    left_out = account(checkpoint, [_PREFIX], generator_names("smirk_generator."), BACKEND.title)
    return Built(encoders(checkpoint.part(_PREFIX), checkpoint.path.name), left_out)


def generator_names(prefix: str) -> dict[str, str]:
    """Beginnings of the names of SMIRK's generator, for `reading.account`."""
    return {f"{prefix}{part}.": _GENERATOR for part in _GENERATOR_PARTS}


def encoders(tensors: Mapping[str, torch.Tensor], where: str) -> torch.nn.Module:
    """The three encoders, filled: float32 (n, 3, 224, 224) to (n, 361), in `GROUPS` order.

    Parameters
    ----------
    tensors : mapping of str to torch.Tensor
        Names from ``pose_encoder.encoder.conv_stem.weight`` on.
    where : str
        The file, for the sentence of an error.
    """
    # Without memory at first: random weights that are filled anyway would take longer than reading.
    with need("torch").device("meta"):
        empty = _network()()
    module: torch.nn.Module = empty.to_empty(device="cpu")
    load_strictly(module, tensors, where)
    return module


def network() -> torch.nn.Module:
    """The three encoders with random weights, for training."""
    module: torch.nn.Module = _network()()
    return module


@functools.cache
def _network() -> Any:
    """The network's class; torch is not there when this file is imported."""
    torch, timm = need("torch"), need("timm")

    class Encoder(torch.nn.Module):  # type: ignore[misc, name-defined]
        """A body, the mean over its last picture, and one linear layer."""

        def __init__(self, body: str, layer: str, outputs: int) -> None:
            super().__init__()
            self.encoder = timm.create_model(body, pretrained=False, features_only=True)
            channels = self.encoder.feature_info.channels()[-1]
            self.add_module(layer, torch.nn.Sequential(torch.nn.Linear(channels, outputs)))
            self._layer = layer

        def forward(self, image: Any) -> Any:
            return getattr(self, self._layer)(self.encoder(image)[-1].mean(dim=(2, 3)))

    class Smirk(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Three encoders on the same picture, their outputs in the order of `GROUPS`."""

        def __init__(self) -> None:
            super().__init__()
            for name, (body, layer, groups) in _ENCODERS.items():
                self.add_module(name, Encoder(body, layer, sum(GROUPS[g] for g in groups)))

        def forward(self, image: Any) -> Any:
            found: dict[str, Any] = {}
            for name, (_, _, groups) in _ENCODERS.items():
                row = getattr(self, name)(image)
                sizes = [GROUPS[group] for group in groups]
                found.update(zip(groups, torch.split(row, sizes, dim=1), strict=True))
            return side_by_side(found[group] for group in GROUPS)

    return Smirk
