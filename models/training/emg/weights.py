"""Weights of a network that was exported, to go on from: one subject's model from everybody's.

An exported network keeps its weights, some of them transposed and under other names. What became
of which is noted in the file when it is written, and read again here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ....eifer_addon.errors import EiferError
from ....eifer_addon.files import atomic_path
from ....eifer_addon.signals.activity import Activity
from ...cards import ModelCard
from ...choosing import available, model_path
from ...emg_schemes import scheme_of
from ...sessions import read_card
from ..config import Config

if TYPE_CHECKING:
    from .task import Names

#: Key of the note in the ONNX metadata.
WEIGHTS_KEY = "eifer.weights"
AUTO = "auto"
#: So many numbers may stand in the note itself.
_FEW = 512
_SUFFIXES = {"frame": "", "causal": "_causal", "window": ""}


def note_weights(path: Path, network: torch.nn.Module) -> None:
    """Note in an ONNX file under which name each weight of `network` stands in it."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(path.read_bytes())
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    found = {}
    for name, tensor in network.state_dict().items():
        values = tensor.detach().cpu().numpy()
        for other, array in stored.items():
            way = _same(values, array)
            if way:
                found[name] = [other, way]
                break
        else:  # what the exporter left out because nothing depends on it
            if values.size > _FEW:
                raise EiferError(f"The exported network lost the weight '{name}'.", "Update torch.")
            found[name] = [values.ravel().tolist(), "here"]
    entry = model.metadata_props.add()
    entry.key, entry.value = WEIGHTS_KEY, json.dumps(found)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def _same(values: np.ndarray, array: np.ndarray) -> str:
    """How an array holds the values: as they are, transposed, or not at all (empty)."""
    if array.size != values.size or array.dtype.kind != "f":
        return ""
    flat = np.squeeze(values)
    for way, turned in (("same", flat), ("turned", flat.T)):
        if np.squeeze(array).shape == turned.shape and np.array_equal(np.squeeze(array), turned):
            return way
    return ""


def read_weights(path: Path, like: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights in an ONNX file that :func:`note_weights` saw, in the shapes of `like`.

    Raises
    ------
    EiferError
        When the file has no such note, or its network has another shape.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(Path(path).read_bytes())
    notes = {p.key: p.value for p in model.metadata_props}
    if WEIGHTS_KEY not in notes:
        raise EiferError(
            f"Training cannot begin from {path.name}: it does not say where its weights are.",
            "Name a model that 'eifer train' made, or leave model.from_model empty.",
        )
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    wanted, found = like.state_dict(), {}
    for name, (other, way) in json.loads(notes[WEIGHTS_KEY]).items():
        values = np.asarray(other, np.float32) if way == "here" else np.squeeze(stored[other])
        if name not in wanted or wanted[name].numel() != values.size:
            raise EiferError(
                f"Training cannot begin from {path.name}: its '{name}' has another size.",
                "Take the sizes of its network (model.hidden, model.memory, model.context).",
            )
        values = values.T if way == "turned" else values
        found[name] = torch.from_numpy(values.reshape(tuple(wanted[name].shape)).copy())
    if set(found) != set(wanted):
        raise EiferError(
            f"Training cannot begin from {path.name}: it is another kind of network.",
            "Set model.name to that of the model.",
        )
    return found


def first_model(config: Config, activities: Sequence[Activity], space: str) -> ModelCard | None:
    """The card of the model that a training begins from; None where it begins anew.

    With ``model.from_model: auto`` it is ours for the scheme and kind of network, where sessions
    come from folders and its muscles and space are theirs.

    Raises
    ------
    EiferError
        When a model is named that is not there, or of another space.
    """
    asked = str(config.model["from_model"])
    if not asked:
        return None
    if asked != AUTO:
        card = read_card(model_path(asked, config.task))
        if card.space != space:
            raise EiferError(
                f"Training cannot begin from {card.name}: it is in the space {card.space}, the "
                f"tracks are in {space}.",
                "Leave model.from_model empty, or retarget the tracks.",
            )
        return card
    name = _automatic(config, activities)
    cards = {one.name: one.card for one in available(config.task) if not one.own}
    ours = cards.get(name)
    return ours if ours is not None and ours.space == space else None


def _automatic(config: Config, activities: Sequence[Activity]) -> str:
    schemes = {scheme_of(activity) for activity in activities} - {""}
    scheme = str(config.data["scheme"]) or (schemes.pop() if len(schemes) == 1 else "fridlund")
    return f"{config.task}_{scheme}{_SUFFIXES.get(str(config.model['name']), '')}"


def start_network(network: torch.nn.Module, config: Config, names: Names) -> str:
    """Take the weights of the model that training begins from; its name, or nothing."""
    asked = str(config.model["from_model"])
    if not asked or not config.data["folders"]:
        return ""
    for one in available(config.task):
        fits = one.card.inputs == names.inputs and one.card.outputs == names.outputs
        named = one.name == asked or one.path == Path(asked)
        ours = (
            not one.own and fits and one.name.endswith(_SUFFIXES.get(str(config.model["name"]), ""))
        )
        if named or (asked == AUTO and ours):
            try:
                network.load_state_dict(read_weights(one.path, network))
            except EiferError:
                if named:
                    raise
                continue
            return one.name
    if asked != AUTO:
        network.load_state_dict(read_weights(model_path(asked, config.task), network))
        return asked
    return ""
