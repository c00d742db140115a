"""The weights that a training of the translator starts from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ....eifer_addon.errors import EiferError
from ...sessions import load_model
from ..faults import wrong_checkpoint
from ..run_folder import read_checkpoint
from .network import Translator

_HALF, _NETWORK, _AVERAGE = "_half", "network.", "average."
#: Parts of the network that an earlier one may lack.
_LATER = "second."


def take_weights(network: Translator, source: Path) -> None:
    """Give a network the weights of an earlier one.

    Parameters
    ----------
    network : Translator
    source : pathlib.Path
        A translator's ONNX file, as it was exported, or a checkpoint of its training, of which the
        running mean is taken. A second look that it lacks stays as it is.

    Raises
    ------
    EiferError
        When the file is missing, damaged or of another network.
    """
    if not source.is_file():
        raise EiferError(
            f"model.start_from names {source}, which does not exist.", "Check the path."
        )
    given = _of_onnx(source) if source.suffix == ".onnx" else _of_checkpoint(source)
    own = network.state_dict()
    lacking = {name for name in own if name not in given and not name.startswith(_LATER)}
    other = {name for name in given if name not in own or own[name].shape != given[name].shape}
    if lacking or other:
        reason = f"it is of another network ({min(lacking | other)})"
        raise wrong_checkpoint(source, reason)
    network.load_state_dict(given, strict=False)


def _of_checkpoint(source: Path) -> dict[str, Tensor]:
    state: Mapping[str, Tensor] = read_checkpoint(source)["state_dict"]
    return {n.removeprefix(_AVERAGE): v for n, v in state.items() if n.startswith(_AVERAGE)}


def _of_onnx(source: Path) -> dict[str, Tensor]:
    """Weights by their names in the network."""
    import onnx
    from onnx import numpy_helper

    load_model(source, kind="translator")  # guards, and says what is wrong with it
    tensors = onnx.load_model_from_string(source.read_bytes()).graph.initializer
    return {
        tensor.name.removeprefix(_NETWORK).removesuffix(_HALF): torch.from_numpy(
            numpy_helper.to_array(tensor).copy()
        ).float()
        for tensor in tensors if tensor.name.startswith(_NETWORK)
    }  # fmt: skip
