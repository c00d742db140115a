"""A trained network as an ONNX file with its card, compared with torch before it is written.

Usage, in a task's ``export``::

    return export_onnx(
        module.network, (torch.zeros(2, 22),), card, path,
        input_names=["activity"], output_names=["coefficients"],
        dynamic_axes={"activity": {0: "n"}, "coefficients": {0: "n"}},
    )
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import atomic_path
from ..cards import CARD_KEY, ModelCard
from ..checkpoints.export import OPSET, with_card
from ..sessions import load_model, read_card

#: Weights of fewer numbers stay float32 when the others are stored as float16.
_WORTH_HALVING = 256


def export_onnx(
    module: torch.nn.Module,
    example: Sequence[torch.Tensor],
    card: ModelCard,
    path: str | Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    tolerance: float = 1e-4,
    half: bool = False,
) -> ModelCard:
    """Write a network as ONNX with its card, whole or not at all.

    The file is inspected and opened as at run time, and asked the same as torch: the example and
    noise of its shapes. Only when both agree is it written.

    Parameters
    ----------
    module : torch.nn.Module
        The network, on the CPU, float32; is put into evaluation mode.
    example : sequence of torch.Tensor
        Inputs of realistic values, states of recurrent networks included.
    card : ModelCard
        Stored in the metadata, with the difference found under ``metrics["onnx_difference"]``.
    path : path-like
        The file, replaced when it exists.
    input_names, output_names : sequence of str
    dynamic_axes : mapping, optional
        Which axes take any length, as ``torch.onnx.export`` wants them.
    tolerance : float
        The most by which outputs may differ, absolutely or, for outputs larger than 1, relatively
        to the largest.
    half : bool
        Whether large weights are stored as float16 and converted when the model is loaded, which
        halves the file. What that changes in the outputs goes into the card as
        ``metrics["half_difference"]``; the comparison with torch is made before.

    Returns
    -------
    ModelCard
        As it is in the file.

    Raises
    ------
    EiferError
        When the two differ, the network gives values that are not numbers, or the file cannot be
        written.
    """
    module = module.eval()
    plain = _onnx_bytes(module, example, input_names, output_names, dynamic_axes)
    trials = [list(example), *_noise(example)]
    with torch.no_grad():
        wanted = [_arrays(module(*trial)) for trial in trials]
    data = with_card(plain, card)
    load_model(data, kind=card.kind)  # guards, card and network agree
    difference = _difference(data, trials, wanted, input_names, card.name)
    if not difference <= tolerance:
        raise EiferError(
            f"The exported network {card.name} differs from torch by {difference:.2g}, more than "
            f"{tolerance:g}.", "Use the version of torch that the documentation names.",
        )  # fmt: skip
    metrics = {**card.metrics, "onnx_difference": float(f"{difference:.2g}")}
    if half:
        plain = _with_half_weights(plain)
        changed = _difference(with_card(plain, card), trials, wanted, input_names, card.name)
        metrics["half_difference"] = float(f"{changed:.2g}")
    card = replace(card, metrics=metrics)
    with atomic_path(path) as temporary:
        temporary.write_bytes(with_card(plain, card))
    return card


def complete_card(path: str | Path, facts: Mapping[str, Any], data: str = "") -> ModelCard:
    """Add to the card in a file how its network was made.

    Parameters
    ----------
    path : path-like
        A file with a card; replaced.
    facts : mapping
        For ``card.training``: seed, hours, steps, command, versions, split, data hash.
    data : str
        For ``card.training_data``, unless the card says it already.
    """
    import onnx

    card = read_card(path)
    card = replace(
        card, training={**card.training, **facts}, training_data=card.training_data or data
    )
    model = onnx.load_model_from_string(Path(path).read_bytes())
    others = {entry.key: entry.value for entry in model.metadata_props if entry.key != CARD_KEY}
    del model.metadata_props[:]
    for key, value in {**others, CARD_KEY: card.to_json()}.items():
        model.metadata_props.add(key=key, value=value)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
    return card


def _onnx_bytes(
    module: torch.nn.Module,
    example: Sequence[torch.Tensor],
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_axes: Mapping[str, Mapping[int, str]] | None,
) -> bytes:
    packed = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter that follows torch.export needs two more packages.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(example), packed, dynamo=False, opset_version=OPSET,
            input_names=list(input_names), output_names=list(output_names),
            dynamic_axes={name: dict(axes) for name, axes in (dynamic_axes or {}).items()},
        )  # fmt: skip
    return packed.getvalue()


def _noise(example: Sequence[torch.Tensor], trials: int = 2) -> list[list[torch.Tensor]]:
    """Other inputs of the same shapes, within the range of the example's values."""
    random = torch.Generator().manual_seed(0)
    return [
        [
            torch.rand(one.shape, generator=random) * max(1.0, float(one.abs().max()))
            if one.is_floating_point() else one
            for one in example
        ]
        for _ in range(trials)
    ]  # fmt: skip


def _arrays(outputs: Any) -> list[np.ndarray]:
    many = outputs if isinstance(outputs, tuple | list) else [outputs]
    return [one.detach().numpy() for one in many]


def _difference(
    data: bytes,
    trials: Sequence[Sequence[torch.Tensor]],
    wanted: Sequence[Sequence[np.ndarray]],
    input_names: Sequence[str],
    name: str,
) -> float:
    """The largest difference of an output between ONNX and torch."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    taken = {one.name for one in session.get_inputs()}
    worst = 0.0
    for trial, outputs in zip(trials, wanted, strict=True):
        given = {k: v.numpy() for k, v in zip(input_names, trial, strict=True) if k in taken}
        for want, found in zip(outputs, session.run(None, given), strict=True):
            if not np.isfinite(want).all():
                raise EiferError(
                    f"The network {name} gives values that are not numbers.",
                    "Train it again with a lower optimiser.learning_rate.",
                )
            size = max(1.0, float(np.abs(want).max(initial=0.0)))
            worst = max(worst, float(np.abs(found - want).max(initial=0.0)) / size)
    return worst


def _with_half_weights(data: bytes) -> bytes:
    """The same network with its large weights as float16, each converted by a Cast."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_model_from_string(data)
    first, nodes = [], []
    for tensor in model.graph.initializer:
        if _halved(tensor):
            wide, stored = tensor.name, f"{tensor.name}_half"
            tensor.name = stored
            first.append(helper.make_node("Cast", [stored], [wide], to=TensorProto.FLOAT))
    for node in model.graph.node:
        nodes.append(node)
        # What is not a parameter of the module (a frozen network within it) is exported so.
        if node.op_type == "Constant" and _halved(node.attribute[0].t):
            wide, stored = node.output[0], f"{node.output[0]}_half"
            node.output[0] = stored
            nodes.append(helper.make_node("Cast", [stored], [wide], to=TensorProto.FLOAT))
    kept = [*first, *nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return bytes(model.SerializeToString(deterministic=True))


def _halved(tensor: Any) -> bool:
    """Whether a tensor is worth storing as float16, and now is."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _WORTH_HALVING:
        return False
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
        return False
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), tensor.name))
    return True
