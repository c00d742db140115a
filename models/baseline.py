"""The baseline EMG-to-expression network, built from a table that a person can read.

``python -m eifer.models.baseline`` turns ``weights/muscles_to_arkit.json`` into
``weights/emg2exp_baseline.onnx`` with its card. It needs the ``onnx`` package, which the
extension does not ship: only whoever changes the table runs this. The steps of the graph are the
steps that the table describes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..eifer_addon.errors import EiferError
from ..eifer_addon.files import atomic_path
from ..eifer_addon.spaces import ARKIT_NAMES
from .cards import CARD_KEY, ModelCard

WEIGHTS = Path(__file__).parent / "weights"
TABLE_PATH = WEIGHTS / "muscles_to_arkit.json"
MODEL_PATH = WEIGHTS / "emg2exp_baseline.onnx"
SIDES = ("left", "right")
_OPSET, _IR_VERSION = 13, 8


@dataclass(frozen=True)
class TableMatrices:
    """The table as arrays; float32, columns of units are ``unit.side``.

    Attributes
    ----------
    muscles : tuple of str
        22 inputs, muscle with side.
    units : tuple of str
        Action units with side, first those of muscles, then those inferred together.
    mix : numpy.ndarray
        (n_muscles, n_measured), weight times gain of step 2.
    threshold : numpy.ndarray
        (n_measured,), threshold times gain.
    together : numpy.ndarray
        int64 (n_inferred, k), which measured units have to move together (padded by repeats).
    together_gain : numpy.ndarray
        (n_inferred,)
    against : numpy.ndarray
        (n_units, n_units): row takes that share from column.
    output : numpy.ndarray
        (n_units, 52), gains of step 5, halves for bilateral coefficients.
    steepness : float
    """

    muscles: tuple[str, ...]
    units: tuple[str, ...]
    mix: np.ndarray
    threshold: np.ndarray
    together: np.ndarray
    together_gain: np.ndarray
    against: np.ndarray
    output: np.ndarray
    steepness: float


def read_table(path: str | Path = TABLE_PATH) -> dict[str, Any]:
    """Read the JSON table.

    Raises
    ------
    EiferError
        When it is missing, damaged or of a newer format.
    """
    try:
        table: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
        version = table["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EiferError(f"The muscle table {path} cannot be read: {error}.") from error
    if version != 1:
        raise EiferError(f"The muscle table {path} has the unknown format {version}.", "Update.")
    return table


def table_matrices(table: Mapping[str, Any]) -> TableMatrices:
    """Turn the table into matrices and check every name in it.

    Raises
    ------
    EiferError
        For a muscle, unit or coefficient that does not exist.
    """
    muscles = tuple(f"{m}.{s}" for m in table["muscles"] for s in SIDES)
    measured = tuple(f"{u}.{s}" for u in table["units"] for s in SIDES)
    inferred = tuple(f"{u}.{s}" for u in table["together"] for s in SIDES)
    units = measured + inferred
    mix, threshold = _mix(table, muscles, measured)
    width = max(len(rule["units"]) for rule in table["together"].values())
    together = np.array(
        [
            [_at(measured, f"{u}.{s}") for u in (rule["units"] * width)[:width]]
            for rule in table["together"].values()
            for s in SIDES
        ],
        np.int64,
    )
    gains = [rule["gain"] for rule in table["together"].values() for _ in SIDES]
    against = np.zeros((len(units), len(units)), np.float32)
    for unit, others in table["against"].items():
        for other, share in others.items():
            for s in SIDES:
                against[_at(units, f"{other}.{s}"), _at(units, f"{unit}.{s}")] = share
    return TableMatrices(
        muscles, units, mix, threshold, together, np.array(gains, np.float32), against,
        _output(table["coefficients"], units), float(table["curve"]["steepness"]),
    )  # fmt: skip


def _at(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise EiferError(f"The muscle table names '{name}', which it does not define.")
    return names.index(name)


def _mix(
    table: Mapping[str, Any], muscles: tuple[str, ...], measured: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    mix = np.zeros((len(muscles), len(measured)), np.float32)
    threshold = np.zeros(len(measured), np.float32)
    for unit, rule in table["units"].items():
        gain = rule.get("gain", 1.0)
        for s in SIDES:
            column = _at(measured, f"{unit}.{s}")
            threshold[column] = gain * rule.get("threshold", 0.0)
            for muscle, weight in rule["muscles"].items():
                mix[_at(muscles, f"{muscle}.{s}"), column] = gain * weight
    return mix, threshold


def _output(coefficients: Mapping[str, Any], units: tuple[str, ...]) -> np.ndarray:
    output = np.zeros((len(units), len(ARKIT_NAMES)), np.float32)
    for name, gains in coefficients["sided"].items():
        for unit, gain in gains.items():
            for s in SIDES:
                output[_at(units, f"{unit}.{s}"), _at(ARKIT_NAMES, name + s.title())] = gain
    for name, gains in coefficients["bilateral"].items():
        for unit, gain in gains.items():
            for s in SIDES:
                output[_at(units, f"{unit}.{s}"), _at(ARKIT_NAMES, name)] = gain / len(SIDES)
    return output


def make_card(table: Mapping[str, Any]) -> ModelCard:
    """The card of the baseline."""
    return ModelCard(
        name=table["name"], kind="emg2exp", inputs=table_matrices(table).muscles,
        outputs=ARKIT_NAMES, space="arkit52", licence=table["licence"], author=table["author"],
        normalisation={"input": "activity", "rest": 0.0, "one": "95th percentile of the recording"},
        training_data="none: written by hand from the literature", sources=tuple(table["sources"]),
    )  # fmt: skip


#: The network, operation by operation: name, inputs, output, attributes.
_STEPS: tuple[tuple[Any, ...], ...] = (
    ("Relu", ["activity"], "drive"),
    ("MatMul", ["drive", "mix"], "mixed"),
    ("Sub", ["mixed", "threshold"], "above"),
    ("Relu", ["above"], "measured"),
    ("Gather", ["measured", "together"], "partners", {"axis": 1}),
    ("ReduceMin", ["partners"], "smallest", {"axes": [2], "keepdims": 0}),
    ("Mul", ["smallest", "together_gain"], "inferred"),
    ("Concat", ["measured", "inferred"], "units", {"axis": 1}),
    ("MatMul", ["units", "against"], "taken"),
    ("Sub", ["units", "taken"], "left"),
    ("Relu", ["left"], "net"),
    ("MatMul", ["net", "output"], "sum"),
    ("Mul", ["sum", "minus_steepness"], "exponent"),
    ("Exp", ["exponent"], "remainder"),
    ("Sub", ["one", "remainder"], "coefficients"),
)


def build_model(table: Mapping[str, Any]) -> bytes:
    """Make the ONNX file: (n, 22) activity to (n, 52) ARKit coefficients, both float32.

    Raises
    ------
    EiferError
        When the ``onnx`` package is missing or the table names what it does not define.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise EiferError(
            "The package onnx is missing, so the baseline cannot be built.", "pip install onnx"
        ) from error
    m = table_matrices(table)
    constants = {
        "mix": m.mix, "threshold": m.threshold, "together": m.together,
        "together_gain": m.together_gain, "against": m.against, "output": m.output,
        "minus_steepness": np.float32(-m.steepness), "one": np.float32(1),
    }  # fmt: skip
    nodes = [helper.make_node(op, i, [o], name=o, **dict(*rest)) for op, i, o, *rest in _STEPS]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, table["name"],
        [value("activity", TensorProto.FLOAT, ["frames", len(m.muscles)])],
        [value("coefficients", TensorProto.FLOAT, ["frames", len(ARKIT_NAMES)])],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()],
    )  # fmt: skip
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION,
        producer_name="eifer.models.baseline",
    )  # fmt: skip
    helper.set_model_props(model, {CARD_KEY: make_card(table).to_json()})
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def main() -> None:
    """Build the committed file anew."""
    data = build_model(read_table())
    with atomic_path(MODEL_PATH) as temporary:
        temporary.write_bytes(data)
    sys.stdout.write(f"{MODEL_PATH}: {len(data)} bytes\n")


if __name__ == "__main__":
    main()
