"""The ONNX files of EMG2Exp and Exp2EMG: mirrored, bounded, with a spread that was checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ....eifer_addon.signals.presets import get_preset
from ...cards import ModelCard
from ..export import export_onnx
from .networks import MISSING, CausalNetwork, FrameNetwork, WindowNetwork
from .pairs import STRONGEST, is_arkit, mirror_order
from .spread import fit_spread, spread_scale
from .weights import note_weights
from .wrappers import Mirrored, Stepped

if TYPE_CHECKING:
    from .task import LinkModule, LinkTask

SPREAD = "spread"
_STATES = ("past", "memory")
#: Rate at which the delay of a causal preset is told, that of the field's amplifiers.
_RAW_RATE_HZ = 4096.0
_SOURCES = (
    "Buechner, Anders, Guntinas-Lichius, Denzler (2025), CVPR, arXiv 2503.09556: EMG2Exp, Exp2EMG",
)


def export_link(
    task: LinkTask, module: LinkModule, path: Path, metrics: Mapping[str, float]
) -> ModelCard:
    """Write a trained network and give its card."""
    names, network = task.names, module.network.eval()
    fit_spread(task, module)
    wrapped = _wrapped(task, module)
    scale, within = spread_scale(task, module, wrapped)
    wrapped.spread_scale.copy_(scale)
    found = {key: round(float(value), 5) for key, value in metrics.items()}
    found["validation/within_one_spread"] = round(within, 3)
    inner = {"activity", "coefficients"}
    first = "activity" if names.to_expression else "coefficients"
    outputs = [*(inner - {first}), SPREAD]
    card = _card(task, network, found)
    example: tuple[torch.Tensor, ...]
    if isinstance(wrapped, Stepped):
        example = (torch.full((1, len(names.inputs)), 0.3), *wrapped.first_states())
        inputs, outputs = [first, *_STATES], [*outputs, *(f"next_{s}" for s in _STATES)]
        axes: dict[str, dict[int, str]] = {}
    elif isinstance(network, WindowNetwork):
        example = (torch.rand(1, 80, len(names.inputs)),)
        inputs, axes = [first], {name: {1: "frames"} for name in (first, *outputs)}
    else:
        example = (torch.rand(7, len(names.inputs)),)
        inputs, axes = [first], {name: {0: "frames"} for name in (first, *outputs)}
    card = export_onnx(
        wrapped, example, card, path, input_names=inputs, output_names=outputs,
        dynamic_axes=axes, tolerance=float(task.config.export["tolerance"]),
    )  # fmt: skip
    note_weights(path, network)
    return card


def _wrapped(task: LinkTask, module: LinkModule) -> Mirrored:
    names, network = task.names, module.network
    inputs, outputs = mirror_order(names.inputs), mirror_order(names.outputs)
    arkit = is_arkit(names.coefficients)
    mirrored = arkit and inputs is not None and outputs is not None
    kind = Stepped if isinstance(network, CausalNetwork) else Mirrored
    return kind(
        network, inputs or range(len(names.inputs)), outputs or range(len(names.outputs)),
        mirrored=mirrored, bounds=names.bounds(),
    )  # fmt: skip


def _card(task: LinkTask, network: torch.nn.Module, metrics: Mapping[str, Any]) -> ModelCard:
    config, names, loaded = task.config, task.names, task.loaded
    remembers = not isinstance(network, FrameNetwork)
    states = {s: f"next_{s}" for s in _STATES} if isinstance(network, CausalNetwork) else {}
    context = 1
    if isinstance(network, WindowNetwork):
        context = network.before + 1 + network.after
    return ModelCard(
        name=str(config.export["name"] or f"{config.task}_{config.model['name']}"),
        kind=config.task, inputs=names.inputs, outputs=names.outputs, space=names.space,
        rate_hz=loaded.rate_hz if remembers else None, context=context,
        normalisation=_normalisation(task, network),
        licence=str(config.export["licence"]), author=str(config.export["author"]),
        training_data=task.sentence, metrics=dict(metrics), sources=_SOURCES, states=states,
    )  # fmt: skip


def _normalisation(task: LinkTask, network: torch.nn.Module) -> dict[str, Any]:
    """What activity means here, and how late the face or the filters are."""
    config, loaded = task.config, task.loaded
    preset = str(config.data["preset"])
    one = "full effort of the calibration"
    if not task.names.to_expression:
        one += ", or the 99th percentile of the session where that is more"
    notes: dict[str, Any] = {
        "activity": f"0 at rest, 1 at {one}",
        "scheme": loaded.scheme, "preset": preset, SPREAD: SPREAD,
    }  # fmt: skip
    if task.names.to_expression:
        notes["missing"] = MISSING
    if isinstance(network, FrameNetwork):
        notes["delay_ms"] = round(1000.0 * task.lag / loaded.rate_hz, 1)
    elif preset and loaded.filter_delay_ms is None:
        chosen = get_preset(preset)
        delay = chosen.causal_delay_ms(_RAW_RATE_HZ) if chosen.causal else 0.0
        notes["filter_delay_ms"] = delay
    else:
        notes["filter_delay_ms"] = float(loaded.filter_delay_ms or 0.0)
    if isinstance(network, WindowNetwork):
        notes |= {"frames_before": network.before, "frames_after": network.after}
    return notes | _movement(task)


def _movement(task: LinkTask) -> dict[str, Any]:
    """Which outputs move in the training data, and how much on the whole."""
    expression = task.names.to_expression
    parts = [(p.coefficients if expression else p.activity)[p.known] for p in task.loaded.train]
    values = np.concatenate(parts)
    spread = values
    if not expression:
        spread = np.where(values <= MISSING, np.nan, np.minimum(values, STRONGEST))
    size = np.nan_to_num(np.nanstd(spread, axis=0))
    moving = size > 0.1 * size.max(initial=0.0)
    typical = float(np.sqrt((size[moving] ** 2).mean())) if moving.any() else 0.0
    names = [name for name, moves in zip(task.names.outputs, moving, strict=True) if moves]
    return {"moving": names, "typical": round(typical, 4)}
