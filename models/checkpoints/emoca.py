"""EMOCA v2's network out of its Lightning checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..reconstructors.deca import GROUPS
from ..reconstructors.emoca import BACKEND
from .building import Built, refuse_others
from .deca import encoder
from .packages import need
from .reading import Checkpoint, account

if TYPE_CHECKING:
    import torch

#: Expression and jaw, which the second network gives.
_EXPRESSION = GROUPS["exp"]
_SECOND = _EXPRESSION + 3
#: Where Lightning puts the module's parameters, and where they stand in a bare dictionary of them.
_ROOTS = ("state_dict.", "")
#: What else the module holds; losses and renderer belong to its training.
_NOT_NEEDED = {
    "deca.E_detail.": "the encoder of wrinkles (E_detail)",
    "deca.D_detail.": "the decoder of wrinkles (D_detail)",
    "deca.flame.": "FLAME itself",
    "deca.flametex.": "FLAME's texture space",
    "deca.render.": "the renderer",
    "deca.uv_face_mask": "masks of the face",
    "deca.uv_face_eye_mask": "masks of the face",
    "deca.displacement_mask": "masks of the face",
    "deca.fixed_uv_dis": "a fixed displacement map",
    "deca.mean_texture": "a mean texture",
    "deca.perceptual_loss.": "a loss of training (perceptual_loss)",
    "deca.id_loss.": "a loss of training (id_loss)",
    "deca.vgg_loss.": "a loss of training (vgg_loss)",
    "deca.image_translator.": "a renderer of pictures (image_translator)",
    "emonet_loss.": "a loss of training (emonet_loss)",
    "au_loss.": "a loss of training (au_loss)",
    "lipread_loss.": "a loss of training (lipread_loss)",
    "emotion_mlp.": "a classifier of emotions",
}
#: What Lightning writes beside the parameters.
_OF_LIGHTNING = {
    "callbacks.": "notes of training (callbacks)",
    "loops.": "notes of training (loops)",
    "optimizer_states.": "the optimiser's state",
    "lr_schedulers.": "notes of training (lr_schedulers)",
    "hyper_parameters.": "settings of training",
    "hparams.": "settings of training",
}


def build(checkpoint: Checkpoint) -> Built:
    """DECA's encoder, with expression and jaw from EMOCA's second one.

    Raises
    ------
    EiferError
        When the checkpoint is another network's, or anything in it is missing or unknown.
    """
    refuse_others(checkpoint, BACKEND.name)
    root = next(
        root for root in _ROOTS if any(n.startswith(f"{root}deca.") for n in checkpoint.tensors)
    )
    used = [f"{root}deca.E_flame.", f"{root}deca.E_expression."]
    known = {f"{root}{name}": words for name, words in _NOT_NEEDED.items()}
    left_out = account(checkpoint, used, known | _OF_LIGHTNING, BACKEND.title)
    flame = encoder(checkpoint, used[0], len(BACKEND.outputs))
    return Built(_joined(flame, encoder(checkpoint, used[1], _SECOND)), left_out)


def _joined(flame: torch.nn.Module, expression: torch.nn.Module) -> torch.nn.Module:
    """One network of two: the second's expression and jaw in the first's row."""
    torch = need("torch")
    before = GROUPS["shape"] + GROUPS["tex"]
    head = before + _EXPRESSION + 3  # the global pose stays DECA's

    class Joined(torch.nn.Module):  # type: ignore[misc, name-defined]
        """(n, 3, 224, 224) to (n, 236)."""

        def __init__(self) -> None:
            super().__init__()
            self.flame, self.expression = flame, expression

        def forward(self, image: Any) -> Any:
            """Both networks' rows, put together."""
            row, second = self.flame(image), self.expression(image)
            return torch.cat(
                [
                    row[:, :before], second[:, :_EXPRESSION], row[:, before + _EXPRESSION : head],
                    second[:, _EXPRESSION:], row[:, head + 3 :],
                ],
                dim=1,
            )  # fmt: skip

    return Joined().eval()
