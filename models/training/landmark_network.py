"""MediaPipe's landmark and blendshape networks as differentiable torch modules.

The add-on reads faces with the networks of `face_landmarker.task` (Apache-2.0, The MediaPipe
Authors) in LiteRT, which gives no gradients. Here the same graphs and weights are read from the
file and run by torch, so that a picture can be judged, in training, by where the landmarks come to
lie on it. Both are frozen. Grishchenko et al., "Attention Mesh", 2020.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...eifer_addon.errors import EiferError
from ...eifer_addon.video import landmarker

N_LANDMARKS = 478
#: Side of the landmark network's input.
SIZE = 256
#: tflite's numbers of paddings and of activations that are part of another operator.
_SAME, _NO_ACTIVATION, _RELU = 0, 0, 1
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32}


@dataclass(frozen=True)
class _Step:
    """One operator: its name, its options, and the tensors it takes and gives."""

    name: str
    options: Any
    inputs: tuple[int, ...]
    output: int


class TfliteNetwork(nn.Module):
    """A tflite graph run by torch, in the order of its operators.

    Parameters
    ----------
    content : bytes
        The file.
    outputs : sequence of str, optional
        Names of the tensors to give; by default those that the graph gives.

    Raises
    ------
    EiferError
        For an operator that is not known here.
    """

    def __init__(self, content: bytes, outputs: Sequence[str] = ()) -> None:
        super().__init__()
        from ai_edge_litert import schema_py_generated as schema

        model = schema.ModelT.InitFromPackedBuf(content, 0)
        graph = model.subgraphs[0]
        kinds = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._constants = _constants(model, graph)
        self._steps: list[_Step] = []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
            source, target = int(operator.inputs[0]), int(operator.outputs[0])
            if name == "DEQUANTIZE" and source in self._constants:
                self._constants[target] = self._constants[source].astype(np.float32)
                continue
            if name not in _OPERATORS:
                raise EiferError(
                    f"The network has the operator {name}, which is not known here.",
                    "Use the face_landmarker.task that the add-on carries.",
                )
            taken = tuple(int(k) for k in operator.inputs)
            self._steps.append(_Step(name, operator.builtinOptions, taken, target))
        names = {tensor.name.decode(): k for k, tensor in enumerate(graph.tensors)}
        self._input = int(graph.inputs[0])
        self._outputs = [names[n] for n in outputs] or [int(k) for k in graph.outputs]
        self._keep_weights()

    def _keep_weights(self) -> None:
        """Hold what is computed with as buffers, which follow the module to a device."""
        used = {k for step in self._steps for k in step.inputs}
        for step in self._steps:
            if step.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}:
                # tflite: out, high, wide, in; of a depthwise one: 1, high, wide, out.
                order = (0, 3, 1, 2) if step.name == "CONV_2D" else (3, 0, 1, 2)
                weight = self._constants[step.inputs[1]].transpose(order)
                self._constants[step.inputs[1]] = np.ascontiguousarray(weight)
        for k in used & self._constants.keys():
            value = self._constants[k]
            if value.dtype == np.float32:
                self.register_buffer(f"t{k}", torch.from_numpy(value.copy()), persistent=False)

    def forward(self, values: Tensor, features: Sequence[int] = ()) -> list[Tensor]:
        """The outputs for a batch in the graph's own layout (n, …), then features by tensor."""
        found: dict[int, Any] = {self._input: values}
        for step in self._steps:
            taken = [self._value(found, k) for k in step.inputs]
            found[step.output] = _OPERATORS[step.name](step.options, *taken)
        return [found[k] for k in (*self._outputs, *features)]

    def tensors_of_shape(self, channels: int, name: str = "ADD") -> list[int]:
        """Tensors that an operator of this name gives with so many channels, in order."""
        weights = {s.output: s for s in self._steps if s.name == name}
        sizes = {
            s.output: self._constants[s.inputs[1]].shape[0]
            for s in self._steps if s.name in {"CONV_2D", "DEPTHWISE_CONV_2D"}
        }  # fmt: skip
        return [k for k, s in weights.items() if channels in (sizes.get(i) for i in s.inputs)]

    def _value(self, found: dict[int, Any], k: int) -> Any:
        if k in found:
            return found[k]
        buffer = getattr(self, f"t{k}", None)
        return self._constants[k] if buffer is None else buffer


