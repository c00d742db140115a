"""A real, small ONNX model of the kind ``exp2emg``: the table of muscles, turned round."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT52
from eifer.models.cards import CARD_KEY, ModelCard
from eifer.models.emg2exp import emg_to_expression
from eifer.models.emg_schemes import muscles_of


@functools.cache
def weights(scheme: str = "fridlund") -> np.ndarray:
    """(52, n_muscles): least squares from what each muscle alone, and pairs of them, do."""
    muscles = muscles_of(scheme)
    rng = np.random.default_rng(0)
    drive = np.concatenate([np.eye(len(muscles)), rng.random((400, len(muscles))) ** 4])
    n = len(muscles)
    activity = Activity(drive.astype(np.float32), 30.0, muscles, np.zeros(n), np.ones(n), muscles)
    face = emg_to_expression(activity).coefficients.astype(np.float64)
    ridge = face.T @ face + 0.3 * np.eye(face.shape[1])
    return np.linalg.solve(ridge, face.T @ drive).astype(np.float32)


def write_exp2emg(path: Path, scheme: str = "fridlund", space: str = "arkit52") -> Path:
    """Write the model with its card.

    Parameters
    ----------
    path : pathlib.Path
    scheme : str
    space : str
        Another space than `arkit52` gets the same weights, for tests that never run it.
    """
    onnx = pytest.importorskip("onnx", reason="onnx is needed to write the models of this test")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    count = len(muscles_of(scheme))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["expression", "weights"], ["raw"]),
         helper.make_node("Relu", ["raw"], ["activity"])],
        "exp2emg",
        [helper.make_tensor_value_info("expression", kind, ["n", 52])],
        [helper.make_tensor_value_info("activity", kind, ["n", count])],
        [onnx.numpy_helper.from_array(weights(scheme), "weights")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    card = ModelCard(
        f"tiny_{scheme}", "exp2emg", ARKIT52.coefficients, muscles_of(scheme), space,
        normalisation={"scheme": scheme}, licence="CC0-1.0",
    )  # fmt: skip
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD_KEY, card.to_json()
    onnx.save(model, str(path))
    return path
