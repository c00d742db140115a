"""The encoder of a module: SMIRK's three networks side by side, and what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from ....eifer_addon.errors import EiferError
from ...checkpoints.building import guess
from ...checkpoints.reading import Checkpoint, load_strictly, read_checkpoint, some
from ...checkpoints.smirk import network
from ...reconstructors.smirk import GROUPS

ENCODER, GENERATOR = "smirk_encoder", "smirk_generator"
#: SMIRK's limit of the jaw's turn about y and z, in radians.
_JAW_SIDEWAYS = 0.2
#: Where fresh weights begin: a head upright in the middle that fills the crop (metres, so that
#: FLAME's 0.17 m of width get 0.6 of it), and numbers near zero beside it, as SMIRK begins.
_FIRST_SCALE, _FIRST_SPREAD = 7.0, 1e-3
#: The position of the camera's scale in what the encoder for pose gives.
_SCALE_AT = 3


@dataclass(frozen=True)
class Codes:
    """What an encoder says of a batch of pictures, within SMIRK's limits.

    Attributes
    ----------
    shape : torch.Tensor
        (B, 300).
    expression : torch.Tensor
        (B, 50).
    lids : torch.Tensor
        (B, 2) in 0 to 1, left and right.
    jaw : torch.Tensor
        (B, 3) axis-angle in radians; x is not negative.
    pose : torch.Tensor
        (B, 3) axis-angle in radians of the whole head.
    camera : torch.Tensor
        (B, 3) scale, x, y of a weak perspective.
    """

    shape: Tensor
    expression: Tensor
    lids: Tensor
    jaw: Tensor
    pose: Tensor
    camera: Tensor

    def joints(self) -> Tensor:
        """The pose (B, 5, 3) of FLAME's joints: the head turns about its root."""
        still = torch.zeros_like(self.pose)
        return torch.stack([self.pose, still, self.jaw, still, still], dim=1)

    def face(self) -> Tensor:
        """(B, 55): expression, lids and jaw side by side."""
        return torch.cat([self.expression, self.lids, self.jaw], dim=1)

    def place(self) -> Tensor:
        """(B, 6): pose and camera side by side."""
        return torch.cat([self.pose, self.camera], dim=1)

    def float(self) -> Codes:
        """The same, at least in float32."""
        return Codes(*(_at_least_float(getattr(self, part.name)) for part in fields(self)))


def _at_least_float(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


class SmirkEncoder(nn.Module):
    """Pictures to codes, with the parameter names of SMIRK's own encoder."""

    def __init__(self) -> None:
        super().__init__()
        body = network()
        # The parts are this module's own, so that no further name stands before theirs.
        for name, part in body.named_children():
            self.add_module(name, part)
        self._rows = type(body).forward
        for part, layer in _layers(self).items():
            with torch.no_grad():
                layer.weight.mul_(_FIRST_SPREAD)
                layer.bias.zero_()
                if part == "pose_encoder":
                    layer.bias[_SCALE_AT] = _FIRST_SCALE

    def rows(self, image: Tensor) -> Tensor:
        """(B, 361) in `GROUPS` order, without the limits, as a reconstructor's network gives it."""
        found: Tensor = self._rows(self, image)
        return found

    def forward(self, image: Tensor) -> Codes:
        """Codes of pictures (B, 3, size, size), RGB in 0 to 1."""
        return decode(self.rows(image))


def _layers(module: nn.Module) -> dict[str, nn.Linear]:
    """The one linear layer of each encoder."""
    return {
        name: next(m for m in part.modules() if isinstance(m, nn.Linear))
        for name, part in module.named_children()
    }


def decode(rows: Tensor) -> Codes:
    """Rows (B, 361) within SMIRK's limits."""
    part = dict(zip(GROUPS, torch.split(rows, list(GROUPS.values()), dim=1), strict=True))
    jaw = torch.cat(
        [part["jaw"][:, :1].relu(), part["jaw"][:, 1:].clamp(-_JAW_SIDEWAYS, _JAW_SIDEWAYS)], dim=1
    )
    return Codes(
        part["shape"], part["exp"], part["eyelid"].clamp(0, 1), jaw, part["pose"], part["cam"]
    )


def load_smirk(path: str | Path, encoder: nn.Module, generator: nn.Module | None) -> str:
    """Fill an encoder, and a generator where the checkpoint has one, from a checkpoint of SMIRK.

    Returns
    -------
    str
        The checkpoint's sha256.

    Raises
    ------
    EiferError
        When the file is unsafe or damaged, is not SMIRK's, or its weights do not fit.
    """
    checkpoint = read_checkpoint(path)
    parts = {ENCODER: encoder} | ({GENERATOR: generator} if generator is not None else {})
    for name, module in parts.items():
        tensors = checkpoint.part(f"{name}.")
        if tensors:
            load_strictly(module, tensors, f"{checkpoint.path.name} ({name})")
            module.train()
        elif name == ENCODER:
            raise _no_encoder(checkpoint)
    return checkpoint.sha256


def _no_encoder(checkpoint: Checkpoint) -> EiferError:
    alike = guess(checkpoint)
    looks = f"it looks like a checkpoint of {alike}" if alike else "it has no SMIRK encoder"
    return EiferError(
        f"{checkpoint.path.name} cannot start the training: {looks} "
        f"(it begins with {some(checkpoint.tensors)}).",
        "Give SMIRK's own checkpoint as model.smirk, or none.",
    )