def _constants(model: Any, graph: Any) -> dict[int, np.ndarray]:
    values = {}
    for k, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.type in _TYPES:
            shape = () if tensor.shape is None else tuple(int(n) for n in tensor.shape)
            values[k] = np.frombuffer(bytes(data), _TYPES[tensor.type]).reshape(shape)
    return values


def _activated(options: Any, values: Tensor) -> Tensor:
    kind = int(options.fusedActivationFunction)
    if kind not in {_NO_ACTIVATION, _RELU}:
        raise EiferError(
            f"The network has the activation {kind}, which is not known here.",
            "Use the face_landmarker.task that the add-on carries.",
        )
    return functional.relu(values) if kind == _RELU else values


def _same(values: Tensor, window: tuple[int, int], step: tuple[int, int], fill: float) -> Tensor:
    """Pad (n, c, h, w) as tflite's SAME does: one more on the right and below where it is odd."""
    around: list[int] = []
    for axis in (1, 0):
        size = values.shape[2 + axis]
        total = max((-(-size // step[axis]) - 1) * step[axis] + window[axis] - size, 0)
        around += [total // 2, total - total // 2]
    return functional.pad(values, around, value=fill) if any(around) else values


def _convolved(options: Any, values: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    step = int(options.strideH), int(options.strideW)
    planes = values.permute(0, 3, 1, 2)
    if int(options.padding) == _SAME:
        planes = _same(planes, (weight.shape[2], weight.shape[3]), step, 0.0)
    made = functional.conv2d(planes, weight, bias, step, groups=groups)
    return _activated(options, made.permute(0, 2, 3, 1))


def _conv(options: Any, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return _convolved(options, values, weight, bias, 1)


def _depthwise(options: Any, values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return _convolved(options, values, weight, bias, values.shape[-1])


def _max_pool(options: Any, values: Tensor) -> Tensor:
    window = int(options.filterHeight), int(options.filterWidth)
    step = int(options.strideH), int(options.strideW)
    planes = values.permute(0, 3, 1, 2)
    if int(options.padding) == _SAME:
        planes = _same(planes, window, step, -float("inf"))
    return functional.max_pool2d(planes, window, step).permute(0, 2, 3, 1)


def _pad(_options: Any, values: Tensor, around: np.ndarray) -> Tensor:
    flat = [int(n) for pair in around[::-1] for n in pair]
    return functional.pad(values, flat)


def _prelu(_options: Any, values: Tensor, slope: Tensor) -> Tensor:
    planes = functional.prelu(values.permute(0, 3, 1, 2), slope.reshape(-1).to(values.dtype))
    return planes.permute(0, 2, 3, 1)


def _reshape(_options: Any, values: Tensor, shape: np.ndarray) -> Tensor:
    # The file is for one picture: its first axis is the batch here.
    return values.reshape(values.shape[0], *(int(n) for n in shape[1:]))


def _strided_slice(
    options: Any, values: Tensor, first: np.ndarray, last: np.ndarray, step: np.ndarray
) -> Tensor:
    taken: list[slice] = []
    for k in range(len(first)):
        if k == 0:  # the batch
            taken.append(slice(None))
            continue
        start = None if int(options.beginMask) >> k & 1 else int(first[k])
        stop = None if int(options.endMask) >> k & 1 else int(last[k])
        taken.append(slice(start, stop, int(step[k])))
    return values[tuple(taken)]


def _mean(options: Any, values: Tensor, axes: np.ndarray) -> Tensor:
    return values.mean(dim=[int(k) for k in np.atleast_1d(axes)], keepdim=bool(options.keepDims))


def _sum(options: Any, values: Tensor, axes: np.ndarray) -> Tensor:
    return values.sum(dim=[int(k) for k in np.atleast_1d(axes)], keepdim=bool(options.keepDims))


def _joined(options: Any, *parts: Tensor) -> Tensor:
    # Taken from a tensor, not as a number, so that an exported graph takes any batch.
    batch = max(parts, key=lambda part: int(part.shape[0]))
    spread = [part.expand(batch.shape[0], *part.shape[1:]) for part in parts]
    return torch.cat(spread, dim=int(options.axis))


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "MAX_POOL_2D": _max_pool,
    "PAD": _pad,
    "PRELU": _prelu,
    "RESHAPE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "MEAN": _mean,
    "SUM": _sum,
    "CONCATENATION": _joined,
    "ADD": lambda options, one, other: _activated(options, one + other),
    "SUB": lambda options, one, other: _activated(options, one - other),
    "MUL": lambda options, one, other: _activated(options, one * other),
    "DIV": lambda options, one, other: _activated(options, one / other),
    "LOGISTIC": lambda _options, values: torch.sigmoid(values),
    "NEG": lambda _options, values: -values,
    "RSQRT": lambda _options, values: torch.rsqrt(values),
    "SQRT": lambda _options, values: torch.sqrt(values.clamp_min(1e-12)),
    "SQUARED_DIFFERENCE": lambda _options, one, other: (one - other) ** 2,
    "TRANSPOSE": lambda _options, values, order: values.permute([int(k) for k in order]),
}


@dataclass(frozen=True)
class Reading:
    """What the networks see in crops.

    Attributes
    ----------
    points : torch.Tensor
        (n, 478, 3) in pixels of the crop of 256.
    presence : torch.Tensor
        (n,) logit of a face being there.
    scores : torch.Tensor
        (n, 51) ARKit scores as `ARKIT_NAMES` orders them, without the tongue's.
    features : list of torch.Tensor
        Of inner layers, (n, h, w, c).
    """

    points: Tensor
    presence: Tensor
    scores: Tensor
    features: list[Tensor]


class LandmarkNetwork(nn.Module):
    """Landmarks and ARKit scores of crops, differentiable and frozen.

    Parameters
    ----------
    path : path-like, optional
        `face_landmarker.task`; by default the one among the add-on's assets.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        super().__init__()
        if path is None:
            from ...eifer_addon.assets import asset_path

            path = asset_path("face_landmarker.task")
        with zipfile.ZipFile(path) as archive:
            self.landmarks = TfliteNetwork(
                archive.read("face_landmarks_detector.tflite"), ("Identity", "Identity_1")
            )
            self.blendshapes = TfliteNetwork(archive.read("face_blendshapes.tflite"))
        table = Path(landmarker.__file__).parent / "data" / "blendshape_landmarks.json"
        self.subset = json.loads(table.read_text("utf-8"))["landmarks"]
        self.feature_layers = [k for c in (32, 64, 128) for k in self._last(c)]
        self.requires_grad_(False)

    def _last(self, channels: int) -> list[int]:
        return self.landmarks.tensors_of_shape(channels)[-1:]

    def forward(self, crops: Tensor) -> Reading:
        """Read crops, (n, 3, 256, 256) RGB in [0, 1], cut as `landmarker.Face.region` says."""
        raw, presence, *features = self.landmarks(crops.permute(0, 2, 3, 1), self.feature_layers)
        points = raw.reshape(-1, N_LANDMARKS, 3)
        scores = self.blendshapes(points[:, self.subset, :2])[0].reshape(len(points), -1)
        # The network's first value is "_neutral".
        return Reading(points, presence.reshape(-1), scores[:, 1:], features)
