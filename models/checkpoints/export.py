"""A torch network as an ONNX file with its model card, compared with torch number by number."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ...eifer_addon.errors import EiferError
from ..cards import CARD_KEY, ModelCard
from ..sessions import Model, load_model
from .packages import need

if TYPE_CHECKING:
    import torch

OPSET = 17
#: ONNX and torch may differ by so much, absolutely and relatively to the largest output.
TOLERANCE = 1e-4
INPUT, OUTPUT = "image", "parameters"
#: Pictures of noise that both networks are asked about.
_TRIALS = 3
# Field numbers of ModelProto.metadata_props and of StringStringEntryProto's key and value.
_METADATA, _KEY, _VALUE = 14, 1, 2


def to_onnx(module: torch.nn.Module, card: ModelCard) -> bytes:
    """The bytes of an ONNX file of a network with one picture in and one row of numbers out.

    Parameters
    ----------
    module : torch.nn.Module
        float32 (n, 3, edge, edge) to (n, n_outputs), in evaluation mode.
    card : ModelCard
        Stored in the file's metadata.

    Returns
    -------
    bytes
        The same for the same weights and the same versions of torch and timm.
    """
    torch = need("torch")
    edge = int(card.image_size or 0)
    packed = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter that follows torch.export needs two more packages.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (torch.zeros(1, 3, edge, edge),), packed, dynamo=False,
            opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
        )  # fmt: skip
    return with_card(packed.getvalue(), card)


def with_card(model: bytes, card: ModelCard) -> bytes:
    """An ONNX file's bytes with a card added to its metadata.

    A protobuf message may be continued: a repeated field that follows its end is one more entry.
    """
    entry = _text(_KEY, CARD_KEY) + _text(_VALUE, card.to_json())
    return model + _field(_METADATA, entry)


def check_against_torch(data: bytes, module: torch.nn.Module) -> tuple[Model, float]:
    """Load the ONNX file as at run time and compare it with torch on pictures of noise.

    Returns
    -------
    model : Model
        Inspected and checked as every model is.
    difference : float
        The largest difference of an output.

    Raises
    ------
    EiferError
        When the network gives values that are not numbers, or the two differ.
    """
    torch = need("torch")
    model = load_model(data)
    random = np.random.default_rng(0)
    edge = int(model.card.image_size or 0)
    images = random.random((_TRIALS, 3, edge, edge), dtype=np.float32)
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(images)).numpy()
    if not np.isfinite(wanted).all():
        raise EiferError(
            f"The network of {model.card.name} gives values that are not numbers.",
            "Its checkpoint is damaged; download it again.",
        )
    found = model.run(images)
    difference = float(np.abs(found - wanted).max())
    if difference > TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        raise EiferError(
            f"The exported network of {model.card.name} differs from torch by {difference:.2g}.",
            "Use the version of torch that the documentation names.",
        )
    return model, difference


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8"))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def side_by_side(parts: Any) -> Any:
    """Several outputs (n, k) side by side (n, sum of k)."""
    return need("torch").cat(list(parts), dim=1)
